package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// stored is one version as the model keeps it.
type stored struct {
	id       stix.ID
	spec     string
	version  string // "" for unversioned objects
	instant  stix.Instant
	added    time.Time
	position journal.Position
	by       string // party, or the collection of the release
	creator  string // the party whose identity it names
	sources  []string
	origin   origins // of its object, as when the first version was added
	text     string
}

type origins struct{ adder, creator string }

func firstOf(list []stored) stored {
	return slices.MinFunc(list, func(a, b stored) int { return a.added.Compare(b.added) })
}

func newModel() *model { return &model{gone: map[string]string{}, former: map[stix.ID]string{}} }

// source is the version that a new version of the same object takes its origin from.
func (m *model) source(id stix.ID) *stored {
	of := m.of(id)
	if i := slices.IndexFunc(of, func(s stored) bool { return s.version != "" }); i >= 0 {
		return &of[i]
	}
	if len(of) == 0 {
		return nil
	}
	first := firstOf(of)
	return &first
}

// taxiiVersion is the version that clients see and ask for.
func (s stored) taxiiVersion() string {
	if s.version == "" {
		return s.added.Format("2006-01-02T15:04:05.000000Z")
	}
	return s.version
}

func (s stored) at() stix.Instant {
	if s.version == "" {
		return stix.InstantOf(s.added)
	}
	return s.instant
}

// model is a collection as a plain list, and the Standard's rules in the plainest words.
type model struct {
	held   []stored           // as they were added
	gone   map[string]string  // by tombstone: what the removal bars
	former map[stix.ID]string // who owned an object of which nothing is left

	corrections bool // the terms take them
}

// before is the order of the versions of one object.
func before(a, b stored) int {
	if c := a.at().Compare(b.at()); c != 0 {
		return c
	}
	return strings.Compare(a.spec, b.spec)
}

// answer evaluates a query in the order of T-085.
func (m *model) answer(q Query) []stored {
	var out []stored
	for _, id := range m.ids() {
		if len(q.IDs) > 0 && !slices.Contains(q.IDs, id) || len(q.Types) > 0 && !slices.Contains(q.Types, id.Type()) {
			continue // T-072
		}
		out = append(out, m.pick(id, q.Versions, q.Specs, true)...)
	}
	out = slices.DeleteFunc(out, func(s stored) bool { return !s.added.After(q.After) }) // T-069
	slices.SortFunc(out, func(a, b stored) int { return a.added.Compare(b.added) })      // T-086
	return out
}

// pick selects among the versions of one object.
func (m *model) pick(id stix.ID, versions Versions, specs []string, latestSpec bool) []stored {
	var of []stored
	for _, s := range m.held {
		if s.id == id {
			of = append(of, s)
		}
	}
	if len(specs) == 0 && latestSpec { // T-079
		in := func(spec string) bool {
			return slices.ContainsFunc(of, func(s stored) bool { return s.spec == spec && !m.beside(s) })
		}
		if in(spec20) && in(spec21) {
			specs = []string{spec21}
		}
	}
	of = slices.DeleteFunc(of, func(s stored) bool { return len(specs) > 0 && !slices.Contains(specs, s.spec) }) // T-078
	slices.SortFunc(of, before)
	if !versions.All && !versions.First && !versions.Last && len(versions.Exact) == 0 {
		versions.Last = latestSpec // T-081; a removal takes all
		versions.All = !latestSpec
	}
	first, last := slices.IndexFunc(of, func(s stored) bool { return !m.beside(s) }), -1
	for i, s := range of {
		if !m.beside(s) {
			last = i
		}
	}
	var out []stored
	for i, s := range of { // T-082, T-084
		exact := slices.ContainsFunc(versions.Exact, func(in stix.Instant) bool { return in.Compare(s.at()) == 0 })
		if versions.All || versions.First && i == first || versions.Last && i == last || exact {
			out = append(out, s)
		}
	}
	return out
}

