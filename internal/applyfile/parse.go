package applyfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// defaultMaxContentLength is how much an API root takes in one request that does not say.
const defaultMaxContentLength = 104857600

// reservedRoots are the first segments of paths that are not API roots.
var reservedRoots = []string{"taxii2", "accord", "console", "healthz", "readyz", "metrics"}

// Parse reads an apply file's text. name is for messages. Its errors are *Error, with everything that was found.
func Parse(name string, text []byte) (*File, error) {
	f := read(name, text)
	if err := f.faults.err(name); err != nil {
		return nil, err
	}
	return f, nil
}

// read is Parse that keeps the faults in the file: what could be read is still compared with the store, so that one run
// reports every fault.
func read(name string, text []byte) *File {
	f := &File{Name: name, Text: text}
	r := &reader{}
	if len(text) > MaxFile {
		f.faults.add(0, "the file has more than %d bytes", MaxFile)
		return f
	}
	if doc := r.document(text); doc != nil {
		r.mapping(doc, "the file",
			key{"server", func(n *yaml.Node) { f.server = r.server(n) }},
			key{"api_roots", func(n *yaml.Node) { f.roots = entries(r, n, "api_roots", r.root) }},
			key{"parties", func(n *yaml.Node) { f.parties = entries(r, n, "parties", r.party) }},
			key{"accounts", func(n *yaml.Node) { f.accounts = entries(r, n, "accounts", r.account) }},
			key{"agreements", func(n *yaml.Node) { f.agreements = entries(r, n, "agreements", r.agreement) }},
		)
	}
	if r.visits >= maxVisits {
		f, r.problems = &File{Name: name, Text: text}, nil // they come of what was not looked at
		r.add(0, "the file has, or its anchors unfold into, more than %d values", maxVisits)
	}
	f.addOutboxes()
	f.faults = r.problems
	return f
}

func entries[E any](r *reader, n *yaml.Node, what string, read func(*yaml.Node) E) (list []E) {
	r.list(n, what, func(n *yaml.Node) { list = append(list, read(n)) })
	return list
}

// entry reads the keys of one entry: each notes its line and then sets its value.
type entry struct {
	*reader
	marks
	what   string
	faulty map[string]bool // fields that were reported: what follows from their fault is not reported, too
}

func (r *reader) entry(n *yaml.Node, what string) entry {
	return entry{reader: r, marks: marks{"": n.Line}, what: what, faulty: make(map[string]bool)}
}

func (e entry) text(field string, set *string) key {
	return e.at(field, func(n *yaml.Node) {
		if s, ok := e.reader.text(n, field); ok {
			*set = s
		}
	})
}

func (e entry) words(field string, set *string) key {
	return e.at(field, func(n *yaml.Node) {
		if s, ok := e.oneLine(n, field); ok {
			*set = s
		}
	})
}

func (e entry) flag(field string, set *bool) key {
	return e.at(field, func(n *yaml.Node) {
		if v, ok := e.boolean(n, field); ok {
			*set = v
		}
	})
}

// texts reads a list of strings.
func (e entry) texts(field string, set func(string)) key {
	return e.at(field, func(n *yaml.Node) {
		taken := 0
		e.list(n, field, func(n *yaml.Node) {
			if s, ok := e.oneLine(n, "an item of "+field); ok {
				e.marks[fmt.Sprintf("%s[%d]", field, taken)] = n.Line
				set(s)
				taken++
			}
		})
	})
}

func (e entry) tlp(field string, set *stix.TLP) key {
	return e.at(field, func(n *yaml.Node) {
		s, ok := e.oneLine(n, field)
		if !ok {
			return
		}
		level, err := stix.ParseTLP(s)
		if err != nil || level == 0 {
			e.add(n.Line, "%s is %q here, want one of clear (white), green, amber, amber+strict, red", field, s)
			return
		}
		*set = level
	})
}

func (e entry) date(field string, set *time.Time) key {
	return e.at(field, func(n *yaml.Node) {
		s, ok := e.oneLine(n, field)
		if !ok {
			return
		}
		t, err := agreement.ParseDate(s)
		if err != nil {
			e.add(n.Line, "%s: %v", field, err)
			return
		}
		*set = t
	})
}

// at makes a key of a field's last name.
func (e entry) at(field string, read func(*yaml.Node)) key {
	name := field[strings.LastIndexByte(field, '.')+1:]
	return key{name, func(n *yaml.Node) {
		e.marks[field] = n.Line
		before := len(e.problems)
		read(n)
		e.faulty[field] = len(e.problems) > before
	}}
}

