package applyfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// Results of applying one thing.
const (
	Created   = "created"
	Changed   = "changed"
	Unchanged = "unchanged"
)

// Line says what became of one thing of an apply file.
type Line struct {
	Kind    string   `json:"kind"`           // server, api_root, party, account, credentials, agreement
	Name    string   `json:"name,omitempty"` // none for the server
	Result  string   `json:"result"`         // Created, Changed or Unchanged
	Changes []string `json:"changes,omitempty"`

	Notes    []string `json:"notes,omitempty"`    // what stays although the file says otherwise
	Warnings []string `json:"warnings,omitempty"` // what the thing may break, although it is valid

	Terms []TermDiff `json:"terms,omitempty"` // of an agreement: old and new values
}

// String is such as "account vendor-push: changed (password)".
func (l Line) String() string {
	s := strings.TrimSpace(l.Kind+" "+l.Name) + ": " + l.Result
	if len(l.Changes) > 0 {
		s += " (" + strings.Join(l.Changes, ", ") + ")"
	}
	for _, n := range l.Notes {
		s += "; " + n
	}
	for _, w := range l.Warnings {
		s += "\n  warning: " + w
	}
	return s
}

// Step is one thing of the file with what has to be done for it; at most one of the pointers is set.
type Step struct {
	Line
	Registry *store.RegistryChange
	Create   *agreement.Agreement
	Terms    *agreement.Agreement
}

// Plan lists what bringing a store to a file takes, in an order in which everything exists before it is referred to.
type Plan struct {
	File  string // for messages
	Steps []Step

	before map[agreement.Name]*agreement.Agreement
}

// Lines says what the plan makes of each thing in the file.
func (p *Plan) Lines() []Line {
	lines := make([]Line, len(p.Steps))
	for i, st := range p.Steps {
		lines[i] = st.Line
	}
	return lines
}

// planner compares a file with what the server holds.
type planner struct {
	problems
	file *File

	store       *store.Store // nil: an empty one
	registry    *store.Registry
	agreements  map[agreement.Name]*agreement.Agreement // as they are, then as they will be
	before      map[agreement.Name]*agreement.Agreement
	unavailable map[agreement.Name]store.Unavailable
	secrets     []store.Credential // as they will be
	steps       []Step
}

// NewPlan compares a file with a store; with a nil store, with an empty one. What is wrong, on reading the file and now, is
// one *Error, and then there is no plan. The plan holds as long as nothing else changes the store.
func NewPlan(s *store.Store, f *File) (*Plan, error) {
	p := &planner{
		problems:    slices.Clone(f.faults),
		file:        f,
		store:       s,
		registry:    &store.Registry{},
		agreements:  make(map[agreement.Name]*agreement.Agreement),
		before:      make(map[agreement.Name]*agreement.Agreement),
		unavailable: make(map[agreement.Name]store.Unavailable),
	}
	if s != nil {
		p.registry = s.Registry()
		p.secrets = p.registry.Credentials
		for _, col := range s.Collections() {
			a := col.Agreement()
			p.agreements[a.Name], p.before[a.Name] = a, a
		}
		for _, u := range s.Unavailable() {
			p.unavailable[u.Name] = u
		}
	}
	p.server()
	p.roots()
	p.parties()
	p.accounts()
	p.planAgreements()
	if len(p.problems) == 0 {
		p.passwordsRead()
	}
	if err := p.err(f.Name); err != nil {
		return nil, err
	}
	return &Plan{File: f.Name, Steps: p.steps, before: p.before}, nil
}

func (p *planner) step(kind, name string, existed bool, changes []string, do func(*Step)) {
	st := Step{Line: Line{Kind: kind, Name: name, Result: Unchanged}}
	switch {
	case !existed:
		st.Result = Created
		do(&st)
	case len(changes) > 0:
		st.Result, st.Changes = Changed, changes
		do(&st)
	}
	p.steps = append(p.steps, st)
}

// once reports a name that the file has twice, and reports whether it is new.
func (p *planner) once(seen map[string]int, what, name string, line int) bool {
	if name == "" {
		return true // reported already
	}
	if first, twice := seen[name]; twice {
		p.add(line, "%s %s appears twice, first on line %d; want one entry with everything about it", what, name, first)
		return false
	}
	seen[name] = line
	return true
}