func (m *model) ids() []stix.ID {
	var ids []stix.ID
	for _, s := range m.held {
		ids = append(ids, s.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s stored) tombstone() string {
	if s.version == "" {
		return string(s.id) + s.text + s.spec
	}
	return string(s.id) + string(s.instant.AppendKey(nil)) + s.spec
}

// world draws objects, changes and queries from small ranges, so that they meet.
type world struct {
	*rand.Rand
	ids   []stix.ID
	mixed bool // an object may have versioned and unversioned texts
	named bool // some objects name a creator
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1))}
	for n := range 14 {
		typ := [...]string{"malware", "tool", "ipv4-addr", "x-thing"}[n%4]
		id := testID(typ, n)
		w.ids = append(w.ids, id)
	}
	w.ids = append(w.ids, stix.ID("tool--"+w.ids[0].UUID()), stix.ID("malware--"+strings.ToLower(w.ids[0].UUID())))
	return w
}

var someVersions = []string{
	"2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z", "2021-05-05T05:05:05.5Z", "2021-05-05T05:05:05.50001Z",
	"2022-12-31T23:59:60Z", "2023-01-01T00:00:00.123456789123Z", "2024-02-29T12:00:00Z",
}

func (w *world) object() string {
	id := w.ids[w.IntN(len(w.ids))]
	if w.IntN(6) == 0 {
		id = stix.ID(id.Type() + "--" + strings.ToUpper(id.UUID())) // the same identifier
	}
	if id.Type() == "ipv4-addr" || w.mixed && w.IntN(20) == 0 {
		return fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":%q,"value":"198.51.100.%d"}`, id.Type(), id, w.IntN(3))
	}
	more := ""
	if w.IntN(8) == 0 {
		more = `,"x_other":1`
	}
	if n := w.IntN(9); w.named && n < 3 {
		more += fmt.Sprintf(`,"created_by_ref":%q`, testID("identity", n)) // 0 is no member's
	}
	return malware(id, []string{spec20, spec21, spec21}[w.IntN(3)], someVersions[w.IntN(len(someVersions))], more)
}

func (w *world) versions(m *model) Versions {
	v := Versions{All: w.IntN(4) == 0, First: w.IntN(4) == 0, Last: w.IntN(4) == 0}
	for w.IntN(3) == 0 {
		text := someVersions[w.IntN(len(someVersions))]
		if len(m.held) > 0 && w.IntN(2) == 0 {
			text = m.held[w.IntN(len(m.held))].taxiiVersion()
		}
		in, err := stix.ParseInstant(text)
		if err != nil {
			panic(err)
		}
		v.Exact = append(v.Exact, in)
	}
	return v
}

func (w *world) specs() []string {
	return [][]string{nil, nil, {spec20}, {spec21}, {spec20, spec21}, {spec21, spec20}, {"9.9"}, {"9.9", spec20}}[w.IntN(8)]
}

func (w *world) query(m *model) Query {
	q := Query{Versions: w.versions(m), Specs: w.specs()}
	for w.IntN(3) == 0 {
		q.IDs = append(q.IDs, w.ids[w.IntN(len(w.ids))])
	}
	if w.IntN(10) == 0 {
		q.IDs = append(q.IDs, testID("malware", 999), "nonsense")
	}
	for w.IntN(3) == 0 {
		q.Types = append(q.Types, []string{"malware", "tool", "ipv4-addr", "x-thing", "absent"}[w.IntN(5)])
	}
	if len(m.held) > 0 && w.IntN(3) == 0 {
		q.After = m.held[w.IntN(len(m.held))].added.Add(time.Duration(w.IntN(3)-1) * time.Microsecond)
	}
	return q
}

