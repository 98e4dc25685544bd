package agreement

import (
	"bytes"
	"strings"
	"testing"
)

func TestADocumentNamesTargetsByTheirIDs(t *testing.T) {
	a := &Agreement{Name: "source", Release: []Release{{To: "states"}, {To: "partners"}}}
	keyed := a.WithKeys(nil)
	document, err := keyed.Document()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(document, []byte("states")) || bytes.Contains(document, []byte("partners")) {
		t.Errorf("the document names the targets: %s", document)
	}
	again, err := a.WithKeys(keyed).Document()
	if err != nil || !bytes.Equal(again, document) {
		t.Errorf("the same terms again: got %s, %v, want the same document %s", again, err, document)
	}
	other, err := a.WithKeys(nil).Document()
	if err != nil || bytes.Equal(other, document) {
		t.Errorf("with other keys: got the same document, %v", err)
	}
	read, err := ParseDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	openings := map[Name]Opening{}
	for _, o := range keyed.Openings() {
		openings[o.ID] = o
	}
	opened := func(id Name) (Opening, bool) { o, ok := openings[id]; return o, ok }
	if err := read.Reveal(opened); err != nil {
		t.Fatal(err)
	}
	for _, name := range []Name{"states", "partners"} {
		if _, ok := read.ReleaseTo(name); !ok {
			t.Errorf("%s is no target of %+v", name, read.Release)
		}
	}
	// What does not stand for a name is not believed.
	for id, o := range openings {
		o.Name = "elsewhere"
		openings[id] = o
	}
	lying, _ := ParseDocument(document)
	if err := lying.Reveal(opened); err == nil || !strings.Contains(err.Error(), "does not stand for elsewhere") {
		t.Errorf("another name: got %v, want an error", err)
	}
	if err := lying.Reveal(func(Name) (Opening, bool) { return Opening{}, false }); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("without openings: got %v, want an error", err)
	}
}
