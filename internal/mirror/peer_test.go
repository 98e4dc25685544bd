package mirror_test

import (
	"encoding/json"
	"fmt"

	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// peer is a TAXII server that has one collection and the faults that real ones have.
type peer struct {
	*httptest.Server
	faults

	mu    sync.Mutex
	items []item    // guarded by mu; in the order in which they were added
	seq   int       // guarded by mu; of the last item
	asked []string  // guarded by mu
	clock time.Time // guarded by mu; of the next item
}

// faults are what is wrong with a peer. The zero value is a server without faults, whose pages have at most 10 items.
type faults struct {
	page        int  // most items of a page
	noNext      bool // says more, and not how to go on
	alwaysMore  bool // says more at the end, too
	moreMissing bool // says next alone
	numbers     bool // next is a number
	circle      bool // next leads back to the first page
	shortNext   bool // a next is known once
	emptyPages  bool // every other page is empty
	inclusive   bool // added_after includes its moment
	noHeaders   bool // without X-TAXII-Date-Added-Last
	header      func(time.Time) string
	noDate      bool                              // without Date
	date        time.Time                         // in Date; zero: now
	lastOnly    bool                              // does not know match[version]
	strict      bool                              // refuses match[version]
	refuse      func(q url.Values) int            // a status instead of an answer; 0: none
	answer      func(http.ResponseWriter) bool    // another answer; false: the usual
	mediaType   string                            // default that of TAXII
	write       func(http.ResponseWriter, []byte) // default: all of it
	noManifest  bool
}

type item struct {
	seq         int
	ID, Version string
	added       time.Time
	text        []byte
}

func newPeer(t *testing.T, f faults) *peer {
	t.Helper()
	p := &peer{faults: f, clock: time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond)}
	if p.page == 0 {
		p.page = 10
	}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) collection() string { return p.URL + "/root/collections/" + testCollection + "/" }

const testCollection = "5d3f8a52-6d0e-4f0c-9d0b-6a3f3a1d2c11"