// do makes one batch of changes on both and compares the outcomes. Anybody may be behind it: two parties, two releases, the
// system, an operator.
func (w *world) do(t *testing.T, col *Collection, m *model) {
	t.Helper()
	by := w.IntN(8)
	actor := Actor{Account: "a", Party: []agreement.PartyName{"vendor", "agency", "vendor", "agency", "", "", "", ""}[by]}
	var source journal.Source
	switch by {
	case 4, 5:
		actor, source = Actor{}, journal.Source{Collection: []uuid.UUID{fromA, fromB}[by-4], Position: 7}
	case 6:
		actor = Actor{}
	}
	operator := by == 7
	var changes []Change
	for range 1 + w.IntN(6) {
		if by >= 6 || w.IntN(6) == 0 {
			r := &Removal{ID: w.ids[w.IntN(len(w.ids))], Versions: w.versions(m), Specs: w.specs()}
			switch {
			case operator:
				r.Operator, r.Bar, r.Reason = true, w.IntN(4) == 0, "r"
			case !source.IsZero():
				r.OnlyFrom, r.Kind, r.MayReturn = source.Collection, journal.Withdrawn, w.IntN(2) == 0
			default:
				r.OnlyBy = actor.Party
			}
			changes = append(changes, Change{Remove: r})
			if by >= 6 {
				break
			}
			continue
		}
		a := &Addition{Object: parsed(t, w.object()), Source: source}
		if !source.IsZero() {
			a.Owner = []agreement.PartyName{"", "vendor", "agency"}[w.IntN(3)]
		}
		changes = append(changes, Change{Add: a})
	}
	r, err := col.Append(context.Background(), Batch{Actor: actor, Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	// Bring the model up to date only after the whole batch: times are known then.
	for i, ch := range changes {
		contradicts := ch.Add != nil && slices.ContainsFunc(changes[:i], func(other Change) bool {
			a, b := ch.Add, other.Add
			return b != nil && a.Object.ID == b.Object.ID && a.Object.SpecVersion == b.Object.SpecVersion && a.Object.Instant.Compare(b.Object.Instant) == 0
		})
		m.apply(t, ch, r.Outcomes[i], string(actor.Party), contradicts)
	}
}

// The identities that the members of the model's agreement declare.
var declared = map[stix.ID]string{testID("identity", 1): "vendor", testID("identity", 2): "agency"}

// declare gives the agreement of a collection these identities.
func declare(t testing.TB, col *Collection) {
	t.Helper()
	if err := tryDeclare(col); err != nil {
		t.Fatal(err)
	}
}

// tryDeclare is declare for a collection that may be damaged.
func tryDeclare(col *Collection) error {
	a := col.Agreement().Clone()
	for id, party := range declared {
		for i := range a.Parties {
			if string(a.Parties[i].Party) == party {
				a.Parties[i].Identity = id
			}
		}
	}
	_, err := col.Append(context.Background(), Batch{Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "change"}}}})
	return err
}

