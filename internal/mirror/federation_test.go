package mirror_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/mirror"
	peers "github.com/accord-taxii/accord/internal/peer"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// follow adds an agreement to a server that mirrors a collection elsewhere, and returns it.
func follow(t *testing.T, s *accordtest.Server, name agreement.Name, address, user string, change func(*agreement.Agreement)) *store.Collection {
	t.Helper()
	a := &agreement.Agreement{Name: name, Title: string(name), APIRoot: accordtest.Members, Collection: agreement.Collection{ID: uuid.New()},
		Origins: agreement.OriginsVisible,
		Parties: []agreement.Membership{{Party: accordtest.Member, Roles: []agreement.Role{agreement.Consumer, agreement.Auditor}}},
		Mirror:  &agreement.Mirror{Remote: agreement.Remote{URL: address, User: user, Login: agreement.LoginPassword, Interval: agreement.Seconds(3600)}}}
	if change != nil {
		change(a)
	}
	list := []store.Credential{{Name: store.CredentialName(name, "mirror", address), Agreement: name, Secret: accordtest.Password(user)}}
	if err := s.Store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Credentials: &list}}); err != nil {
		t.Fatal(err)
	}
	col, err := s.Store.CreateAgreement(t.Context(), store.Actor{}, a)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

// visitNow has a server's mirror visit, and wants it to succeed.
func visitNow(t *testing.T, s *accordtest.Server, name string) {
	t.Helper()
	for late := time.Now().Add(accordtest.Patience); ; {
		a := s.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: "/accord/v1/mirrors/" + name + "/now/"})
		var m struct{ Status, Reason string }
		s.JSON(a, &m)
		if a.Status == 200 && m.Status == "active" {
			return
		}
		if time.Now().After(late) || m.Status == "failing" {
			t.Fatalf("the visit for %s: got %d %s", name, a.Status, a.Body)
		}
	}
}

