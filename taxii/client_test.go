package taxii

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const testID = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"

// scripted is a server whose answers are given one by one; it notes the requests.
type scripted struct {
	*httptest.Server
	t        *testing.T
	answers  []answer
	requests []*http.Request
	bodies   []string
}

type answer struct {
	status int
	body   string
	header map[string]string
}

func script(t *testing.T, answers ...answer) *scripted {
	t.Helper()
	s := &scripted{t: t, answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		if len(s.answers) > 0 {
			t.Errorf("%d answers were not asked for", len(s.answers))
		}
	})
	return s
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	if len(s.answers) == 0 {
		s.t.Errorf("unexpected request %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	w.Header().Set("Content-Type", MediaType)
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

func (s *scripted) collection() string { return s.URL + "/root/collections/" + testID }

// asked lists what was requested, without the collection's path.
func (s *scripted) asked() []string {
	var lines []string
	for _, r := range s.requests {
		line, _ := strings.CutPrefix(r.URL.RequestURI(), "/root/collections/"+testID)
		lines = append(lines, r.Method+" "+line)
	}
	return lines
}

// client returns a client that does not wait but notes how long it would have.
func client(t *testing.T, options ClientOptions) (*Client, *[]time.Duration) {
	t.Helper()
	c, err := NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	waits := new([]time.Duration)
	c.sleep = func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}
	c.now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	return c, waits
}

func TestClientReads(t *testing.T) {
	s := script(t,
		answer{200, `{"title":"S","api_roots":["/root/"],"default":"/root/"}`, nil},
		answer{200, `{"title":"R","versions":["application/taxii+json;version=2.1"],"max_content_length":9}`, nil},
		answer{200, `{"collections":[{"id":"` + testID + `","title":"C","can_read":true,"can_write":false}]}`, nil},
		answer{200, `{"id":"` + testID + `","title":"C","can_read":true,"can_write":false}`, nil},
		answer{200, `{"id":"x","status":"complete","total_count":1,"success_count":1,"failure_count":0,"pending_count":0}`, nil},
		answer{200, ``, nil},
	)
	c, _ := client(t, ClientOptions{User: "u", Password: "p:w", UserAgent: "tester/1"})
	ctx := t.Context()
	discovery, err := c.Discovery(ctx, s.URL+"/taxii2")
	if err != nil || discovery.Default != "/root/" {
		t.Errorf("discovery: got %+v, %v", discovery, err)
	}
	root, err := ResolveRoot(s.URL+"/taxii2/", discovery.APIRoots[0])
	if err != nil || root != s.URL+"/root/" {
		t.Errorf("root's URL: got %s, %v", root, err)
	}
	if described, err := c.Root(ctx, root); err != nil || described.MaxContentLength != 9 {
		t.Errorf("root: got %+v, %v", described, err)
	}
	if list, err := c.Collections(ctx, root); err != nil || len(list) != 1 || !list[0].CanRead {
		t.Errorf("collections: got %+v, %v", list, err)
	}
	if one, err := c.Collection(ctx, s.collection()+"/objects/"); err != nil || one.Title != "C" {
		t.Errorf("collection: got %+v, %v", one, err)
	}
	if status, err := c.Status(ctx, root, "x"); err != nil || status.SuccessCount != 1 {
		t.Errorf("status: got %+v, %v", status, err)
	}
	if err := c.Delete(ctx, s.collection(), "indicator--1", Query{Versions: []string{"first"}, Types: []string{"a"}}); err != nil {
		t.Errorf("delete: %v", err)
	}
	want := []string{"GET /taxii2/", "GET /root/", "GET /root/collections/", "GET /", "GET /root/status/x/", "DELETE /objects/indicator--1/?match%5Bversion%5D=first"}
	if got := s.asked(); !slices.Equal(got, want) {
		t.Errorf("got the requests %q\nwant %q", got, want)
	}
	for _, r := range s.requests {
		user, password, _ := r.BasicAuth()
		if r.Header.Get("Accept") != MediaType || r.UserAgent() != "tester/1" || user != "u" || password != "p:w" {
			t.Errorf("%s %s: got the header %v", r.Method, r.URL, r.Header)
		}
	}
}

func TestClientPages(t *testing.T) {
	const t1, t2 = "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z"
	last := func(at string) map[string]string { return map[string]string{HeaderFirst: at, HeaderLast: at} }
	for _, row := range []struct {
		name    string
		query   Query
		answers []answer
		asked   []string
		items   string
		fails   bool
	}{
		{"one page", Query{}, []answer{{200, `{"objects":[1,2]}`, last(t1)}}, []string{"GET /objects/"}, "1 2", false},
		{"nothing", Query{}, []answer{{200, `{}`, last(t1)}}, []string{"GET /objects/"}, "", false},
		{"next beside more false means nothing", Query{}, []answer{{200, `{"objects":[1],"next":"a","more":false}`, nil}}, []string{"GET /objects/"}, "1", false},
		{"on by next, with the same query (T-093)", Query{Limit: 2, Types: []string{"a", "b"}}, []answer{
			{200, `{"objects":[1,2],"more":true,"next":"n1"}`, last(t1)},
			{200, `{"objects":[3],"more":false}`, last(t2)},
		}, []string{"GET /objects/?limit=2&match%5Btype%5D=a%2Cb", "GET /objects/?limit=2&match%5Btype%5D=a%2Cb&next=n1"}, "1 2 3", false},
		{"on by added_after where there is no next (T-093)", Query{}, []answer{
			{200, `{"objects":[1],"more":true}`, last(t1)},
			{200, `{"objects":[2],"more":true}`, last(t2)},
			{200, `{"objects":[3]}`, nil},
		}, []string{"GET /objects/", "GET /objects/?added_after=2026-01-01T00%3A00%3A00.000001Z", "GET /objects/?added_after=2026-01-01T00%3A00%3A00.000002Z"}, "1 2 3", false},
		{"an empty page with more is no end (T-096)", Query{}, []answer{
			{200, `{"more":true,"next":"n1"}`, nil},
			{200, `{"objects":[1]}`, nil},
		}, []string{"GET /objects/", "GET /objects/?next=n1"}, "1", false},
		{"the same next again is a circle", Query{}, []answer{
			{200, `{"objects":[1],"more":true,"next":"n1"}`, nil},
			{200, `{"objects":[2],"more":true,"next":"n1"}`, nil},
		}, []string{"GET /objects/", "GET /objects/?next=n1"}, "1 2", true},
		{"more without any way on is a circle", Query{}, []answer{{200, `{"objects":[1],"more":true}`, map[string]string{HeaderLast: "undefined"}}}, []string{"GET /objects/"}, "1", true},
		{"a last date that does not move is a circle", Query{}, []answer{
			{200, `{"objects":[1],"more":true}`, last(t1)},
			{200, `{"objects":[2],"more":true}`, last(t1)},
		}, []string{"GET /objects/", "GET /objects/?added_after=2026-01-01T00%3A00%3A00.000001Z"}, "1 2", true},
		{"an error in the middle", Query{}, []answer{
			{200, `{"objects":[1],"more":true,"next":"n1"}`, nil},
			{403, `{"title":"T","description":"the agreement ended"}`, nil},
		}, []string{"GET /objects/", "GET /objects/?next=n1"}, "1", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, row.answers...)
			c, _ := client(t, ClientOptions{})
			var items []string
			var failed error
			for page, err := range c.Objects(t.Context(), s.collection(), row.query) {
				failed = err
				for _, item := range page.Items {
					items = append(items, string(item))
				}
			}
			if got := s.asked(); !slices.Equal(got, row.asked) {
				t.Errorf("got the requests %q\nwant %q", got, row.asked)
			}
			if got := strings.Join(items, " "); got != row.items || (failed != nil) != row.fails {
				t.Errorf("got %s and %v, want %s and an error %v", got, failed, row.items, row.fails)
			}
		})
	}
}

