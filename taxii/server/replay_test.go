package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// The replays send what real clients send, in their order, and hold the answers that let them go on. Each is named by the
// page of doc/clients that describes the client.

// wire sends requests with exactly the given headers.
type wire struct {
	t *testing.T
	s *accordtest.Server
	h http.Header // with every request
}

func newWire(t *testing.T, s *accordtest.Server, account string, headers ...string) wire {
	w := wire{t: t, s: s, h: http.Header{}}
	if account != "" {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(account, accordtest.Password(account))
		w.h["Authorization"] = r.Header["Authorization"]
	}
	for i := 0; i < len(headers); i += 2 {
		w.h[headers[i]] = []string{headers[i+1]}
	}
	return w
}

func (w wire) do(method, path, contentType string, body []byte) accordtest.Answer {
	w.t.Helper()
	if contentType == "" {
		contentType = "-"
	}
	return w.s.Do(accordtest.Request{Method: method, Path: path, Accept: "-", ContentType: contentType, Body: body, Header: w.h})
}

func (w wire) get(path string) accordtest.Answer {
	w.t.Helper()
	return w.do("GET", path, "", nil)
}

// clientPage is a page as clients read it.
type clientPage struct {
	Objects []json.RawMessage
	More    bool
	Next    string
}

// page gets a page that must be there.
func (w wire) page(path string) (p clientPage, a accordtest.Answer) {
	w.t.Helper()
	a = w.get(path)
	if a.Status != 200 {
		w.t.Fatalf("GET %s: got %d %s", path, a.Status, a.Body)
	}
	w.s.JSON(a, &p)
	return p, a
}

const accept21 = taxii.MediaType

// filled is a server whose collection gsp has n indicators.
func filled(t *testing.T, n int, options ...accordtest.Option) *accordtest.Server {
	s := accordtest.New(t, options...)
	for from := 0; from < n; from += 500 {
		s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(from, min(n, from+500))...)
	}
	return s
}

func withPublicURL(c *server.Config) { c.PublicURL = "https://taxii.example/" }

// local is the path of an absolute URL below the public URL.
func local(t *testing.T, url string) string {
	t.Helper()
	path, ok := strings.CutPrefix(url, "https://taxii.example")
	if !ok {
		t.Fatalf("%q is no URL below the public one", url)
	}
	return path
}

func TestReplayCyware(t *testing.T) {
	s := filled(t, 30, accordtest.WithConfig(withPublicURL))
	w := newWire(t, s, "vendor", "Content-Type", accept21, "User-Agent", "cyware.taxii2client", "Accept", accept21, "Host", "evil.example")
	var d taxii.Discovery
	s.JSON(w.get("/taxii2/"), &d)
	if d.Default != "https://taxii.example/nicp/" || d.APIRoots[0] != d.Default {
		t.Fatalf("got default %q of %q, want an absolute URL that is one of the roots", d.Default, d.APIRoots)
	}
	root := local(t, d.Default)
	var list taxii.Collections
	s.JSON(w.get(root+"collections/"), &list)
	next, got := "", 0
	for range 10 {
		path := root + "collections/" + list.Collections[0].ID + "/objects/?limit=10"
		if next != "" {
			path += "&next=" + next
		}
		p, _ := w.page(path)
		got += len(p.Objects)
		if next = p.Next; next == "" {
			break
		}
	}
	if got != 30 {
		t.Errorf("got %d objects, want 30", got)
	}
}

