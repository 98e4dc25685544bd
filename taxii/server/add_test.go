package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// added checks a 202 and returns its status. T-044, T-047, T-048, T-049, T-050, T-103.
func added(t *testing.T, s *accordtest.Server, a accordtest.Answer) taxii.Status {
	t.Helper()
	if a.Status != http.StatusAccepted {
		t.Fatalf("got %d, want 202\n%s", a.Status, a.Body)
	}
	var status taxii.Status
	s.JSON(a, &status)
	if id, err := uuid.Parse(status.ID); err != nil || id.Version() != 4 || status.Status != "complete" || !timestamp.MatchString(status.RequestTimestamp) {
		t.Errorf("got %+v, want a UUID of version 4, complete, with its time", status)
	}
	var counts map[string]json.RawMessage
	s.JSON(a, &counts)
	for _, name := range []string{"total_count", "success_count", "failure_count", "pending_count"} {
		if counts[name] == nil {
			t.Errorf("no %s in %s", name, a.Body)
		}
	}
	if status.TotalCount != status.SuccessCount+status.FailureCount+status.PendingCount || status.PendingCount != 0 ||
		len(status.Successes) != status.SuccessCount || len(status.Failures) != status.FailureCount {
		t.Errorf("the counts and lists do not agree: %s", a.Body)
	}
	for _, d := range append(status.Successes, status.Failures...) {
		if d.ID == "" || d.Version == "" {
			t.Errorf("got the item %+v, want an id and a version", d)
		}
	}
	noEmptyList(t, a)
	return status
}

// T-044, T-045, T-046: a status is there at once, for 30 days, for whom it concerns.
func TestAStatusCanBeReadAgain(t *testing.T) {
	s := accordtest.New(t)
	a := s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0), []byte(`{"type":"tool"}`))
	status := added(t, s, a)
	path := "/nicp/status/" + status.ID + "/"
	for _, who := range []string{"vendor", "root"} {
		if again := s.Get(who, path); again.Status != 200 || string(again.Body) != string(a.Body) {
			t.Errorf("%s: got %d %s, want 200 and what the 202 had: %s", who, again.Status, again.Body, a.Body)
		}
	}
	for who, elsewhere := range map[string]string{"agency": path, "outsider": path, "root": "/members/status/" + status.ID + "/",
		"vendor": "/nicp/status/" + uuid.NewString() + "/", "member": "/nicp/status/not-an-id/"} {
		refused(t, s, s.Get(who, elsewhere), 404)
	}
	s.Clock.Set(time.Now().Add(29 * 24 * time.Hour))
	if again := s.Get("vendor", path); again.Status != 200 {
		t.Errorf("after 29 days: got %d, want 200", again.Status)
	}
	s.Clock.Set(time.Now().Add(31 * 24 * time.Hour))
	refused(t, s, s.Get("vendor", path), 404)
}

// T-105, T-106: the same version again.
func TestAddingAVersionAgain(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path("gsp")
	added(t, s, s.Post("vendor", path, accordtest.Indicator(1, 0)))
	before := s.Get("agency", path+"manifest/?match[version]=all")
	reordered := []byte(strings.Replace(string(accordtest.Indicator(1, 0)), `"type":"indicator","spec_version":"2.1"`, `"spec_version": "2.1", "type": "indicator"`, 1))
	for name, object := range map[string][]byte{"the same": accordtest.Indicator(1, 0), "the same in another order": reordered} {
		status := added(t, s, s.Post("vendor", path, object))
		if status.SuccessCount != 1 || !strings.Contains(status.Successes[0].Message, "already present") {
			t.Errorf("%s: got %+v, want a success that is already present", name, status)
		}
	}
	other := bytes.Replace(accordtest.Indicator(1, 0), []byte("Beacon"), []byte("Beagle"), 1)
	status := added(t, s, s.Post("vendor", path, other))
	if status.FailureCount != 1 || !strings.Contains(status.Failures[0].Message, "stays") {
		t.Errorf("other content: got %+v, want a failure that says the stored one stays", status)
	}
	status = added(t, s, s.Post("vendor", path, accordtest.Indicator(2, 0), accordtest.Indicator(2, 0)))
	if status.SuccessCount != 2 {
		t.Errorf("one object twice in one envelope: got %+v, want two successes", status)
	}
	s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: path + "objects/" + accordtest.IndicatorID(2) + "/"})
	if after := s.Get("agency", path+"manifest/?match[version]=all"); string(after.Body) != string(before.Body) {
		t.Errorf("the manifest changed:\n%s\n%s", before.Body, after.Body)
	}
}

