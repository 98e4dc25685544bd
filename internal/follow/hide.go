package follow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

const (
	milliseconds = "2006-01-02T15:04:05.000Z"
	msec         = time.Millisecond
)

// quoted returns a text as JSON.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// hider writes an object's text without its author, and with the identifiers of the target. These go: created_by_ref, authors,
// references to identities of authors, and, where they tell of the object's author, external references, labels, contact
// information and custom properties. What else tells of the author keeps the object back.
type hider struct {
	tree     *ijson.Tree
	ids      *renamer
	author   *author // nil: unknown
	isAuthor func(stix.ID) bool
	acting   stix.ID // takes the author's place; "": nothing does

	mapsOnly bool // nothing is left out

	hidden int    // properties and items that were left out or replaced
	named  string // why an identifier in it tells of an author; "" if none does

	path    []string // of the value being written, as selectors have it; kept for objects with granular markings
	tracked bool
	gone    []string                  // selectors of what was left out
	moved   map[string]map[int]string // by selector of a list: where its items went
}

// text returns the changed text. It fails only where an object cannot be read.
func (h *hider) text() ([]byte, error) {
	t := h.tree
	granular := t.Member(t.Root(), "granular_markings")
	h.tracked = granular >= 0
	h.moved = make(map[string]map[int]string)
	text := h.object(make([]byte, 0, len(t.Text)+64), t.Root(), true)
	if !h.tracked || len(h.gone)+len(h.moved) == 0 {
		return text, nil
	}
	written := new(ijson.Tree)
	if err := written.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, fmt.Errorf("read a copy: %w", err)
	}
	return withMembers(written, map[string]string{"granular_markings": h.markings(written)}), nil
}

// markings returns the granular markings with selectors that fit the changed text; "" if none is left.
func (h *hider) markings(t *ijson.Tree) string {
	var kept []string
	for marking := range t.Items(t.Member(t.Root(), "granular_markings")) {
		var selectors []string
		for item := range t.Items(t.Member(marking, "selectors")) {
			if s := h.selector(t.Str(item)); s != "" {
				selectors = append(selectors, quoted(s))
			}
		}
		if len(selectors) == 0 {
			continue
		}
		members := []string{}
		for name, value := range t.Members(marking) {
			text := string(t.Raw(value))
			if t.Is(name, "selectors") {
				text = "[" + strings.Join(selectors, ",") + "]"
			}
			members = append(members, string(t.Raw(name))+":"+text)
		}
		kept = append(kept, "{"+strings.Join(members, ",")+"}")
	}
	if len(kept) == 0 {
		return ""
	}
	return "[" + strings.Join(kept, ",") + "]"
}

// selector returns what a selector of the original is in the changed text; "" if that was left out.
func (h *hider) selector(s string) string {
	for _, gone := range h.gone {
		if s == gone || strings.HasPrefix(s, gone+".") {
			return ""
		}
	}
	parts := strings.Split(s, ".")
	for i := 1; i < len(parts); i++ {
		to, ok := h.moved[strings.Join(parts[:i], ".")]
		if !ok || len(parts[i]) < 3 || parts[i][0] != '[' {
			continue
		}
		if n, err := strconv.Atoi(parts[i][1 : len(parts[i])-1]); err == nil && to[n] != "" {
			moved := append(append([]string{}, parts[:i]...), to[n])
			return strings.Join(append(moved, parts[i+1:]...), ".") // lists within lists have no names to move by
		}
	}
	return s
}

func (h *hider) enter(word string) {
	if h.tracked {
		h.path = append(h.path, word)
	}
}

func (h *hider) leave() {
	if h.tracked {
		h.path = h.path[:len(h.path)-1]
	}
}

func (h *hider) leaveOut() {
	h.hidden++
	if h.tracked {
		h.gone = append(h.gone, strings.Join(h.path, "."))
	}
}

func (h *hider) object(dst []byte, node int, top bool) []byte {
	t := h.tree
	dst = append(dst, '{')
	empty := true
	for name, value := range t.Members(node) {
		before := len(dst)
		if !empty {
			dst = append(dst, ',')
		}
		word := t.Str(name)
		dst = append(h.string(dst, name), ':')
		h.enter(word)
		var keep bool
		if dst, keep = h.member(dst, word, value, top); !keep {
			h.leaveOut()
			dst = dst[:before]
		} else {
			empty = false
		}
		h.leave()
	}
	return append(dst, '}')
}

// member writes the value of a member and reports whether the member stays.
func (h *hider) member(dst []byte, word string, value int, top bool) (_ []byte, keep bool) {
	t := h.tree
	if top && !h.mapsOnly {
		switch {
		case word == "created_by_ref":
			if h.acting == "" || t.Kind(value) != ijson.String {
				return dst, false
			}
			h.hidden++
			return append(dst, quoted(string(h.acting))...), true
		case word == "authors" && (h.isType("note") || h.isType("opinion")):
			return dst, false
		case word == "contact_information", strings.HasPrefix(word, "x_"):
			if _, is := h.author.inNode(t, value); is {
				return dst, false
			}
		case word == "labels", word == "external_references":
			return h.list(dst, word, value, func(item int) bool {
				_, is := h.author.inNode(t, item)
				return is
			})
		}
	}
	if t.Kind(value) == ijson.String && strings.HasSuffix(word, "_ref") && h.drops(value) {
		return dst, false
	}
	return h.value(dst, word, value)
}

func (h *hider) isType(typ string) bool {
	return h.tree.Is(h.tree.Member(h.tree.Root(), "type"), typ)
}

// drops reports whether a reference is to an author.
func (h *hider) drops(node int) bool {
	id, err := stix.ParseID(h.tree.Str(node))
	return err == nil && h.isAuthor(id)
}

