package accordtest

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// The accounts. The first four belong to the party of the same name; the password of each is Password.
const (
	Vendor   = "vendor"
	Agency   = "agency"
	Member   = "member"
	Outsider = "outsider" // its party is in no agreement
	Operator = "root"
)

// Password returns an account's password.
func Password(account string) string { return account + "-password" }

// The agreements. Each one's collection has its name as its alias.
const (
	Programme = "gsp"      // in nicp: vendor adds and reads, agency reads and audits
	Intake    = "intake"   // in nicp: vendor adds but does not read, agency does both
	Circle    = "circle"   // in members: agency adds and reads, member reads; STIX 2.0 too
	Watch     = "watch"    // in members: member audits only, agency adds and reads
	Tomorrow  = "tomorrow" // in members: like circle, begins in 2999
)

// The API roots. Members is small: bodies of at most SmallBody octets.
const (
	Industry = "nicp"
	Members  = "members"

	SmallBody = 64 << 10
)

// The collections' identifiers.
var (
	ProgrammeID = uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	IntakeID    = uuid.MustParse("0b0f3a52-6d0e-4f0c-9d0b-6a3f3a1d2c11")
	CircleID    = uuid.MustParse("5f6c1a3e-2f43-4b7a-8a53-4a2f0c9d7e21")
	WatchID     = uuid.MustParse("c2d8b6a4-13e7-4c59-b1a8-7e5d3f9a0b31")
	TomorrowID  = uuid.MustParse("e7a91c05-58d2-4e36-9f74-2b8c6d0e1a41")
)

// hashes are those of the passwords, as cheap as the server takes them: tests log in often.
var hashes = map[string]string{
	Vendor:   "$argon2id$v=19$m=1024,t=1,p=1$+yw95wvPKuGfs0rTYIu7kA$itKdXcJN2hzFj3rsE6t0BWmrpH0q6147iWJbT9RxOxY",
	Agency:   "$argon2id$v=19$m=1024,t=1,p=1$cW3b/lc9trfNZu/c0z9vig$ubIoX2JQ8KCB2gx5L1dYVLc67Mwdk5zdaU7H8Kr9lSw",
	Member:   "$argon2id$v=19$m=1024,t=1,p=1$Pm6o1pyqUERjy38calzW6A$oGPHdGFwQzbsIR0QakLHjURT3pMt4DiKZ9b5nCngfSQ",
	Outsider: "$argon2id$v=19$m=1024,t=1,p=1$OodWaccIU0DOdyokBFWcmA$aj4dZf2+np3lM47Ue3Az/TEQ4+iOEydLeQ0O1bPZ488",
	Operator: "$argon2id$v=19$m=1024,t=1,p=1$mptZS6sD8ML3+tUI04i+ZQ$4z8dQqOkMIxKac/QCHTft1FzjMsDH6FtyOZWqLdFc+A",
}

// Exchange is the title that discovery states.
const Exchange = "Example exchange"

// populate writes the exchange into an empty store.
func populate(ctx context.Context, st *store.Store, roots []store.Root) error {
	by := store.Actor{Account: Operator}
	changes := []store.RegistryChange{
		{Server: &store.Server{Title: Exchange, Description: "Made for tests", Contact: "exchange@example.com"}, Act: "change"},
		{Root: &store.Root{Name: Industry, Title: "Industry partnership", MaxContentLength: 100 << 20}, Act: "create"},
		{Root: &store.Root{Name: Members, Title: "Member states", Description: "Forty of them", MaxContentLength: SmallBody}, Act: "create"},
	}
	for i := range roots {
		changes = append(changes, store.RegistryChange{Root: &roots[i], Act: "change"})
	}
	for _, name := range []string{Vendor, Agency, Member, Outsider} {
		changes = append(changes,
			store.RegistryChange{Party: &agreement.Party{Name: agreement.PartyName(name), Title: name}, Act: "create"},
			store.RegistryChange{Account: &auth.Account{Name: name, Party: name, PasswordHash: hashes[name]}, Act: "create"})
	}
	changes = append(changes, store.RegistryChange{Act: "create",
		Account: &auth.Account{Name: Operator, Operator: true, PasswordHash: hashes[Operator]}})
	if err := st.Change(ctx, by, changes); err != nil {
		return fmt.Errorf("write accord.db: %w", err)
	}
	for _, a := range agreements() {
		if _, err := st.CreateAgreement(ctx, by, a); err != nil {
			return fmt.Errorf("create the agreement %s: %w", a.Name, err)
		}
	}
	return nil
}

// agreements returns the terms of all agreements.
func agreements() []*agreement.Agreement {
	const produce, consume, audit = agreement.Producer, agreement.Consumer, agreement.Auditor
	began := agreement.Term{From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	party := func(name agreement.PartyName, roles ...agreement.Role) agreement.Membership {
		return agreement.Membership{Party: name, Roles: roles}
	}
	list := []*agreement.Agreement{
		{Name: Programme, Title: "Government programme", Description: "From vendor to agency", APIRoot: Industry,
			Term:       agreement.Term{From: began.From, Until: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
			Collection: agreement.Collection{ID: ProgrammeID},
			Parties:    []agreement.Membership{party(Vendor, produce, consume), party(Agency, consume, audit)}},
		{Name: Intake, Title: "Intake", APIRoot: Industry, Term: began,
			Collection: agreement.Collection{ID: IntakeID},
			Parties:    []agreement.Membership{party(Vendor, produce), party(Agency, produce, consume)}},
		{Name: Circle, Title: "Inner circle", APIRoot: Members, Term: began,
			Collection: agreement.Collection{ID: CircleID},
			Accept:     agreement.Accept{SpecVersions: []string{"2.0", "2.1"}},
			Parties:    []agreement.Membership{party(Agency, produce, consume), party(Member, consume)}},
		{Name: Watch, Title: "Watch", APIRoot: Members, Term: began,
			Collection: agreement.Collection{ID: WatchID},
			Parties:    []agreement.Membership{party(Agency, produce, consume), party(Member, audit)}},
		{Name: Tomorrow, Title: "Tomorrow", APIRoot: Members,
			Collection: agreement.Collection{ID: TomorrowID},
			Term:       agreement.Term{From: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
			Parties:    []agreement.Membership{party(Agency, produce, consume), party(Member, consume)}},
	}
	for _, a := range list {
		a.Collection.Alias = string(a.Name)
	}
	return list
}