// T-065, trap 14: an object without a version gets a new one only with new content.
func TestObjectsWithoutAVersion(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path("gsp")
	first := added(t, s, s.Post("vendor", path, accordtest.Domain("one"))).Successes
	again := added(t, s, s.Post("vendor", path, accordtest.Domain("one"))).Successes
	second := added(t, s, s.Post("vendor", path, accordtest.Domain("two"))).Successes
	if len(first) != 1 || len(again) != 1 || len(second) != 1 {
		t.Fatalf("got %v, %v, %v, want a success each", first, again, second)
	}
	if first[0].Version != again[0].Version || first[0].Version == second[0].Version || !timestamp.MatchString(first[0].Version) {
		t.Errorf("got the versions %s, %s, %s, want the first two equal", first[0].Version, again[0].Version, second[0].Version)
	}
	var m taxii.Manifest
	s.JSON(s.Get("agency", path+"manifest/?match[version]=all"), &m)
	if len(m.Objects) != 2 || m.Objects[0].Version != m.Objects[0].DateAdded || m.Objects[1].Version != second[0].Version {
		t.Errorf("got %+v, want two versions, each named by its date_added", m.Objects)
	}
	one := s.Get("agency", path+"objects/"+accordtest.DomainID+"/?match[version]="+first[0].Version)
	if !strings.Contains(string(one.Body), `"x_note":"one"`) {
		t.Errorf("its version as an exact one: got %s", one.Body)
	}
	marking := []byte(`{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--7d3f9c2a-51b4-4e08-9a6d-000000000001",` +
		`"created":"2024-03-01T12:00:00.000Z","definition_type":"statement","definition":{"statement":"For members"}}`)
	if got := added(t, s, s.Post("vendor", path, marking)).Successes; len(got) != 1 || got[0].Version != "2024-03-01T12:00:00.000Z" {
		t.Errorf("a marking definition: got %v, want its created as its version", got)
	}
}

// T-104, T-107, T-108, T-110, T-117: bodies.
func TestBodies(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{Objects: 5, ObjectBytes: 2000, Depth: 20}))
	good := string(accordtest.Indicator(1, 0))
	deep := `{"type":"tool","x":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`
	for _, row := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"nothing", "", 422, "empty"},
		{"white space", " \n", 422, "empty"},
		{"no JSON", "objects", 422, ""},
		{"a list", "[]", 422, "a list"},
		{"a string", `"objects"`, 422, "a string"},
		{"a number", "17", 422, ""},
		{"null", "null", 422, ""},
		{"an object without objects", `{"more":false}`, 422, "objects"},
		{"a bare STIX object", good, 422, `{"objects":`},
		{"objects that are no list", `{"objects":{}}`, 422, "an object"},
		{"no objects", `{"objects":[]}`, 422, "empty"},
		{"an item that is no object", `{"objects":[` + good + `,7]}`, 422, "item 1"},
		{"text after the envelope", `{"objects":[` + good + `]}x`, 422, "after"},
		{"objects twice", `{"objects":[` + good + `],"objects":[` + good + `]}`, 422, "twice"},
		{"a byte order mark", "\xef\xbb\xbf" + `{"objects":[` + good + `]}`, 422, "byte order mark"},
		{"a cut body", `{"objects":[` + good[:100], 422, "cut"},
		{"an object that is no JSON", `{"objects":[` + good + `,{"type":"tool",}]}`, 422, "objects/1"},
		{"an object that is no UTF-8", `{"objects":[{"type":"tool","name":"` + "\xff" + `"}]}`, 422, ""},
		{"too many objects", `{"objects":[{},{},{},{},{},{}]}`, 422, "more than 5"},
		{"an object too big, alone a failure", `{"objects":[` + good + `,{"x":"` + strings.Repeat("x", 3000) + `"}]}`, 202, "at most 2000 are allowed"},
		{"an object too big that is no JSON", `{"objects":[` + good + `,{"x":"` + strings.Repeat("x", 3000) + `",}]}`, 422, "objects/1"},
		{"an object nested too deep, alone a failure", `{"objects":[` + good + `,` + deep + `]}`, 202, ""},
		{"a name twice, alone a failure", `{"objects":[` + good + `,{"type":"tool","type":"tool"}]}`, 202, "twice"},
		{"an object with nothing, alone a failure", `{"objects":[` + good + `,{}]}`, 202, ""},
		{"a bundle", `{"type":"bundle","id":"bundle--7d3f9c2a-51b4-4e08-9a6d-000000000001","objects":[` + good + `]}`, 202, ""},
		{"an envelope with what it need not have", `{"more":true,"next":"x","x_else":{"a":[1]},"objects":[` + good + `]}`, 202, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.Do(accordtest.Request{As: "vendor", Method: "POST", Path: accordtest.Path("gsp") + "objects/", Body: []byte(row.body)})
			if !strings.Contains(strings.ReplaceAll(string(a.Body), `\"`, `"`), row.says) {
				t.Errorf("the answer does not say %q: %s", row.says, a.Body)
			}
			if row.status != 202 {
				refused(t, s, a, row.status)
				if got := s.Get("agency", accordtest.Path("gsp")+"objects/"); string(got.Body) != "{}" {
					t.Fatalf("something was stored: %s", got.Body)
				}
				return
			}
			status := added(t, s, a)
			if status.SuccessCount != 1 {
				t.Errorf("got %s, want the good object stored", a.Body)
			}
			for _, f := range status.Failures {
				if f.Message == "" {
					t.Errorf("a failure without a message: %+v", f)
				}
			}
			s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/"})
		})
	}
}