func TestReplayFortiSOAR(t *testing.T) {
	s := filled(t, 1200, accordtest.WithConfig(func(c *server.Config) {
		withPublicURL(c)
		c.Limits.PageDefault = 5000
	}))
	health := newWire(t, s, "vendor", "Content-Type", "application/json", "Accept", "*/*")
	var d taxii.Discovery
	s.JSON(health.get("/taxii2/"), &d)
	a := health.get(local(t, d.Default))
	var root taxii.APIRoot
	s.JSON(a, &root)
	w := newWire(t, s, "vendor", "Accept", root.Versions[0])
	base := local(t, d.Default) + "/collections/" // the slash that ends the root, and another
	if a := w.get(base); a.Status != 200 {
		t.Fatalf("%s: got %d, want 200", base, a.Status)
	}
	p, _ := w.page(base + accordtest.ProgrammeID.String() + "/objects?added_after=2026-01-01T00:00:00Z")
	if p.More || len(p.Objects) != 1200 {
		t.Errorf("got %d objects and more %v, want all 1200 on the one page that it reads", len(p.Objects), p.More)
	}
}

func TestReplayOpenCTITaxiiPost(t *testing.T) {
	s := accordtest.New(t)
	w := newWire(t, s, "vendor", "Accept", "application/taxii+json; version=2.1")
	for n, kind := range []string{"application/stix+json; version=2.1", "application/stix+json; version=2.0", "application/stix+json", "application/json"} {
		bundle := fmt.Appendf(nil, `{"type":"bundle","spec_version":"2.1","id":"bundle--2b6e8d10-94c7-4f3a-8e21-00000000000%d","objects":[%s]}`, n, accordtest.Indicator(n, 0))
		path := accordtest.Path("gsp") + "objects/"
		if kind == "application/json" {
			path = strings.TrimSuffix(path, "/")
		}
		a := w.do("POST", path, kind, bundle)
		var status taxii.Status
		if a.Status == 202 {
			s.JSON(a, &status)
		}
		if status.SuccessCount != 1 || a.Header.Get("Content-Type") != taxii.MediaType {
			t.Errorf("%s: got %d %s as %s, want one success as TAXII", kind, a.Status, a.Body, a.Header.Get("Content-Type"))
		}
	}
}

func TestReplayMISPPull(t *testing.T) {
	s := filled(t, 120)
	w := newWire(t, s, "agency", "Accept", accept21, "Content-Type", accept21)
	w.h.Set("Authorization", strings.Replace(w.h.Get("Authorization"), "Basic", "basic", 1))
	if a := w.get("//taxii2/"); a.Status != 200 { // its base URL ends in a slash
		t.Fatalf("got %d %s, want 200", a.Status, a.Body)
	}
	if a := w.get("//taxii2//"); a.Status != 200 {
		t.Errorf("got %d, want 200", a.Status)
	}
	got, path := 0, "//nicp/collections/"+accordtest.ProgrammeID.String()+"/objects/?limit=50"
	for next := ""; ; {
		p, a := w.page(path + next)
		got += len(p.Objects)
		if !strings.Contains(string(a.Body), `"more":`) {
			t.Error("a page without more, which it reads unconditionally")
		}
		if !p.More {
			break
		}
		if strings.ContainsAny(p.Next, "/+=") { // it puts next into a path of its own
			t.Errorf("next is %q, which does not survive as a path segment", p.Next)
		}
		next = "&next=" + p.Next
	}
	if got != 120 {
		t.Errorf("got %d objects, want 120", got)
	}
}

func TestReplayMISPPush(t *testing.T) {
	s := accordtest.New(t, accordtest.WithRoot(store.Root{Name: accordtest.Industry, Title: "Small", MaxContentLength: 4096}))
	w := newWire(t, s, "vendor", "Accept", accept21)
	var root taxii.APIRoot
	s.JSON(w.get("/nicp/"), &root)
	exact := accordtest.Envelope(accordtest.Indicators(0, 3)...)
	exact = append(exact, strings.Repeat(" ", int(root.MaxContentLength)-len(exact))...) // right up to the limit
	if a := w.do("POST", accordtest.Path("gsp")+"objects/", accept21, exact); a.Status != 202 {
		t.Errorf("a body of max_content_length: got %d %s, want 202", a.Status, a.Body)
	}
	if a := w.do("POST", accordtest.Path("gsp")+"objects/", accept21, append(exact, ' ')); a.Status != 413 {
		t.Errorf("a byte more: got %d, want 413", a.Status)
	}
}

