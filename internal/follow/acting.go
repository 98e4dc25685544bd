package follow

import (
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// With author: agreement, copies name an identity that stands for the source agreement. The release makes it: its name is the
// agreement's title.

// actingID returns the identity in whose name copies go; "" for none.
func (b *batch) actingID() stix.ID {
	if b.ids == nil || b.route.rule.Change == nil || b.route.rule.Change.Author != agreement.AuthorAgreement {
		return ""
	}
	return agreement.ActingIdentity(b.ids.space, b.route.source.ID())
}

// introduce adds the identity in whose name a copy goes, unless the target has it.
func (b *batch) introduce(e *entry, out *outgoing) error {
	id := b.actingID()
	if id == "" || b.acted || creatorOf(out.object) != id {
		return nil
	}
	b.acted = true
	text, err := b.acting()
	if text == "" || err != nil {
		return err
	}
	tree := new(ijson.Tree)
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		return fmt.Errorf("write the identity of %s: %w", b.route.source.Agreement().Name, err)
	}
	b.change(store.Change{Add: &store.Addition{Object: stix.FromTree(tree), TLP: b.terms.Accept.DefaultTLP,
		Source: journal.Source{Collection: b.route.source.ID(), Position: e.position}}}, len(text))
	return nil
}

// acting returns the text of the identity in whose name copies go, and its version; "" if the target has it as it should be.
func (b *batch) acting() (text string, err error) {
	id := b.actingID()
	versions, err := b.target.Versions(id)
	if err != nil {
		return "", err
	}
	first, err := b.source.Entry(1)
	if err != nil {
		return "", err
	}
	title := b.route.source.Agreement().Title
	created := stix.InstantOf(first.At).Time().UTC().Format(milliseconds)
	modified := created
	if n := len(versions); n > 0 {
		kept, err := b.target.Text(versions[n-1].Position, versions[n-1].Entry)
		if err != nil {
			return "", err
		}
		t := new(ijson.Tree)
		if err := t.Parse(slices.Clone(kept), ijson.Limits{Depth: 1 << 20}); err != nil || t.Is(t.Member(t.Root(), "name"), title) {
			return "", nil
		}
		later := versions[n-1].Instant.Time().UTC().Add(msec)
		if b.now.After(later) {
			later = b.now.UTC()
		}
		modified = later.Format(milliseconds)
	}
	return fmt.Sprintf(`{"type":"identity","spec_version":"2.1","id":%q,"created":%q,"modified":%q,"name":%s,"identity_class":"group"}`,
		id, created, modified, quoted(title)), nil
}
