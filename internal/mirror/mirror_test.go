package mirror_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

func bothForms(s string) func(time.Time) string {
	return func(at time.Time) string { return at.Format(s) }
}

// What real servers do otherwise than the Standard says is survived: everything comes, once, and the visits after that ask for
// little.
func TestFaultsThatAreSurvived(t *testing.T) {
	for name, f := range map[string]faults{
		"none":                             {},
		"more without next":                {noNext: true},
		"more without next, inclusive":     {noNext: true, inclusive: true},
		"added_after includes its moment":  {inclusive: true},
		"more at the end":                  {alwaysMore: true, noNext: true},
		"next without more":                {moreMissing: true},
		"next is a number":                 {numbers: true},
		"a next that is forgotten at once": {shortNext: true},
		"empty pages":                      {emptyPages: true},
		"no headers":                       {noHeaders: true},
		"no headers, no next":              {noHeaders: true, noNext: true},
		"headers say undefined":            {header: func(time.Time) string { return "undefined" }},
		"headers in a locale's form":       {header: bothForms("02/01/2006, 15:04:05")},
		"headers of next year":             {header: func(at time.Time) string { return at.AddDate(1, 0, 0).Format(time.RFC3339) }},
		"headers of long ago":              {header: func(time.Time) string { return "2001-01-01T00:00:00Z" }},
		"headers cut to seconds":           {header: bothForms("2006-01-02T15:04:05Z")},
		"no clock":                         {noDate: true},
		"refuses fractions of a second":    {refuse: refuseFractions},
		"refuses match[version]":           {strict: true},
		"refuses long pages":               {page: 50, refuse: refuseLong(20, 413)},
		"fails on long pages":              {page: 50, refuse: refuseLong(20, 500)},
		"another content type":             {mediaType: "application/stix+json"},
		"no content type":                  {mediaType: "text/plain"},
		"no manifest":                      {noManifest: true},
		"no manifest, no headers":          {noManifest: true, noHeaders: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, f)
			if f.shortNext {
				used := map[string]bool{}
				p.refuse = func(q url.Values) int {
					if next := q.Get("next"); next != "" && len(used) < 3 {
						used[next] = true
						return 400
					}
					return 0
				}
			}
			if f.strict {
				p.lastOnly = true
			}
			p.add(false, versions(0, 40)...)
			l := newLocal(t, p.collection(), nil)
			if err := l.visit(); err != nil {
				t.Fatal(err)
			}
			if f.strict { // then each object's last version comes
				if n := len(l.held()); n != 40 {
					t.Errorf("here are %d versions, want 40", n)
				}
				return
			}
			wantSame(t, l, p)
			p.add(false, versions(40, 47)...)
			for range 3 {
				if err := l.visit(); err != nil {
					t.Fatal(err)
				}
			}
			wantSame(t, l, p)
			entries := l.additions()
			commits := l.col.Commits()
			if err := l.visit(); err != nil || l.additions() != entries || l.col.Commits() != commits {
				t.Errorf("a visit that found nothing: %v, %d commits", err, l.col.Commits()-commits)
			}
		})
	}
}

func refuseFractions(q url.Values) int {
	if strings.Contains(q.Get("added_after"), ".") {
		return 400
	}
	return 0
}

func refuseLong(most, status int) func(url.Values) int {
	return func(q url.Values) int {
		var n int
		if fmt.Sscan(q.Get("limit"), &n); n > most {
			return status
		}
		return 0
	}
}

