package index_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/index"
)

// running opens an index beside a server's store and runs it until the test ends, or stop is called.
func running(t *testing.T, s *accordtest.Server) (x *index.Index, stop func()) {
	t.Helper()
	x, err := index.Open(s.Store, index.Options{Failed: func(err error) { t.Logf("index: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
			if err := x.Close(); err != nil {
				t.Logf("close the index: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return x, stop
}

func scopeOf(s *accordtest.Server, names ...agreement.Name) (scope index.Scope) {
	for _, name := range names {
		scope = append(scope, index.Readable{Collection: s.Collection(name)})
	}
	return scope
}

func search(t *testing.T, x *index.Index, scope index.Scope, q index.Query) *index.Results {
	t.Helper()
	a, err := x.Search(t.Context(), scope, q)
	if err != nil {
		t.Fatalf("search %v: %v", q, err)
	}
	return a
}

// ids are the identifiers of an answer, sorted, each with its agreement.
func ids(a *index.Results) (list []string) {
	for _, r := range a.Results {
		list = append(list, r.Agreement+" "+r.ID)
	}
	slices.Sort(list)
	return list
}

func object(typ string, n int, members string) string {
	const at = "2024-03-01T12:00:00.000Z"
	if members != "" {
		members = "," + members
	}
	switch typ {
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "file", "email-addr", "windows-registry-key", "mutex":
		return fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":"%s--6f1e8c3b-5b1c-4a7e-9d20-%012d"%s}`, typ, typ, n, members)
	}
	return fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":"%s--6f1e8c3b-5b1c-4a7e-9d20-%012d","created":%q,"modified":%q%s}`, typ, typ, n, at, at, members)
}

func indicator(n int, pattern, members string) string {
	quoted, _ := json.Marshal(pattern)
	if members != "" {
		members = "," + members
	}
	return object("indicator", n, fmt.Sprintf(`"indicator_types":["malicious-activity"],"pattern_type":"stix","valid_from":"2024-03-01T12:00:00Z","pattern":%s%s`, quoted, members))
}

// producer is an account that adds to an agreement and deletes there.
func producer(agreement string) string {
	if agreement == accordtest.Circle {
		return accordtest.Agency
	}
	return accordtest.Vendor
}

func post(t *testing.T, s *accordtest.Server, collection string, objects ...string) {
	t.Helper()
	raws := make([][]byte, len(objects))
	for i, o := range objects {
		raws[i] = []byte(o)
	}
	a := s.Post(producer(collection), accordtest.Path(collection), raws...)
	var status struct {
		Success  int `json:"success_count"`
		Failures []struct {
			Message string `json:"message"`
		} `json:"failures"`
	}
	s.JSON(a, &status)
	if a.Status != 202 || status.Success != len(objects) {
		t.Fatalf("post: got %d, %d of %d, %v", a.Status, status.Success, len(objects), status.Failures)
	}
}

// What reads as a value is found however it is written, with what holds it or lies in it.
func TestValuesAreFound(t *testing.T) {
	s := accordtest.New(t)
	x, _ := running(t, s)
	post(t, s, "gsp",
		object("ipv4-addr", 1, `"value":"198.51.100.7"`),
		object("ipv4-addr", 2, `"value":"198.51.100.0/24"`),
		object("ipv6-addr", 3, `"value":"2001:db8::7"`),
		object("domain-name", 4, `"value":"c2.evil.example.com"`),
		object("url", 5, `"value":"http://Evil.Example.com:80/a?b=c"`),
		object("file", 6, `"name":"Invoice.EXE","hashes":{"MD5":"D41D8CD98F00B204E9800998ECF8427E"}`),
		object("email-addr", 7, `"value":"Bad.Actor@mail.example.org"`),
		object("windows-registry-key", 8, `"key":"HKEY_LOCAL_MACHINE\\Software\\Run"`),
		indicator(9, "[ipv4-addr:value = '203.0.113.9' OR domain-name:value = 'drop.example.net']", `"name":"Dropper seen with CVE-2024-12345"`),
		indicator(10, "[ipv4-addr:value ISSUBSET '203.0.113.0/28']", ""),
		object("malware", 11, `"is_family":true,"name":"Snowfall","aliases":["White Loader"],"description":"Écrit pour les tests."`),
		object("vulnerability", 12, `"name":"CVE-2021-44228"`),
		object("mutex", 13, `"name":"Global\\one two"`),
	)
	scope := scopeOf(s, "gsp")
	for _, c := range []struct {
		q    string
		want []int
	}{
		{"198.51.100.7", []int{1, 2}},
		{"198[.]51[.]100[.]7", []int{1, 2}},
		{"::ffff:198.51.100.7", []int{1, 2}},
		{"198.51.100.0/24", []int{1, 2}},
		{"198.51.0.0/16", []int{1, 2}},
		{"198.51.100.128/25", nil},
		{"2001:0DB8::0007", []int{3}},
		{"2001:db8::/32", []int{3}},
		{"0.0.0.0/0", []int{1, 2, 9, 10}},
		{"203.0.113.9", []int{9, 10}},
		{"example.com", []int{4, 5}},
		{"evil.example.com", []int{4, 5}},
		{"c2.EVIL.example[.]com", []int{4}},
		{"example.net", []int{9}},
		{"hxxp://evil[.]example[.]com/a?b=c", []int{5}},
		{"http://evil.example.com/a", nil},
		{"d41d8cd98f00b204e9800998ecf8427e", []int{6}},
		{"invoice.exe", []int{6}},
		{"bad.actor[at]mail.example.org", []int{7}},
		{"example.org", []int{7}},
		{`hkey_local_machine\software\run`, []int{8}},
		{"cve-2024-12345", []int{9}},
		{"CVE-2021-44228", []int{12}},
		{"snowfall", []int{11}},
		{"loader white", []int{11}},
		{"écrit", []int{11}},
		{"tests snowfall", []int{11}},
		{"snow", nil},
		{`global\one two`, []int{13}},
		{"malware--6f1e8c3b-5b1c-4a7e-9d20-000000000011", []int{11}},
	} {
		a := search(t, x, scope, index.Query{Values: []string{c.q}})
		var got []int
		for _, r := range a.Results {
			var n int
			fmt.Sscanf(r.ID[len(r.ID)-12:], "%d", &n)
			got = append(got, n)
			if !slices.Equal(r.Matches, []string{c.q}) {
				t.Errorf("%s: got matches %q", c.q, r.Matches)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) || a.Total != uint64(len(c.want)) {
			t.Errorf("%s: got %v (total %d), want %v", c.q, got, a.Total, c.want)
		}
	}
}

// model is what a collection holds, by the number of its object.
type model map[int]fact

type fact struct {
	address    int // 10.0.0.n
	word       string
	confidence int
	label      string
	revision   int
}

func (f fact) object(n int) string {
	members := fmt.Sprintf(`"name":"thing %s","labels":[%q]`, f.word, f.label)
	if f.confidence > 0 {
		members += fmt.Sprintf(`,"confidence":%d`, f.confidence)
	}
	o := indicator(n, fmt.Sprintf("[ipv4-addr:value = '10.0.0.%d']", f.address), members)
	return strings.Replace(o, `"modified":"2024-03-01T12:00:00.000Z"`, fmt.Sprintf(`"modified":"2024-03-01T12:00:00.%03dZ"`, f.revision), 1)
}

// A random history in several agreements: each scope finds, counts and shows what reading its agreements one by one
// gives, and nothing else changes with what the scope does not have; also after a restart, and after the index was
// damaged or removed while the server was stopped.
func TestASearchGivesWhatReadingGives(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 17))
			s := accordtest.New(t)
			names := []agreement.Name{"gsp", "circle"}
			models := map[agreement.Name]model{"gsp": {}, "circle": {}}
			x, stop := running(t, s)
			words := []string{"red", "green", "blue", "grey"}
			revision := 0
			for round := range 12 {
				name := names[rnd.IntN(len(names))]
				m := models[name]
				for range 1 + rnd.IntN(20) {
					n := rnd.IntN(40)
					if _, there := m[n]; there && rnd.IntN(3) == 0 {
						id := fmt.Sprintf("indicator--6f1e8c3b-5b1c-4a7e-9d20-%012d", n)
						if a := s.Do(accordtest.Request{As: producer(string(name)), Method: "DELETE", Path: accordtest.Path(string(name)) + "objects/" + id + "/"}); a.Status != 200 {
							t.Fatalf("delete: got %d %s", a.Status, a.Body)
						}
						delete(m, n)
						continue
					}
					revision++
					f := fact{address: rnd.IntN(32), word: words[rnd.IntN(4)], confidence: rnd.IntN(101), label: words[rnd.IntN(4)], revision: revision}
					post(t, s, string(name), f.object(n))
					m[n] = f
				}
				switch round {
				case 4:
					stop()
					x, stop = running(t, s)
				case 6:
					stop()
					if err := os.RemoveAll(index.Folder(s.Store.Dir())); err != nil {
						t.Fatal(err)
					}
					x, stop = running(t, s)
				case 8:
					stop()
					damage(t, index.Folder(s.Store.Dir()), rnd)
					x, stop = running(t, s)
				}
				for _, scope := range [][]agreement.Name{{}, {"gsp"}, {"circle"}, {"gsp", "circle"}} {
					compare(t, rnd, x, scopeOf(s, scope...), models, scope)
				}
			}
		})
	}
}

// damage overwrites the middle of every table of the index.
func damage(t *testing.T, dir string, rnd *rand.Rand) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables to damage: %v", err)
	}
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			b[rnd.IntN(len(b))] ^= 0x5a
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func compare(t *testing.T, rnd *rand.Rand, x *index.Index, scope index.Scope, models map[agreement.Name]model, names []agreement.Name) {
	t.Helper()
	for _, q := range []index.Query{
		{},
		{Values: []string{fmt.Sprintf("10.0.0.%d", rnd.IntN(32))}},
		{Values: []string{"10.0.0.0/28", "blue"}},
		{Values: []string{"thing red"}, Confidence: 40},
		{Labels: []string{"green"}},
		{Values: []string{"10.0.0.16/28"}, Types: []string{"indicator"}, Labels: []string{"blue", "grey"}},
		{Types: []string{"malware"}},
	} {
		q.Facets, q.Limit = true, 7
		want := make(map[string]bool)
		labels := make(map[string]uint64)
		for _, name := range names {
			for n, f := range models[name] {
				if f.matches(q) {
					want[fmt.Sprintf("%s indicator--6f1e8c3b-5b1c-4a7e-9d20-%012d", name, n)] = true
					labels[f.label]++
				}
			}
		}
		// An index that is being made again says so, and is asked again.
		var a *index.Results
		for deadline := time.Now().Add(30 * time.Second); ; {
			var err error
			if a, err = x.Search(t.Context(), scope, q); err == nil && a.Behind == 0 {
				break
			}
			if err != nil && !errors.Is(err, index.ErrUnavailable) || time.Now().After(deadline) {
				t.Fatalf("search: %v", err)
			}
		}
		if a.Total != uint64(len(want)) {
			t.Fatalf("%v in %v: got total %d, want %d", q, names, a.Total, len(want))
		}
		got := make(map[string]bool)
		last := time.Now().Add(time.Hour)
		for page := a; ; {
			for _, r := range page.Results {
				key := r.Agreement + " " + r.ID
				if got[key] || !want[key] || r.Added.After(last) {
					t.Fatalf("%v in %v: got %s twice, unasked or out of order", q, names, key)
				}
				got[key], last = true, r.Added
			}
			if page.Next == "" {
				break
			}
			next := q
			next.Next, next.Facets = page.Next, false
			page = search(t, x, scope, next)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%v in %v: got %v, want %v", q, names, got, want)
		}
		counted := make(map[string]uint64)
		for _, c := range a.Facets["label"] {
			counted[c.Value] = c.Count
		}
		if !maps.Equal(counted, labels) {
			t.Fatalf("%v in %v: got labels %v, want %v", q, names, counted, labels)
		}
	}
}

func (f fact) matches(q index.Query) bool {
	if f.confidence < q.Confidence || q.Confidence > 0 && f.confidence == 0 {
		return false
	}
	if len(q.Labels) > 0 && !slices.Contains(q.Labels, f.label) || len(q.Types) > 0 && !slices.Contains(q.Types, "indicator") {
		return false
	}
	if len(q.Values) == 0 {
		return true
	}
	for _, v := range q.Values {
		switch v {
		case "10.0.0.0/28":
			if f.address < 16 {
				return true
			}
		case "10.0.0.16/28":
			if f.address >= 16 {
				return true
			}
		case "thing red":
			if f.word == "red" || f.label == "red" {
				return true
			}
		case "blue":
			if f.word == "blue" || f.label == "blue" {
				return true
			}
		default:
			if v == fmt.Sprintf("10.0.0.%d", f.address) {
				return true
			}
		}
	}
	return false
}

// An object that was removed is in no answer from then on, though the index has not heard of it.
func TestRemovedObjectsLeaveBeforeTheAnswer(t *testing.T) {
	s := accordtest.New(t)
	x, err := index.Open(s.Store, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	post(t, s, "gsp", object("malware", 1, `"is_family":true,"name":"Snowfall"`), object("malware", 2, `"is_family":true,"name":"Snowfall"`))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx) }()
	scope := scopeOf(s, "gsp")
	index.Wait(x, t.Context(), scope[0].Collection.ID(), 3)
	cancel()
	<-ended
	s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: accordtest.Path("gsp") + "objects/malware--6f1e8c3b-5b1c-4a7e-9d20-000000000001/"})
	a := search(t, x, scope, index.Query{Values: []string{"snowfall"}, Facets: true})
	if want := []string{"gsp malware--6f1e8c3b-5b1c-4a7e-9d20-000000000002"}; !slices.Equal(ids(a), want) || a.Total != 1 || a.Facets["type"][0].Count != 1 || a.Behind != 1 {
		t.Errorf("got %v, total %d, facets %v, behind %d; want %v alone, with the index one entry behind", ids(a), a.Total, a.Facets, a.Behind, want)
	}
	if _, err := x.Graph(t.Context(), scope, "malware--6f1e8c3b-5b1c-4a7e-9d20-000000000001", 1); !errors.Is(err, index.ErrUnknownObject) {
		t.Errorf("the graph of a removed object: got %v, want ErrUnknownObject", err)
	}
}