func TestClientReadsOtherLists(t *testing.T) {
	s := script(t,
		answer{200, `{"objects":[{"id":"i","date_added":"d","version":"v"}],"more":true,"next":"n"}`, nil},
		answer{200, `{"objects":[{"id":"j","date_added":"d","version":"v"}]}`, nil},
		answer{200, `{"versions":["v1","v2"]}`, nil},
		answer{200, `{"objects":[{"a":1.50}]}`, map[string]string{HeaderLast: "2026-01-01T00:00:00.000001Z"}},
	)
	c, _ := client(t, ClientOptions{Token: "secret"})
	var ids []string
	for page, err := range c.Manifest(t.Context(), s.collection(), Query{IDs: []string{"i", "j"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range page.Items {
			ids = append(ids, record.ID)
		}
	}
	for page, err := range c.Versions(t.Context(), s.collection(), "i", Query{Versions: []string{"all"}, Specs: []string{"2.1"}}) {
		if err != nil || !slices.Equal(page.Items, []string{"v1", "v2"}) {
			t.Errorf("versions: got %v, %v", page.Items, err)
		}
	}
	for page, err := range c.Object(t.Context(), s.collection(), "i/../j", Query{Types: []string{"a"}}) {
		if err != nil || string(page.Items[0]) != `{"a":1.50}` || FormatTime(page.Last) != "2026-01-01T00:00:00.000001Z" {
			t.Errorf("object: got %s, %v, %v", page.Items, page.Last, err)
		}
	}
	if !slices.Equal(ids, []string{"i", "j"}) {
		t.Errorf("manifest: got %v", ids)
	}
	want := []string{"GET /manifest/?match%5Bid%5D=i%2Cj", "GET /manifest/?match%5Bid%5D=i%2Cj&next=n", "GET /objects/i/versions/?match%5Bspec_version%5D=2.1", "GET /objects/i%2F..%2Fj/"}
	if got := s.asked(); !slices.Equal(got, want) {
		t.Errorf("got the requests %q\nwant %q", got, want)
	}
	if got := s.requests[0].Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("got Authorization %q", got)
	}
}

func TestClientErrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer answer
		want   string
		status int
	}{
		{"the server's own words", answer{404, `{"title":"Not found","description":"there is no such collection","error_id":"e7","http_status":"404"}`, nil}, "404 Not Found: Not found: there is no such collection (error id e7)", 404},
		{"no words", answer{502, `<html>`, map[string]string{"Content-Type": "text/html"}}, "the server answered 502 Bad Gateway", 502},
		{"a page for people", answer{200, `<html>`, map[string]string{"Content-Type": "text/html"}}, `the answer has the type "text/html"`, 0},
		{"no JSON", answer{200, `{"title":`, nil}, "read the answer", 0},
		{"a redirect to another host", answer{302, ``, map[string]string{"Location": "http://127.0.0.1:1/"}}, "302 Found", 302},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, row.answer)
			c, _ := client(t, ClientOptions{})
			_, err := c.Collection(t.Context(), s.collection())
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "GET "+s.URL) {
				t.Fatalf("got %v, want %q and the request", err, row.want)
			}
			var refused *ResponseError
			if errors.As(err, &refused) != (row.status != 0) || refused != nil && refused.StatusCode != row.status {
				t.Errorf("got %#v, want the status %d", err, row.status)
			}
			var resource *Error
			if row.name == "the server's own words" && (!errors.As(err, &resource) || resource.ErrorID != "e7") {
				t.Errorf("the error resource is not in %#v", err)
			}
		})
	}
}