func TestReplayNavigator(t *testing.T) {
	s := filled(t, 1100, accordtest.WithRoot(store.Root{Name: accordtest.Industry, Title: "Public", DefaultPage: 5000}),
		accordtest.WithConfig(func(c *server.Config) { c.Origins = []string{"https://viewer.example"} }))
	s.Change("gsp", "change", func(a *agreement.Agreement) {
		a.Public, a.Accept.MaxTLP, a.Accept.DefaultTLP = true, 1, 1
	})
	path := "/nicp/collections/" + accordtest.ProgrammeID.String() + "/objects/"
	preflight := newWire(t, s, "", "Origin", "https://viewer.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,version")
	a := preflight.do("OPTIONS", path, "", nil)
	if a.Status != 204 || a.Header.Get("Access-Control-Allow-Origin") != "https://viewer.example" || a.Header.Get("Access-Control-Allow-Headers") != "authorization,version" ||
		a.Header.Get("Vary") != "Origin" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Fatalf("preflight: got %d %v", a.Status, a.Header)
	}
	w := newWire(t, s, "", "Origin", "https://viewer.example", "Accept", accept21, "version", "2.1", "Authorization", "Basic Og==")
	p, a := w.page(path)
	if len(p.Objects) != 1100 || p.More {
		t.Errorf("got %d objects, want all 1100 on the one page that it reads", len(p.Objects))
	}
	if !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), taxii.HeaderLast) || a.Header.Get("Access-Control-Allow-Origin") != "https://viewer.example" {
		t.Errorf("got %v, want the date headers exposed", a.Header)
	}
	other := newWire(t, s, "", "Origin", "https://evil.example", "Accept", accept21)
	if a := other.get(path); a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Vary") == "" {
		t.Errorf("another origin: got %v", a.Header)
	}
	if a := other.do("OPTIONS", path, "", nil); a.Status == 204 {
		t.Error("another origin's preflight is answered")
	}
}

// OpenCTI's taxii2 connector keeps one set of filters for all collections, so the last cursor of one comes first in the
// next: with another answer than its first page the connector never gets anything again (decision 0026).
func TestReplayOpenCTIConnector(t *testing.T) {
	s := filled(t, 250)
	s.Post("vendor", accordtest.Path("intake"), accordtest.Indicators(0, 30)...)
	w := newWire(t, s, "agency", "Accept", accept21, "User-Agent", "taxii2-client/2.3.0")
	filters := "?added_after=2024-11-28T00:00:00Z&limit=100"
	run := func() (got int) {
		for _, collection := range []string{accordtest.ProgrammeID.String(), accordtest.IntakeID.String()} {
			for more := true; more; {
				p, _ := w.page("/nicp/collections/" + collection + "/objects/" + filters)
				got += len(p.Objects)
				if more = p.More; more {
					filters = "?next=" + p.Next
				}
			}
		}
		return got
	}
	if got := run(); got != 280 {
		t.Errorf("got %d objects, want 250 and 30", got)
	}
	if got := run(); got < 30 {
		t.Errorf("the second run got %d objects, want those of the second collection at least", got)
	}
	if !strings.Contains(s.Log.String(), "a cursor of another collection was passed over") {
		t.Error("nothing is logged of the cursor")
	}
	if a := w.get(accordtest.Path("intake") + "objects/?next=AAAA"); a.Status != 400 {
		t.Errorf("a malformed cursor: got %d, want 400", a.Status)
	}
}