func (p *planner) server() {
	if p.file.server == nil {
		return
	}
	now, want := p.registry.Server, p.file.server.Server
	p.step("server", "", now != (store.Server{}), differ(now, want), func(st *Step) {
		st.Registry = &store.RegistryChange{Server: &want}
	})
}

func (p *planner) roots() {
	seen := make(map[string]int)
	for _, r := range p.file.roots {
		p.once(seen, "the API root", r.Name, r.line("name"))
		now, existed := p.registry.Root(r.Name)
		p.step("api_root", r.Name, existed, differ(now, r.Root), func(st *Step) {
			st.Registry = &store.RegistryChange{Root: &r.Root}
		})
	}
}

func (p *planner) parties() {
	seen := make(map[string]int)
	for _, party := range p.file.parties {
		p.once(seen, "the party", string(party.Name), party.line("name"))
		now, existed := p.registry.Party(party.Name)
		p.step("party", string(party.Name), existed, differ(now, party.Party), func(st *Step) {
			st.Registry = &store.RegistryChange{Party: &party.Party}
		})
	}
}

// needParty reports an unknown party. Invalid names were reported earlier.
func (p *planner) needParty(line int, who string, name agreement.PartyName) {
	_, ok := p.registry.Party(name)
	if ok || agreement.CheckName(string(name)) != nil || slices.ContainsFunc(p.file.parties, func(e partyEntry) bool { return e.Name == name }) {
		return
	}
	var there []string
	for _, known := range p.registry.Parties {
		there = append(there, string(known.Name))
	}
	for _, e := range p.file.parties {
		there = append(there, string(e.Name))
	}
	p.add(line, "%s the party %q, which is unknown; %s", who, name, choice(there))
}

// needRoot reports an unknown API root. Invalid names were reported earlier.
func (p *planner) needRoot(line int, who, name string) {
	_, ok := p.registry.Root(name)
	if ok || agreement.CheckName(name) != nil || slices.ContainsFunc(p.file.roots, func(e rootEntry) bool { return e.Name == name }) {
		return
	}
	var there []string
	for _, known := range p.registry.Roots {
		there = append(there, known.Name)
	}
	for _, e := range p.file.roots {
		there = append(there, e.Name)
	}
	p.add(line, "%s the API root %q, which is unknown; %s", who, name, choice(there))
}

// choice lists the known names.
func choice(known []string) string {
	const most = 12
	slices.Sort(known)
	known = slices.DeleteFunc(slices.Compact(known), func(name string) bool { return name == "" })
	switch more := len(known) - most; {
	case len(known) == 0:
		return "none is configured"
	case more > 0:
		return fmt.Sprintf("known are %s and %d more", strings.Join(known[:most], ", "), more)
	case len(known) == 1:
		return "known is " + known[0]
	}
	return "known are " + strings.Join(known, ", ")
}

func (p *planner) accounts() {
	seen := make(map[string]int)
	for _, a := range p.file.accounts {
		p.once(seen, "the account", a.name, a.line("name"))
		if a.party != "" {
			p.needParty(a.line("party"), "the account "+a.name+" belongs to", agreement.PartyName(a.party))
		}
		now, existed := p.registry.Account(a.name)
		want := a.over(now)
		changes := accountChanges(now, want)
		p.step("account", a.name, existed, changes, func(st *Step) {
			st.Registry = &store.RegistryChange{Account: &want, Act: accountAct(existed, changes, want)}
		})
		if now.PasswordManaged && a.passwordHash != "" && a.passwordHash != now.PasswordHash {
			last := &p.steps[len(p.steps)-1]
			last.Notes = append(last.Notes, managedHere)
		}
	}
	p.certificates()
	p.identities()
}