// add adds versions, each a millisecond later than the one before, or all at once.
func (p *peer) add(together bool, texts ...[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, text := range texts {
		var o struct{ ID, Modified string }
		if err := json.Unmarshal(text, &o); err != nil {
			panic(err)
		}
		if !together || i == 0 {
			p.clock = p.clock.Add(time.Millisecond)
		}
		p.seq++
		p.items = append(p.items, item{p.seq, o.ID, o.Modified, p.clock, text})
	}
}

// remove removes an object.
func (p *peer) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.items = slices.DeleteFunc(p.items, func(i item) bool { return i.ID == id })
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.RequestURI())
	if p.noDate {
		w.Header()["Date"] = nil
	}
	if !p.date.IsZero() {
		w.Header().Set("Date", p.date.UTC().Format(http.TimeFormat))
	}
	resource := strings.TrimPrefix(r.URL.Path, "/root/collections/"+testCollection+"/")
	q := r.URL.Query()
	status := 0
	switch {
	case p.answer != nil && p.answer(w):
		return
	case resource != "objects/" && resource != "manifest/":
		status = 404
	case resource == "manifest/" && p.noManifest:
		status = 501
	case p.strict && q.Has("match[version]"):
		status = 400
	case p.refuse != nil:
		status = p.refuse(q)
	}
	if status > 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"title":"no","http_status":"%d"}`, status)
		return
	}
	p.list(w, q, resource == "manifest/")
}

// list answers with a page. A next is the number of the item before it.
func (p *peer) list(w http.ResponseWriter, q url.Values, manifest bool) {
	var found []item
	after, _ := time.Parse(time.RFC3339Nano, q.Get("added_after"))
	text, _, second := strings.Cut(q.Get("next"), ".")
	before, _ := strconv.Atoi(text)
	for n, i := range p.items {
		newer := slices.ContainsFunc(p.items[n+1:], func(o item) bool { return o.ID == i.ID })
		switch {
		case !i.added.After(after) && !(p.inclusive && i.added.Equal(after)):
		case i.seq <= before:
		case newer && (p.lastOnly || q.Get("match[version]") != "all"):
		case q.Get("match[id]") != "" && q.Get("match[id]") != i.ID:
		case q.Get("match[type]") != "" && !strings.Contains(q.Get("match[type]"), strings.Split(i.ID, "--")[0]):
		default:
			found = append(found, i)
		}
	}
	if p.noNext { // its pages lead on by date
		slices.SortStableFunc(found, func(a, b item) int { return a.added.Compare(b.added) })
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	if limit == 0 || limit > p.page {
		limit = p.page
	}
	end := min(limit, len(found))
	empty := p.emptyPages && text != "" && !second && !manifest
	if empty {
		end = 0
	}
	page := found[:end]
	answer := map[string]any{}
	if len(page) > 0 {
		if manifest {
			list := []map[string]string{}
			for _, i := range page {
				list = append(list, map[string]string{"id": i.ID, "version": i.Version, "date_added": i.added.UTC().Format("2006-01-02T15:04:05.000000Z")})
			}
			answer["objects"] = list
		} else {
			list := []json.RawMessage{}
			for _, i := range page {
				list = append(list, i.text)
			}
			answer["objects"] = list
		}
		if last := page[len(page)-1].added.UTC(); p.header != nil {
			w.Header().Set("X-TAXII-Date-Added-Last", p.header(last))
		} else if !p.noHeaders {
			w.Header().Set("X-TAXII-Date-Added-Last", last.Format("2006-01-02T15:04:05.000000Z"))
		}
	}
	more := end < len(found)
	next := text + ".0" // the page that follows is not empty
	if len(page) > 0 {
		next = strconv.Itoa(page[len(page)-1].seq)
	}
	if p.circle && more && !manifest {
		next = "0"
	}
	if more || p.alwaysMore && !manifest {
		if !p.moreMissing {
			answer["more"] = true
		}
		switch {
		case p.noNext || !more:
		case p.numbers:
			answer["next"] = json.Number(next)
		default:
			answer["next"] = next
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
	if p.mediaType != "" {
		w.Header().Set("Content-Type", p.mediaType)
	}
	if p.write != nil {
		p.write(w, body)
		return
	}
	w.Write(body)
}

// local is an agreement that mirrors a collection.
type local struct {
	t     *testing.T
	store *store.Store
	col   *store.Collection
}

func newLocal(t *testing.T, address string, change func(*agreement.Agreement)) *local {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Root: &store.Root{Name: "root", Title: "root", MaxContentLength: 1 << 20}}}); err != nil {
		t.Fatal(err)
	}
	a := &agreement.Agreement{Name: "copy", Title: "copy", APIRoot: "root", Collection: agreement.Collection{ID: uuid.New()},
		Accept: agreement.Accept{SpecVersions: []string{"2.0", "2.1"}},
		Mirror: &agreement.Mirror{Remote: agreement.Remote{URL: address, Interval: agreement.Seconds(3600)}}}
	if change != nil {
		change(a)
	}
	col, err := s.CreateAgreement(t.Context(), store.Actor{}, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if faults, err := col.Check(t.Context()); err != nil && t.Context().Err() == nil || len(faults) > 0 {
			t.Errorf("check: %v %v", faults, err)
		}
	})
	return &local{t, s, col}
}

func (l *local) change(change func(*agreement.Agreement)) {
	l.t.Helper()
	terms := l.col.Agreement().Clone()
	change(terms)
	if _, err := l.col.Append(l.t.Context(), store.Batch{Changes: []store.Change{{Terms: &store.TermsChange{Agreement: terms, Act: "change"}}}}); err != nil {
		l.t.Fatal(err)
	}
}

// visit makes one visit.
func (l *local) visit() error {
	l.t.Helper()
	return l.newVisit(func(string) {}).Run(l.t.Context())
}

func (l *local) newVisit(step func(string)) *mirror.Visit {
	l.t.Helper()
	secret, _ := l.store.Registry().Credential(store.CredentialName("copy", "mirror", l.col.Agreement().Mirror.URL))
	v, err := mirror.NewVisit(l.col, secret, step)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(v.Close)
	return v
}

// held lists what is here, by id and version.
func (l *local) held() (list []string) {
	l.t.Helper()
	err := l.col.Snapshot(func(s *store.Snapshot) error {
		return s.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			list = append(list, string(v.ID)+" "+v.Entry.Version)
			return true
		})
	})
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// there lists what a peer has.
func (p *peer) there() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.items {
		list = append(list, i.ID+" "+i.Version)
	}
	slices.Sort(list)
	return list
}

// additions counts the entries of the journal that added something.
func (l *local) additions() (n int) {
	l.t.Helper()
	err := l.col.Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Added {
			n++
		}
		return true
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

// wantSame checks that both have the same, and that nothing came twice.
func wantSame(t *testing.T, l *local, p *peer) {
	t.Helper()
	here, there := l.held(), p.there()
	if !slices.Equal(here, there) {
		t.Errorf("here are %d versions, there %d", len(here), len(there))
	}
	if n := l.additions(); n != len(here) {
		t.Errorf("%d additions made %d versions", n, len(here))
	}
}

// versions are n objects of the peer, some in two versions.
func versions(from, to int) (list [][]byte) {
	for n := from; n < to; n++ {
		list = append(list, accordtest.Indicator(n, 0))
		if n%5 == 0 {
			list = append(list, accordtest.Indicator(n, 1))
		}
	}
	return list
}