// need requires that an entry has a valid name.
func (e entry) need(field, name string) {
	if _, there := e.marks[field]; !there {
		e.add(e.marks[""], "%s has no %s", e.what, field)
		return
	}
	if err := agreement.CheckName(name); err != nil && !e.faulty[field] {
		e.add(e.marks[field], "%s: %v", field, err)
	}
}

func (r *reader) server(n *yaml.Node) *serverEntry {
	e := r.entry(n, "server")
	s := &serverEntry{marks: e.marks}
	r.mapping(n, "server", e.words("title", &s.Title), e.text("description", &s.Description), e.words("contact", &s.Contact))
	return s
}

func (r *reader) root(n *yaml.Node) rootEntry {
	e := r.entry(n, "an API root")
	root := store.Root{MaxContentLength: defaultMaxContentLength}
	if !r.mapping(n, e.what,
		e.words("name", &root.Name), e.words("title", &root.Title), e.text("description", &root.Description),
		e.at("max_content_length", func(n *yaml.Node) {
			if v, ok := r.integer(n, "max_content_length", 1, math.MaxInt32); ok {
				root.MaxContentLength = v
			}
		}),
		e.items("default_page", &root.DefaultPage), e.items("max_page_objects", &root.MaxPageObjects),
		e.days("list_ended", &root.ListEnded),
		e.flag("reveal", &root.Reveal)) {
		return rootEntry{root, e.marks}
	}
	e.need("name", root.Name)
	for _, reserved := range reservedRoots {
		if root.Name == reserved {
			e.add(e.marks["name"], "no API root can be named %s: the server uses that path itself, as it does %s",
				reserved, strings.Join(reservedRoots, ", "))
		}
	}
	if root.Title == "" {
		root.Title = root.Name
	}
	return rootEntry{root, e.marks}
}

func (r *reader) party(n *yaml.Node) partyEntry {
	e := r.entry(n, "a party")
	var p agreement.Party
	var name, identity, clientCA string
	if !r.mapping(n, e.what, e.words("name", &name), e.words("title", &p.Title), e.words("identity", &identity), e.words("client_ca", &clientCA)) {
		return partyEntry{p, clientCA, e.marks}
	}
	e.need("name", name)
	if identity != "" {
		id, err := stix.ParseID(identity)
		if err != nil || id.Type() != "identity" {
			e.add(e.marks["identity"], "%q is not the id of a STIX identity, want identity-- and a UUID", identity)
		}
		p.Identity = id
	}
	p.Name = agreement.PartyName(name)
	if p.Title == "" {
		p.Title = name
	}
	return partyEntry{p, clientCA, e.marks}
}

func (r *reader) account(n *yaml.Node) accountEntry {
	e := r.entry(n, "an account")
	a := accountEntry{marks: e.marks}
	if !r.mapping(n, e.what,
		e.words("name", &a.name), e.words("party", &a.party), e.flag("operator", &a.operator),
		e.at("disabled", func(n *yaml.Node) {
			if v, ok := r.boolean(n, "disabled"); ok {
				a.disabled = &v
			}
		}),
		e.words("password_env", &a.passwordEnv), e.words("password_file", &a.passwordFile),
		e.words("password_hash", &a.passwordHash),
		e.at("password", func(n *yaml.Node) {
			if s, ok := r.oneLine(n, "password"); ok && "password: "+s != managedHere {
				r.add(n.Line, "password is given here, in a file that others may read; want password_file, password_env or password_hash, or \"managed here\" for one that is changed by command")
			}
		}),
		e.items("default_page", &a.defaultPage), e.items("max_page_objects", &a.maxPage),
		e.at("empty", func(n *yaml.Node) {
			s, ok := e.oneLine(n, "empty")
			if a.emptyList = s == "list"; ok && !a.emptyList && s != "object" {
				e.add(n.Line, "empty is %q here, want object ({}, as the Standard says) or list (for a client that fails on {})", s)
			}
		}),
		e.at("certificates", func(n *yaml.Node) {
			a.hasCerts = true
			a.certificates = r.certificates(n)
		}),
		e.at("oidc", func(n *yaml.Node) { e.identity(n, &a.oidc) }), e.at("networks", func(n *yaml.Node) { e.networks(n, &a.networks) }),
		e.at("require", func(n *yaml.Node) {
			s, ok := e.oneLine(n, "require")
			if a.both = s == "both"; ok && !a.both {
				e.add(n.Line, "require is %q here, want both (a password or token, and a client certificate, in each request)", s)
			}
		}),
		e.date("expires", &a.expires), e.flag("manager", &a.manager)) {
		return a
	}
	e.need("name", a.name)
	e.checkAccount(&a)
	if a.party == "" && !a.operator && !e.faulty["party"] && !e.faulty["operator"] {
		e.add(e.marks.line(""), "the account %s belongs to no party: give it a party, or operator: true", a.name)
	}
	var given []string
	for _, field := range []string{"password_env", "password_file", "password_hash", "password"} {
		if _, there := e.marks[field]; there {
			given = append(given, field)
		}
	}
	if len(given) > 1 {
		e.add(e.marks[given[1]], "the account %s has %s, want one of them", a.name, strings.Join(given, " and "))
	}
	if a.passwordHash != "" {
		if err := auth.CheckHash(a.passwordHash); err != nil {
			e.add(e.marks["password_hash"], "password_hash: %v", err)
		}
	}
	return a
}

