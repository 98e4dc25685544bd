package webhook_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// exchange is a store with one agreement, which the agency reads.
type exchange struct {
	t     *testing.T
	store *store.Store
	col   *store.Collection
	n     int // objects that were added
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Keys(""); err != nil {
		t.Fatal(err)
	}
	err = s.Change(t.Context(), store.Actor{}, []store.RegistryChange{
		{Root: &store.Root{Name: "root", Title: "root", MaxContentLength: 1 << 20}}, {Party: &agreement.Party{Name: "agency", Title: "agency"}},
		{Account: &auth.Account{Name: "agency-siem", Party: "agency"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	col, err := s.CreateAgreement(t.Context(), store.Actor{}, &agreement.Agreement{Name: "gsp", Title: "gsp", APIRoot: "root", Collection: agreement.Collection{ID: uuid.New()},
		Parties: []agreement.Membership{{Party: "agency", Roles: []agreement.Role{agreement.Consumer}}}})
	if err != nil {
		t.Fatal(err)
	}
	return &exchange{t: t, store: s, col: col}
}

// add adds objects in one batch.
func (x *exchange) add(n int) {
	x.t.Helper()
	var b store.Batch
	for range n {
		tree := new(ijson.Tree)
		if err := tree.Parse(accordtest.Indicator(x.n, 0), ijson.Limits{}); err != nil {
			x.t.Fatal(err)
		}
		x.n++
		b.Changes = append(b.Changes, store.Change{Add: &store.Addition{Object: stix.FromTree(tree)}})
	}
	if _, err := x.col.Append(context.Background(), b); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exchange) change(change func(*agreement.Agreement)) {
	x.t.Helper()
	terms := x.col.Agreement().Clone()
	change(terms)
	if _, err := x.col.Append(context.Background(), store.Batch{Changes: []store.Change{{Terms: &store.TermsChange{Agreement: terms, Act: "change"}}}}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exchange) length() journal.Position {
	stats, err := x.col.Stats()
	if err != nil {
		x.t.Fatal(err)
	}
	return journal.Position(stats.Entries)
}

// hook makes a webhook of the agency's account.
func (x *exchange) hook(url string, hmac bool) store.Webhook {
	x.t.Helper()
	w := webhook.Draw(store.Webhook{Agreement: "gsp", URL: url, HMAC: hmac, Account: "agency-siem", Party: "agency"}, time.Now())
	if err := webhook.Begin(x.t.Context(), x.col, w.ID, x.length()); err != nil {
		x.t.Fatal(err)
	}
	x.setHooks(append(append([]store.Webhook{}, x.store.Registry().Webhooks...), w))
	return w
}

func (x *exchange) setHooks(list []store.Webhook) {
	x.t.Helper()
	if err := x.store.Change(x.t.Context(), store.Actor{}, []store.RegistryChange{{Webhooks: &list}}); err != nil {
		x.t.Fatal(err)
	}
}

// running starts a service, which ends with the test or by the function that it returns.
func (x *exchange) running(c webhook.Config) (s *webhook.Service, stop func()) {
	c.Store = x.store
	c.Failed = func(err error) { x.t.Error(err) }
	s = webhook.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	x.t.Cleanup(stop)
	return s, stop
}

// received is a message that a receiver got.
type received struct {
	header http.Header
	body   string
	webhook.Message
}

// receiver is a receiver by TLS; answer decides what it says to each message.
type receiver struct {
	*httptest.Server
	roots *x509.CertPool
	got   chan received
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 10_000)}
	var mu sync.Mutex
	n := 0
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		m := received{header: req.Header, body: string(body)}
		if err := json.Unmarshal(body, &m.Message); err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s: %v", req.Method, body, err)
		}
		r.got <- m
		mu.Lock()
		n++
		of := n
		mu.Unlock()
		answer(of, w)
	}))
	r.Config.ErrorLog = nil
	t.Cleanup(r.Close)
	r.roots = x509.NewCertPool()
	r.roots.AddCert(r.Certificate())
	return r
}

// next returns the next message.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case m := <-r.got:
		return m
	case <-time.After(accordtest.Patience):
		t.Fatal("no message came")
		return received{}
	}
}

var quick = []time.Duration{time.Millisecond}

func taken(int, http.ResponseWriter) {}

func TestAMessageTellsARangeWithTheHead(t *testing.T) {
	x := newExchange(t)
	r := newReceiver(t, taken)
	w := x.hook(r.URL, false)
	x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots})
	x.change(func(a *agreement.Agreement) { a.Title = "another" }) // nothing to tell by itself
	x.add(3)
	m := r.next(t)
	d := m.Data
	if m.Type != "accord.objects.changed" || d.Agreement != "gsp" || d.To != x.length() || d.From != 2 || d.Count != 3 || m.Timestamp.IsZero() {
		t.Errorf("got %s", m.body)
	}
	head, err := journal.ReadCheckpoint([]byte(d.Head))
	size, root, _ := x.col.Head()
	if err != nil || head.Size != size || head.Root != root {
		t.Errorf("got the head %v %v, want %d %v", head, err, size, root)
	}
	x.add(1)
	if m := r.next(t); m.Data.From != d.To+1 || m.Data.To != d.To+1 || m.Data.Count != 1 {
		t.Errorf("got %s, want what follows", m.body)
	}
	if st, log, err := webhook.Read(x.col, w.ID, true); err != nil || len(log) > 2 || st.End != nil {
		t.Errorf("got %+v %+v %v", st, log, err)
	}
}

