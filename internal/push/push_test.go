package push_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/push"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// outbox is an outbox and what it holds.
type outbox struct {
	t          *testing.T
	store      *store.Store
	col        *store.Collection
	deliveries *delivery.Log
	secret     string
}

func newOutbox(t *testing.T, address, user, secret string) *outbox {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Root: &store.Root{Name: "root", Title: "root", MaxContentLength: 1 << 20}}}); err != nil {
		t.Fatal(err)
	}
	a := &agreement.Agreement{Name: "out", Title: "out", APIRoot: "root", Collection: agreement.Collection{ID: uuid.New()}, Push: &agreement.Push{Remote: agreement.Remote{URL: address, User: user}}}
	if user != "" {
		a.Push.Login = agreement.LoginPassword
	}
	col, err := s.CreateAgreement(t.Context(), store.Actor{}, a)
	if err != nil {
		t.Fatal(err)
	}
	deliveries := delivery.Open(s.AgreementsDir(), delivery.Options{Durable: true, Failed: func(err error) { t.Error(err) }})
	t.Cleanup(func() { deliveries.Close() })
	return &outbox{t, s, col, deliveries, secret}
}

func (o *outbox) append(changes ...store.Change) {
	o.t.Helper()
	if _, err := o.col.Append(o.t.Context(), store.Batch{Changes: changes}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outbox) add(texts ...[]byte) {
	o.t.Helper()
	var changes []store.Change
	for _, text := range texts {
		tree := new(ijson.Tree)
		if err := tree.Parse(text, ijson.Limits{}); err != nil {
			o.t.Fatal(err)
		}
		changes = append(changes, store.Change{Add: &store.Addition{Object: stix.FromTree(tree), Source: journal.Source{Collection: accordtest.ProgrammeID, Position: 1}}})
	}
	o.append(changes...)
}

func (o *outbox) withdraw(id string) {
	o.append(store.Change{Remove: &store.Removal{ID: stix.ID(id), Kind: journal.Withdrawn, OnlyFrom: accordtest.ProgrammeID}})
}

func (o *outbox) run() error {
	return push.Run(o.t.Context(), o.col, o.secret, o.deliveries, func(string) {})
}

func (o *outbox) state() push.State {
	o.t.Helper()
	st, _, _, err := push.Read(o.col, false)
	if err != nil {
		o.t.Fatal(err)
	}
	return st
}

// receiver is a TAXII server that takes objects, as some real ones do.
type receiver struct {
	*httptest.Server
	noDelete, noRead, twiceFails, hidesFailures bool
	most                                        int64

	mu    sync.Mutex
	held  map[string]json.RawMessage // guarded by mu; by id and version
	posts map[string]int             // guarded by mu; how often each came
}

const collection = "/root/collections/5d3f8a52-6d0e-4f0c-9d0b-6a3f3a1d2c11/"

func newReceiver(t *testing.T) *receiver {
	r := &receiver{held: map[string]json.RawMessage{}, posts: map[string]int{}, most: 1 << 20}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

type object struct {
	ID, Modified, Name string
	Revoked            bool
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
	body, _ := io.ReadAll(req.Body)
	id := strings.Trim(strings.TrimPrefix(req.URL.Path, collection+"objects/"), "/")
	switch {
	case req.URL.Path == "/root/":
		fmt.Fprintf(w, `{"title":"root","versions":["application/taxii+json;version=2.1"],"max_content_length":%d}`, r.most)
	case req.Method == http.MethodPost && int64(len(body)) > r.most:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case req.Method == http.MethodPost:
		r.post(w, body)
	case req.Method == http.MethodDelete && r.noDelete:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case req.Method == http.MethodDelete:
		delete(r.held, id+" "+req.URL.Query().Get("match[version]"))
		fmt.Fprint(w, "{}")
	case strings.HasSuffix(req.URL.Path, "/manifest/"):
		var list []string
		for key := range r.held {
			if id, version, _ := strings.Cut(key, " "); id == req.URL.Query().Get("match[id]") {
				list = append(list, fmt.Sprintf(`{"id":%q,"version":%q,"date_added":"2026-01-01T00:00:00Z"}`, id, version))
			}
		}
		fmt.Fprintf(w, `{"objects":[%s]}`, strings.Join(list, ","))
	case r.noRead:
		w.WriteHeader(http.StatusForbidden)
	default:
		var last string
		for key := range r.held {
			if strings.HasPrefix(key, id+" ") {
				last = max(last, key)
			}
		}
		fmt.Fprintf(w, `{"objects":[%s]}`, r.held[last])
	}
}

func (r *receiver) post(w http.ResponseWriter, body []byte) {
	var e struct{ Objects []json.RawMessage }
	if err := json.Unmarshal(body, &e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var failures []string
	failed := 0
	for _, text := range e.Objects {
		var o object
		if err := json.Unmarshal(text, &o); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		key := o.ID + " " + o.Modified
		r.posts[key]++
		_, twice := r.held[key]
		if strings.HasSuffix(o.Name, " 13") || twice && r.twiceFails {
			failed++
			failures = append(failures, fmt.Sprintf(`{"id":%q,"version":%q,"message":"not this one"}`, o.ID, o.Modified))
			continue
		}
		r.held[key] = text
	}
	if r.hidesFailures {
		failures = nil
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":"%s","status":"complete","total_count":%d,"success_count":%d,"failure_count":%d,"pending_count":0,"failures":[%s]}`,
		uuid.New(), len(e.Objects), len(e.Objects)-failed, failed, strings.Join(failures, ","))
}

func (r *receiver) keys() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.held {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

func tools(from, to int) (list [][]byte) {
	for n := from; n < to; n++ {
		list = append(list, accordtest.Tool(n, 0))
	}
	return list
}

// Objects go within the remote server's bound, once each; what it refuses is kept with its reason, and can be tried again.
func TestObjectsArePosted(t *testing.T) {
	for name, change := range map[string]func(*receiver){
		"a server":                           func(*receiver) {},
		"one that takes little":              func(r *receiver) { r.most = 1500 },
		"one that hides what failed":         func(r *receiver) { r.hidesFailures = true },
		"one to which a repeat is a failure": func(r *receiver) { r.twiceFails, r.hidesFailures = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			change(r)
			o := newOutbox(t, r.URL+collection, "", "")
			o.add(tools(0, 30)...)
			o.add(bytes.Replace(accordtest.Tool(90, 0), []byte("Version"), bytes.Repeat([]byte("long "), 400_000), 1))
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			if keys := r.keys(); len(keys) != 29 {
				t.Errorf("the server has %d versions, want 29", len(keys))
			}
			st, failures, receipts, err := push.Read(o.col, true)
			if err != nil || st.Queue != 0 || st.Sent != 29 || st.Failed != 2 || len(failures) != 2 || len(receipts) == 0 || receipts[0].Status == "" {
				t.Fatalf("got %+v %+v %d receipts %v", st, failures, len(receipts), err)
			}
			if failures[0].Object != accordtest.ToolID(13) || failures[0].Message == "" || !strings.Contains(failures[1].Message, "bytes") {
				t.Errorf("got %+v", failures)
			}
			said, err := push.Acknowledgements(o.col, []journal.Position{2, 15, 32})
			if err != nil || len(said) != 2 || said[0].Position != 2 || said[0].Refused != "" || said[0].URL != r.URL+collection || said[0].Status == "" || said[1].Refused != failures[0].Message {
				t.Errorf("what the server said is %+v %v", said, err)
			}
			posts := 0
			for _, n := range r.posts {
				posts += n
			}
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			if err := push.Retry(t.Context(), o.col); err != nil {
				t.Fatal(err)
			}
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			again := -posts
			for _, n := range r.posts {
				again += n
			}
			if st := o.state(); again != 1 || st.Failed != 2 || st.Sent != 29 {
				t.Errorf("after trying again: %d posts, %+v", again, st)
			}
		})
	}
}

// What is withdrawn is deleted there; where the server does not delete, it is revoked, and where it cannot be, that is said.
func TestWithdrawals(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*receiver)
		want   push.Counts
		last   string
	}{
		"a server that deletes":  {func(*receiver) {}, push.Counts{Sent: 3, Deleted: 2}, push.WithdrewDeleted},
		"one that does not":      {func(r *receiver) { r.noDelete = true }, push.Counts{Sent: 3, Revoked: 1, Remaining: 1}, push.WithdrewRemaining},
		"one that does not read": {func(r *receiver) { r.noDelete, r.noRead = true, true }, push.Counts{Sent: 3, Remaining: 2}, push.WithdrewRemaining},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			row.change(r)
			o := newOutbox(t, r.URL+collection, "", "")
			o.add(accordtest.Tool(0, 0), accordtest.Tool(1, 0), accordtest.Domain("x"))
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			o.withdraw(accordtest.ToolID(1))
			o.withdraw(accordtest.DomainID)
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			st, failures, _, err := push.Read(o.col, true)
			if err != nil || st.Counts != row.want || st.Withdrew != row.last || len(failures) != int(row.want.Remaining) || st.Queue != 0 {
				t.Errorf("got %+v %+v %v, want %+v", st, failures, err, row.want)
			}
			revoked := 0
			for _, text := range r.held {
				if strings.Contains(string(text), `"revoked":true`) {
					revoked++
				}
			}
			if revoked != int(row.want.Revoked) {
				t.Errorf("the server has %d revoked versions, want %d", revoked, row.want.Revoked)
			}
		})
	}
}