func (r *reader) certificates(n *yaml.Node) (list []string) {
	r.list(n, "certificates", func(n *yaml.Node) {
		s, ok := r.oneLine(n, "a certificate")
		if !ok {
			return
		}
		name, err := auth.ParseCertificate(s)
		if err != nil {
			r.add(n.Line, "certificates: %q: %v", s, err)
			return
		}
		list = append(list, name)
	})
	return list
}

func (r *reader) agreement(n *yaml.Node) agreementEntry {
	e := r.entry(n, "an agreement")
	a := &agreement.Agreement{}
	var name string
	var externals []*external
	if !r.mapping(n, e.what,
		e.words("name", &name), e.words("title", &a.Title), e.text("description", &a.Description), e.words("api_root", &a.APIRoot),
		e.at("collection", func(n *yaml.Node) { e.collection(n, &a.Collection) }),
		e.at("parties", func(n *yaml.Node) {
			r.list(n, "parties", func(n *yaml.Node) { e.membership(n, &a.Parties) })
		}),
		e.words("members", &a.Members), e.words("origins", &a.Origins),
		e.at("term", func(n *yaml.Node) {
			r.mapping(n, "a term", e.date("term.from", &a.Term.From), e.date("term.until", &a.Term.Until))
		}),
		e.wording(&a.Wording),
		e.at("accept", func(n *yaml.Node) { e.accept(n, &a.Accept) }),
		e.at("release", func(n *yaml.Node) {
			r.list(n, "release", func(n *yaml.Node) { e.release(n, &a.Release) })
		}),
		e.at("retention", func(n *yaml.Node) { e.retention(n, &a.Retention) }),
		e.at("mirror", func(n *yaml.Node) { e.mirror(n, &a.Mirror, &externals) }),
		e.flag("public", &a.Public)) {
		return agreementEntry{a, e.marks, nil, nil}
	}
	a.Name = agreement.Name(name)
	if a.Title == "" {
		a.Title = name
	}
	for _, field := range []string{"name", "api_root"} {
		if _, there := e.marks[field]; !there {
			e.add(e.marks[""], "an agreement has no %s", field)
		}
	}
	outboxes := e.outboxesOf(a)
	if a.Mirror != nil {
		e.checkLogin("mirror", &a.Mirror.Remote, externals)
	}
	made := agreementEntry{a, e.marks, externals, outboxes}
	e.check(made)
	return made
}

// check adds what agreement.Check says, at its lines, unless reading the field has shown it already.
func (e entry) check(a agreementEntry) {
	for _, fault := range agreement.Check(a.checked()) {
		_, there := e.marks[fault.Field]
		missing := !there && (fault.Field == "name" || fault.Field == "title" || fault.Field == "api_root")
		if !e.faulty[fault.Field] && !missing {
			e.add(e.marks.line(fault.Field), "%s: %s: %s", a.called(), fault.Field, fault.Message)
		}
	}
}

// checked is the agreement as it is checked: an id that is missing is drawn later.
func (a agreementEntry) checked() *agreement.Agreement {
	c := a.Clone()
	if c.Collection.ID == (uuid.UUID{}) {
		c.Collection.ID = uuid.New()
	}
	return c
}