func (h *hider) value(dst []byte, word string, value int) (_ []byte, keep bool) {
	switch t := h.tree; t.Kind(value) {
	case ijson.Object:
		return h.object(dst, value, false), true
	case ijson.Array:
		return h.list(dst, word, value, func(item int) bool {
			return strings.HasSuffix(word, "_refs") && t.Kind(item) == ijson.String && h.drops(item)
		})
	case ijson.String:
		return h.string(dst, value), true
	default:
		return append(dst, t.Raw(value)...), true
	}
}

// list writes a list without some of its items; what is empty then does not stay.
func (h *hider) list(dst []byte, word string, node int, drop func(item int) bool) (_ []byte, keep bool) {
	t := h.tree
	if t.Kind(node) != ijson.Array {
		return h.value(dst, word, node)
	}
	dst = append(dst, '[')
	had, has := 0, 0
	to := map[int]string{}
	for item := range t.Items(node) {
		at := had
		had++
		h.enter("[" + strconv.Itoa(at) + "]")
		before := len(dst)
		if has > 0 {
			dst = append(dst, ',')
		}
		keep := !drop(item)
		if keep {
			dst, keep = h.value(dst, word, item)
		}
		if !keep {
			h.leaveOut()
			dst = dst[:before]
		} else {
			to[at] = "[" + strconv.Itoa(has) + "]"
			has++
		}
		h.leave()
	}
	if has < had && h.tracked {
		h.moved[strings.Join(h.path, ".")] = to
	}
	return append(dst, ']'), has > 0 || had == 0
}

// string writes a text with the identifiers of the target.
func (h *hider) string(dst []byte, node int) []byte {
	t := h.tree
	raw := t.Raw(node)
	if !bytes.Contains(raw, []byte("--")) && !bytes.ContainsRune(raw, '\\') {
		return append(dst, raw...)
	}
	s := t.Str(node)
	to := h.ids.text(s, func(id stix.ID) {
		if h.isAuthor(id) {
			h.named = "it speaks of the identity of an author"
		}
	})
	if to == s {
		return append(dst, raw...)
	}
	return append(dst, quoted(to)...)
}

// hide returns the text of a version without its author, how it differs, and why it does not go, if it cannot.
func (b *batch) hide(e *entry, text []byte, author *author) (hidden []byte, notes []string, why string, err error) {
	if why := b.staysIdentity(e); why != "" {
		return nil, nil, why, nil
	}
	for _, id := range e.object.Markings() {
		if why, err := b.staysMarking(id); why != "" || err != nil {
			return nil, nil, why, err
		}
	}
	t := new(ijson.Tree)
	if err := t.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, nil, "", fmt.Errorf("read the copy of the object added at %d: %w", e.position, err)
	}
	h := hider{tree: t, ids: b.ids, author: author, isAuthor: b.isAuthor, acting: b.actingID()}
	if hidden, err = h.text(); err != nil {
		return nil, nil, "", err
	}
	if h.named != "" {
		return nil, nil, h.named, nil
	}
	written := new(ijson.Tree)
	if err := written.Parse(hidden, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, nil, "", fmt.Errorf("read the copy of the object added at %d: %w", e.position, err)
	}
	if why := author.stillNamed(written); why != "" {
		return nil, nil, why, nil
	}
	notes = append(notes, "under an identifier of its own")
	if h.hidden > 0 {
		notes = append(notes, fmt.Sprintf("its author hidden in %d places", h.hidden))
	}
	return hidden, notes, "", nil
}

// mapped returns a text with the identifiers of the target.
func (b *batch) mapped(e *entry, text []byte) ([]byte, error) {
	t := new(ijson.Tree)
	if err := t.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, fmt.Errorf("read the copy of the object added at %d: %w", e.position, err)
	}
	h := hider{tree: t, ids: b.ids, isAuthor: func(stix.ID) bool { return false }, mapsOnly: true}
	return h.text()
}

// staysMarking says why an object must stay because a marking of it stays; "" if it need not. A marking cannot be left out.
func (b *batch) staysMarking(id stix.ID) (why string, err error) {
	if _, brought := b.broughtFrom(id); brought || b.route.rule.KeepsID(id) {
		return "", nil
	}
	if why, seen := b.markingStays[id]; seen {
		return why, nil
	}
	if d := b.definitions(id); d != nil {
		e, err := readEntry(b.source, d.Position)
		if err != nil {
			return "", err
		}
		c, err := b.base(e)
		switch {
		case err != nil:
			return "", err
		case c.out == nil && c.why != "":
			why = fmt.Sprintf("its marking %s cannot go along: %s", id, c.why)
		case c.out == nil:
			why = fmt.Sprintf("its marking %s cannot go along: its author is not known here", id)
		}
	}
	if b.markingStays == nil {
		b.markingStays = make(map[stix.ID]string)
	}
	b.markingStays[id] = why
	return why, nil
}

// stamp identifies what the copy of a version depends on beside its own text.
func (b *batch) stamp(e *entry, author *author) string {
	var s strings.Builder
	if author != nil {
		s.WriteString(author.stamp)
	}
	see := func(id stix.ID) {
		if id.Type() == "identity" {
			fmt.Fprintf(&s, "\x00%s%v", id, b.isAuthor(id))
		}
	}
	for _, id := range e.references {
		see(id)
	}
	see(e.id())
	for _, id := range e.object.Markings() {
		if agreement.NeedsDefinition(id) {
			if d := b.definitions(id); d != nil {
				s.WriteString(positionWord(d.Position))
			}
		}
	}
	return s.String()
}
