package agreement

import (
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// MarkingKind is a kind of marking, as terms name it.
type MarkingKind string

// The kinds. Markings of other kinds can be named in terms by their id alone.
const (
	MarkingTLP       MarkingKind = "tlp"       // Traffic Light Protocol 1.0 and 2.0
	MarkingStatement MarkingKind = "statement" // a copyright, a licence, terms of use
	MarkingPAP       MarkingKind = "pap"       // Permissible Actions Protocol
	MarkingIEP       MarkingKind = "iep"       // Information Exchange Policy 2.0 of FIRST
	MarkingACS       MarkingKind = "acs"       // Access Control Specification 3.0
	MarkingCUI       MarkingKind = "cui"       // Controlled Unclassified Information
	MarkingAIS       MarkingKind = "ais"       // consent to be named, as CISA's Automated Indicator Sharing has it
	markingOther     MarkingKind = "other"
)

// carriedKinds are the kinds that terms can name. TLP is judged by its own terms.
var carriedKinds = []MarkingKind{MarkingStatement, MarkingPAP, MarkingIEP, MarkingACS, MarkingCUI, MarkingAIS}

const (
	iepExtension = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
	acsExtension = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"
	cuiExtension = "extension-definition--dff17fb3-edcb-4f99-ad1b-4b751c95738a"
)

var extensionKinds = map[string]MarkingKind{
	string(stix.TLP2Extension): MarkingTLP,
	string(stix.PAPExtension):  MarkingPAP,
	iepExtension:               MarkingIEP,
	acsExtension:               MarkingACS,
	cuiExtension:               MarkingCUI,
}

// Definition is the part of a marking definition that matters to agreements.
type Definition struct {
	ID   stix.ID
	Kind MarkingKind
	Type string // of MarkingOther: its definition_type or extension, for messages

	Word string // statement: a word in it that classifies, if any

	Consent Consent // AIS: to whom the author may be named

	TLP        stix.TLP  // IEP, AIS: how far an object under it may go
	From       time.Time // IEP: in force from ...
	Until      time.Time // ... until; zero: without end
	HideAuthor bool      // IEP: provider_attribution is must-not
	NameAuthor bool      // IEP: provider_attribution is must

	// Foreign says that a stranger may have chosen the text: it belongs to another party than the object that is judged, whose
	// sender did not send the same text along. Such a definition does not count.
	Foreign bool

	Classification string   // ACS: U, C, S or TS, as written
	Controls       []string // ACS, CUI: dissemination controls that a person should see
}

// Definitions returns the marking definition with the given id that counts in an agreement: the first one added. ok is
// false if there is none.
type Definitions func(id stix.ID) (d Definition, ok bool)

// DefinitionOf reads a marking definition. A definition that is malformed, or of several kinds at once, is of an
// unknown kind.
func DefinitionOf(o stix.Object) Definition {
	d := Definition{ID: o.ID, Kind: markingOther}
	t := o.Tree
	typ := t.Member(t.Root(), "definition_type")
	extension, key, extensions := -1, "", 0
	for name, value := range t.Members(t.Member(t.Root(), "extensions")) {
		extension, key = value, strings.ToLower(t.Str(name))
		extensions++
	}
	d.Type = t.Str(typ)
	switch {
	case extensions == 0 && t.Is(typ, string(MarkingStatement)):
		text := t.Member(t.Member(t.Root(), "definition"), "statement")
		if t.Kind(text) == ijson.String {
			d.Kind, d.Word = MarkingStatement, classifyingWord(t.Str(text))
		}
	case extensions == 0 && t.Is(typ, string(MarkingTLP)):
		d.Kind = MarkingTLP
	case extensions == 0 && t.Is(typ, string(MarkingAIS)):
		d.readConsent(t, t.Member(t.Root(), "definition"))
	case extensions == 1 && typ < 0:
		d.Type = key
		d.readExtension(t, extension, extensionKinds[key])
	case extensions > 0:
		d.Type = key
	}
	return d
}

func (d *Definition) readExtension(t *ijson.Tree, node int, kind MarkingKind) {
	switch kind {
	case MarkingTLP, MarkingPAP:
		d.Kind = kind
	case MarkingIEP:
		if d.readPolicy(t, node) {
			d.Kind = kind
		}
	case MarkingACS:
		d.Kind = kind
		set := t.Member(node, "control_set")
		d.Classification = t.Str(t.Member(set, "classification"))
		d.Controls = texts(t, t.Member(set, "formal_determination"), t.Member(set, "caveat"))
	case MarkingCUI:
		d.Kind = kind
		d.Controls = texts(t, t.Member(node, "categories"), t.Member(node, "disseminations"))
	}
}

// readPolicy reads an IEP policy and reports whether it is well-formed: its level and its dates decide.
func (d *Definition) readPolicy(t *ijson.Tree, node int) bool {
	version := t.Member(node, "iep_version")
	number := t.Str(version)
	if t.Kind(version) == ijson.Number {
		number = string(t.Raw(version))
	}
	if number != "2" && number != "2.0" {
		return false
	}
	level, err := stix.ParseTLP(t.Str(t.Member(node, "tlp")))
	if err != nil || level == 0 || level == stix.AmberStrict {
		return false
	}
	start, err := stix.ParseInstant(t.Str(t.Member(node, "start_date")))
	if err != nil {
		return false
	}
	d.TLP, d.From = level, start.Time()
	if end := t.Member(node, "end_date"); end >= 0 {
		until, err := stix.ParseInstant(t.Str(end))
		if err != nil {
			return false
		}
		d.Until = until.Time()
	}
	attribution := t.Member(node, "provider_attribution")
	d.HideAuthor, d.NameAuthor = t.Is(attribution, "must-not"), t.Is(attribution, "must")
	return true
}

func texts(t *ijson.Tree, lists ...int) (all []string) {
	for _, list := range lists {
		for item := range t.Items(list) {
			if s := t.Str(item); s != "" {
				all = append(all, s)
			}
		}
	}
	return all
}

// inForce reports whether an IEP policy covers a moment.
func (d *Definition) inForce(now time.Time) bool {
	return !now.Before(d.From) && (d.Until.IsZero() || now.Before(d.Until))
}

// nextChange returns the next moment at which an IEP policy begins or ends; zero if none follows.
func (d *Definition) nextChange(now time.Time) time.Time {
	for _, at := range []time.Time{d.From, d.Until} {
		if at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// NeedsDefinition reports whether the meaning of a marking depends on its definition. TLP and PAP levels are known by their
// published ids.
func NeedsDefinition(id stix.ID) bool {
	_, tlp := stix.TLPOfMarking(id)
	_, pap := stix.PAPOfMarking(id)
	return !tlp && !pap
}

// Markings lists the markings that an agreement or a release understands besides TLP.
type Markings struct {
	// Carry lists kinds of markings and ids of marking definitions. Objects with such a marking go along with its
	// definition; the marking is no ceiling.
	Carry []string `json:"carry"`
}

// defaultCarried is carried by default.
var defaultCarried = []string{string(MarkingStatement)}

func (m *Markings) carried() []string {
	if m == nil {
		return defaultCarried
	}
	return m.Carry
}

// String lists what is carried, "" for the default.
func (m *Markings) String() string {
	list := m.canonical().Carry
	if slices.Equal(list, defaultCarried) {
		return ""
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func (m *Markings) clone() *Markings {
	if m == nil {
		return nil
	}
	return &Markings{Carry: slices.Clone(m.Carry)}
}

// canonical returns m with the default spelled out, sorted, ids in lower case.
func (m *Markings) canonical() *Markings {
	list := make([]string, 0, len(m.carried()))
	for _, word := range m.carried() {
		list = append(list, strings.ToLower(word))
	}
	slices.Sort(list)
	return &Markings{Carry: slices.Compact(list)}
}