// auditor asks a server as an account.
func auditor(s *accordtest.Server, as string) *audit.Client {
	return &audit.Client{Fetch: func(_ context.Context, path string) ([]byte, error) {
		a := s.Get(as, "/accord/v1/"+path)
		if a.Status != 200 {
			return nil, fmt.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		return a.Body, nil
	}}
}

// peersOf returns what a server keeps of its peers, as an operator is told it.
func peersOf(t *testing.T, s *accordtest.Server, name agreement.Name) []audit.Peer {
	t.Helper()
	list, err := auditor(s, accordtest.Operator).Peers(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return list.Peers
}

// What a vendor adds on its server is traced by a member on a third, by way of the agency's: each step is proved. Without the
// rights that this takes, the trace says where it ends and why.
func TestAMemberTracesAnObjectToItsVendor(t *testing.T) {
	vendor, agency, member := accordtest.New(t), accordtest.New(t), accordtest.New(t)
	vendor.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 5)...)
	vendor.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(2, 1))
	feed := vendor.URL + "/" + accordtest.Industry + "/collections/" + accordtest.ProgrammeID.String() + "/"
	col := follow(t, agency, "feed", feed, accordtest.Agency, func(a *agreement.Agreement) {
		a.Release = []agreement.Release{{To: accordtest.Circle}}
	})
	agency.Change(accordtest.Circle, "change", func(a *agreement.Agreement) { a.Origins = agreement.OriginsVisible })
	visitNow(t, agency, "feed")
	settle(t, agency.Collection(accordtest.Circle), accordtest.IndicatorID(4))
	circle := agency.URL + accordtest.Path(accordtest.Circle)
	follow(t, member, "copy", circle, accordtest.Member, nil)
	visitNow(t, member, "copy")

	// Entries name the position that the vendor's journal has.
	if err := col.Snapshot(func(s *store.Snapshot) error {
		list, err := s.Versions(stix.ID(accordtest.IndicatorID(4)))
		if len(list) != 1 || list[0].Entry.Source != (journal.Source{Collection: mirror.Source(feed), Position: 6}) {
			t.Errorf("the entry is %+v, want the source %s at 6", list, mirror.Source(feed))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}

	trace := func() audit.Traced {
		t.Helper()
		found, err := auditor(member, accordtest.Member).Trace(t.Context(), "copy", accordtest.IndicatorID(2), nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := trace()
	if len(found.Versions) != 2 || !found.Whole() {
		t.Fatalf("got %+v, want two versions to their beginning", found)
	}
	for _, v := range found.Versions {
		var by []string
		for _, s := range v.Steps {
			by = append(by, s.By)
		}
		last := v.Steps[len(v.Steps)-1]
		if strings.Join(by, ",") != ",mirror,release,mirror" || last.Account != accordtest.Vendor || last.Party != accordtest.Vendor || !v.Content || !v.Steps[1].Alias || last.Alias {
			t.Errorf("the way of %s is %+v", v.Version, v.Steps)
		}
	}
	// With the vendor's key the last step is trusted, and since the others are not, the whole is not.
	keys, err := auditor(vendor, accordtest.Vendor).Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := auditor(member, accordtest.Member).Trace(t.Context(), "copy", accordtest.IndicatorID(2), []string{keys.Key})
	if err != nil || trusted.Whole() || !trusted.Versions[0].Steps[3].Trusted || trusted.Versions[0].Steps[0].Trusted {
		t.Errorf("with the vendor's key: got %+v %v", trusted, err)
	}
	want := func(steps int, why string) {
		t.Helper()
		found := trace()
		if v := found.Versions[0]; found.Whole() || len(v.Steps) != steps || !strings.Contains(v.Why, why) {
			t.Errorf("got %d steps and %q, want %d and %q", len(v.Steps), v.Why, steps, why)
		}
	}
	agency.Change("feed", "change", func(a *agreement.Agreement) { a.Origins = "" })
	want(3, "origins: visible")
	agency.Change("feed", "change", func(a *agreement.Agreement) { a.Origins = agreement.OriginsVisible })
	vendor.Change(accordtest.Programme, "change", func(a *agreement.Agreement) {
		for i := range a.Parties {
			if a.Parties[i].Party == accordtest.Agency {
				a.Parties[i].Roles = []agreement.Role{agreement.Consumer}
			}
		}
	})
	want(3, "404") // confidential members: the vendor's entry names one
	vendor.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Members = agreement.MembersVisible })
	if found := trace(); !found.Whole() {
		t.Errorf("with visible members: got %+v", found)
	}
	vendor.Stop()
	want(3, "cannot be reached")
	agency.Change(accordtest.Circle, "change", func(a *agreement.Agreement) { a.Origins = "" })
	want(2, "origins: visible")
}

// settle waits until a collection has an object.
func settle(t *testing.T, col *store.Collection, id string) {
	t.Helper()
	for {
		stats, err := col.Stats()
		if err != nil {
			t.Fatal(err)
		}
		held := false
		if err := col.Snapshot(func(s *store.Snapshot) error { held = s.Holds(stix.ID(id)); return nil }); err != nil {
			t.Fatal(err)
		}
		if held {
			return
		}
		if err := col.Wait(t.Context(), journal.Position(stats.Entries)); err != nil {
			t.Fatal(err)
		}
	}
}

// forger stands between a mirror and its server, and answers otherwise than the server does.
type forger struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(path string) ([]byte, bool) // guarded by mu
}