func TestClientWaits(t *testing.T) {
	busy := func(status int, after string) answer {
		return answer{status, `{"title":"busy"}`, map[string]string{"Retry-After": after}}
	}
	done := answer{200, `{"id":"x","title":"C"}`, nil}
	for _, row := range []struct {
		name    string
		answers []answer
		waits   []time.Duration
		want    string
	}{
		{"as long as the server says", []answer{busy(429, "3"), busy(503, "0"), done}, []time.Duration{3 * time.Second, 0}, ""},
		{"until the date the server says", []answer{busy(503, "Thu, 01 Jan 2026 00:00:07 GMT"), done}, []time.Duration{7 * time.Second}, ""},
		{"not at all for a date that is over", []answer{busy(503, "Wed, 31 Dec 2025 00:00:00 GMT"), done}, []time.Duration{0}, ""},
		{"longer each time where the server says nothing", []answer{busy(429, ""), busy(429, "soon"), busy(429, "-1"), done}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, ""},
		{"not for ever", []answer{busy(429, "1"), busy(429, "1"), busy(429, "1"), busy(429, "1"), busy(429, "1"), busy(429, "1")}, []time.Duration{1e9, 1e9, 1e9, 1e9, 1e9}, "429 Too Many Requests: busy"},
		{"not for hours", []answer{busy(429, "7200")}, nil, "2h0m0s"},
		{"not for other errors", []answer{busy(500, "1")}, nil, "500"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, row.answers...)
			c, waits := client(t, ClientOptions{})
			_, err := c.Collection(t.Context(), s.collection())
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			if !slices.Equal(*waits, row.waits) {
				t.Errorf("got the waits %v, want %v", *waits, row.waits)
			}
		})
	}
	t.Run("a wait ends with the context", func(t *testing.T) {
		s := script(t, busy(429, "60"))
		c, err := NewClient(ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.sleep = func(ctx context.Context, d time.Duration) error { cancel(); return sleep(ctx, d) }
		if _, err := c.Collection(ctx, s.collection()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestClientAddsObjects(t *testing.T) {
	status := func(state string, n int) string {
		return fmt.Sprintf(`{"id":"st","status":%q,"total_count":%d,"success_count":%d,"failure_count":0,"pending_count":0}`, state, n, n)
	}
	s := script(t,
		answer{200, `{"title":"R","versions":[],"max_content_length":30}`, nil},
		answer{429, ``, map[string]string{"Retry-After": "1"}},
		answer{202, status("complete", 2), nil},
		answer{202, status("pending", 0), nil},
		answer{200, status("pending", 0), nil},
		answer{200, status("complete", 1), nil},
	)
	c, waits := client(t, ClientOptions{})
	objects := [][]byte{[]byte(`{"a": 1.50}`), []byte(`{}`), []byte(`{"longer":"than an envelope"}`), []byte(`{"b":"é"}`)}
	var got []string
	for added, err := range c.AddObjects(t.Context(), s.collection(), objects, AddOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d+%d %v %d", added.First, added.Count, added.TooLarge, added.Status.SuccessCount))
	}
	if want := []string{"0+2 false 2", "2+1 true 0", "3+1 false 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	wantBodies := []string{"", `{"objects":[{"a": 1.50},{}]}`, `{"objects":[{"a": 1.50},{}]}`, `{"objects":[{"b":"é"}]}`, "", ""}
	if !slices.Equal(s.bodies, wantBodies) {
		t.Errorf("got the bodies %q\nwant %q", s.bodies, wantBodies)
	}
	if want := []string{"GET /root/", "POST /objects/", "POST /objects/", "POST /objects/", "GET /root/status/st/", "GET /root/status/st/"}; !slices.Equal(s.asked(), want) {
		t.Errorf("got the requests %q\nwant %q", s.asked(), want)
	}
	if want := []time.Duration{time.Second, 100 * time.Millisecond, 200 * time.Millisecond}; !slices.Equal(*waits, want) {
		t.Errorf("got the waits %v, want %v", *waits, want)
	}
	if got := s.requests[1].Header.Get("Content-Type"); got != MediaType {
		t.Errorf("got Content-Type %q", got)
	}
}

func TestClientGivesUpPolling(t *testing.T) {
	pending := `{"id":"st","status":"pending","total_count":1,"success_count":0,"failure_count":0,"pending_count":1}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", MediaType)
		io.WriteString(w, pending)
	}))
	defer server.Close()
	c, waits := client(t, ClientOptions{})
	status, err := c.AddEnvelope(t.Context(), server.URL+"/root/collections/"+testID+"/", [][]byte{[]byte("{}")})
	if err == nil || !strings.Contains(err.Error(), "still pending") || status.ID != "st" {
		t.Errorf("got %+v, %v", status, err)
	}
	if len(*waits) < 10 || (*waits)[len(*waits)-1] != 10*time.Second {
		t.Errorf("got the waits %v", *waits)
	}
}

func TestPack(t *testing.T) {
	objects := make([][]byte, 50)
	for i := range objects {
		objects[i] = []byte(strings.Repeat("x", 1+i*7%23))
	}
	for limit := int64(10); limit < 80; limit++ {
		next := 0
		for _, b := range Pack(objects, limit, 5) {
			if b.First != next || b.Count < 1 || b.Count > 5 {
				t.Fatalf("limit %d: got the run %+v where %d is next", limit, b, next)
			}
			next += b.Count
			if size := int64(len(envelopeOf(objects[b.First:next]))); size != b.Bytes {
				t.Errorf("limit %d: the run %+v makes %d bytes", limit, b, size)
			}
			if b.Bytes > limit && b.Count > 1 {
				t.Errorf("limit %d: the run %+v is too long", limit, b)
			}
			if b.Count < 5 && next < len(objects) && b.Bytes+1+int64(len(objects[next])) <= limit {
				t.Errorf("limit %d: the run %+v has room for another", limit, b)
			}
		}
		if next != len(objects) {
			t.Errorf("limit %d: %d objects are packed, want %d", limit, next, len(objects))
		}
	}
}

func TestClientGuardsCredentials(t *testing.T) {
	c, _ := client(t, ClientOptions{User: "u", Password: "p"})
	if _, err := c.Collection(t.Context(), "http://taxii.example/root/collections/"+testID+"/"); err == nil || !strings.Contains(err.Error(), "not https") {
		t.Errorf("plain HTTP to another machine: got %v", err)
	}
	var reached bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	s := script(t, answer{307, ``, map[string]string{"Location": other.URL}}, answer{301, ``, map[string]string{"Location": "/elsewhere/"}})
	if _, err := c.Root(t.Context(), s.URL+"/root/"); err == nil || reached {
		t.Errorf("a redirect to another host: got %v, followed %v", err, reached)
	}
	if _, err := c.AddEnvelope(t.Context(), s.collection(), [][]byte{[]byte("{}")}); err == nil || !strings.Contains(err.Error(), "301") {
		t.Errorf("a redirected POST: got %v", err)
	}
	if _, err := NewClient(ClientOptions{User: "u", Token: "t"}); err == nil {
		t.Error("a user beside a token: got no error")
	}
}

func TestClientTrustsTheCAFile(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", MediaType)
		json.NewEncoder(w).Encode(APIRoot{Title: "R"})
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := client(t, ClientOptions{CAFile: file})
	if root, err := c.Root(t.Context(), server.URL+"/root/"); err != nil || root.Title != "R" {
		t.Errorf("with the file: got %+v, %v", root, err)
	}
	stranger, _ := client(t, ClientOptions{})
	if _, err := stranger.Root(t.Context(), server.URL+"/root/"); err == nil {
		t.Error("without the file the certificate is trusted")
	}
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".missing"} {
		if _, err := NewClient(ClientOptions{CAFile: name}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestLocations(t *testing.T) {
	for _, row := range []struct{ name, url, root string }{
		{"a collection", "https://h/root/collections/x/", "https://h/root/"},
		{"without a slash", "https://h/root/collections/x", "https://h/root/"},
		{"its objects, with a query", "https://h/a/b/collections/x/objects/?limit=5#z", "https://h/a/b/"},
		{"its manifest", "https://h/collections/x/manifest/", "https://h/"},
		{"a collection called objects", "https://h/collections/objects/", "https://h/"},
		{"a root", "https://h/root/", ""},
		{"the collections", "https://h/root/collections/", ""},
		{"below a collection", "https://h/root/collections/x/y/", ""},
		{"no scheme", "h/root/collections/x/", ""},
		{"another scheme", "ftp://h/root/collections/x/", ""},
		{"no host", "https:///root/collections/x/", ""},
		{"junk", "https://h/%zz", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := RootOf(row.url)
			if got != row.root || (err == nil) != (row.root != "") {
				t.Errorf("got %s, %v, want %s", got, err, row.root)
			}
		})
	}
}
