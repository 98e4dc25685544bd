package follow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// exchange is a data folder with agreements that release to each other.
type exchange struct {
	t     testing.TB
	store *store.Store
	now   time.Time
	pages atomic.Uint64 // that were read
}

var (
	vendor = agreement.Party{Name: "vendor", Title: "Vendor", Identity: creator}
	agency = agreement.Party{Name: "agency", Title: "Agency"}
)

// seeds returns how many random histories a test judges: half of all, unless it runs in make check.
func seeds(all uint64) uint64 {
	if os.Getenv("ACCORD_LONG") != "" {
		return all
	}
	return all / 2
}

func open(t testing.TB, dir string) *exchange {
	t.Helper()
	return openWith(t, dir, store.Options{})
}

func openWith(t testing.TB, dir string, opts store.Options) *exchange {
	t.Helper()
	x := &exchange{t: t, now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	s, err := store.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	x.store = s
	if len(s.Registry().Roots) == 0 {
		x.must(s.Change(context.Background(), store.Actor{}, []store.RegistryChange{
			{Root: &store.Root{Name: "nicp", Title: "NICP", MaxContentLength: 1 << 20}}, {Party: &vendor}, {Party: &agency},
		}))
	}
	t.Cleanup(x.close)
	return x
}

func (x *exchange) close() {
	for _, col := range x.store.Collections() {
		faults, err := col.Check(context.Background())
		if err != nil {
			continue // closed by the test
		}
		for _, fault := range faults {
			x.t.Errorf("check %s: %s", col.Agreement().Name, fault)
		}
	}
	x.must(x.store.Close())
}

func (x *exchange) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// agreement makes an agreement named name; terms may change it first.
func (x *exchange) agreement(name agreement.Name, terms func(*agreement.Agreement)) *store.Collection {
	x.t.Helper()
	both := []agreement.Role{agreement.Producer, agreement.Consumer}
	a := &agreement.Agreement{
		Name: name, Title: string(name), APIRoot: "nicp", Collection: agreement.Collection{ID: uuid.New()},
		Parties: []agreement.Membership{{Party: "vendor", Roles: both}, {Party: "agency", Roles: both}},
		Accept:  agreement.Accept{DefaultTLP: stix.Clear},
	}
	if terms != nil {
		terms(a)
	}
	col, err := x.store.CreateAgreement(context.Background(), store.Actor{}, a.Canonical())
	x.must(err)
	return col
}

func (x *exchange) col(name agreement.Name) *store.Collection {
	x.t.Helper()
	col, ok := x.store.Collection(name)
	if !ok {
		x.t.Fatalf("no agreement %s", name)
	}
	return col
}

// terms changes an agreement's terms.
func (x *exchange) terms(name agreement.Name, act string, change func(*agreement.Agreement)) {
	x.t.Helper()
	a := x.col(name).Agreement().Clone()
	change(a)
	_, err := x.col(name).Append(context.Background(), store.Batch{Changes: []store.Change{
		{Terms: &store.TermsChange{Agreement: a.Canonical(), Act: act}}}})
	x.must(err)
}

// add has a party add objects, all of which must be taken.
func (x *exchange) add(name agreement.Name, texts ...string) {
	x.t.Helper()
	var raws [][]byte
	for _, text := range texts {
		raws = append(raws, []byte(text))
	}
	r, err := ingest.Accept(context.Background(), x.col(name), agreement.Caller{Account: "push", Party: vendor.Name}, vendor, raws, ingest.Options{Now: x.now})
	x.must(err)
	for _, d := range r.Details {
		if d.Outcome == ingest.Refused {
			x.t.Fatalf("add %s to %s: %s", d.ID, name, d.Message)
		}
	}
}

func (x *exchange) remove(name agreement.Name, id stix.ID, versions store.Versions) {
	x.t.Helper()
	_, err := x.col(name).Append(context.Background(), store.Batch{Actor: store.Actor{Account: "push", Party: "vendor"},
		Changes: []store.Change{{Remove: &store.Removal{ID: id, Versions: versions}}}})
	x.must(err)
}

func (x *exchange) manager(c follow.Config) *follow.Manager {
	c.Store, c.Now = x.store, func() time.Time { return x.now }
	return follow.New(c)
}

func (x *exchange) settle() {
	x.t.Helper()
	x.must(x.manager(follow.Config{}).Settle(context.Background()))
}

// holds returns the names and versions in an agreement, sorted: "a@1" is what object("…", "a", 1, …) made.
func (x *exchange) holds(name agreement.Name) []string {
	x.t.Helper()
	page, err := x.col(name).Page(store.Query{Versions: store.Versions{All: true}, Limit: 100_000}, nil)
	x.must(err)
	var list []struct {
		Type, ID, Name, Modified, Description string
	}
	x.must(json.Unmarshal([]byte("["+string(page.Body)+"]"), &list))
	var got []string
	for _, o := range list {
		word := o.Name
		if word == "" {
			word = o.Description
		}
		if word == "" {
			word = o.ID
		}
		if t, err := time.Parse(time.RFC3339, o.Modified); err == nil {
			word += fmt.Sprintf("@%d", t.Day())
		}
		got = append(got, word)
	}
	slices.Sort(got)
	return got
}

func (x *exchange) want(name agreement.Name, want ...string) {
	x.t.Helper()
	if got := x.holds(name); strings.Join(got, " ") != strings.Join(want, " ") {
		x.t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// withdrawals returns the reasons for which versions were withdrawn from an agreement, in order.
func (x *exchange) withdrawals(name agreement.Name) []string {
	x.t.Helper()
	var got []string
	x.must(x.col(name).Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Withdrawn {
			got = append(got, e.Object+" "+e.Version+": "+e.Reason)
		}
		return true
	}))
	return got
}

const creator stix.ID = "identity--11111111-1111-4111-8111-111111111111"

var markings = map[string]stix.ID{"clear": stix.TLP2Clear, "green": stix.TLP2Green, "amber": stix.TLP2Amber, "red": stix.TLP2Red}

func idOf(typ, name string) stix.ID {
	u := uuid.NewSHA1(uuid.NameSpaceOID, []byte(typ+name))
	u[6] = u[6]&0x0f | 0x40
	return stix.ID(typ + "--" + u.String())
}

// object is version day of a domain object of that name; mark is a TLP level, an identifier, or nothing.
func object(typ, name string, day int, mark string) string {
	o := map[string]any{"type": typ, "id": idOf(typ, name), "name": name}
	switch typ {
	case "campaign", "identity":
	case "malware":
		o["is_family"] = false
	}
	return write(o, day, mark)
}

func write(o map[string]any, day int, mark string) string {
	o["spec_version"], o["created"] = "2.1", "2026-01-01T00:00:00.000Z"
	o["modified"] = fmt.Sprintf("2026-01-%02dT00:00:00.000Z", day)
	if id, ok := markings[mark]; ok {
		o["object_marking_refs"] = []stix.ID{id}
	} else if mark != "" {
		o["object_marking_refs"] = []string{mark}
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// relationship is version day of one that leads from one object to another; its description is its name.
func relationship(name string, from, to stix.ID, day int, mark string) string {
	return write(map[string]any{"type": "relationship", "id": idOf("relationship", name), "relationship_type": "related-to",
		"source_ref": from, "target_ref": to, "description": name}, day, mark)
}

func sighting(name string, s stix.ID, day int, mark string) string {
	return write(map[string]any{"type": "sighting", "id": idOf("sighting", name), "sighting_of_ref": s, "description": name}, day, mark)
}

// by gives an object an author.
func by(id stix.ID, text string) string {
	return strings.Replace(text, "{", fmt.Sprintf(`{"created_by_ref":%q,`, id), 1)
}

func releaseTo(name agreement.Name, max stix.TLP, types ...string) func(*agreement.Agreement) {
	return func(a *agreement.Agreement) {
		a.Release = append(a.Release, agreement.Release{To: name, MaxTLP: max, Types: types})
	}
}

func parse(t testing.TB, text string) stix.Object {
	t.Helper()
	tree := new(ijson.Tree)
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	return stix.FromTree(tree)
}