func newForger(t *testing.T, target string) *forger {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		answer := f.answer
		f.mu.Unlock()
		if answer != nil {
			if text, ok := answer(r.URL.RequestURI()); ok {
				w.Write(text)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *forger) forge(answer func(path string) ([]byte, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// Both servers keep each other's heads, with proofs. What a server shows that contradicts what it signed is found: entries that are
// gone, another history, another key. Objects go on coming, and an operator can accept what was found.
func TestServersKeepEachOthersHeads(t *testing.T) {
	vendor, agency := accordtest.New(t), accordtest.New(t)
	path := accordtest.Path(accordtest.Programme)
	vendor.Post(accordtest.Vendor, path, accordtest.Indicators(0, 5)...)
	f := newForger(t, vendor.URL)
	col := follow(t, agency, "feed", f.URL+path, accordtest.Agency, nil)
	visitNow(t, agency, "feed")
	early, err := auditor(vendor, accordtest.Agency).Checkpoint(t.Context(), accordtest.Programme)
	if err != nil {
		t.Fatal(err)
	}
	for n := 5; n < 9; n++ {
		vendor.Post(accordtest.Vendor, path, accordtest.Indicator(n, 0))
		visitNow(t, agency, "feed")
	}
	verify := func(s *accordtest.Server, name agreement.Name) (audit.PeerVerdict, error) {
		t.Helper()
		list := peersOf(t, s, name)
		if len(list) != 1 {
			t.Fatalf("%s keeps heads of %d peers, want 1", name, len(list))
		}
		return audit.VerifyPeer(list[0], nil)
	}
	v, err := verify(agency, "feed")
	if err != nil || v.From != 6 || v.To != 10 || !v.Now || v.Gaps > 0 || v.Origin == "" || v.SignedBy == "" {
		t.Errorf("of the vendor: got %+v %v", v, err)
	}
	if v, err := verify(vendor, accordtest.Programme); err != nil || v.Account != accordtest.Agency || v.To != 10 || v.Heads < 2 {
		t.Errorf("of the agency: got %+v %v", v, err)
	}

	// A server signs another history: one that has forked after the fifth entry, which its key signs all the same.
	fork := accordtest.New(t)
	fork.Post(accordtest.Vendor, path, accordtest.Indicators(0, 5)...)
	for n := range 8 {
		fork.Post(accordtest.Vendor, path, accordtest.Tool(n, 0))
	}
	forked := forkedHead(t, vendor, fork)
	other, err := auditor(fork, accordtest.Vendor).Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	otherHead, err := auditor(fork, accordtest.Vendor).Checkpoint(t.Context(), accordtest.Programme)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		kind    string
		forgery func(string) ([]byte, bool)
	}{
		{audit.HistoryRewound, showing(early, nil)},
		{audit.HistoryForked, showing(forked, nil)},
		{audit.HistoryOtherKey, showing(otherHead, encoded(other))},
	} {
		t.Run(row.kind, func(t *testing.T) {
			f.forge(row.forgery)
			visitNow(t, agency, "feed")
			var contradiction *audit.HistoryError
			v, err := verify(agency, "feed")
			if !errors.As(err, &contradiction) || contradiction.Kind != row.kind {
				t.Fatalf("got %+v %v, want %s", v, err, row.kind)
			}
			list := peersOf(t, agency, "feed")[0].Breaks
			if last := list[len(list)-1]; last.Kind != row.kind || last.Kept == "" || last.Shown == "" || last.Kept == last.Shown {
				t.Errorf("kept is %+v", last)
			}
			// It is noted once, however often it is seen, and forgotten by no later truth.
			visitNow(t, agency, "feed")
			f.forge(nil)
			visitNow(t, agency, "feed")
			if again := peersOf(t, agency, "feed")[0].Breaks; len(again) != len(list) {
				t.Errorf("it is noted %d times, want %d", len(again), len(list))
			}
			var mirrors struct {
				Mirrors []struct{ History struct{ Break string } }
			}
			agency.JSON(agency.Get(accordtest.Operator, "/accord/v1/mirrors/"), &mirrors)
			if !strings.HasPrefix(mirrors.Mirrors[0].History.Break, row.kind) {
				t.Errorf("accord mirror list says %+v", mirrors)
			}
			// Accepted, the history begins anew with what was shown, which the true server then contradicts in turn.
			for a := (accordtest.Answer{}); a.Status != 409; {
				a = agency.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: "/accord/v1/mirrors/feed/trust/"})
				if a.Status != 200 && a.Status != 409 {
					t.Fatalf("trust: got %d %s", a.Status, a.Body)
				}
			}
			f.forge(row.forgery)
			if v, err := verify(agency, "feed"); err != nil || len(v.Accepted) == 0 {
				t.Errorf("after it was accepted: got %+v %v", v, err)
			}
			f.forge(nil)
			visitNow(t, agency, "feed")
			agency.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: "/accord/v1/mirrors/feed/trust/"})
			visitNow(t, agency, "feed")
			if v, err := verify(agency, "feed"); err != nil || !v.Now {
				t.Errorf("with the true server again: got %+v %v", v, err)
			}
		})
	}
	if stats, err := col.Stats(); err != nil || stats.Versions != 9 {
		t.Errorf("here are %d versions, want 9: %v", stats.Versions, err)
	}
	// A rotated key is named by the one before, which is no contradiction.
	if _, err := (audit.Source{Store: vendor.Store, Now: time.Now}).RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	vendor.Post(accordtest.Vendor, path, accordtest.Indicator(20, 0))
	visitNow(t, agency, "feed")
	if v, err := verify(agency, "feed"); err != nil || !v.Now {
		t.Errorf("after a rotation: got %+v %v", v, err)
	}
}

