package agreement_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

func TestConsentAtTheDoor(t *testing.T) {
	read := func(text string) stix.Object {
		tree := new(ijson.Tree)
		if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
			t.Fatal(err)
		}
		return stix.FromTree(tree)
	}
	marking := stix.ID("marking-definition--22222222-2222-4222-8222-222222222222")
	defs := func(word string) agreement.Definitions {
		d := agreement.DefinitionOf(read(fmt.Sprintf(`{"type":"marking-definition","id":%q,"definition_type":"ais","definition":{"consent":%q,"tlp":"white"}}`, marking, word)))
		return func(stix.ID) (agreement.Definition, bool) { return d, true }
	}
	const named = `"created_by_ref":"identity--11111111-1111-4111-8111-111111111111",`
	for _, row := range []struct {
		name    string
		term    agreement.Consent
		members string
		marked  string // consent of an AIS marking
		refused bool
	}{
		{"none, where members read", agreement.ConsentMembers, named + `"labels":["AIS-CONSENT-NONE"],`, "", true},
		{"none, where everyone may be named", agreement.ConsentEveryone, named + `"labels":["ais-consent-none"],`, "", true},
		{"none, without a name", agreement.ConsentMembers, `"labels":["ais-consent-none"],`, "", false},
		{"none, where no one else reads", agreement.ConsentNone, named + `"labels":["ais-consent-none"],`, "", false},
		{"none, where nothing is said", "", named + `"labels":["ais-consent-none"],`, "", false},
		{"everyone, the narrowest counts", agreement.ConsentMembers, named + `"labels":["ais-consent-everyone-cisa-proprietary","ais-consent-none"],`, "", true},
		{"usg", agreement.ConsentMembers, named + `"labels":["ais-consent-usg"],`, "", false},
		{"a word that is unknown", agreement.ConsentMembers, named + `"labels":["ais-consent-some"],`, "", true},
		{"by a marking", agreement.ConsentMembers, named, "NONE", true},
		{"by a marking, to everyone", agreement.ConsentMembers, named, "EVERYONE", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			marks, known := "", agreement.Definitions(nil)
			if row.marked != "" {
				marks, known = fmt.Sprintf(`"object_marking_refs":[%q],`, marking), defs(row.marked)
			}
			o := read(`{` + row.members + marks + `"type":"campaign","spec_version":"2.1","id":"campaign--22222222-2222-4222-8222-222222222222","name":"n"}`)
			a := &agreement.Agreement{Name: "gsp", Collection: agreement.Collection{ID: uuid.New()}, Accept: agreement.Accept{Consent: row.term}}
			refused := false
			for _, f := range a.Accepts(o, agreement.Party{}, nil, known, time.Now()).Findings {
				refused = refused || f.Rule == "A-011" && f.Severity == validate.Error
			}
			if refused != row.refused {
				t.Errorf("refused: %v, want %v", refused, row.refused)
			}
		})
	}
}

func TestDerivedIdentifiers(t *testing.T) {
	space := agreement.Namespace([]byte("key"))
	const id stix.ID = "campaign--22222222-2222-4222-8222-222222222222"
	d := agreement.DerivedID(space, id)
	if _, err := stix.ParseID(string(d)); err != nil || d.Type() != "campaign" || d.UUIDVersion() != '5' || d == id {
		t.Errorf("got %s: %v", d, err)
	}
	if agreement.DerivedID(space, id) != d || agreement.DerivedID(agreement.Namespace([]byte("other")), id) == d {
		t.Error("it is not the same for one key, or the same for two")
	}
	if acting := agreement.ActingIdentity(space, uuid.New()); acting.Type() != "identity" || acting.UUIDVersion() != '5' {
		t.Errorf("got %s", acting)
	}
}