// Objects that bear one date_added come, too, where the server leads past them, and an error says so where it does not. Later ones
// with the date of the newest are not left out.
func TestObjectsOfOneDate(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(true, versions(0, 60)...)
	l := newLocal(t, p.collection(), nil)
	p.clock = time.Now().Add(-time.Second)
	p.add(false, accordtest.Indicator(100, 0))
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.seq++
	p.items = append(p.items, item{p.seq, accordtest.IndicatorID(101), accordtest.Modified(0), p.clock, accordtest.Indicator(101, 0)})
	p.mu.Unlock()
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)

	p = newPeer(t, faults{noNext: true, page: 1 << 20})
	p.add(true, versions(0, 60)...)
	l = newLocal(t, p.collection(), nil)
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)

	p = newPeer(t, faults{noNext: true, page: mirror.ShortPage})
	p.add(true, versions(0, 60)...)
	l = newLocal(t, p.collection(), nil)
	if f := mirror.FaultOf(l.visit()); f == nil || f.Name != mirror.FaultDates {
		t.Errorf("got %v, want the fault %s", f, mirror.FaultDates)
	}
	p.noNext = false
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
}

// What cannot be survived is a fault with a name. Nothing is lost by it: once the server is mended, everything comes.
func TestFaultsThatEndAVisit(t *testing.T) {
	page := func(status int, kind, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write([]byte(body))
			return true
		}
	}
	for name, row := range map[string]struct {
		fault faults
		want  string
	}{
		"a page to log in":            {faults{answer: page(200, "text/html", "<html>log in</html>")}, mirror.FaultLogin},
		"no JSON":                     {faults{answer: page(200, "application/taxii+json", "hello")}, mirror.FaultNotTAXII},
		"a list":                      {faults{answer: page(200, "application/taxii+json", "[]")}, mirror.FaultNotTAXII},
		"objects that are a text":     {faults{answer: page(200, "application/taxii+json", `{"objects":"x"}`)}, mirror.FaultNotTAXII},
		"half a page":                 {faults{write: func(w http.ResponseWriter, b []byte) { w.Write(b[:len(b)/2]) }}, mirror.FaultNotTAXII},
		"a connection that is broken": {faults{write: func(w http.ResponseWriter, b []byte) { w.Header().Set("Content-Length", "9999999"); w.Write(b) }}, mirror.FaultUnreachable},
		"401":                         {faults{answer: page(401, "text/plain", "")}, mirror.FaultLogin},
		"403":                         {faults{answer: page(403, "application/json", `{"title":"no"}`)}, mirror.FaultLogin},
		"404":                         {faults{answer: page(404, "text/html", "nothing")}, mirror.FaultMissing},
		"406":                         {faults{answer: page(406, "application/vnd.oasis.taxii+json", "")}, mirror.FaultVersion},
		"429":                         {faults{answer: page(429, "", "")}, mirror.FaultBusy},
		"503":                         {faults{answer: page(503, "", "")}, mirror.FaultBusy},
		"502":                         {faults{answer: page(502, "text/html", "")}, mirror.FaultStatus},
		"418":                         {faults{answer: page(418, "", "")}, mirror.FaultStatus},
		"a redirect to another host": {faults{answer: func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "https://other.example/")
			w.WriteHeader(302)
			return true
		}}, mirror.FaultStatus},
		"pages in a circle":    {faults{circle: true}, mirror.FaultLoop},
		"more, and nothing":    {faults{answer: page(200, "application/json", `{"more":true}`)}, mirror.FaultLoop},
		"empty pages for ever": {faults{answer: endless()}, mirror.FaultLoop},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, row.fault)
			p.add(false, versions(0, 40)...)
			l := newLocal(t, p.collection(), nil)
			f := mirror.FaultOf(l.visit())
			if f == nil || f.Name != row.want || f.Error() == "" {
				t.Fatalf("got %v, want the fault %s", f, row.want)
			}
			p.mu.Lock()
			p.faults = faults{page: 10}
			p.mu.Unlock()
			if err := l.visit(); err != nil {
				t.Fatal(err)
			}
			wantSame(t, l, p)
		})
	}
}

// endless gives an empty page and another next each time.
func endless() func(http.ResponseWriter) bool {
	n := 0
	return func(w http.ResponseWriter) bool {
		n++
		fmt.Fprintf(w, `{"more":true,"next":"%d"}`, n)
		return true
	}
}