// showing answers with a head, and keys if they are given.
func showing(head, keys []byte) func(string) ([]byte, bool) {
	return func(path string) ([]byte, bool) {
		switch {
		case strings.Contains(path, "/checkpoint"):
			return head, true
		case strings.HasSuffix(path, "/keys/") && keys != nil:
			return keys, true
		case strings.Contains(path, "/proof/"):
			return []byte(`{"hashes":[]}`), true
		}
		return nil, false
	}
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// forkedHead has the vendor's key sign the head of another server's journal.
func forkedHead(t *testing.T, vendor, fork *accordtest.Server) []byte {
	t.Helper()
	k, err := vendor.Store.Keys("")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := k.Checkpoint(fork.Collection(accordtest.Programme))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A server that is no Accord, or hides the agreement, is followed like any other. So is one that fails beyond TAXII.
func TestAMirrorOfNoAccord(t *testing.T) {
	vendor, agency := accordtest.New(t), accordtest.New(t)
	path := accordtest.Path(accordtest.Programme)
	vendor.Post(accordtest.Vendor, path, accordtest.Indicators(0, 5)...)
	f := newForger(t, vendor.URL)
	f.forge(func(path string) ([]byte, bool) {
		if strings.HasPrefix(path, "/accord/") {
			return []byte("<html>nothing here</html>"), true
		}
		return nil, false
	})
	col := follow(t, agency, "feed", f.URL+path, accordtest.Agency, nil)
	visitNow(t, agency, "feed")
	stats, err := col.Stats()
	if err != nil || stats.Versions != 5 || len(peersOf(t, agency, "feed")) != 0 {
		t.Errorf("here are %d versions, want 5 without a peer: %v", stats.Versions, err)
	}
	found, err := auditor(agency, accordtest.Member).Trace(t.Context(), "feed", accordtest.IndicatorID(2), nil)
	if err != nil || found.Whole() || len(found.Versions[0].Steps) != 1 || !strings.Contains(found.Versions[0].Why, "no Accord") {
		t.Errorf("got %+v %v", found, err)
	}
}

// An account gives heads of a bounded number of journals, each head once, and no other account can continue them.
func TestHeadsThatAreGivenAreBounded(t *testing.T) {
	s := accordtest.New(t)
	col := s.Collection(accordtest.Programme)
	other := accordtest.New(t)
	keys, err := auditor(other, accordtest.Vendor).Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	give := func(as string, g audit.HeadGiven) accordtest.Answer {
		return s.Do(accordtest.Request{As: as, Method: http.MethodPost, Path: "/accord/v1/agreements/" + accordtest.Programme + "/heads/", Body: encoded(g), ContentType: "application/json"})
	}
	signed, err := auditor(other, accordtest.Vendor).Checkpoint(t.Context(), accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	head := audit.HeadGiven{Agreement: accordtest.Intake, Keys: keys, Signed: string(signed)}
	for as, status := range map[string]int{accordtest.Outsider: 404, accordtest.Agency: 200} {
		if a := give(as, head); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", as, a.Status, a.Body, status)
		}
	}
	forged := head
	forged.Signed = strings.Replace(forged.Signed, "\n1\n", "\n2\n", 1)
	if a := give(accordtest.Agency, forged); a.Status != 400 {
		t.Errorf("a forged head: got %d %s", a.Status, a.Body)
	}
	sign, err := other.Store.Keys("")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 20 {
		made, err := other.Store.CreateAgreement(t.Context(), store.Actor{}, &agreement.Agreement{Name: agreement.Name("a" + uuid.NewString()[:8]), Title: uuid.NewString(), APIRoot: accordtest.Members, Collection: agreement.Collection{ID: uuid.New()}})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := sign.Checkpoint(made)
		if err != nil {
			t.Fatal(err)
		}
		if a := give(accordtest.Agency, audit.HeadGiven{Agreement: "a", Keys: keys, Signed: string(signed)}); a.Status == 400 {
			refused++
		}
	}
	list, err := peers.List(col, true)
	if err != nil || len(list) != 16 || refused != 5 {
		t.Errorf("%d peers are kept and %d heads were refused, want 16 and 5; %v", len(list), refused, err)
	}
}

// forgedTrace changes a trace on its way, and says what should be wrong with it.
type forgedTrace struct {
	name  string
	forge func(t *audit.Trace)
	want  string
}

// A trace that does not hold is an error, whatever is wrong with it.
func TestAForgedTraceIsFalse(t *testing.T) {
	vendor, agency := accordtest.New(t), accordtest.New(t)
	vendor.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 5)...)
	feed := vendor.URL + "/" + accordtest.Industry + "/collections/" + accordtest.ProgrammeID.String() + "/"
	follow(t, agency, "feed", feed, accordtest.Agency, nil)
	visitNow(t, agency, "feed")
	text := agency.Get(accordtest.Member, "/accord/v1/agreements/feed/trace/?object="+accordtest.IndicatorID(2)).Body
	other := agency.Get(accordtest.Member, "/accord/v1/agreements/feed/trace/?object="+accordtest.IndicatorID(3)).Body
	parse := func(text []byte) audit.Trace {
		t.Helper()
		trace, err := audit.ParseTrace(text)
		if err != nil {
			t.Fatal(err)
		}
		return trace
	}
	if proved, err := parse(text).Verify(nil); err != nil || !proved.Whole() || len(proved.Versions[0].Steps) != 2 {
		t.Fatalf("the true one: got %+v %v", proved, err)
	}
	keys, err := auditor(vendor, accordtest.Agency).Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []forgedTrace{
		{"no version", func(t *audit.Trace) { t.Versions = nil }, "no versions"},
		{"no step", func(t *audit.Trace) { t.Versions[0].Links = nil }, "0 steps"},
		{"another object", func(t *audit.Trace) { t.Object = accordtest.IndicatorID(3) }, "is about"},
		{"the entry of another object", func(t *audit.Trace) {
			t.Versions[0].Links[1] = parse(other).Versions[0].Links[1]
			t.Versions[0].Links[1].By = audit.ByMirror
		}, "is about"},
		{"a changed entry", func(t *audit.Trace) { t.Versions[0].Links[1].Entry[20] ^= 1 }, ""},
		{"another position", func(t *audit.Trace) { t.Versions[0].Links[1].Position++ }, ""},
		{"a head that nobody signed", func(t *audit.Trace) {
			t.Versions[0].Links[0].Checkpoint = strings.Replace(t.Versions[0].Links[0].Checkpoint, "\n6\n", "\n7\n", 1)
		}, "signature"},
		{"another key", func(t *audit.Trace) { t.Versions[0].Links[0].Key = keys.Key }, "signature"},
		{"another address", func(t *audit.Trace) { t.Versions[0].Links[1].URL = vendor.URL + accordtest.Path(accordtest.Programme) }, "another address"},
		{"a release between servers", func(t *audit.Trace) { t.Versions[0].Links[1].By = audit.ByRelease }, ""},
		{"a step by nothing", func(t *audit.Trace) { t.Versions[0].Links[1].By = "" }, "expected"},
		{"a step that is left out", func(t *audit.Trace) { t.Versions[0].Links = t.Versions[0].Links[1:] }, "cannot have been taken"},
		{"a step twice", func(t *audit.Trace) { t.Versions[0].Links = append(t.Versions[0].Links, t.Versions[0].Links[1]) }, ""},
	} {
		t.Run(f.name, func(t *testing.T) {
			trace := parse(text)
			f.forge(&trace)
			if proved, err := trace.Verify(nil); err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("got %+v %v, want an error about %q", proved, err, f.want)
			}
		})
	}
	// Cut off, it is true and not whole.
	trace := parse(text)
	trace.Versions[0].Links = trace.Versions[0].Links[:1]
	if proved, err := trace.Verify(nil); err != nil || proved.Whole() {
		t.Errorf("cut off: got %+v %v", proved, err)
	}
}