// Whatever a receiver answers, and however often the service is stopped, each message comes under one id with one text, in
// order, and all of them together tell everything.
func TestNothingIsLeftOut(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	x := newExchange(t)
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		mu.Lock()
		n := random.IntN(6)
		mu.Unlock()
		switch n {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			panic(http.ErrAbortHandler) // the answer is lost: the message may have been handled
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	w := x.hook(r.URL, true)
	begin := x.length()
	config := webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots, Delays: quick}
	_, stop := x.running(config)
	steps := rand.New(rand.NewPCG(seed, 1))
	for range 40 {
		x.add(1 + steps.IntN(3))
		if steps.IntN(4) == 0 {
			stop()
			_, stop = x.running(config)
		}
	}
	end := x.length()
	told, bodies := begin, map[string]string{}
	for told < end {
		m := r.next(t)
		id := m.header.Get("webhook-id")
		if body, again := bodies[id]; again {
			if body != m.body {
				t.Fatalf("%s came with %s and %s", id, body, m.body)
			}
			if m.Data.To > told {
				t.Fatalf("%s came again and tells more", id)
			}
			continue
		}
		if m.Data.From != told+1 || m.Data.To > end {
			t.Fatalf("after %d: got %s", told, m.body)
		}
		bodies[id], told = m.body, m.Data.To
	}
	for { // the last attempt may have been answered with a failure
		st, _, err := webhook.Read(x.col, w.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		if st.Position == end {
			return
		}
		select {
		case <-r.got:
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("the webhook stays at %d", st.Position)
		}
	}
}

func TestAReceiverThatIsGone(t *testing.T) {
	x := newExchange(t)
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.WriteHeader(http.StatusGone)
		}
	})
	w := x.hook(r.URL, false)
	s, _ := x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots, Delays: quick})
	x.add(1)
	first := r.next(t)
	x.await(w, func(st webhook.State) bool { return st.End != nil && st.End.Cause == webhook.Gone })
	x.add(1)
	if err := webhook.Replay(t.Context(), x.col, w.ID, first.Data.From-1); err != nil {
		t.Fatal(err)
	}
	s.Replayed(w.ID)
	if m := r.next(t); m.Data.From != first.Data.From || m.Data.To != x.length() || m.header.Get("webhook-id") == first.header.Get("webhook-id") {
		t.Errorf("got %s, want everything again under another id", m.body)
	}
	x.await(w, func(st webhook.State) bool { return st.Position == x.length() && st.End == nil })
}

// await waits until a webhook's state is as wanted.
func (x *exchange) await(w store.Webhook, wanted func(webhook.State) bool) {
	x.t.Helper()
	for late := time.After(accordtest.Patience); ; {
		st, _, err := webhook.Read(x.col, w.ID, false)
		if err != nil {
			x.t.Fatal(err)
		}
		if wanted(st) {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			x.t.Fatalf("the webhook is %+v", st)
		}
	}
}

// The first retry comes within five seconds, and a message that was on its way is sent at once by a service that starts.
func TestTheFirstRetryComesSoon(t *testing.T) {
	x := newExchange(t)
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w := x.hook(r.URL, false)
	config := webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots}
	_, stop := x.running(config)
	x.add(1)
	first := r.next(t)
	x.await(w, func(st webhook.State) bool { return st.Attempts == 1 })
	stop()
	x.running(config)
	if again := r.next(t); again.body != first.body || again.header.Get("webhook-id") != first.header.Get("webhook-id") {
		t.Errorf("got %s, want %s again", again.body, first.body)
	}
	if d := webhook.FirstDelay(); d > 5*time.Second {
		t.Errorf("the first retry comes after %v", d)
	}
}

func TestAWebhookThatFailsForThreeDaysEnds(t *testing.T) {
	x := newExchange(t)
	r := newReceiver(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	w := x.hook(r.URL, false)
	clock := new(accordtest.Clock)
	x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots, Delays: quick, Now: clock.Now})
	x.add(1)
	r.next(t)
	x.await(w, func(st webhook.State) bool { return st.Attempts > 0 })
	clock.Set(time.Now().Add(72*time.Hour + time.Minute))
	x.await(w, func(st webhook.State) bool { return st.End != nil && st.End.Cause == webhook.Failed })
}

