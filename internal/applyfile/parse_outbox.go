package applyfile

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
)

// A release to a collection of another server goes to an agreement of its own, its outbox: what the release passes on is in
// there, under all terms that a release can have, and is pushed from there.

// outbox is the target of a release that is a collection of another server.
type outbox struct {
	release   int // index among the releases
	remote    agreement.Remote
	externals []*external
	marks     marks
}

// target reads the target of a release: the name of an agreement, or a mapping with the URL of a collection.
func (e entry) target(field string, name *string, release int) key {
	return e.at(field, func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			if s, ok := e.oneLine(n, field); ok {
				*name = s
			}
			return
		}
		o := outbox{release: release}
		of := e.reader.entry(n, "the outbox of a release")
		if of.mapping(n, "a remote target", of.remote("push", &o.remote, &o.externals)...) {
			of.needURL("push", o.remote.URL)
			of.checkLogin("push", &o.remote, o.externals)
		}
		o.marks = of.marks
		*name = "outbox" // until the agreement's own name is known
		e.reader.outboxes = append(e.reader.outboxes, o)
	})
}

// outboxesOf makes the outboxes of an agreement that has just been read, and has its releases name them.
func (e entry) outboxesOf(a *agreement.Agreement) (list []agreementEntry) {
	found := e.reader.outboxes
	e.reader.outboxes = nil
	for _, o := range found {
		if o.release >= len(a.Release) || o.remote.URL == "" {
			continue
		}
		if a.Mirror != nil && a.Mirror.URL == o.remote.URL {
			e.add(o.marks.line("push.url"), "the agreement %s would push to the collection that it mirrors", a.Name)
		}
		name := outboxName(a.Name, o.remote.URL)
		a.Release[o.release].To = name
		box := agreementEntry{Agreement: &agreement.Agreement{
			Name: name, Title: strings.ReplaceAll(string(name), ".", "-"), APIRoot: a.APIRoot,
			Description: "What " + string(a.Name) + " releases to " + o.remote.URL,
			Accept:      agreement.Accept{SpecVersions: []string{"2.0", "2.1"}}, Push: &agreement.Push{Remote: o.remote},
		}, marks: o.marks, externals: o.externals}
		e.reader.entryOf(box).check(box)
		list = append(list, box)
	}
	return list
}

// entryOf is the entry of something that was made of a part of the file.
func (r *reader) entryOf(a agreementEntry) entry {
	return entry{reader: r, marks: a.marks, what: "an outbox", faulty: map[string]bool{}}
}

// outboxName names the outbox of an agreement for a URL: the same each time.
func outboxName(of agreement.Name, address string) agreement.Name {
	host := "remote"
	if u, err := url.Parse(address); err == nil {
		host = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return '-'
		}, strings.ToLower(u.Hostname()))
	}
	sum := sha256.Sum256([]byte(address))
	end := "-to-" + host
	end = end[:min(len(end), 24)] + "-" + hex.EncodeToString(sum[:3])
	return of[:min(len(of), max(1, agreement.MaxName-len(end)))] + agreement.Name(end)
}

// addOutboxes adds the outboxes to the file's agreements, each before the agreement that releases to it.
func (f *File) addOutboxes() {
	var list []agreementEntry
	for _, a := range f.agreements {
		list = append(append(list, a.outboxes...), a)
	}
	f.agreements = list
}

// warnOfPush says in a plan what becomes of withdrawals at another server.
func (p *planner) warnOfPush(e agreementEntry) {
	if e.Push == nil || len(p.steps) == 0 {
		return
	}
	last := &p.steps[len(p.steps)-1]
	if last.Name == string(e.Name) && last.Result != Unchanged {
		last.Warnings = append(last.Warnings, "what is withdrawn is deleted at "+e.Push.URL+"; where that server does not delete, a revoked version is posted, and what cannot be revoked stays there")
	}
}