// OpenCTI's ingestion manager cuts the date header to milliseconds and asks again with that.
func TestReplayOpenCTIIngester(t *testing.T) {
	s := filled(t, 0)
	w := newWire(t, s, "agency", "Accept", accept21)
	seen, cursor := map[string]int{}, "2020-01-01T00:00:00.000Z"
	poll := func() (got int) {
		for next := ""; ; {
			path := accordtest.Path("gsp") + "objects/?added_after=" + cursor
			if next != "" {
				path += "&next=" + next
			}
			p, a := w.page(path)
			for _, o := range p.Objects {
				var object struct{ ID string }
				if err := json.Unmarshal(o, &object); err != nil {
					t.Fatal(err)
				}
				seen[object.ID]++
				got++
			}
			last, err := time.Parse(time.RFC3339, a.Header.Get(taxii.HeaderLast))
			if err != nil {
				t.Fatal(err)
			}
			cursor = last.Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
			if next = p.Next; !p.More {
				return got
			}
		}
	}
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 800)...)
	if got := poll(); got != 800 {
		t.Fatalf("got %d objects, want 800", got)
	}
	fresh, before := cursor, cursor
	for round := range 3 { // the newest goes, and a client that comes now has an object in the middle of a batch as its last
		newest := accordtest.IndicatorID(799 - round)
		if a := s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: accordtest.Path("gsp") + "objects/" + newest + "/"}); a.Status != 200 {
			t.Fatalf("delete: got %d %s", a.Status, a.Body)
		}
		clear(seen)
		cursor = "2020-01-01T00:00:00.000Z"
		if got := poll(); got != 799-round {
			t.Fatalf("after a deletion: got %d objects, want %d", got, 799-round)
		}
		fresh = cursor
		for range 3 {
			if got := poll(); got != 0 {
				t.Fatalf("round %d, added_after=%s: got %d objects again", round, fresh, got)
			}
		}
	}
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(1000, 1010)...)
	if got := poll(); got != 10 {
		t.Errorf("after new ones: got %d objects, want the 10 new ones", got)
	}
	cursor = before // one that was given before the deletions
	if got := poll(); got != 10 {
		t.Errorf("from a cursor of before: got %d objects, want the 10 new ones", got)
	}
	for id, times := range seen {
		if times > 2 { // twice: by two cursors
			t.Errorf("%s came %d times", id, times)
		}
	}
	// Another account that asks with the same time has been given nothing, and misses nothing.
	other := newWire(t, s, "vendor", "Accept", accept21)
	p, _ := other.page(accordtest.Path("gsp") + "objects/?added_after=" + fresh)
	if len(p.Objects) < 10 {
		t.Errorf("another account got %d objects, want all that are later", len(p.Objects))
	}
}

func TestReplayElastic(t *testing.T) {
	s := filled(t, 25)
	setAccount(t, s, "agency", func(a *auth.Account) { a.EmptyList = true })
	w := newWire(t, s, "agency", "Accept", accept21, "Content-Type", "application/json")
	path := accordtest.Path("gsp") + "objects/"
	p, a := w.page(path + "?added_after=2024-11-28T12%3A00%3A00Z&limit=10")
	got := len(p.Objects)
	for p.Next != "" { // it ignores more
		p, a = w.page(path + "?limit=10&next=" + p.Next)
		got += len(p.Objects)
	}
	if got != 25 {
		t.Errorf("got %d objects, want 25", got)
	}
	last := strings.ReplaceAll(a.Header.Get(taxii.HeaderLast), ":", "%3A")
	for _, query := range []string{"?added_after=" + last + "&limit=10", "?limit=10&added_after=" + last} {
		a = w.get(path + query)
		if string(a.Body) != `{"more":false,"objects":[]}` || a.Header.Get(taxii.HeaderLast) == "" {
			t.Errorf("nothing new: got %s, want an empty list for an account that says so", a.Body)
		}
	}
	if a := w.get(path + accordtest.IndicatorID(1) + "/versions/?added_after=" + last); string(a.Body) != `{"more":false,"versions":[]}` {
		t.Errorf("versions: got %s", a.Body)
	}
	if a := s.Get("vendor", path+"?added_after="+last); string(a.Body) != "{}" {
		t.Errorf("another account: got %s, want {} as the Standard says", a.Body)
	}
}

