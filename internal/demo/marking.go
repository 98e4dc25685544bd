package demo

import (
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

// markings are the TLP levels of cases and their frequency in percent. Both TLP versions occur, as in real data.
var markings = []struct {
	id    stix.ID
	level stix.TLP
	two   bool // TLP 2.0
	often int
}{
	{stix.TLP1White, stix.Clear, false, 8},
	{stix.TLP1Green, stix.Green, false, 17},
	{stix.TLP1Amber, stix.Amber, false, 10},
	{stix.TLP2Clear, stix.Clear, true, 12},
	{stix.TLP2Green, stix.Green, true, 33},
	{stix.TLP2Amber, stix.Amber, true, 14},
	{stix.TLP2AmberStrict, stix.AmberStrict, true, 6},
}

// drawMarking draws a level and adds its marking definition the first time.
func (g *generator) drawMarking() string {
	roll := g.r.IntN(100)
	for i := range markings {
		if roll -= markings[i].often; roll < 0 {
			return g.markingDefinition(i)
		}
	}
	return g.markingDefinition(len(markings) - 1)
}

// markingDefinition returns one of markings as published: TLP 1.0 in STIX 2.1, section 7.2.1.4, and TLP 2.0 by OASIS.
func (g *generator) markingDefinition(i int) string {
	m := markings[i]
	id := string(m.id)
	u := uuid.MustParse(m.id.UUID())
	if g.seen[u] {
		return id
	}
	g.seen[u] = true
	level := m.level.String()
	if !m.two && m.level == stix.Clear {
		level = "white"
	}
	props := fields{{"type", "marking-definition"}, {"spec_version", "2.1"}, {"id", id}}
	name := member{"name", "TLP:" + strings.ToUpper(level)}
	if m.two {
		props = append(props, member{"created", "2022-10-01T00:00:00.000Z"}, name, member{"extensions", fields{
			{string(stix.TLP2Extension), fields{{"extension_type", "property-extension"}, {"tlp_2_0", level}}}}})
	} else {
		props = append(props, member{"created", "2017-01-20T00:00:00.000Z"}, name,
			member{"definition_type", "tlp"}, member{"definition", fields{{"tlp", level}}})
	}
	g.emit(props)
	return id
}