// apply compares an outcome with the model's and then makes the change in it.
func (m *model) apply(t *testing.T, ch Change, got Outcome, party string, contradicts bool) {
	t.Helper()
	if ch.Remove != nil {
		m.remove(t, *ch.Remove, got)
		return
	}
	o := ch.Add.Object
	s := stored{
		id: o.ID, spec: o.SpecVersion, version: o.Version, instant: o.Instant, text: string(o.Raw()),
		added: got.At, position: got.Position, by: party, creator: declared[creatorOf(o)],
	}
	if from := ch.Add.Source.Collection; from != (uuid.UUID{}) {
		s.by, s.sources = from.String(), []string{from.String()}
		party = string(ch.Add.Owner)
	}
	want, found := m.outcome(&s, party)
	if want == Conflict && !contradicts && m.mayCorrect(&s, found, party) {
		want = Corrected
	}
	if got.Kind != want {
		t.Fatalf("add %s by %s: got %s, want %s", s.text, s.by, kinds([]Outcome{got}), kinds([]Outcome{{Kind: want}}))
	}
	switch want {
	case Added:
		if from := m.source(s.id); from != nil && s.version != "" {
			s.origin = from.origin
		} else {
			s.origin = origins{s.by, s.creator}
		}
		m.held = append(m.held, s)
		delete(m.gone, s.tombstone())
		if s.version != "" {
			delete(m.former, s.id)
		}
		if got.Version != s.taxiiVersion() {
			t.Fatalf("add %s: got version %s, want %s", s.text, got.Version, s.taxiiVersion())
		}
	case Corrected:
		if !slices.Equal(got.Positions, []journal.Position{found.position}) || !got.At.After(found.added) {
			t.Fatalf("correct %s: got %+v, want the text at %d replaced", s.text, got, found.position)
		}
		s.origin = found.origin
		if len(m.of(s.id)) == 1 {
			s.origin.creator = s.creator
		}
		m.held = append(slices.DeleteFunc(m.held, func(h stored) bool { return h.position == found.position }), s)
	case Already, Conflict:
		if got.Position != found.position || !got.At.Equal(found.added) || got.Version != found.taxiiVersion() {
			t.Fatalf("add %s: got %+v, want the version that is there, %+v", s.text, got, found)
		}
		if want == Already && len(s.sources) > 0 && len(found.sources) > 0 && !slices.Contains(found.sources, s.by) {
			found.sources = append(found.sources, s.by)
		}
	}
}

// mayCorrect reports whether a party may replace the text of a version: as decision 49 has it.
func (m *model) mayCorrect(s, found *stored, party string) bool {
	owner := cond(found.origin.creator != "", found.origin.creator, found.origin.adder)
	return m.corrections && len(s.sources)+len(found.sources) == 0 && (found.by == party || owner == party) &&
		(s.creator == "" || s.creator == party) && m.mayVersion(s, party)
}

// of lists the versions of an object as they were added.
func (m *model) of(id stix.ID) (list []stored) {
	for _, s := range m.held {
		if s.id == id {
			list = append(list, s)
		}
	}
	return list
}

// beside reports whether a version is unversioned content of another than the first contributor.
func (m *model) beside(s stored) bool {
	return s.version == "" && s.origin.adder != firstOf(m.of(s.id)).origin.adder
}

// outcome is what becomes of an addition for a party, in the words of decision 14.
func (m *model) outcome(s *stored, party string) (OutcomeKind, *stored) {
	for i := range m.held {
		held := &m.held[i]
		same := held.text == s.text || stix.SameContent([]byte(held.text), []byte(s.text))
		if held.id != s.id || held.spec != s.spec || (held.version == "") != (s.version == "") {
			continue
		}
		switch {
		case same && (s.version == "" || held.instant.Compare(s.instant) == 0):
			return Already, held
		case s.version != "" && held.instant.Compare(s.instant) == 0:
			return Conflict, held
		}
	}
	if s.creator != "" && s.creator != party {
		return NotCreator, nil
	}
	if s.version != "" && !m.mayVersion(s, party) {
		return NotOwner, nil
	}
	switch removal, removed := m.gone[s.tombstone()]; {
	case !removed:
	case removal == "bar":
		return cond(len(s.sources) > 0, Gone, Barred), nil
	case len(s.sources) > 0 && (removal == "system" || removal == s.by):
		return Gone, nil
	}
	return Added, nil
}

func (m *model) mayVersion(s *stored, party string) bool {
	source := m.source(s.id)
	if source == nil {
		owner := m.former[s.id]
		return len(s.sources) > 0 || owner == "" || owner == s.by || owner == party || s.creator != "" && s.creator == party
	}
	from := source.origin
	owner := from.adder
	if from.creator != "" {
		return from.creator == party
	}
	if owner == s.by {
		return true
	}
	if owner == "vendor" || owner == "agency" {
		return owner == party
	}
	near := m.near(s)
	return slices.Contains(near.sources, s.by) && !slices.Contains(near.sources, owner)
}

