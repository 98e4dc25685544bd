package follow

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// changedCopy is the result of changing a version as its release says.
type changedCopy struct {
	out   *outgoing // nil: it does not go
	why   string    // why not
	waits stix.ID   // out is nil: for the identity of its author, without which what tells of the author is unknown
	stamp string    // of what it depends on; see batch.stamp
}

// base returns a version as it goes with all its references: as it is, or changed as the release says.
func (b *batch) base(e *entry) (*changedCopy, error) {
	rule := b.route.rule.Change
	if rule == nil || !e.present || e.object.Type == "marking-definition" && b.route.forward == nil && (!b.hides() || b.route.rule.KeepsID(e.id())) {
		return &changedCopy{out: whole(e)}, nil
	}
	var author *author
	stamp := ""
	if b.ids != nil {
		b.ids.know(e)
	}
	if b.hides() {
		var err error
		if author, err = b.authorOf(e); err != nil {
			return nil, err
		}
		stamp = b.stamp(e, author)
	}
	if c := b.copies[e.position]; c != nil && c.stamp == stamp {
		return c, nil
	}
	cached := e.under(b.judging)
	if cached != nil {
		if c := cached.copy.Load(); c != nil && c.stamp == stamp {
			return c, nil
		}
	}
	c, err := b.changeBy(e, rule, author)
	if err != nil {
		return nil, err
	}
	c.stamp = stamp
	b.copies[e.position] = c
	if cached != nil {
		cached.copy.Store(c)
	}
	return c, nil
}

// changeBy changes a version by a rule. author is known if the rule hides it.
func (b *batch) changeBy(e *entry, rule *agreement.Change, author *author) (*changedCopy, error) {
	if author != nil && !author.known && creatorOf(e.object) != "" {
		return &changedCopy{waits: author.id}, nil
	}
	r := remover{tree: e.object.Tree}
	var paths [][]string
	for _, word := range rule.Remove {
		paths = append(paths, agreement.RemovedPath(word))
	}
	text := e.object.Raw()
	var notes []string
	if len(paths) > 0 {
		if changed := r.object(make([]byte, 0, len(text)), r.tree.Root(), paths); r.removed > 0 {
			text = changed
			notes = append(notes, fmt.Sprintf("without %d of its properties", r.removed))
		}
	}
	if raise := rule.Markings; raise != nil && e.object.Type != "marking-definition" && max(stix.TLP(e.recorded.TLP), ownLevel(e.object)) < raise.To {
		raised, err := raiseTo(text, raise.To, e.recorded.SpecVersion)
		if err != nil {
			return nil, fmt.Errorf("mark the copy of the object added at %d: %w", e.position, err)
		}
		text = raised
		notes = append(notes, fmt.Sprintf("marked TLP:%s", raise.To))
	}
	if r.moved(e.object.Tree) {
		return &changedCopy{why: "a granular marking is on an item of a list from which the release removes others"}, nil
	}
	if b.hides() {
		hidden, more, why, err := b.hide(e, text, author)
		if why != "" || err != nil {
			return &changedCopy{why: why}, err
		}
		text, notes = hidden, append(notes, more...)
	} else if b.route.forward != nil {
		mapped, err := b.mapped(e, text)
		if err != nil {
			return nil, err
		}
		if string(mapped) != string(text) {
			text, notes = mapped, append(notes, "with the identifiers that objects have there")
		}
	}
	if len(notes) == 0 {
		return &changedCopy{out: whole(e)}, nil
	}
	out, broken, err := b.changed(e, text)
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return &changedCopy{why: "changed as the release says it would break " + broken}, nil
	}
	out.changes = notes
	return &changedCopy{out: out}, nil
}

func ownLevel(o stix.Object) stix.TLP {
	level, _ := o.EffectiveTLP()
	return level
}

// remover writes an object's text without the properties that paths lead to. What is empty then is left out, too.
type remover struct {
	tree    *ijson.Tree
	removed int
	lists   []string // names of lists that lost items
}

