package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// livingFile is an exchange that follows a collection of one server, and passes everything on to another.
const livingFile = `api_roots:
  - {name: nicp, title: Industry, description: "", max_content_length: 1048576}
parties:
  - {name: agency, title: Agency}
accounts:
  - {name: agency-siem, party: agency, password_env: AGENCY_PW}
agreements:
  - name: copy
    title: Copy
    api_root: nicp
    parties: [{party: agency, roles: [consumer, auditor]}]
    mirror: {url: "%s", user: agency, password_env: MIRROR_PW, interval: 1s, gone: withdraw}
    release:
      - {to: {url: "%s", user: vendor, password_env: PUSH_PW}}
`

// told is what a receiver of webhooks was told.
type told struct {
	mu       sync.Mutex
	messages []toldRange // guarded by mu; in the order in which they came first
	bodies   map[string]string
}

type toldRange struct {
	id       string
	from, to journal.Position
}

// ServeHTTP takes a message: one that came before must be the same.
func (r *told) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var m struct {
		Data struct{ From, To journal.Position }
	}
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := req.Header.Get("webhook-id")
	before, again := r.bodies[id]
	switch {
	case err != nil || id == "" || again && before != string(body):
		w.WriteHeader(http.StatusBadRequest)
	case !again:
		r.bodies[id] = string(body)
		r.messages = append(r.messages, toldRange{id, m.Data.From, m.Data.To})
	}
}

// upTo returns the last position that was told.
func (r *told) upTo() journal.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.messages) == 0 {
		return 0
	}
	return r.messages[len(r.messages)-1].to
}

// kills is how often the test kills: a few times, or as often as ACCORD_KILLS says.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ACCORD_KILLS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ACCORD_KILLS: %v", err)
	}
	return n
}

// A server that mirrors, pushes and tells a receiver is killed at any moment, again and again. In the end it has what the remote
// collection has, the other server has it too, each version came once, and the receiver was told of every position, in order.
func TestAServerThatMirrorsPushesAndTellsIsKilled(t *testing.T) {
	t.Parallel()
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	from, to := accordtest.New(t), accordtest.New(t)
	path := accordtest.Path(accordtest.Programme)
	dir := t.TempDir()
	file, data := filepath.Join(dir, "exchange.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, fmt.Appendf(nil, livingFile, from.URL+path, to.URL+path), 0o600); err != nil {
		t.Fatal(err)
	}
	receiver := &told{bodies: map[string]string{}}
	hooks := httptest.NewTLSServer(receiver)
	t.Cleanup(hooks.Close)
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hooks.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := []string{"AGENCY_PW=agency-siem-password", "MIRROR_PW=" + accordtest.Password(accordtest.Agency), "PUSH_PW=" + accordtest.Password(accordtest.Vendor), "SSL_CERT_FILE=" + roots}
	for _, args := range [][]string{{"apply", "-f", file, "--data", data}, {"webhook", "add", "copy", hooks.URL, "--data", data}} {
		if out := once(t, vars, args...); out.code != 0 {
			t.Fatalf("accord %v: exit code %d\n%s%s", args, out.code, out.stdout, out.stderr)
		}
	}
	serving := func() *child {
		return start(t, vars, serveArgs(data, "--plain-http", "--webhook-allow", "127.0.0.1")...).serving()
	}
	n := 0
	for range kills(t) {
		more := 5 + random.IntN(30)
		from.Post(accordtest.Vendor, path, accordtest.Indicators(n, n+more)...)
		n += more
		c := serving()
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // the moment of a kill is no event
		c.Kill()
	}
	from.Post(accordtest.Vendor, path, accordtest.Indicators(n, n+1)...)
	c := serving()
	ctx, cancel := context.WithTimeout(t.Context(), accordtest.Patience)
	defer cancel()
	target := to.Collection(accordtest.Programme)
	want := walked(t, from.Collection(accordtest.Programme))
	for !slices.Equal(walked(t, target), want) {
		stats, err := target.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(walked(t, target), want) {
			break
		}
		if err := target.Wait(ctx, journal.Position(stats.Entries)); err != nil {
			t.Fatalf("the other server has %d of %d versions: %v", len(walked(t, target)), len(want), err)
		}
	}
	if stats, err := target.Stats(); err != nil || int(stats.Entries) != len(want)+1 {
		t.Errorf("the other server has %d entries for %d versions: %v", stats.Entries, len(want), err)
	}
	var h audit.History
	c.get("agency-siem", "/accord/v1/agreements/copy/history/?limit=10000", &h)
	var here []string
	var last journal.Position
	for _, r := range h.Entries {
		if r.Kind == "added" {
			here, last = append(here, r.Object+" "+r.Version), r.Position
			if r.From == nil || r.From.Position == 0 {
				t.Errorf("the entry at %d does not name the remote position: %+v", r.Position, r.From)
			}
		}
	}
	if slices.Sort(here); !slices.Equal(here, want) {
		t.Errorf("here were %d additions, want %d: each version once", len(here), len(want))
	}
	for receiver.upTo() < last {
		if ctx.Err() != nil {
			t.Fatalf("the receiver was told up to %d, want %d", receiver.upTo(), last)
		}
		time.Sleep(10 * time.Millisecond) // until the next message
	}
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	next := journal.Position(0)
	for _, m := range receiver.messages {
		if m.from > m.to || next > 0 && m.from != next {
			t.Errorf("the message %s tells of %d to %d, want it to begin at %d", m.id, m.from, m.to, next)
		}
		next = m.to + 1
	}
	c.terminate()
}

// walked lists what a collection holds, by id and version.
func walked(t *testing.T, col *store.Collection) (list []string) {
	t.Helper()
	err := col.Snapshot(func(s *store.Snapshot) error {
		return s.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			list = append(list, string(v.ID)+" "+v.Entry.Version)
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}
