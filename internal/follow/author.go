package follow

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// author is what tells of an author in a text: its identity, its names, the domains in its contact information, of every version
// of its identity that the source has.
type author struct {
	id      stix.ID
	known   bool     // its identity is in the source
	names   []string // in lower case, with single spaces
	domains []string
	stamp   string // changes with the rest
}

// author returns what tells of an author.
func (b *batch) author(id stix.ID) (*author, error) {
	if a := b.authors[id]; a != nil {
		return a, nil
	}
	a := &author{id: id, stamp: string(id)}
	if title, declared := b.declared()[id]; declared {
		a.name(title)
		a.stamp += title
		a.known = b.route.forward != nil // a party that may only read cannot bring its identity
	}
	versions, err := b.source.Versions(id)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		e, err := readEntry(b.source, v.Position)
		if err != nil {
			return nil, err
		}
		if !e.present {
			continue
		}
		t := e.object.Tree
		a.known = true
		a.name(t.Str(t.Member(t.Root(), "name")))
		for _, domain := range domainsIn(t.Str(t.Member(t.Root(), "contact_information"))) {
			if !slices.Contains(a.domains, domain) {
				a.domains = append(a.domains, domain)
			}
		}
		a.stamp += positionWord(v.Position)
	}
	if b.authors == nil {
		b.authors = make(map[stix.ID]*author)
	}
	b.authors[id] = a
	return a, nil
}

func (a *author) name(text string) {
	if text = spaced(text); text != "" && !slices.Contains(a.names, text) {
		a.names = append(a.names, text)
	}
}

// spaced returns a text in lower case, with single spaces.
func spaced(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), " ") }

// declared returns the titles of the parties by the identities that they declare.
func (b *batch) declared() map[stix.ID]string {
	if b.identities == nil {
		b.identities = make(map[stix.ID]string)
		for _, p := range b.store.Registry().Parties {
			if p.Identity != "" {
				b.identities[p.Identity] = p.Title
			}
		}
	}
	return b.identities
}

// authorOf returns the author of a version: the identity that it names as its creator, else that of the party that added it; nil
// if neither is known.
func (b *batch) authorOf(e *entry) (*author, error) {
	if id := creatorOf(e.object); id != "" {
		return b.author(id)
	}
	party := b.producer(e)
	if party.Identity != "" {
		return b.author(party.Identity)
	}
	if party.Title == "" {
		return nil, nil
	}
	a := &author{known: true, stamp: party.Title}
	a.name(party.Title)
	return a, nil
}

func creatorOf(o stix.Object) stix.ID {
	id, err := stix.ParseID(o.Tree.Str(o.Tree.Member(o.Tree.Root(), "created_by_ref")))
	if err != nil {
		return ""
	}
	return id
}

// isAuthor reports whether an identity is known to be an author: a party declares it, or an object of the source names it.
func (b *batch) isAuthor(id stix.ID) bool {
	if id.Type() != "identity" {
		return false
	}
	if _, declared := b.declared()[id]; declared {
		return true
	}
	is, seen := b.authoring[id]
	if !seen {
		_, is = b.state.first(definedList(id))
		b.setAuthor(id, is)
	}
	return is
}

func (b *batch) setAuthor(id stix.ID, is bool) {
	if b.authoring == nil {
		b.authoring = make(map[stix.ID]bool)
	}
	b.authoring[id] = is
}

// dependOnAuthor records that the copy of a version depends on the identity of its author. An identity that has gone before it was
// known to be an author is taken back.
func (b *batch) dependOnAuthor(e *entry) {
	if !b.hides() || !e.present {
		return
	}
	id := creatorOf(e.object)
	if id == "" {
		return
	}
	fresh := !b.isAuthor(id)
	b.state.put(definedList(id), positionWord(e.position))
	b.setAuthor(id, true)
	if fresh && id != e.id() && b.source.Holds(id) {
		b.tasks = append(b.tasks, task{kind: taskRetry, id: id})
	}
}