// A webhook sends nothing while its owner may not read, and goes on when it may again.
func TestAWebhookNeedsTheRightToRead(t *testing.T) {
	for name, row := range map[string]struct{ lose, regain func(*exchange) }{
		"the role is lost": {
			func(x *exchange) {
				x.change(func(a *agreement.Agreement) { a.Parties[0].Roles = []agreement.Role{agreement.Auditor} })
			},
			func(x *exchange) {
				x.change(func(a *agreement.Agreement) { a.Parties[0].Roles = []agreement.Role{agreement.Consumer} })
			}},
		"the account is disabled": {func(x *exchange) { x.account(true) }, func(x *exchange) { x.account(false) }},
		"it is suspended": {
			func(x *exchange) {
				x.change(func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{At: time.Now(), Reason: "for a test"} })
			},
			func(x *exchange) { x.change(func(a *agreement.Agreement) { a.Suspended = nil }) }},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t)
			r := newReceiver(t, taken)
			w := x.hook(r.URL, false)
			x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots, Delays: quick})
			row.lose(x)
			if webhook.MayRead(x.store, w, x.col, time.Now()) == nil {
				t.Error("the owner may still read")
			}
			before := x.length()
			x.add(1)
			row.regain(x)
			m := r.next(t)
			if m.Data.To <= before || m.Timestamp.Before(x.lastTerms()) {
				t.Errorf("got %s, made at %v, before the right was there again at %v", m.body, m.Timestamp, x.lastTerms())
			}
		})
	}
}

func (x *exchange) account(disabled bool) {
	x.t.Helper()
	a, _ := x.store.Registry().Account("agency-siem")
	a.Disabled = disabled
	if err := x.store.Change(x.t.Context(), store.Actor{}, []store.RegistryChange{{Account: &a}}); err != nil {
		x.t.Fatal(err)
	}
}

// lastTerms is when the terms last changed, in milliseconds; zero if they never did.
func (x *exchange) lastTerms() (at time.Time) {
	err := x.col.Entries(2, 1000, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Terms {
			at = e.At.Truncate(time.Millisecond)
		}
		return true
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return at
}

// Nothing within is reached unless it is allowed by name, whatever a name resolves to, and no redirect leads there.
func TestReceiversWithinAreNotReached(t *testing.T) {
	x := newExchange(t)
	within := newReceiver(t, taken)
	redirecting := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Location", within.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	port := within.URL[strings.LastIndexByte(within.URL, ':'):]
	for name, row := range map[string]struct {
		url   string
		allow []string
		want  string
	}{
		"an address":                   {within.URL, nil, "an address within"},
		"a name that leads there":      {"https://localhost" + port, nil, "an address within"},
		"another host is allowed":      {"https://localhost" + port, []string{"127.0.0.1"}, "an address within"},
		"an IPv4 address in IPv6":      {"https://[::ffff:127.0.0.1]" + port, nil, "an address within"},
		"plain http that is allowed":   {"http://127.0.0.1" + port, []string{"127.0.0.1"}, "400"},
		"plain http that is not":       {"http://127.0.0.1" + port, nil, "allowed hosts alone"},
		"a redirect":                   {redirecting.URL, []string{"127.0.0.1"}, "not followed"},
		"a certificate of another one": {"https://localhost" + port, []string{"localhost"}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			roots := redirecting.roots.Clone()
			roots.AddCert(within.Certificate())
			s := webhook.New(webhook.Config{Store: x.store, Allow: row.allow, Roots: roots})
			w := webhook.Draw(store.Webhook{Agreement: "gsp", URL: row.url}, time.Now())
			a, err := s.Test(t.Context(), w)
			if err != nil || a.OK() || !strings.Contains(a.Error, row.want) {
				t.Errorf("got %+v %v, want %q", a, err, row.want)
			}
		})
	}
	if n := len(within.got); n > 0 {
		t.Errorf("%d messages came to where none may", n)
	}
}

// A receiver in another language verifies what is sent, with either key.
func TestAReceiverInAnotherLanguage(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: no python3 in PATH, so no receiver in another language has verified a message")
	}
	x := newExchange(t)
	r := newReceiver(t, taken)
	var input bytes.Buffer
	want := ""
	for _, hmac := range []bool{false, true} {
		x.setHooks(nil)
		w := x.hook(r.URL, hmac)
		_, stop := x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots})
		x.add(2)
		m := r.next(t)
		stop()
		headers := map[string]string{}
		for name := range m.header {
			headers[strings.ToLower(name)] = m.header.Get(name)
		}
		for _, body := range []string{m.body, strings.Replace(m.body, `"count":2`, `"count":3`, 1)} {
			line, err := json.Marshal(map[string]any{"key": webhook.VerifyKey(w), "headers": headers, "body": body})
			if err != nil {
				t.Fatal(err)
			}
			input.Write(append(line, '\n'))
		}
		want += fmt.Sprintf("ok gsp %d %d\nthe signature is wrong\n", m.Data.From, m.Data.To)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/receiver.py")
	cmd.Stdin = &input
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out, want)
	}
}

func TestAWebhookGoesOnWithAReplacedFile(t *testing.T) {
	x := newExchange(t)
	r := newReceiver(t, taken)
	x.hook(r.URL, false)
	x.running(webhook.Config{Allow: []string{"127.0.0.1"}, Roots: r.roots})
	x.add(1)
	r.next(t)
	x.col = accordtest.ReplaceFile(t, x.store, x.col)
	x.add(2)
	for m := r.next(t); m.Data.To != x.length(); { // the first one comes again if it was not kept in time that it came
		m = r.next(t)
	}
}