func (r *remover) object(dst []byte, node int, paths [][]string) []byte {
	t := r.tree
	dst = append(dst, '{')
	has := 0
	for name, value := range t.Members(node) {
		rest, drop := along(paths, t.Str(name))
		if drop {
			r.removed++
			continue
		}
		before := len(dst)
		if has > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, t.Raw(name)...), ':')
		was := r.removed
		start := len(dst)
		dst = r.value(dst, value, t.Str(name), rest)
		if text := dst[start:]; r.removed > was && (string(text) == "{}" || string(text) == "[]") {
			dst = dst[:before]
			continue
		}
		has++
	}
	return append(dst, '}')
}

func (r *remover) value(dst []byte, node int, name string, paths [][]string) []byte {
	t := r.tree
	switch {
	case len(paths) == 0:
		return append(dst, t.Raw(node)...)
	case t.Kind(node) == ijson.Object:
		return r.object(dst, node, paths)
	case t.Kind(node) != ijson.Array:
		return append(dst, t.Raw(node)...)
	}
	dst = append(dst, '[')
	i, has := 0, 0
	for item := range t.Items(node) {
		rest, drop := along(paths, strconv.Itoa(i))
		i++
		if drop {
			r.removed++
			r.lists = append(r.lists, name)
			continue
		}
		if has++; has > 1 {
			dst = append(dst, ',')
		}
		dst = r.value(dst, item, name, rest)
	}
	return append(dst, ']')
}

// along returns where paths lead from a member on, and whether one of them ends there.
func along(paths [][]string, name string) (rest [][]string, ends bool) {
	for _, path := range paths {
		if path[0] != name {
			continue
		}
		if len(path) == 1 {
			return nil, true
		}
		rest = append(rest, path[1:])
	}
	return rest, false
}

// moved reports whether a granular marking names an item of a list that lost items by its number.
func (r *remover) moved(t *ijson.Tree) bool {
	e := editor{tree: t, lists: r.lists}
	return e.moved()
}

// raiseTo returns an object's text with a TLP level in the place of those that it has.
func raiseTo(text []byte, level stix.TLP, spec string) ([]byte, error) {
	t := new(ijson.Tree)
	if err := t.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, err
	}
	lower := func(node int) bool {
		id, err := stix.ParseID(t.Str(node))
		if err != nil {
			return false
		}
		_, is := stix.TLPOfMarking(id)
		return is
	}
	refs := [][]byte{}
	for item := range t.Items(t.Member(t.Root(), "object_marking_refs")) {
		if !lower(item) {
			refs = append(refs, t.Raw(item))
		}
	}
	refs = append(refs, []byte(strconv.Quote(string(markingOf(level, spec)))))
	set := map[string]string{"object_marking_refs": "[" + string(bytes.Join(refs, []byte(","))) + "]"}
	if granular := t.Member(t.Root(), "granular_markings"); granular >= 0 {
		kept := [][]byte{}
		for item := range t.Items(granular) {
			if !lower(t.Member(item, "marking_ref")) {
				kept = append(kept, t.Raw(item))
			}
		}
		set["granular_markings"] = "[" + string(bytes.Join(kept, []byte(","))) + "]"
		if len(kept) == 0 {
			set["granular_markings"] = ""
		}
	}
	return withMembers(t, set), nil
}

// markingOf returns the published marking of a level: that of TLP 1 for objects of STIX 2.0, which knows no other.
func markingOf(level stix.TLP, spec string) stix.ID {
	ids := map[stix.TLP]stix.ID{stix.Clear: stix.TLP2Clear, stix.Green: stix.TLP2Green, stix.Amber: stix.TLP2Amber, stix.AmberStrict: stix.TLP2AmberStrict, stix.Red: stix.TLP2Red}
	old := map[stix.TLP]stix.ID{stix.Clear: stix.TLP1White, stix.Green: stix.TLP1Green, stix.Amber: stix.TLP1Amber, stix.Red: stix.TLP1Red}
	if id, ok := old[level]; ok && spec == "2.0" {
		return id
	}
	return ids[level]
}

// refuseChange keeps back a version that cannot be changed as its release says.
func (b *batch) refuseChange(e *entry, why string) error {
	b.stopWaiting(e)
	b.report(e, Refused, []agreement.Refusal{{Term: "release.change", Message: why}}, "")
	return b.withdraw(e.id(), withdrawal{pick: func(v *targetVersion) bool { return v.of(e) }, reason: why, by: e.position, mayReturn: b.rejudging})
}
