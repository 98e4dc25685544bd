package follow_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

const (
	licence    = "marking-definition--33333333-3333-4333-8333-000000000001"
	classified = "marking-definition--33333333-3333-4333-8333-000000000002"
	ended      = "marking-definition--33333333-3333-4333-8333-000000000003"
)

func statement(id, text string) string {
	return fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","name":%q,`+
		`"definition_type":"statement","definition":{"statement":%q}}`, id, text, text)
}

// iep returns a policy of TLP:GREEN from one day of 2026 to another.
func iep(id, start, end string) string {
	return fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","name":"iep","extensions":{`+
		`"extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a":{"extension_type":"property-extension","iep_version":2.0,"tlp":"green",`+
		`"start_date":"2026-%sT00:00:00.000Z","end_date":"2026-%sT00:00:00.000Z","encrypt_in_transit":"may","permitted_actions":"none",`+
		`"affected_party_notifications":"may","provider_attribution":"may","unmodified_resale":"may","iep_id":"33333333-3333-4333-8333-000000000003",`+
		`"description":"d"}}}`, id, start, end)
}

func clock(date string) step {
	return func(x *exchange) {
		now, err := time.Parse(time.DateOnly, date)
		x.must(err)
		x.now = now
	}
}

func TestMarkingsInARelease(t *testing.T) {
	green := agreement.Release{MaxTLP: stix.Green}
	for _, row := range []releaseCase{
		{name: "a statement goes along", rule: green, steps: []step{adds(statement(licence, "licence"), object("campaign", "a", 1, licence))}, want: "a@1 licence"},
		{name: "what waits for its definition goes when it comes", rule: green,
			steps: []step{adds(object("campaign", "a", 1, licence), object("campaign", "a", 2, "green")), adds(statement(licence, "licence"))}, want: "a@1 a@2 licence"},
		{name: "older versions go when a later one is understood", rule: green,
			steps: []step{adds(object("campaign", "a", 2, licence), object("campaign", "a", 1, "green")), adds(statement(licence, "licence"))}, want: "a@1 a@2 licence"},
		{name: "a statement that classifies stays", rule: green,
			steps: []step{adds(object("campaign", "a", 1, classified)), adds(statement(classified, "secret"))}, want: "secret"},
		{name: "a definition that is gone is not understood", rule: green,
			steps: []step{adds(statement(licence, "licence"), object("campaign", "a", 1, licence)), deletes(licence, store.Versions{})}, taken: 2},
		{name: "a policy that has not begun", rule: green, steps: []step{adds(iep(ended, "06-01", "07-01"), object("campaign", "a", 1, ended))}, want: "iep"},
		{name: "a policy that begins", rule: green,
			steps: []step{adds(iep(ended, "06-01", "07-01"), object("campaign", "a", 1, ended)), clock("2026-06-01")}, want: "a@1 iep"},
		{name: "a policy that ends", rule: green,
			steps: []step{adds(iep(ended, "04-01", "07-01"), object("campaign", "a", 1, ended)), clock("2026-06-30"),
				func(x *exchange) { x.want("target", "a@1", "iep") }, clock("2026-07-01")}, want: "iep", taken: 1},
		{name: "a policy that ends where there is no ceiling",
			steps: []step{adds(iep(ended, "04-01", "07-01"), object("campaign", "a", 1, ended), object("campaign", "b", 1, "")), clock("2026-07-01")}, want: "b@1 iep", taken: 1},
	} {
		row.run(t)
	}
}

// In whatever order definitions and marked objects arrive, one by one or all at once, the same objects are released in
// the end.
func TestTheOrderOfArrivalMakesNoDifference(t *testing.T) {
	a, b, c := idOf("campaign", "a"), idOf("campaign", "b"), idOf("campaign", "c")
	texts := []string{
		statement(licence, "licence"), statement(classified, "secret"), iep(ended, "04-01", "04-30"),
		object("campaign", "a", 1, licence), object("campaign", "a", 2, "green"), object("campaign", "b", 1, classified), object("campaign", "b", 2, "green"),
		object("campaign", "c", 1, ended), object("campaign", "d", 1, licence),
		relationship("ab", a, b, 1, ""), relationship("ac", a, c, 1, ""), report("ad", 1, licence, a, idOf("campaign", "d")),
		report("loop1", 1, "", idOf("report", "loop2"), a), report("loop2", 1, "", idOf("report", "loop1")),
		report("broken1", 1, "", idOf("report", "broken2")), report("broken2", 1, "", idOf("report", "broken1"), c),
		report("red", 1, "red"), report("speaksofred", 1, "", idOf("report", "red")),
	}
	want := []string{"a@1", "a@2", "ab@1", "ad@1", "b@2", "d@1", "iep", "licence", "loop1@1", "loop2@1", "secret"}
	r := rand.New(rand.NewPCG(4, 4))
	for round := range 12 {
		order := r.Perm(len(texts))
		x := open(t, t.TempDir())
		x.agreement("source", releaseTo("target", stix.Green))
		x.agreement("target", nil)
		m := x.manager(follow.Config{BatchEntries: 1 + round%5})
		for _, i := range order {
			x.add("source", texts[i])
			if round%3 > 0 {
				x.must(m.Settle(t.Context()))
			}
		}
		x.must(m.Settle(t.Context()))
		if got := x.holds("target"); !slices.Equal(got, want) {
			t.Errorf("in the order %v: got %q, want %q", order, got, want)
		}
	}
}