func TestReplayXSOAR(t *testing.T) {
	s := filled(t, 5)
	s.Post("vendor", accordtest.Path("intake"), accordtest.Indicators(0, 5)...)
	s.Change("intake", "suspend", func(a *agreement.Agreement) {
		a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: "root", Reason: "for a test"}
	})
	w := newWire(t, s, "agency", "Accept", accept21, "User-Agent", "taxii2-client/2.3.0")
	var list taxii.Collections
	s.JSON(w.get("/nicp/collections/"), &list)
	for _, c := range list.Collections {
		if !c.CanRead { // the OASIS client raises, and what others gave is thrown away
			t.Fatalf("%s stands in the list and cannot be read", c.Title)
		}
		w.page("/nicp/collections/" + c.ID + "/objects/?limit=100&added_after=2020-01-01T00:00:00Z&match[type]=indicator,relationship")
	}
	var one taxii.Collection
	if a := w.get(accordtest.Path("intake")); a.Status != 200 {
		t.Errorf("by its id: got %d, want 200", a.Status)
	} else if s.JSON(a, &one); one.CanRead {
		t.Error("by its id: it can be read")
	}
	if a := newWire(t, s, "agency", "Accept", "application/vnd.oasis.taxii+json; version=2.0").get("/taxii2/"); a.Status != 406 {
		t.Errorf("TAXII 2.0: got %d, want the 406 by which it changes its version", a.Status)
	}
}

// An API root may list what has ended for a while.
func TestEndedCollectionsAreListedAsLongAsTheirRootSays(t *testing.T) {
	s := accordtest.New(t, accordtest.WithRoot(store.Root{Name: accordtest.Industry, Title: "n", ListEnded: 3}))
	now := time.Now()
	s.Change("gsp", "terminate", func(a *agreement.Agreement) { a.Terminated = &agreement.Mark{At: now, By: "root"} })
	for days, want := range map[int]bool{1: true, 2: true, 4: false} {
		s.Clock.Set(now.AddDate(0, 0, days))
		if got := strings.Contains(string(s.Get("agency", "/nicp/collections/").Body), `"gsp"`); got != want {
			t.Errorf("%d days after its end: listed %v, want %v", days, got, want)
		}
	}
}

// setAccount changes an account as an operator would.
func setAccount(t *testing.T, s *accordtest.Server, name string, change func(*auth.Account)) {
	t.Helper()
	account, ok := s.Store.Registry().Account(name)
	if !ok {
		t.Fatalf("no account %s", name)
	}
	change(&account)
	if err := s.Store.Change(t.Context(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{Account: &account, Act: "change"}}); err != nil {
		t.Fatal(err)
	}
}

// OpenCTI's connector and XSOAR can send their key in a header of any name.
func TestReplayKeyHeader(t *testing.T) {
	s := filled(t, 3, accordtest.WithConfig(func(c *server.Config) {
		opened := c.Store
		c.Auth = auth.New(auth.Current(func() auth.Directory { return opened.Registry() }), auth.Options{KeyHeaders: []string{"x-api-key"}})
	}))
	plain, token := auth.NewToken(time.Now(), "replay")
	setAccount(t, s, "agency", func(a *auth.Account) { a.Tokens = append(a.Tokens, token) })
	w := newWire(t, s, "", "Accept", accept21, "X-Api-Key", plain)
	w.page(accordtest.Path("gsp") + "objects/")
	w.h.Set("X-Api-Key", "accord_wrong")
	if a := w.get("/taxii2/"); a.Status != 401 {
		t.Errorf("a wrong key: got %d, want 401", a.Status)
	}
	both := newWire(t, s, "agency", "Accept", accept21, "X-Api-Key", plain)
	if a := both.get("/taxii2/"); a.Status != 401 || !strings.Contains(string(a.Body), "beside another credential") {
		t.Errorf("beside a password: got %d %s, want 401", a.Status, a.Body)
	}
	if a := newWire(t, s, "", "Accept", accept21, "X-Other-Key", plain).get("/taxii2/"); a.Status != 401 {
		t.Errorf("a header that is not listed: got %d, want 401", a.Status)
	}
}