// T-043, T-109: max_content_length counts octets as they come.
func TestMaxContentLengthIsExact(t *testing.T) {
	s := accordtest.New(t)
	fill := func(n int) []byte {
		empty := `{"x":"","objects":[` + string(accordtest.Tool(1, 0)) + `]}`
		return []byte(strings.Replace(empty, `""`, `"`+strings.Repeat("x", n-len(empty))+`"`, 1))
	}
	for _, chunked := range []bool{false, true} {
		for size, want := range map[int]int{accordtest.SmallBody - 1: 202, accordtest.SmallBody: 202, accordtest.SmallBody + 1: 413, 10 * accordtest.SmallBody: 413} {
			a := s.Do(accordtest.Request{As: "agency", Method: "POST", Path: accordtest.Path("circle") + "objects/", Body: fill(size), Chunked: chunked})
			if a.Status != want {
				t.Errorf("%d octets, chunked %v: got %d, want %d", size, chunked, a.Status, want)
			}
			if want == 413 {
				if e := refused(t, s, a, 413); !strings.Contains(e.Description, fmt.Sprint(accordtest.SmallBody)) {
					t.Errorf("the message does not say how much is taken: %s", e.Description)
				}
			}
		}
	}
}

// raw sends text on a connection of its own and returns the answer.
func raw(t *testing.T, s *accordtest.Server, text string, cut bool) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	if cut {
		conn.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const rawHead = `POST /nicp/collections/gsp/objects/ HTTP/1.1
Host: 127.0.0.1
Authorization: Basic dmVuZG9yOnZlbmRvci1wYXNzd29yZA==
Accept: application/taxii+json;version=2.1
Content-Type: application/taxii+json;version=2.1
`

// A body that ends before its Content-Length is a 400 and changes nothing; so is broken chunking.
func TestBodiesThatBreakOff(t *testing.T) {
	s := accordtest.New(t)
	for name, rest := range map[string]string{
		"shorter than Content-Length": "Content-Length: 5000\n\n" + `{"objects":[`,
		"chunks that are none":        "Transfer-Encoding: chunked\n\nzz\nnothing\n",
		"chunks without an end":       "Transfer-Encoding: chunked\n\n5\n{\"obj\n",
	} {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, s, rawHead+rest, true)
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != 400 || !strings.Contains(string(text), `"http_status":"400"`) {
				t.Errorf("got %d %s, want a TAXII error of status 400", resp.StatusCode, text)
			}
		})
	}
	if got := s.Get("agency", accordtest.Path("gsp")+"objects/"); string(got.Body) != "{}" {
		t.Errorf("something was stored: %s", got.Body)
	}
}

// T-043: a body that announces itself as too large is refused at once, though its octets are still to come.
func TestABodyThatWillBeTooLargeIsRefusedBeforeItComes(t *testing.T) {
	s := accordtest.New(t)
	for _, length := range []string{"1048576000", "9223372036854775807"} {
		began := time.Now()
		resp := raw(t, s, rawHead+"Content-Length: "+length+"\n\n{\"objects\":", false)
		if took := time.Since(began); resp.StatusCode != 413 || !resp.Close || took > 5*time.Second {
			t.Errorf("Content-Length %s: got %d after %v, Connection: close %v; want 413 at once and the connection closed", length, resp.StatusCode, took, resp.Close)
		}
	}
}