// near is the version before a new one, else the one after it.
func (m *model) near(s *stored) stored {
	of := m.of(s.id)
	slices.SortFunc(of, before)
	near := of[0]
	for _, held := range of {
		if before(held, *s) < 0 {
			near = held
		}
	}
	return near
}

func (m *model) remove(t *testing.T, r Removal, got Outcome) {
	t.Helper()
	picked := m.pick(r.ID, r.Versions, r.Specs, false)
	want, all := Removed, len(picked)
	of := m.of(r.ID)
	switch from := r.OnlyFrom.String(); {
	case r.OnlyFrom != uuid.UUID{}:
		picked = slices.DeleteFunc(picked, func(s stored) bool { return m.drop(s, from) })
	case r.OnlyBy != "":
		picked = slices.DeleteFunc(picked, func(s stored) bool {
			owner := cond(s.origin.creator != "", s.origin.creator, s.origin.adder)
			return len(s.sources) > 0 || s.by != string(r.OnlyBy) && owner != string(r.OnlyBy)
		})
		if all > 0 && len(picked) == 0 {
			want = NotTheirs
		}
	}
	if len(picked) == 0 && want == Removed {
		want = Missing
	}
	if got.Kind != want {
		t.Fatalf("remove %+v: got %s, want %s", r, kinds([]Outcome{got}), kinds([]Outcome{{Kind: want}}))
	}
	if want != Removed {
		return
	}
	var positions []journal.Position
	for _, s := range picked {
		positions = append(positions, s.position)
		m.gone[s.tombstone()] = removalOf(r)
	}
	slices.Sort(positions)
	if !slices.Equal(got.Positions, positions) {
		t.Fatalf("remove %+v: got positions %v, want %v", r, got.Positions, positions)
	}
	m.held = slices.DeleteFunc(m.held, func(s stored) bool { return slices.Contains(positions, s.position) })
	if len(m.of(r.ID)) == 0 && !r.Operator && r.OnlyFrom == (uuid.UUID{}) {
		if i := slices.IndexFunc(of, func(s stored) bool { return s.version != "" }); i >= 0 {
			m.former[r.ID] = of[i].origin.adder
		}
	}
}

// drop ends that a release is a source of a version, and reports whether the version stays.
func (m *model) drop(s stored, from string) bool {
	for i := range m.held {
		held := &m.held[i]
		if held.position != s.position || !slices.Contains(held.sources, from) {
			continue
		}
		if len(held.sources) == 1 {
			return false
		}
		held.sources = slices.DeleteFunc(slices.Clone(held.sources), func(one string) bool { return one == from })
	}
	return true
}

// removalOf is what bars() goes by.
func removalOf(r Removal) string {
	switch {
	case r.Bar:
		return "bar"
	case r.OnlyFrom != uuid.UUID{} && !r.MayReturn:
		return r.OnlyFrom.String()
	case r.OnlyFrom == uuid.UUID{} && r.OnlyBy == "" && !r.Operator:
		return "system"
	}
	return "open"
}

// The store answers every query as the plain list does, however it is paged.
func TestPagesAreThoseOfAPlainList(t *testing.T) { // T-068, T-069, T-072, T-077 to T-091, T-097
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(seed)
			w.mixed, w.named = true, true
			m := newModel()
			col := newCollection(t, collectionOptions{Now: clockFrom(testEpoch, 3*time.Millisecond)})
			declare(t, col)
			if m.corrections = seed%2 == 1; m.corrections {
				takeCorrections(t, col)
			}
			for range rounds {
				w.do(t, col, m)
				for range 12 {
					compare(t, col, m, w.query(m), 1+w.IntN(9), w.IntN(2) == 0)
				}
			}
			mustBeSound(t, col)
		})
	}
}