// staysIdentity says why the identity at hand does not go in a release that hides authors; "" if it goes. One that nobody else has
// described may be an author, unless it stands for a class, such as a sector.
func (b *batch) staysIdentity(e *entry) string {
	if e.object.Type != "identity" {
		return ""
	}
	if b.isAuthor(e.id()) {
		return "it is the identity of an author, and the release names none"
	}
	t := e.object.Tree
	if by := creatorOf(e.object); (by == "" || by == e.id()) && !t.Is(t.Member(t.Root(), "identity_class"), "class") {
		return "it may be the identity of an author: no one else has described it, and it is no class"
	}
	return ""
}

// domainsIn returns the domains of the addresses in a contact, in lower case.
func domainsIn(contact string) (domains []string) {
	words := strings.FieldsFunc(strings.ToLower(contact), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`,;<>()[]"'|`, r)
	})
	for _, word := range words {
		host := word
		if _, after, ok := strings.Cut(word, "://"); ok {
			u, err := url.Parse("https://" + after)
			if err != nil {
				continue
			}
			host = u.Hostname()
		} else {
			if i := strings.LastIndexByte(host, '@'); i >= 0 {
				host = host[i+1:]
			}
			host, _, _ = strings.Cut(host, "/")
			host, _, _ = strings.Cut(strings.TrimPrefix(host, "mailto:"), ":")
		}
		host = strings.TrimPrefix(strings.Trim(host, "."), "www.")
		if isDomain(host) && !slices.Contains(domains, host) {
			domains = append(domains, host)
		}
	}
	return domains
}

// isDomain reports whether a host is a domain: labels with a dot between them, and letters in the last.
func isDomain(host string) bool {
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) {
			return false
		}
	}
	return strings.ContainsFunc(labels[len(labels)-1], unicode.IsLetter)
}

// in reports whether a text, which is in lower case, tells of the author, and how.
func (a *author) in(text string) (what string, is bool) {
	if a == nil {
		return "", false
	}
	if a.id != "" && strings.Contains(text, a.id.UUID()) {
		return "its author's identifier", true
	}
	for _, domain := range a.domains {
		if mentions(text, domain, true) || strings.Contains(text, "[.]") && mentions(strings.ReplaceAll(text, "[.]", "."), domain, true) {
			return "its author's domain", true
		}
	}
	for _, name := range a.names {
		if mentions(text, name, false) || strings.ContainsFunc(text, isSpaceRun) && mentions(spaced(text), name, false) {
			return "its author's name", true
		}
	}
	return "", false
}

// isSpaceRun reports white space that spaced would change.
func isSpaceRun(r rune) bool { return r != ' ' && unicode.IsSpace(r) }

// mentions reports whether a text has a word with nothing beside it that would make it another one. A domain may be part of a
// longer one below it.
func mentions(text, word string, domain bool) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, size := utf8.DecodeRuneInString(text[end:])
		joined := isWord(before) || isWord(after)
		if domain {
			next, _ := utf8.DecodeRuneInString(text[min(end+size, len(text)):])
			joined = isWord(before) || before == '-' || isWord(after) || after == '-' || after == '.' && isWord(next)
		}
		if !joined {
			return true
		}
		from = start + 1
	}
}

func isWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// inNode reports whether a value, or a name in it, tells of the author.
func (a *author) inNode(t *ijson.Tree, node int) (what string, is bool) {
	switch t.Kind(node) {
	case ijson.String:
		return a.in(strings.ToLower(t.Str(node)))
	case ijson.Array:
		for item := range t.Items(node) {
			if what, is = a.inNode(t, item); is {
				return what, is
			}
		}
	case ijson.Object:
		for name, value := range t.Members(node) {
			if what, is = a.in(strings.ToLower(t.Str(name))); !is {
				what, is = a.inNode(t, value)
			}
			if is {
				return what, is
			}
		}
	}
	return "", false
}

// stillNamed says where an object tells of an author; "" if it does not.
func (a *author) stillNamed(t *ijson.Tree) string {
	for name, value := range t.Members(t.Root()) {
		if what, is := a.inNode(t, value); is {
			return fmt.Sprintf("/%s still has %s", t.Str(name), what)
		}
		if what, is := a.in(strings.ToLower(t.Str(name))); is {
			return "the name of a property has " + what
		}
	}
	return ""
}