// A paused outbox sends nothing and forgets nothing.
func TestAPausedOutbox(t *testing.T) {
	r := newReceiver(t)
	o := newOutbox(t, r.URL+collection, "", "")
	o.add(tools(0, 3)...)
	if err := push.SetPaused(t.Context(), o.col, &mirror.Pause{At: time.Now(), By: "root"}); err != nil {
		t.Fatal(err)
	}
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	if st := o.state(); len(r.keys()) != 0 || st.Paused == nil || st.Paused.By != "root" || st.Queue == 0 {
		t.Errorf("paused: the server has %d versions, %+v", len(r.keys()), st)
	}
	if err := push.SetPaused(t.Context(), o.col, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	if st := o.state(); len(r.keys()) != 3 || st.Paused != nil || st.Queue != 0 || st.Sent != 3 {
		t.Errorf("after that: the server has %d versions, %+v", len(r.keys()), st)
	}
}

// killed is thrown where a process is killed.
type killed struct{}

// A push that is killed anywhere posts everything in the end, keeps one outcome of each version, and takes back what was withdrawn.
func TestAPushThatIsKilledAnywhere(t *testing.T) {
	for at := 1; ; at++ {
		r := newReceiver(t)
		r.twiceFails = true
		o := newOutbox(t, r.URL+collection, "", "")
		o.add(tools(0, 5)...)
		o.withdraw(accordtest.ToolID(2))
		o.add(tools(5, 8)...)
		o.withdraw(accordtest.ToolID(3))
		steps := 0
		dead := func() (dead bool) {
			defer func() {
				if e := recover(); e != nil {
					if _, ok := e.(killed); !ok {
						panic(e)
					}
					dead = true
				}
			}()
			if err := push.Run(t.Context(), o.col, "", o.deliveries, func(string) {
				if steps++; steps == at {
					panic(killed{})
				}
			}); err != nil {
				t.Fatal(err)
			}
			return false
		}()
		o.withdraw(accordtest.ToolID(4))
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, n := range []int{0, 1, 5, 6, 7} {
			want = append(want, accordtest.ToolID(n)+" "+accordtest.Modified(0))
		}
		if got := r.keys(); !slices.Equal(got, want) {
			t.Errorf("killed at step %d: the server has %q, want %q", at, got, want)
		}
		if st := o.state(); st.Failed != 0 || st.Queue != 0 {
			t.Errorf("killed at step %d: got %+v", at, st)
		}
		if !dead {
			return
		}
	}
}

// Another Accord is a remote server like any other; what is posted is noted as a delivery, also when it fails.
func TestAPushToAnotherAccord(t *testing.T) {
	s := accordtest.New(t)
	address := s.URL + accordtest.Path(accordtest.Intake)
	o := newOutbox(t, address, accordtest.Vendor, "wrong")
	o.add(accordtest.Indicators(0, 20)...)
	if err := o.run(); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with a wrong password: got %v", err)
	}
	if st := o.state(); st.Sent+st.Failed > 0 || st.Queue == 0 {
		t.Errorf("got %+v", st)
	}
	o.secret = accordtest.Password(accordtest.Vendor)
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	stats, err := s.Collection(accordtest.Intake).Stats()
	if err != nil || stats.Versions != 20 || o.state().Sent != 20 {
		t.Errorf("the other server has %d versions, want 20; %v", stats.Versions, err)
	}
	received, err := o.deliveries.Received(o.col.ID(), []journal.Position{2})
	if err != nil || !slices.ContainsFunc(received, func(r delivery.Receipt) bool {
		return r.Account == push.Account && r.Way == delivery.Pushed && r.Filter == address
	}) {
		t.Errorf("the deliveries of the first object are %+v %v", received, err)
	}
	// The vendor may not delete there, and not read either: what is withdrawn stays, and that is said.
	o.withdraw(accordtest.IndicatorID(3))
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	if st := o.state(); st.Remaining != 1 {
		t.Errorf("got %+v", st)
	}
}