// A client that asks before it sends (Expect: 100-continue) gets leave, or the refusal at once.
func TestExpectContinue(t *testing.T) {
	s := accordtest.New(t)
	resp := raw(t, s, rawHead+"Expect: 100-continue\nContent-Length: 100\n\n", false)
	if resp.StatusCode != 100 {
		t.Errorf("got %d, want 100", resp.StatusCode)
	}
	resp = raw(t, s, strings.Replace(rawHead, "/nicp/", "/members/", 1)+"Expect: 100-continue\nContent-Length: 100\n\n", false)
	if resp.StatusCode != 404 {
		t.Errorf("got %d, want 404 without leave to send", resp.StatusCode)
	}
}

// A body that does not come in time ends with 408.
func TestASlowBodyEnds(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{BodyTime: time.Millisecond}))
	resp := raw(t, s, rawHead+"Content-Length: 100\n\n", false)
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %d, want 408", resp.StatusCode)
	}
}

// T-113, T-114, T-115, T-111, T-112, T-075.
func TestDeleting(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path("circle")
	object := path + "objects/" + accordtest.ToolID(1) + "/"
	put := func() {
		t.Helper()
		s.Post("agency", path, accordtest.Tool(1, 0), accordtest.Tool(1, 1), accordtest.Tool(1, 3), accordtest.Tool20(1, 2), accordtest.Tool(2, 0))
	}
	left := func() string {
		t.Helper()
		return shorts(items(t, s, s.Get("member", path+"objects/?match[version]=all&match[spec_version]=2.0,2.1")))
	}
	for _, row := range []struct {
		name, query string
		status      int
		left        string
	}{
		{"everything", "", 200, "t2@0"},
		{"everything, said", "?match[version]=all", 200, "t2@0"},
		{"the last", "?match[version]=last", 200, "t1@0 t1@1 t1@2/2.0 t2@0"},
		{"first and last", "?match[version]=first,last", 200, "t1@1 t1@2/2.0 t2@0"},
		{"an exact one", "?match[version]=" + accordtest.Modified(1), 200, "t1@0 t1@3 t1@2/2.0 t2@0"},
		{"one spec version", "?match[spec_version]=2.0", 200, "t1@0 t1@1 t1@3 t2@0"},
		{"the last of one spec version", "?match[spec_version]=2.1&match[version]=last", 200, "t1@0 t1@1 t1@2/2.0 t2@0"},
		{"a version it has not", "?match[version]=1999-01-01T00:00:00Z", 404, "t1@0 t1@1 t1@3 t1@2/2.0 t2@0"},
		{"a filter it has not", "?match[type]=tool", 400, "t1@0 t1@1 t1@3 t1@2/2.0 t2@0"},
		{"a limit", "?limit=1", 400, "t1@0 t1@1 t1@3 t1@2/2.0 t2@0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: path + "objects/" + accordtest.ToolID(2) + "/"})
			put()
			a := s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: object + row.query})
			if a.Status != row.status {
				t.Fatalf("got %d, want %d\n%s", a.Status, row.status, a.Body)
			}
			if a.Status == 200 && (len(a.Body) != 0 || a.Header.Get("Content-Type") != taxii.MediaType) {
				t.Errorf("got %q as %s, want nothing as %s", a.Body, a.Header.Get("Content-Type"), taxii.MediaType)
			}
			if got := left(); got != row.left {
				t.Errorf("left: got %q, want %q", got, row.left)
			}
			s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: object})
			for _, gone := range []string{"", "versions/", "?match[version]=all"} {
				refused(t, s, s.Get("member", object+gone), 404)
			}
			refused(t, s, s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: object}), 404)
		})
	}
}

// Only the owner adds versions and deletes; where any producer may add versions, each deletes its own.
func TestAPartyDeletesItsOwn(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path("intake")
	object := path + "objects/" + accordtest.ToolID(1) + "/"
	s.Post("vendor", path, accordtest.Tool(1, 0))
	var status taxii.Status
	s.JSON(s.Post("agency", path, accordtest.Tool(1, 1)), &status)
	if status.FailureCount != 1 || !strings.Contains(status.Failures[0].Message, "only its owner adds versions") {
		t.Errorf("another party's version: got %+v, want a failure that says who may", status)
	}
	refused(t, s, s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: object}), 403)

	s.Change("intake", "change", func(a *agreement.Agreement) { a.Accept.Versions = agreement.VersionsAny })
	s.Post("agency", path, accordtest.Tool(1, 1))
	if a := s.Do(accordtest.Request{As: "agency", Method: "DELETE", Path: object}); a.Status != 200 || a.Header.Get("X-Accord-Kept") != "1" {
		t.Errorf("its own version: got %d, %v, want 200 and one kept", a.Status, a.Header)
	}
	if got := items(t, s, s.Get("agency", object+"?match[version]=all")); shorts(got) != "t1@0" {
		t.Errorf("left: got %q, want the vendor's", shorts(got))
	}
}