func TestReplaySplunkCTIS(t *testing.T) {
	s := accordtest.New(t)
	w := newWire(t, s, "vendor", "Accept", accept21, "User-Agent", "taxii2-client/2.3.0")
	var list taxii.Collections
	s.JSON(w.get("/nicp/collections/"), &list)
	if !list.Collections[0].CanWrite {
		t.Fatal("the collection cannot be chosen")
	}
	bundle := fmt.Appendf(nil, `{"type":"bundle","id":"bundle--2b6e8d10-94c7-4f3a-8e21-000000000001","objects":[%s,%s]}`, accordtest.Indicator(1, 0), accordtest.Tool(1, 0))
	for _, when := range []string{"at first", "again"} {
		a := w.do("POST", accordtest.Path("gsp")+"objects/", accept21, bundle)
		var status taxii.Status
		if s.JSON(a, &status); status.SuccessCount != 2 || status.Status != "complete" {
			t.Errorf("%s: got %d %s, want two successes", when, a.Status, a.Body)
		}
	}
}

func TestReplaySplunkES(t *testing.T)      { replayPoller(t, "") }
func TestReplaySentinel(t *testing.T)      { replayPoller(t, "") }
func TestReplayQRadar(t *testing.T)        { replayPoller(t, "") }
func TestReplayThreatConnect(t *testing.T) { replayPoller(t, "&match[type]=indicator") }

// replayPoller is what a client does that its documents describe and whose code is not public: Basic, a collection by its
// UUIDv4, pages by next, then added_after from the header as it came.
func replayPoller(t *testing.T, filter string) {
	s := filled(t, 45)
	w := newWire(t, s, "vendor", "Accept", accept21)
	var d taxii.Discovery
	s.JSON(w.get("/taxii2/"), &d)
	var list taxii.Collections
	s.JSON(w.get(d.Default+"collections/"), &list)
	path := d.Default + "collections/" + list.Collections[0].ID + "/objects/"
	got, last, next := 0, "2020-01-01T00:00:00Z", ""
	for range 10 {
		query := "?limit=20&added_after=" + last + filter
		if next != "" {
			query = "?limit=20&next=" + next + filter
		}
		p, a := w.page(path + query)
		got += len(p.Objects)
		if next = p.Next; next == "" {
			last = a.Header.Get(taxii.HeaderLast)
			break
		}
	}
	if got != 45 || last == "" {
		t.Errorf("got %d objects up to %q, want 45", got, last)
	}
	if p, a := w.page(path + "?limit=20&added_after=" + last + filter); len(p.Objects) != 0 || a.Header.Get(taxii.HeaderLast) == "" {
		t.Errorf("the next poll got %d objects, want none and its header", len(p.Objects))
	}
}

func TestReplayTaxii2Client(t *testing.T) {
	s := filled(t, 25)
	w := newWire(t, s, "agency", "Accept", accept21, "User-Agent", "taxii2-client/2.3.0")
	path := "/nicp/collections/" + accordtest.ProgrammeID.String() + "/"
	p, a := w.page(path + "objects/?limit=10")
	if kind := a.Header.Get("Content-Type"); kind != taxii.MediaType { // it compares tokens
		t.Errorf("got the type %q", kind)
	}
	got := len(p.Objects)
	for limit := 10; p.More; limit-- { // it may ask for less from page to page
		p, _ = w.page(fmt.Sprintf("%sobjects/?limit=%d&next=%s", path, limit, p.Next))
		got += len(p.Objects)
	}
	if got != 25 {
		t.Errorf("got %d objects, want 25", got)
	}
	if a := w.get(path + "objects/" + accordtest.IndicatorID(999) + "/"); a.Status != 404 {
		t.Errorf("an unknown object: got %d, want the 404 that it turns into None", a.Status)
	}
}