// Two servers that mirror each other trace an object round and round, and come to an end.
func TestTracesInACircleEnd(t *testing.T) {
	one, two := accordtest.New(t), accordtest.New(t)
	one.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(0, 2)...)
	follow(t, two, "copy", one.URL+accordtest.Path(accordtest.Circle), accordtest.Member, nil)
	two.Change("copy", "change", func(a *agreement.Agreement) { a.Collection.Alias = "copy" })
	visitNow(t, two, "copy")
	follow(t, one, "back", two.URL+"/"+accordtest.Members+"/collections/copy/", accordtest.Member, func(a *agreement.Agreement) {
		a.Release = []agreement.Release{{To: accordtest.Circle}}
	})
	visitNow(t, one, "back")
	one.Change(accordtest.Circle, "change", func(a *agreement.Agreement) {
		a.Origins, a.Members = agreement.OriginsVisible, agreement.MembersVisible
	})
	found, err := auditor(one, accordtest.Member).Trace(t.Context(), "back", accordtest.IndicatorID(1), nil)
	if err != nil || !found.Whole() || len(found.Versions[0].Steps) != 3 {
		t.Fatalf("got %+v %v, want three steps", found, err)
	}
	// With a position that leads back to itself, the servers ask each other as often as they may.
	short := one.Get(accordtest.Member, "/accord/v1/agreements/back/trace/?hops=2&object="+accordtest.IndicatorID(1))
	if trace, err := audit.ParseTrace(short.Body); err != nil || len(trace.Versions[0].Links) != 2 || trace.Versions[0].Ends != audit.EndsLong {
		t.Errorf("over two servers: got %s %v", short.Body, err)
	}
}
