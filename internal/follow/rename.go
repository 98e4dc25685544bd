package follow

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A release that hides authors gives its copies derived identifiers: that of the original would lead to its author wherever the
// original is known. An identifier depends on the original's identifier alone, so that references and later versions agree, and
// the state of a release names objects as the source does. That of a cyber-observable is derived, too: one that is made of the
// content would confirm guesses about properties that the release removes, and one of another namespace may tell who made it.

// renamer gives objects their identifiers in the target. The nil renamer changes none.
type renamer struct {
	rule  agreement.Release
	space uuid.UUID // see agreement.Namespace
	there map[stix.ID]stix.ID
	here  map[stix.ID]stix.ID

	// brought, if set, returns what an object of the source was in the target before a release brought it here: feedback speaks
	// of that.
	brought func(id stix.ID) (stix.ID, bool)

	// sent, if set, is the other way round: what an object of the target is in the source, because a release brought it there.
	sent func(id stix.ID) stix.ID
}

// to returns the identifier that an object of the source has in the target.
func (r *renamer) to(id stix.ID) stix.ID {
	if r == nil || id == "" || r.rule.KeepsID(id) {
		return id
	}
	if t, ok := r.there[id]; ok {
		return t
	}
	t, back := id, false
	if r.brought != nil {
		t, back = r.brought(id)
	}
	if !back {
		if t = id; r.rule.Hides() {
			t = agreement.DerivedID(r.space, id)
		}
	}
	r.there[id], r.here[t] = t, id
	return t
}

// know has from know the identifiers in a version.
func (r *renamer) know(e *entry) {
	r.to(e.id())
	for _, list := range [][]stix.ID{e.references, e.object.Markings()} {
		for _, id := range list {
			r.to(id)
		}
	}
}

// from returns the object of the source that has an identifier in the target, as far as the renamer has seen it.
func (r *renamer) from(id stix.ID) stix.ID {
	if r != nil {
		if s, ok := r.here[id]; ok {
			return s
		}
		if r.sent != nil {
			return r.sent(id)
		}
	}
	return id
}

// all is like from for a list.
func (r *renamer) all(ids []stix.ID) []stix.ID {
	if r == nil {
		return ids
	}
	list := slices.Clone(ids)
	for i := range list {
		list[i] = r.from(list[i])
	}
	return list
}

const uuidLength = 36

// text returns a text in which the identifiers of objects of the source are those of the target. visit, if set, is called with
// each identifier.
func (r *renamer) text(s string, visit func(id stix.ID)) string {
	if r == nil {
		return s
	}
	var out strings.Builder
	rest := s
	for {
		i := strings.Index(rest, "--")
		if i < 0 {
			break
		}
		start := i
		for start > 0 && isTypeByte(rest[start-1]) {
			start--
		}
		end := min(i+2+uuidLength, len(rest))
		id, err := stix.ParseID(strings.ToLower(rest[start:end]))
		if err != nil {
			out.WriteString(rest[:i+1]) // the next one may begin with the second hyphen
			rest = rest[i+1:]
			continue
		}
		if visit != nil {
			visit(id)
		}
		out.WriteString(rest[:start])
		out.WriteString(string(r.to(id)))
		rest = rest[end:]
	}
	if out.Len() == 0 {
		return s
	}
	return out.String() + rest
}

func isTypeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}

// setKey gives the batch the key of the source's changed copies.
func (b *batch) setKey(key []byte) {
	b.copyKey = key
	b.ids = nil
	if rule := b.route.rule; rule.Hides() && len(key) > 0 || b.route.forward != nil {
		b.ids = &renamer{rule: rule, space: agreement.Namespace(key), there: make(map[stix.ID]stix.ID), here: make(map[stix.ID]stix.ID)}
	}
	if forward := b.route.forward; forward != nil {
		b.ids.brought = b.broughtFrom
		if forward.Hides() {
			b.ids.sent = func(id stix.ID) stix.ID {
				key := b.target.State(store.CopiesFollower, store.CopiesKey)
				if len(key) == 0 || forward.KeepsID(id) {
					return id
				}
				return agreement.DerivedID(agreement.Namespace(key), id)
			}
		}
	}
}

// hides reports whether the release does not name authors.
func (b *batch) hides() bool { return b.ids != nil && b.route.rule.Hides() }

// here returns the object of the source that an entry of the target is about.
func (b *batch) hereOf(e journal.Entry) (stix.ID, error) {
	if b.ids == nil {
		return stix.ID(e.Object), nil
	}
	if e.Kind != journal.Added && e.Of > 0 {
		added, err := b.target.Entry(e.Of)
		if err != nil {
			return "", err
		}
		e = added
	}
	return b.hereFrom(e)
}

// hereFrom is like hereOf for an entry that added a version.
func (b *batch) hereFrom(e journal.Entry) (stix.ID, error) {
	if b.ids == nil || b.source == nil || e.Source.Collection != b.route.source.ID() || stix.ID(e.Object) == b.actingID() {
		return b.ids.from(stix.ID(e.Object)), nil
	}
	s, err := b.source.Entry(e.Source.Position)
	if err != nil {
		return "", err
	}
	return stix.ID(s.Object), nil
}

// idsWord says how a route names objects in the target: when that changes, all copies are withdrawn and made anew.
func (r route) idsWord() string {
	if r.forward != nil {
		return idsWord(r.rule) + " of " + idsWord(*r.forward)
	}
	return idsWord(r.rule)
}

// idsWord says how a rule names objects in the target.
func idsWord(rule agreement.Release) string {
	if !rule.Hides() {
		return ""
	}
	word := "derived"
	if rule.Markings != nil {
		for _, carried := range slices.Sorted(slices.Values(rule.Markings.Carry)) {
			if id, err := stix.ParseID(carried); err == nil {
				word += " " + string(id)
			}
		}
	}
	return word
}

// planRenaming withdraws what a release has brought under identifiers that its rule no longer gives; p.none says that there is
// nothing to withdraw.
func (m *Manager) planRenaming(r route) (p plan, needed bool, err error) {
	word, begun := r.idsWord(), false
	err = r.target.Snapshot(func(target *store.Snapshot) error {
		needed = string(target.State(r.name, keyIDs)) != word
		begun = target.Cursor(r.name) > 0 || target.State(r.name, keyRule) != nil
		if needed && !begun {
			p = plan{more: true, write: store.Batch{Follower: &store.FollowerUpdate{Name: r.name, Turn: target.Turn(r.name),
				Set: []store.KeyValue{{Key: []byte(keyIDs), Value: []byte(word)}}}}}
		}
		return nil
	})
	if err != nil || !needed || !begun {
		return p, needed, err
	}
	reason := "the release names its objects in another way from now on"
	p, err = m.planWithdrawal(r, reason, []store.KeyValue{{Key: []byte(keyIDs), Value: []byte(word)}})
	p.more = true
	return p, true, err
}