func TestReplayCurl(t *testing.T) {
	s := filled(t, 3)
	w := newWire(t, s, "agency", "Accept", "*/*", "User-Agent", "curl/8.5.0")
	for _, path := range []string{"/taxii2/", "/taxii2", accordtest.Path("gsp") + "objects", accordtest.Path("gsp") + "manifest/?match[type]=indicator"} {
		if a := w.get(path); a.Status != 200 {
			t.Errorf("%s: got %d %s", path, a.Status, a.Body)
		}
	}
	a := w.get(accordtest.Path("gsp") + "objects/?added_after=2024-11-29T12:00:00.123456+00:00")
	if a.Status != 400 || !strings.Contains(string(a.Body), "%2B") {
		t.Errorf("a + in a query: got %d %s, want a 400 that says %%2B", a.Status, a.Body)
	}
	w.page(accordtest.Path("gsp") + "objects/?added_after=2024-11-29t12:00:00.123456%2B00:00")
}

// Parameters that mean nothing are served, counted, and logged once an account and day.
func TestUnknownParametersAreServedAndLoggedOnce(t *testing.T) {
	unknown := 0
	s := filled(t, 3, accordtest.WithConfig(func(c *server.Config) {
		c.Observed = func(o server.Observation) { unknown += o.Unknown }
	}))
	for range 3 {
		if a := s.Get("agency", accordtest.Path("gsp")+"objects/?type=tool&offset=5&limit=2"); a.Status != 200 {
			t.Fatalf("got %d", a.Status)
		}
	}
	if got := strings.Count(s.Log.String(), `"parameters":"type offset"`); got != 1 {
		t.Errorf("logged %d times, want once", got)
	}
	s.Clock.Set(time.Now().AddDate(0, 0, 1))
	s.Get("agency", accordtest.Path("gsp")+"objects/?type=tool&offset=5")
	if got := strings.Count(s.Log.String(), `"parameters":"type offset"`); got != 2 || unknown != 8 {
		t.Errorf("the day after: logged %d times, counted %d, want 2 and 8", got, unknown)
	}
}

// A TAXII 1 client posts XML to anything, and is told what this is.
func TestReplayTAXII1(t *testing.T) {
	s := accordtest.New(t)
	for _, account := range []string{"", "agency"} {
		w := newWire(t, s, account, "X-Taxii-Content-Type", "urn:taxii.mitre.org:message:xml:1.1", "Accept", "application/xml")
		a := w.do("POST", "/taxii2/", "application/xml", []byte("<taxii/>"))
		if want := map[string]int{"": 401, "agency": 405}[account]; a.Status != want || !strings.Contains(string(a.Body), "This is a TAXII 2.1 server") {
			t.Errorf("as %q: got %d %s, want %d and a sentence about versions", account, a.Status, a.Body, want)
		}
	}
}

// Each page of doc/clients names the replay that holds it.
func TestEveryClientPageHasItsReplay(t *testing.T) {
	pages, err := filepath.Glob("../../doc/clients/*.md")
	if err != nil || len(pages) < 13 {
		t.Fatalf("got %d pages, %v, want 13 or more", len(pages), err)
	}
	text, err := os.ReadFile("replay_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		doc, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`TestReplay\w+`).FindAllString(string(doc), -1)
		if len(names) == 0 && filepath.Base(page) != "README.md" {
			t.Errorf("%s names no replay", page)
		}
		for _, name := range names {
			if !strings.Contains(string(text), "func "+name+"(") {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}