// identities reports a subject of an issuer that two accounts claim.
func (p *planner) identities() {
	owner, inFile := make(map[auth.Identity]string), make(map[string]bool)
	key := func(id *auth.Identity) auth.Identity { return auth.Identity{Issuer: id.Issuer, Subject: id.Subject} }
	for _, a := range p.file.accounts {
		inFile[a.name] = true
	}
	for _, a := range p.registry.Accounts {
		if a.OIDC != nil && a.OIDC.Subject != "" && !inFile[a.Name] {
			owner[key(a.OIDC)] = a.Name
		}
	}
	for _, a := range p.file.accounts {
		if a.oidc == nil || a.oidc.Subject == "" {
			continue
		}
		if other, taken := owner[key(a.oidc)]; taken && other != a.name {
			p.add(a.line("oidc"), "the subject %s of the account %s is the account %s's; want each with one account", a.oidc.Subject, a.name, other)
		}
		owner[key(a.oidc)] = a.name
	}
}

// passwordsRead reports accounts whose passwords are named but were not read.
func (p *planner) passwordsRead() {
	for _, a := range p.file.accounts {
		if a.namesPassword() && a.passwordHash == "" {
			p.add(a.line("name"), "the account %s: its password has not been read", a.name)
		}
	}
}

// managedHere is what a plan says of a password that was changed by command, and what a file may say of it.
const managedHere = "password: managed here"

// over returns the account as the file wants it. Credentials that the file does not mention stay, and so does Disabled: a
// login that was turned off is not turned on by applying an older file.
func (a *accountEntry) over(now auth.Account) auth.Account {
	want := now
	want.Name, want.Party, want.Operator = a.name, a.party, a.operator
	want.DefaultPage, want.MaxPageObjects, want.EmptyList = a.defaultPage, a.maxPage, a.emptyList
	want.OIDC, want.Networks, want.Both, want.Expires, want.Manages = a.oidc, a.networks, a.both, a.expires, a.manager
	if a.passwordHash != "" && !now.PasswordManaged {
		want.PasswordHash = a.passwordHash
	}
	if a.disabled != nil {
		want.Disabled = *a.disabled
	}
	if a.hasCerts {
		want.Certificates = slices.Compact(slices.Sorted(slices.Values(a.certificates)))
	}
	return want
}

func accountChanges(now, want auth.Account) (changes []string) {
	note := func(what string, changed bool) {
		if changed {
			changes = append(changes, what)
		}
	}
	note("default_page", now.DefaultPage != want.DefaultPage)
	note("max_page_objects", now.MaxPageObjects != want.MaxPageObjects)
	note("empty", now.EmptyList != want.EmptyList)
	note("party", now.Party != want.Party)
	note("operator", now.Operator != want.Operator)
	note("disabled", now.Disabled != want.Disabled)
	note("password", now.PasswordHash != want.PasswordHash)
	note("oidc", !reflect.DeepEqual(now.OIDC, want.OIDC))
	note("networks", !slices.Equal(now.Networks, want.Networks))
	note("require", now.Both != want.Both)
	note("expires", !now.Expires.Equal(want.Expires))
	note("manager", now.Manages != want.Manages)
	note("certificates", !slices.Equal(now.Certificates, want.Certificates))
	return changes
}

// accountAct returns the word for the journal: disabling and enabling have words of their own.
func accountAct(existed bool, changes []string, want auth.Account) string {
	if !existed || len(changes) != 1 || changes[0] != "disabled" {
		return ""
	}
	if want.Disabled {
		return "disable"
	}
	return "enable"
}

// certificates reports a certificate that two accounts claim.
func (p *planner) certificates() {
	owner := make(map[string]string)
	inFile := make(map[string]bool)
	for _, a := range p.file.accounts {
		inFile[a.name] = a.hasCerts
	}
	for _, a := range p.registry.Accounts {
		if !inFile[a.Name] {
			for _, c := range a.Certificates {
				owner[c] = a.Name
			}
		}
	}
	for _, a := range p.file.accounts {
		for _, c := range a.certificates {
			if other, taken := owner[c]; taken && other != a.name {
				p.add(a.line("certificates"), "the certificate %s of the account %s is the account %s's; want each with one account", c, a.name, other)
			}
			owner[c] = a.name
		}
	}
}

// differ names the fields, as JSON has them, in which two structs of one type differ. A nil list is an empty one.
func differ(now, want any) (fields []string) {
	a, b := reflect.ValueOf(now), reflect.ValueOf(want)
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			fields = append(fields, strings.TrimSuffix(name, "_days"))
		}
	}
	return fields
}