// report is version day of a report about some objects.
func report(name string, day int, mark string, about ...stix.ID) string {
	if len(about) == 0 {
		about = []stix.ID{idOf("identity", "somebody")}
	}
	return write(map[string]any{"type": "report", "id": idOf("report", name), "name": name, "published": "2026-01-01T00:00:00Z", "object_refs": about}, day, mark)
}

// An object that refers to another is released no further than that object.
func TestReferencesInARelease(t *testing.T) {
	a, red := idOf("campaign", "a"), idOf("campaign", "red")
	speaks := func(typ string, more map[string]any) string {
		o := map[string]any{"type": typ, "id": idOf(typ, typ), "name": typ}
		for name, value := range more {
			o[name] = value
		}
		return write(o, 1, "")
	}
	about := func(id stix.ID) []string {
		return []string{
			report("report", 1, "", a, id),
			speaks("grouping", map[string]any{"context": "c", "object_refs": []stix.ID{id}}),
			strings.Replace(speaks("note", map[string]any{"content": "c", "object_refs": []stix.ID{id}}), `"name":"note",`, `"abstract":"note",`, 1),
			strings.Replace(speaks("opinion", map[string]any{"opinion": "agree", "object_refs": []stix.ID{id}}), `"name":"opinion",`, ``, 1),
			strings.Replace(speaks("language-content", map[string]any{"object_ref": id, "contents": map[string]any{"de": map[string]any{"name": "n"}}}), `"name":"language-content",`, "", 1),
			relationship("relationship", a, id, 1, ""),
			sighting("sighting", id, 1, ""),
			speaks("malware", map[string]any{"is_family": false, "sample_refs": []string{"file--5a27d487-c542-5f97-a131-a8866b477b46"}}),
			speaks("campaign", map[string]any{"x_example_ref": id}),
			speaks("intrusion-set", map[string]any{"x_example": map[string]any{"deeper": []any{map[string]any{"their_refs": []stix.ID{a, id}}}}}),
		}
	}
	campaign := object("campaign", "red", 1, "red")
	add := func(texts ...string) step { return func(x *exchange) { x.addAny("source", texts...) } }
	for _, row := range []releaseCase{
		{name: "what speaks of a red object stays", rule: agreement.Release{MaxTLP: stix.Green}, steps: []step{add(object("campaign", "a", 1, "")), add(campaign), add(about(red)...)}, want: "a@1"},
		{name: "what speaks of what is not there stays", steps: []step{add(object("campaign", "a", 1, "")), add(about(red)...)}, want: "a@1"},
		{name: "all of it goes with the object, and back with it", steps: []step{
			add(object("campaign", "a", 1, "")), add(about(red)...),
			add(campaign, `{"type":"file","spec_version":"2.1","id":"file--5a27d487-c542-5f97-a131-a8866b477b46","name":"f"}`),
			func(x *exchange) {
				if got := x.holds("target"); len(got) != 13 {
					x.t.Errorf("got %q in the target, want 13 objects", got)
				}
			},
			func(x *exchange) { x.remove("source", red, store.Versions{}) },
			func(x *exchange) { x.remove("source", "file--5a27d487-c542-5f97-a131-a8866b477b46", store.Versions{}) },
		}, want: "a@1", taken: 12},
		{name: "a version that no longer speaks of it stays", steps: []step{
			add(object("campaign", "a", 1, ""), campaign, report("r", 1, "", red), report("r", 2, "", a)), func(x *exchange) { x.remove("source", red, store.Versions{}) },
		}, want: "a@1 r@2", taken: 2},
		{name: "parent and children of a process go together", steps: []step{
			add(`{"type":"process","spec_version":"2.1","id":"process--44444444-4444-4444-8444-000000000001","pid":1,"child_refs":["process--44444444-4444-4444-8444-000000000002"]}`),
			add(`{"type":"process","spec_version":"2.1","id":"process--44444444-4444-4444-8444-000000000002","pid":2,"parent_ref":"process--44444444-4444-4444-8444-000000000001"}`),
		}, want: "process--44444444-4444-4444-8444-000000000001 process--44444444-4444-4444-8444-000000000002"},
		{name: "author and markings are no such references", rule: agreement.Release{MaxTLP: stix.Green}, steps: []step{
			add(by(creator, object("campaign", "a", 1, "green"))),
		}, want: "a@1"},
	} {
		row.run(t)
	}
}