// Validity is judged at the moment of the search.
func TestValidityIsJudgedNow(t *testing.T) {
	s := accordtest.New(t)
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	x, err := index.Open(s.Store, index.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx) }()
	defer func() { cancel(); <-ended; x.Close() }()
	pattern := "[file:name = 'x']"
	post(t, s, "gsp",
		indicator(1, pattern, `"valid_until":"2026-06-01T12:00:01Z"`),
		indicator(2, pattern, `"valid_until":"2027-01-01T00:00:00Z"`),
		indicator(3, pattern, `"valid_until":"2025-01-01T00:00:00Z"`),
		indicator(4, pattern, `"revoked":true`),
		strings.Replace(indicator(5, pattern, ""), `"valid_from":"2024-03-01T12:00:00Z"`, `"valid_from":"2026-06-01T13:00:00Z"`, 1),
	)
	scope := scopeOf(s, "gsp")
	for _, c := range []struct {
		at   time.Time
		want uint64
	}{{now, 2}, {now.Add(time.Second), 1}, {now.Add(2 * time.Hour), 2}, {now.AddDate(1, 0, 0), 1}, {now.AddDate(-2, 1, 0), 3}} {
		now = c.at
		if a := search(t, x, scope, index.Query{Values: []string{"x"}, Valid: true}); a.Total != c.want {
			t.Errorf("at %s: got %v, want %d", c.at, ids(a), c.want)
		}
	}
}