// compare reads the answer to a query page by page, by Page and by Records, and holds it against the model's.
func compare(t *testing.T, col *Collection, m *model, q Query, limit int, tight bool) {
	t.Helper()
	want := m.answer(q)
	q.Limit = limit
	if tight {
		q.MaxBytes = 700
	}
	if len(q.IDs) == 1 {
		compareKnown(t, col, m, q)
	}
	start := q
	for n := 0; ; {
		page, err := col.Page(q, []byte("before"))
		if err != nil {
			t.Fatalf("%+v: %v", start, err)
		}
		body, ok := bytes.CutPrefix(page.Body, []byte("before"))
		if got := split(t, body); !ok || len(got) != page.Count || len(got) != len(page.Positions) {
			t.Fatalf("%+v: got %d objects and %d positions, the page says %d", start, len(got), len(page.Positions), page.Count)
		}
		if page.Count > limit || tight && page.Count > 1 && len(body) > q.MaxBytes { // T-089
			t.Fatalf("%+v: got %d objects in %d bytes", q, page.Count, len(body))
		}
		if !tight && page.Count != min(limit, len(want)-n) { // T-090
			t.Fatalf("%+v: got %d objects from the %dth on, want %d of %d", q, page.Count, n, min(limit, len(want)-n), len(want))
		}
		for i, got := range split(t, body) {
			if n+i >= len(want) || got != want[n+i].text || page.Positions[i] != want[n+i].position {
				t.Fatalf("%+v: object %d: got %s at %d, want %+v", start, n+i, got, page.Positions[i], want[min(n+i, len(want)):])
			}
		}
		compareRecords(t, col, q, want[n:], page)
		n += page.Count
		if page.More != (n < len(want)) { // T-091
			t.Fatalf("%+v: got more %v after %d of %d", q, page.More, n, len(want))
		}
		if page.Count == 0 {
			if !page.First.IsZero() || !page.Last.IsZero() {
				t.Fatalf("%+v: an empty page from %v to %v", q, page.First, page.Last)
			}
			break
		}
		if !page.First.Equal(want[n-page.Count].added) || !page.Last.Equal(want[n-1].added) { // T-100
			t.Fatalf("%+v: got %v to %v, want %v to %v", q, page.First, page.Last, want[n-page.Count].added, want[n-1].added)
		}
		q.After = page.Last // T-093
		if !page.More {
			break
		}
	}
}

// compareRecords holds the manifest of a query against the same answer (T-063).
func compareRecords(t *testing.T, col *Collection, q Query, want []stored, page Page) {
	t.Helper()
	records, head, err := col.Records(q)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != min(q.Limit, len(want)) || head.Count != len(records) || head.Body != nil || q.MaxBytes == 0 && head.More != page.More {
		t.Fatalf("%+v: got %d records (%d, more %v), want %d", q, len(records), head.Count, head.More, min(q.Limit, len(want)))
	}
	for i, r := range records {
		s := want[i]
		r.ID = stix.ID(strings.ToLower(string(r.ID)))
		if r != (Record{ID: s.id, Version: s.taxiiVersion(), Spec: s.spec, Added: s.added, Position: s.position}) {
			t.Fatalf("%+v: record %d: got %+v, want %+v", q, i, r, s)
		}
	}
}

// compareKnown checks what decides between 404 and an empty answer (T-062).
func compareKnown(t *testing.T, col *Collection, m *model, q Query) {
	t.Helper()
	_, page, err := col.Records(q)
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Contains(m.ids(), q.IDs[0])
	v := q.Versions
	if !v.All && !v.First && !v.Last && len(v.Exact) == 0 {
		v.Last = true
	}
	version := len(m.pick(q.IDs[0], v, []string{spec20, spec21}, true)) > 0
	if page.KnownID != known || page.KnownVersion != version {
		t.Fatalf("%+v: got known %v, version %v; want %v, %v", q, page.KnownID, page.KnownVersion, known, version)
	}
}