func (e entry) collection(n *yaml.Node, c *agreement.Collection) {
	var id string
	e.mapping(n, "a collection", e.words("collection.id", &id), e.words("collection.alias", &c.Alias))
	if id == "" {
		return
	}
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != 36 || parsed.Version() != 4 || parsed.Variant() != uuid.RFC4122 {
		e.add(e.marks["collection.id"], "collection.id is %q here, want a UUIDv4 such as %s, or leave it out to have one drawn", id, uuid.New())
		return
	}
	c.ID = parsed
}

func (e entry) membership(n *yaml.Node, list *[]agreement.Membership) {
	field := fmt.Sprintf("parties[%d]", len(*list))
	e.marks[field] = n.Line
	var m agreement.Membership
	var party string
	if e.mapping(n, "a party of an agreement", e.words(field+".party", &party),
		e.texts(field+".roles", func(s string) { m.Roles = append(m.Roles, agreement.Role(s)) }),
		e.flag(field+".anonymous", &m.Anonymous)) {
		m.Party = agreement.PartyName(party)
		*list = append(*list, m)
	}
}

func (e entry) accept(n *yaml.Node, a *agreement.Accept) {
	e.mapping(n, "accept",
		e.texts("accept.types", func(s string) { a.Types = append(a.Types, s) }),
		e.texts("accept.spec_versions", func(s string) { a.SpecVersions = append(a.SpecVersions, s) }),
		e.tlp("accept.max_tlp", &a.MaxTLP), e.tlp("accept.default_tlp", &a.DefaultTLP),
		e.flag("accept.require_marking", &a.RequireMarking), e.words("accept.warnings", &a.Warnings),
		e.words("accept.created_by", &a.CreatedBy), e.words("accept.future_modified", &a.FutureModified),
		e.pap("accept.max_pap", &a.MaxPAP), e.markings("accept.markings", &a.Markings),
		e.texts("accept.tolerate", func(s string) { a.Tolerate = append(a.Tolerate, s) }),
		e.lifetime("accept.keep_refused", maxRefusedDays, &a.KeepRefusedDays),
		e.words("accept.versions", &a.Versions), e.flag("accept.relay", &a.Relay),
		e.words("accept.corrections", &a.Corrections), e.words("accept.consent", (*string)(&a.Consent)))
}

func (e entry) release(n *yaml.Node, list *[]agreement.Release) {
	field := fmt.Sprintf("release[%d]", len(*list))
	e.marks[field] = n.Line
	var rel agreement.Release
	var to string
	if e.mapping(n, "a release", e.target(field+".to", &to, len(*list)), e.tlp(field+".max_tlp", &rel.MaxTLP),
		e.texts(field+".types", func(s string) { rel.Types = append(rel.Types, s) }),
		e.pap(field+".max_pap", &rel.MaxPAP), e.markings(field+".markings", &rel.Markings),
		e.words(field+".references", &rel.References), e.span(field+".after", &rel.After), e.date(field+".not_before", &rel.NotBefore),
		e.words(field+".hold", &rel.Hold), e.expiry(field+".expire", &rel.Expire),
		e.where(field+".where", &rel.Where), e.change(field+".change", &rel.Change), e.feedback(field+".feedback", &rel.Feedback)) {
		rel.To = agreement.Name(to)
		*list = append(*list, rel)
	}
}

// maxRefusedDays is a year: what was refused waits to be mended, it is no archive.
const maxRefusedDays = 366

// maxRetentionDays is a century. To keep objects longer, leave max_age out.
const maxRetentionDays = 36525

func (e entry) retention(n *yaml.Node, ret *agreement.Retention) {
	e.mapping(n, "retention",
		e.at("retention.versions", func(n *yaml.Node) {
			if v, ok := e.integer(n, "versions", 1, math.MaxInt32); ok {
				ret.Versions = int(v)
			}
		}),
		e.lifetime("retention.max_age", maxRetentionDays, &ret.MaxAgeDays))
}

// lifetime reads a number of days such as 90d.
func (e entry) lifetime(field string, most int, set *int) key {
	return e.at(field, func(n *yaml.Node) {
		name := field[strings.LastIndexByte(field, '.')+1:]
		s, ok := e.oneLine(n, name)
		if !ok {
			return
		}
		digits, hasUnit := strings.CutSuffix(s, "d")
		days, err := strconv.Atoi(digits)
		if !hasUnit || err != nil || days < 1 || days > most {
			e.add(n.Line, "%s is %q here, want a number of days such as 30d, %d at most", name, s, most)
			return
		}
		*set = days
	})
}