// A graph has what the scope can read, joined through relationships, and nothing that another agreement says.
func TestGraph(t *testing.T) {
	s := accordtest.New(t)
	x, _ := running(t, s)
	id := func(typ string, n int) string { return fmt.Sprintf("%s--6f1e8c3b-5b1c-4a7e-9d20-%012d", typ, n) }
	post(t, s, "gsp",
		indicator(1, "[file:name = 'x']", `"name":"One"`),
		object("malware", 2, `"is_family":true,"name":"Two"`),
		object("relationship", 3, fmt.Sprintf(`"relationship_type":"indicates","source_ref":%q,"target_ref":%q`, id("indicator", 1), id("malware", 2))),
		object("report", 4, fmt.Sprintf(`"name":"Four","published":"2024-03-01T12:00:00Z","report_types":["malware"],"object_refs":[%q]`, id("malware", 2))),
	)
	post(t, s, "circle", object("note", 5, fmt.Sprintf(`"content":"hidden","object_refs":[%q]`, id("malware", 2))))
	g, err := x.Graph(t.Context(), scopeOf(s, "gsp"), id("indicator", 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	nodes := func(g *index.Graph) (list []string) {
		for _, n := range g.Nodes {
			list = append(list, fmt.Sprint(n.Type, " ", n.Depth))
		}
		slices.Sort(list)
		return list
	}
	if want := []string{"indicator 0", "malware 1", "relationship 1"}; !slices.Equal(nodes(g), want) {
		t.Errorf("depth 1: got %v, want %v", nodes(g), want)
	}
	if !slices.Contains(g.Edges, index.Edge{Source: id("indicator", 1), Target: id("malware", 2), Label: "indicates", By: id("relationship", 3)}) {
		t.Errorf("got edges %v, want one for the relationship", g.Edges)
	}
	g, err = x.Graph(t.Context(), scopeOf(s, "gsp"), id("indicator", 1), 2)
	if want := []string{"indicator 0", "malware 1", "relationship 1", "report 2"}; err != nil || !slices.Equal(nodes(g), want) {
		t.Errorf("depth 2: got %v, %v, want %v", nodes(g), err, want)
	}
	g, err = x.Graph(t.Context(), scopeOf(s, "gsp", "circle"), id("indicator", 1), 2)
	if want := []string{"indicator 0", "malware 1", "note 2", "relationship 1", "report 2"}; err != nil || !slices.Equal(nodes(g), want) {
		t.Errorf("with both agreements: got %v, %v, want %v", nodes(g), err, want)
	}
	if _, err := x.Graph(t.Context(), scopeOf(s, "gsp"), id("note", 5), 2); !errors.Is(err, index.ErrUnknownObject) {
		t.Errorf("of an object elsewhere: got %v, want ErrUnknownObject", err)
	}
}

// A value of next that no answer gave, or that belongs to another search, is the caller's fault.
func TestForeignCursors(t *testing.T) {
	s := accordtest.New(t)
	x, _ := running(t, s)
	post(t, s, "gsp", object("malware", 1, `"is_family":true,"name":"a"`), object("malware", 2, `"is_family":true,"name":"a"`))
	scope := scopeOf(s, "gsp")
	next := search(t, x, scope, index.Query{Values: []string{"a"}, Limit: 1}).Next
	for _, q := range []index.Query{{Next: "x"}, {Next: next}, {Values: []string{"a"}, Next: next[:len(next)-2] + "AA"}} {
		if _, err := x.Search(t.Context(), scope, q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("next %s: got %v, want ErrQuery", q.Next, err)
		}
	}
	if a := search(t, x, scope, index.Query{Values: []string{"a"}, Next: next, Limit: 5}); len(a.Results) != 1 || a.Next != "" {
		t.Errorf("the second page: got %d results and next %q, want the last one", len(a.Results), a.Next)
	}
}

// Nothing that an object says is in the files of the index as text.
func TestNoTextInTheIndex(t *testing.T) {
	s := accordtest.New(t)
	x, stop := running(t, s)
	post(t, s, "gsp", object("malware", 1, `"is_family":true,"name":"Snowfall","labels":["quicksilver"]`), object("domain-name", 2, `"value":"marigold.example.com"`))
	if a := search(t, x, scopeOf(s, "gsp"), index.Query{Values: []string{"snowfall", "marigold.example.com"}}); a.Total != 2 {
		t.Fatalf("got %d, want both", a.Total)
	}
	stop()
	err := filepath.WalkDir(index.Folder(s.Store.Dir()), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, %v, want one that others cannot read", name, info.Mode(), err)
		}
		b, err := os.ReadFile(name)
		for _, text := range []string{"nowfall", "quicksilver", "marigold", "malware"} {
			if strings.Contains(string(b), text) {
				t.Errorf("%s holds %q", name, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A disk that takes nothing more keeps the index neither from ending nor busy.
func TestAnIndexWithoutADiskEnds(t *testing.T) {
	s := accordtest.New(t)
	x, stop := running(t, s)
	post(t, s, "gsp", object("malware", 1, `"is_family":true,"name":"Snowfall"`))
	if a := search(t, x, scopeOf(s, "gsp"), index.Query{Values: []string{"snowfall"}}); a.Total != 1 {
		t.Fatalf("got %d, want 1", a.Total)
	}
	if err := os.RemoveAll(index.Folder(s.Store.Dir())); err != nil {
		t.Fatal(err)
	}
	stop()
}

func FuzzReadValue(f *testing.F) {
	for _, text := range []string{"1.2.3.4", "hxxps://a[.]b.com/x", "CVE-2024-1234", "::1/64", "é.example", "a@b.co", `HKLM\x`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := index.ReadValue(text)
		if again := index.ReadValue(v.Text); v.Kind != index.Text && v.Kind != index.Name && (again.Kind != v.Kind || again.Text != v.Text) {
			t.Errorf("%q reads as %v, which reads as %v", text, v, again)
		}
	})
}

// A page of results ends by its bytes, too, and the pages together have everything once.
func TestAPageOfResultsEndsByItsBytes(t *testing.T) {
	s := accordtest.New(t)
	x, _ := running(t, s)
	const objects = 60
	for n := 0; n < objects; n += 10 {
		var texts []string
		for i := n; i < n+10; i++ {
			texts = append(texts, object("tool", i, fmt.Sprintf(`"name":"t%d","description":%q`, i, strings.Repeat("x", 40_000))))
		}
		post(t, s, accordtest.Programme, texts...)
	}
	seen, pages := map[string]bool{}, 0
	for next := ""; pages < objects; pages++ {
		a := search(t, x, scopeOf(s, accordtest.Programme), index.Query{Types: []string{"tool"}, Content: true, Limit: 1000, Next: next})
		size := 0
		for _, r := range a.Results {
			if seen[r.ID] {
				t.Errorf("%s comes twice", r.ID)
			}
			seen[r.ID] = true
			size += len(r.Object)
		}
		if a.Total != objects || len(a.Results) == 0 || size > 1<<20+50_000 {
			t.Fatalf("got %d of %d results with %d bytes of texts", len(a.Results), a.Total, size)
		}
		if next = a.Next; next == "" {
			break
		}
	}
	if len(seen) != objects || pages == 0 {
		t.Errorf("got %d of %d objects in %d pages", len(seen), objects, pages+1)
	}
}

// When the file of an agreement was replaced, the index forgets what it has read and reads the new one.
func TestAReplacedFileIsReadAnew(t *testing.T) {
	s := accordtest.New(t)
	x, _ := running(t, s)
	post(t, s, accordtest.Programme, object("campaign", 1, `"name":"before"`))
	found := func(name string) int {
		return len(ids(search(t, x, scopeOf(s, accordtest.Programme), index.Query{Values: []string{name}})))
	}
	if n := found("before"); n != 1 {
		t.Fatalf("found %d, want 1", n)
	}
	accordtest.ReplaceFile(t, s.Store, s.Collection(accordtest.Programme))
	post(t, s, accordtest.Programme, object("campaign", 2, `"name":"after"`))
	if before, after := found("before"), found("after"); before != 1 || after != 1 {
		t.Errorf("found %d and %d, want 1 and 1", before, after)
	}
}