// A page beyond the bound is asked for in smaller pieces; an object beyond it is a fault.
func TestPagesBeyondTheBound(t *testing.T) {
	p := newPeer(t, faults{page: 1000})
	p.add(false, versions(0, 200)...)
	l := newLocal(t, p.collection(), nil)
	v := l.newVisit(func(string) {})
	v.Bound(5000)
	if err := v.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
	p.add(false, bytes.Replace(accordtest.Indicator(900, 0), []byte("Version"), bytes.Repeat([]byte("long "), 2000), 1))
	v = l.newVisit(func(string) {})
	v.Bound(5000)
	if f := mirror.FaultOf(v.Run(t.Context())); f == nil || f.Name != mirror.FaultTooLarge {
		t.Errorf("got %v, want the fault %s", f, mirror.FaultTooLarge)
	}
}

// killed is thrown where a process is killed.
type killed struct{}

// A visit that is killed before or after any of its transactions loses nothing and doubles nothing.
func TestAVisitThatIsKilledAnywhere(t *testing.T) {
	for _, f := range []faults{{}, {noNext: true}, {noHeaders: true}} {
		for at := 1; ; at++ {
			p := newPeer(t, f)
			p.add(false, versions(0, 33)...)
			l := newLocal(t, p.collection(), nil)
			steps := 0
			dead := func() (dead bool) {
				defer func() {
					if r := recover(); r != nil {
						if _, ok := r.(killed); !ok {
							panic(r)
						}
						dead = true
					}
				}()
				err := l.newVisit(func(string) {
					if steps++; steps == at {
						panic(killed{})
					}
				}).Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return false
			}()
			p.add(false, versions(33, 36)...)
			if err := l.visit(); err != nil {
				t.Fatal(err)
			}
			wantSame(t, l, p)
			if !dead {
				break
			}
		}
	}
}

// The terms of the agreement judge what comes. What they refuse is counted, and kept where they say so; a mirror owns what it
// brings.
func TestTheTermsJudgeAMirror(t *testing.T) {
	p := newPeer(t, faults{})
	broken := bytes.Replace(accordtest.Indicator(3, 0), []byte(`"pattern_type":"stix",`), nil, 1)
	p.add(false, accordtest.Indicator(0, 0), accordtest.Tool(1, 0), broken, accordtest.Indicator(2, 0))
	l := newLocal(t, p.collection(), func(a *agreement.Agreement) {
		a.Accept = agreement.Accept{Types: []string{"indicator"}, KeepRefusedDays: 3}
	})
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	want := []string{accordtest.IndicatorID(0) + " " + accordtest.Modified(0), accordtest.IndicatorID(2) + " " + accordtest.Modified(0)}
	if got := l.held(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	kept := map[string]bool{}
	err := l.col.Refused(agreement.MirrorParty, time.Time{}, nil, func(k store.KeptRefusal) bool {
		kept[k.ID] = k.Message != ""
		return true
	})
	if err != nil || len(kept) != 2 || !kept[accordtest.ToolID(1)] || !kept[accordtest.IndicatorID(3)] {
		t.Errorf("kept are %v %v", kept, err)
	}
	progress, err := mirror.Read(l.col)
	if err != nil || progress.Counts != (mirror.Counts{Taken: 4, Added: 2, Refused: 2}) {
		t.Errorf("got %+v %v", progress, err)
	}
	err = l.col.Snapshot(func(s *store.Snapshot) error {
		vs, err := s.Versions(stix.ID(accordtest.IndicatorID(0)))
		if len(vs) != 1 || vs[0].Owner.Source != mirror.Source(p.collection()) || vs[0].Owner.Party != "" {
			t.Errorf("the owner is %+v", vs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// With terms that take it, what was kept is tried again, and is the mirror's.
	l.change(func(a *agreement.Agreement) { a.Accept.Types = nil })
	var keys []store.RefusedKey
	if err := l.col.Refused(agreement.MirrorParty, time.Time{}, nil, func(k store.KeptRefusal) bool { keys = append(keys, k.Key); return true }); err != nil {
		t.Fatal(err)
	}
	if tried, accepted, err := mirror.Retry(t.Context(), l.col, keys, time.Now(), ijson.Limits{}); err != nil || len(tried) != 2 || accepted != 1 {
		t.Errorf("tried again %d, of which %d were accepted, want 2 and 1: %v", len(tried), accepted, err)
	}
	err = l.col.Snapshot(func(s *store.Snapshot) error {
		vs, err := s.Versions(stix.ID(accordtest.ToolID(1)))
		if len(vs) != 1 || vs[0].Owner.Source != mirror.Source(p.collection()) || vs[0].Owner.Party != "" {
			t.Errorf("the owner of what was tried again is %+v", vs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Everything can be read again, too: what is here already stays as it is.
	if err := mirror.Again(t.Context(), l.col); err != nil {
		t.Fatal(err)
	}
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.held()); n != 3 || l.additions() != 3 {
		t.Errorf("here are %d versions by %d additions, want 3", n, l.additions())
	}
}

// What the remote collection no longer has is withdrawn after two manifests, if the agreement says so, and may come again. A server
// that does not answer, or not to the end, takes nothing back.
func TestWhatIsGoneIsWithdrawn(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 40)...)
	l := newLocal(t, p.collection(), func(a *agreement.Agreement) { a.Mirror.Gone = agreement.GoneWithdraw })
	var missing map[journal.Position]bool
	visit := func() error {
		v := l.newVisit(func(string) {})
		err := v.Run(t.Context())
		if err == nil {
			missing, err = v.Withdraw(t.Context(), missing)
		}
		return err
	}
	if err := visit(); err != nil {
		t.Fatal(err)
	}
	p.remove(accordtest.IndicatorID(3))
	p.remove(accordtest.IndicatorID(5)) // two versions
	before := len(l.held())
	if err := visit(); err != nil || len(l.held()) != before {
		t.Fatalf("after one manifest: %v, %d versions, want %d", err, len(l.held()), before)
	}
	manifestOf := func(p *peer, f func(http.ResponseWriter) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answer = f
	}
	for _, f := range []func(http.ResponseWriter) bool{
		func(w http.ResponseWriter) bool { w.WriteHeader(500); return true },
		func(w http.ResponseWriter) bool { w.WriteHeader(404); return true },
		func(w http.ResponseWriter) bool { w.Write([]byte("<html>")); return true },
	} {
		manifestOf(p, f)
		v := l.newVisit(func(string) {})
		still, err := v.Withdraw(t.Context(), missing)
		if err == nil || len(still) != len(missing) || len(l.held()) != before {
			t.Errorf("a server that fails: %v, %d versions, want %d", err, len(l.held()), before)
		}
	}
	manifestOf(p, nil)
	if err := visit(); err != nil {
		t.Fatal(err)
	}
	if here, there := l.held(), p.there(); !slices.Equal(here, there) {
		t.Errorf("here are %d versions, there %d", len(here), len(there))
	}
	p.add(false, accordtest.Indicator(3, 0))
	if err := visit(); err != nil {
		t.Fatal(err)
	}
	if here, there := l.held(), p.there(); !slices.Equal(here, there) {
		t.Errorf("after it came again here are %d versions, there %d", len(here), len(there))
	}
	// A manifest with the last version of each object alone says nothing about older ones.
	p.mu.Lock()
	p.lastOnly = true
	p.mu.Unlock()
	before = len(l.held())
	for range 3 {
		if err := visit(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.held()); n != before {
		t.Errorf("here are %d versions, want %d", n, before)
	}
}

// Under additions, deletions, faults that come and go, and kills, a mirror has in the end what its remote collection has.
func TestAMirrorFollows(t *testing.T) {
	const seed = 3
	random := rand.New(rand.NewPCG(seed, 0))
	p := newPeer(t, faults{})
	l := newLocal(t, p.collection(), func(a *agreement.Agreement) { a.Mirror.Gone = agreement.GoneWithdraw })
	var missing map[journal.Position]bool
	n := 0
	for round := range 60 {
		switch random.IntN(4) {
		case 0, 1:
			more := 1 + random.IntN(25)
			p.add(random.IntN(3) == 0, versions(n, n+more)...)
			n += more
		case 2:
			if n > 0 {
				p.remove(accordtest.IndicatorID(random.IntN(n)))
			}
		}
		p.mu.Lock()
		p.faults = faults{page: 5 + random.IntN(20), inclusive: random.IntN(4) == 0, noHeaders: random.IntN(4) == 0, numbers: random.IntN(4) == 0, emptyPages: random.IntN(4) == 0}
		if random.IntN(4) == 0 {
			left := random.IntN(4)
			p.refuse = func(url.Values) int {
				if left--; left < 0 {
					return 503
				}
				return 0
			}
		}
		if round >= 56 {
			p.faults = faults{page: 10}
		}
		p.mu.Unlock()
		steps, at := 0, 1+random.IntN(8)
		v := l.newVisit(func(string) {
			if steps++; steps == at && round < 56 {
				panic(killed{})
			}
		})
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(killed); !ok {
						panic(r)
					}
					missing = nil
				}
			}()
			if err = v.Run(t.Context()); err == nil {
				missing, err = v.Withdraw(t.Context(), missing)
			}
			return err
		}()
		if f := mirror.FaultOf(err); err != nil && (f == nil || f.Name != mirror.FaultBusy) {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	for range 3 { // what was removed last has to be missing in two manifests
		v := l.newVisit(func(string) {})
		if err := v.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if missing, err = v.Withdraw(t.Context(), missing); err != nil {
			t.Fatal(err)
		}
	}
	if here, there := l.held(), p.there(); !slices.Equal(here, there) {
		t.Errorf("here are %d versions, there %d", len(here), len(there))
	}
}

// Another Accord is a remote server like any other.
func TestAMirrorOfAnotherAccord(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 30)...)
	address := s.URL + accordtest.Path(accordtest.Programme)
	l := newLocal(t, address, func(a *agreement.Agreement) {
		a.Mirror.User, a.Mirror.Login, a.Mirror.Gone = accordtest.Agency, agreement.LoginPassword, agreement.GoneWithdraw
	})
	m := mirror.New(mirror.Config{Store: l.store})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	visit := func() error {
		for {
			err := m.Visit(ctx, "copy")
			if err == nil || !strings.Contains(err.Error(), "no mirror that runs") {
				return err
			}
			runtime.Gosched() // until the manager has begun
		}
	}
	if f := mirror.FaultOf(visit()); f == nil || f.Name != mirror.FaultSetup {
		t.Fatalf("without its password: got %v", f)
	}
	if o := m.Outcome("copy"); o.Failures == 0 || o.Fault != mirror.FaultSetup || o.Advice == "" {
		t.Errorf("got %+v", o)
	}
	list := []store.Credential{{Name: store.CredentialName("copy", "mirror", address), Agreement: "copy", Secret: accordtest.Password(accordtest.Agency)}}
	if err := l.store.Change(ctx, store.Actor{}, []store.RegistryChange{{Credentials: &list}}); err != nil {
		t.Fatal(err)
	}
	if err := visit(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.held()); n != 30 {
		t.Errorf("here are %d versions, want 30", n)
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(3, 1), accordtest.Tool(0, 0))
	if _, err := s.Collection(accordtest.Programme).Append(ctx, store.Batch{Actor: store.Actor{Account: accordtest.Operator}, Changes: []store.Change{{Remove: &store.Removal{ID: stix.ID(accordtest.IndicatorID(7))}}}}); err != nil {
		t.Fatal(err)
	}
	gone := accordtest.IndicatorID(7) + " " + accordtest.Modified(0)
	for late := time.Now().Add(accordtest.Patience); slices.Contains(l.held(), gone) && time.Now().Before(late); { // after two manifests
		if err := visit(); err != nil {
			t.Fatal(err)
		}
	}
	held := l.held()
	if len(held) != 31 || slices.Contains(held, gone) {
		t.Errorf("here are %d versions, want 31 without the one that was deleted", len(held))
	}
	// Paused, nothing is asked for.
	if err := mirror.SetPaused(ctx, l.col, &mirror.Pause{At: time.Now(), By: "root"}); err != nil {
		t.Fatal(err)
	}
	if err := visit(); !errors.Is(err, mirror.ErrPaused) {
		t.Errorf("paused: got %v", err)
	}
	if err := mirror.SetPaused(ctx, l.col, nil); err != nil {
		t.Fatal(err)
	}
	if err := visit(); err != nil {
		t.Errorf("after that: got %v", err)
	}
	// When the remote server's rights end, nothing is taken back.
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Parties = a.Parties[:0] })
	if f := mirror.FaultOf(visit()); f == nil || f.Name != mirror.FaultMissing || len(l.held()) != len(held) {
		t.Errorf("without a role: got %v, %d versions", f, len(l.held()))
	}
}

// A token is asked for once, shown until it ends, and asked for again when it is refused.
func TestOAuth(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 25)...)
	tokens, valid, refusedOnce := 0, "", false
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			id, secret, _ := r.BasicAuth()
			if r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read" || id != "me" || secret != "s%3Acret" {
				w.WriteHeader(401)
				return
			}
			tokens++
			valid = fmt.Sprintf("token-%d", tokens)
			fmt.Fprintf(w, `{"access_token":"%s","token_type":"bearer","expires_in":3600}`, valid)
			return
		}
		if tokens == 1 && r.URL.Query().Get("next") != "" && !refusedOnce {
			refusedOnce, valid = true, "none"
		}
		if r.Header.Get("Authorization") != "Bearer "+valid {
			w.WriteHeader(401)
			return
		}
		p.serve(w, r)
	}))
	t.Cleanup(front.Close)
	address := front.URL + "/root/collections/" + testCollection + "/"
	l := newLocal(t, address, func(a *agreement.Agreement) {
		a.Mirror.Login, a.Mirror.OAuth = agreement.LoginOAuth, &agreement.OAuth{TokenURL: front.URL + "/token", ClientID: "me", Scope: "read"}
	})
	give := func(secret string) {
		list := []store.Credential{{Name: store.CredentialName("copy", "mirror", address), Agreement: "copy", Secret: secret}}
		if err := l.store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Credentials: &list}}); err != nil {
			t.Fatal(err)
		}
	}
	give("wrong")
	if f := mirror.FaultOf(l.visit()); f == nil || f.Name != mirror.FaultLogin {
		t.Errorf("with a wrong secret: got %v", f)
	}
	give("s:cret")
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
	if tokens != 2 {
		t.Errorf("asked for %d tokens, want 2", tokens)
	}
}

// A certificate is verified, by the issuer that the terms name.
func TestTheCertificateOfARemoteServer(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 5)...)
	s := httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	l := newLocal(t, s.URL+"/root/collections/"+testCollection+"/", nil)
	if f := mirror.FaultOf(l.visit()); f == nil || f.Name != mirror.FaultCertificate {
		t.Errorf("got %v, want the fault %s", f, mirror.FaultCertificate)
	}
	l.change(func(a *agreement.Agreement) { a.Mirror.CA = pemOf(s.Certificate().Raw) })
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
