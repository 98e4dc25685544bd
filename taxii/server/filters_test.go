package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// item is an object as far as these tests look at it.
type item struct {
	Type, ID, Modified, Description string
	SpecVersion                     string `json:"spec_version"`
}

func items(t *testing.T, s *accordtest.Server, a accordtest.Answer) []item {
	t.Helper()
	if a.Status != 200 {
		t.Fatalf("got %d, want 200\n%s", a.Status, a.Body)
	}
	var envelope struct{ Objects []item }
	s.JSON(a, &envelope)
	return envelope.Objects
}

// short writes an object as the tests below want it: i1@0 is the first version of the first indicator.
func (o item) short() string {
	number := strings.TrimLeft(o.ID[len(o.ID)-12:], "0")
	version := ""
	if o.Modified != "" {
		at, _ := time.Parse(time.RFC3339, o.Modified)
		start, _ := time.Parse(time.RFC3339, accordtest.Modified(0))
		version = "@" + string(rune('0'+int(at.Sub(start).Hours())))
	}
	spec := ""
	if o.SpecVersion == "" && o.Type == "tool" {
		spec = "/2.0"
	}
	return o.Type[:1] + number + version + spec
}

func shorts(list []item) string {
	var all []string
	for _, o := range list {
		all = append(all, o.short())
	}
	return strings.Join(all, " ")
}

// filterServer has, in the agreement circle, in this order: i1@0 i1@2 i2@0 t1@0 i1@1 t2@0/2.0 t3@0/2.0 t3@1 t3@2/2.0.
func filterServer(t *testing.T) *accordtest.Server {
	s := accordtest.New(t)
	a := s.Post("agency", accordtest.Path("circle"), accordtest.Indicator(1, 0), accordtest.Indicator(1, 2), accordtest.Indicator(2, 0),
		accordtest.Tool(1, 0), accordtest.Indicator(1, 1), accordtest.Tool20(2, 0), accordtest.Tool20(3, 0), accordtest.Tool(3, 1), accordtest.Tool20(3, 2))
	var status taxii.Status
	s.JSON(a, &status)
	if status.SuccessCount != 9 {
		t.Fatalf("got %s, want 9 successes", a.Body)
	}
	return s
}

// T-061, T-063, T-068, T-072, T-074, T-075, T-076, T-077, T-078, T-079, T-080, T-081, T-082, T-084, T-085.
func TestFiltersSelect(t *testing.T) {
	s := filterServer(t)
	i1, t3 := accordtest.IndicatorID(1), accordtest.ToolID(3)
	for _, row := range []struct{ name, query, want string }{
		{"without filters, each object's last version of its latest spec version", "", "i1@2 i2@0 t1@0 t2@0/2.0 t3@1"},
		{"one type", "match[type]=indicator", "i1@2 i2@0"},
		{"types are united", "match[type]=indicator,tool", "i1@2 i2@0 t1@0 t2@0/2.0 t3@1"},
		{"fields narrow each other", "match[type]=indicator&match[id]=" + i1 + "," + t3, "i1@2"},
		{"an unknown type is no error", "match[type]=nosuch-type", ""},
		{"a type of no STIX form is no error", "match[type]=Not_A_Type", ""},
		{"ids are united", "match[id]=" + i1 + "," + t3, "i1@2 t3@1"},
		{"an id of no STIX form matches nothing", "match[id]=nonsense", ""},
		{"and takes nothing from the others", "match[id]=nonsense," + i1, "i1@2"},
		{"all versions, of the latest spec version", "match[version]=all", "i1@0 i1@2 i2@0 t1@0 i1@1 t2@0/2.0 t3@1"},
		{"first", "match[version]=first", "i1@0 i2@0 t1@0 t2@0/2.0 t3@1"},
		{"last", "match[version]=last", "i1@2 i2@0 t1@0 t2@0/2.0 t3@1"},
		{"first and last, each once", "match[version]=first,last", "i1@0 i1@2 i2@0 t1@0 t2@0/2.0 t3@1"},
		{"an exact version", "match[version]=" + accordtest.Modified(1), "i1@1 t3@1"},
		{"an exact version, spelled otherwise", "match[version]=" + strings.Replace(accordtest.Modified(1), ".000Z", "Z", 1), "i1@1 t3@1"},
		{"an exact version and keywords", "match[version]=first," + accordtest.Modified(1) + ",last", "i1@0 i1@2 i2@0 t1@0 i1@1 t2@0/2.0 t3@1"},
		{"a version that nothing has", "match[version]=1999-01-01T00:00:00Z", ""},
		{"spec version 2.1", "match[spec_version]=2.1", "i1@2 i2@0 t1@0 t3@1"},
		{"spec version 2.0", "match[spec_version]=2.0", "t2@0/2.0 t3@2/2.0"},
		{"both: the last of all of them", "match[spec_version]=2.0,2.1", "i1@2 i2@0 t1@0 t2@0/2.0 t3@2/2.0"},
		{"both, all versions", "match[spec_version]=2.0,2.1&match[version]=all", "i1@0 i1@2 i2@0 t1@0 i1@1 t2@0/2.0 t3@0/2.0 t3@1 t3@2/2.0"},
		{"an unknown spec version", "match[spec_version]=9.9", ""},
		{"an unknown match field is ignored", "match[colour]=red&match[type]=indicator", "i1@2 i2@0"},
		{"an unknown parameter is ignored", "colour=red&match[type]=indicator", "i1@2 i2@0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := accordtest.Path("circle")
			query := "?" + row.query
			list := s.Get("member", path+"objects/"+query)
			if got := shorts(items(t, s, list)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if row.want == "" && string(list.Body) != "{}" { // T-059
				t.Errorf("got %s, want {}", list.Body)
			}
			sameAsManifest(t, s, list, s.Get("member", path+"manifest/"+query))
			if encoded := strings.NewReplacer("[", "%5B", "]", "%5D", ",", "%2C", ":", "%3A").Replace(query); encoded != query {
				if again := s.Get("member", path+"objects/"+encoded); string(again.Body) != string(list.Body) {
					t.Errorf("percent-encoded it answers %s", again.Body)
				}
			}
		})
	}
}

// sameAsManifest checks that a manifest lists what an envelope holds. T-063, T-064, T-065, T-099, T-100.
func sameAsManifest(t *testing.T, s *accordtest.Server, list, manifest accordtest.Answer) {
	t.Helper()
	var m taxii.Manifest
	s.JSON(manifest, &m)
	objects := items(t, s, list)
	if len(m.Objects) != len(objects) {
		t.Fatalf("the manifest has %d records for %d objects", len(m.Objects), len(objects))
	}
	for i, r := range m.Objects {
		o := objects[i]
		want := taxii.StixMediaType
		if o.SpecVersion == "" {
			want = "application/stix+json;version=2.0"
		}
		if r.ID != o.ID || r.Version != o.Modified || r.MediaType != want {
			t.Errorf("record %d: got %+v, want %s %s %s", i, r, o.ID, o.Modified, want)
		}
	}
	for _, name := range []string{taxii.HeaderFirst, taxii.HeaderLast} {
		if list.Header.Get(name) != manifest.Header.Get(name) || list.Header.Get(name) == "" {
			t.Errorf("%s: got %q and %q", name, list.Header.Get(name), manifest.Header.Get(name))
		}
	}
	if n := len(m.Objects); n > 0 {
		if m.Objects[0].DateAdded != manifest.Header.Get(taxii.HeaderFirst) || m.Objects[n-1].DateAdded != manifest.Header.Get(taxii.HeaderLast) {
			t.Errorf("the headers are not those of the first and last record")
		}
	}
}

// T-061, T-062, T-066: one object and its versions.
func TestOneObject(t *testing.T) {
	s := filterServer(t)
	objects := accordtest.Path("circle") + "objects/"
	for _, row := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"the last version", accordtest.IndicatorID(1) + "/", 200, "i1@2"},
		{"all of them", accordtest.IndicatorID(1) + "/?match[version]=all", 200, "i1@0 i1@2 i1@1"},
		{"an exact one", accordtest.IndicatorID(1) + "/?match[version]=" + accordtest.Modified(1), 200, "i1@1"},
		{"one there and one not there", accordtest.IndicatorID(1) + "/?match[version]=1999-01-01T00:00:00Z," + accordtest.Modified(1), 200, "i1@1"},
		{"one not there", accordtest.IndicatorID(1) + "/?match[version]=1999-01-01T00:00:00Z", 404, ""},
		{"its latest spec version", accordtest.ToolID(3) + "/", 200, "t3@1"},
		{"another spec version", accordtest.ToolID(3) + "/?match[spec_version]=2.0", 200, "t3@2/2.0"},
		{"a spec version it is not held in", accordtest.IndicatorID(1) + "/?match[spec_version]=2.0", 200, ""},
		{"nothing added after", accordtest.IndicatorID(1) + "/?added_after=2999-01-01T00:00:00Z", 200, ""},
		{"an unknown object", accordtest.IndicatorID(99) + "/", 404, ""},
		{"an empty id, which is merged away", "/?match[id]=" + accordtest.IndicatorID(1), 200, "i1@2"},
		{"the versions of an empty id", "/versions/", 404, ""},
		{"an id of no form", "no-id/", 404, ""},
		{"match[id] and match[type] mean nothing here", accordtest.IndicatorID(1) + "/?match[id]=x&match[type]=tool", 200, "i1@2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.Get("member", objects+row.path)
			if row.status != 200 {
				refused(t, s, a, row.status)
				return
			}
			if got := shorts(items(t, s, a)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	t.Run("versions", func(t *testing.T) {
		for path, want := range map[string]string{
			accordtest.IndicatorID(1) + "/versions/":                             "0 2 1",
			accordtest.IndicatorID(1) + "/versions/?match[version]=first":        "0 2 1",
			accordtest.ToolID(3) + "/versions/":                                  "1",
			accordtest.ToolID(3) + "/versions/?match[spec_version]=2.0":          "0 2",
			accordtest.ToolID(3) + "/versions/?match[spec_version]=2.0,2.1":      "0 1 2",
			accordtest.ToolID(3) + "/versions/?match[spec_version]=3.0":          "",
			accordtest.ToolID(3) + "/versions/?added_after=2999-01-01T00:00:00Z": "",
		} {
			a := s.Get("member", objects+path)
			var v taxii.Versions
			s.JSON(a, &v)
			var got []string
			for _, version := range v.Versions {
				got = append(got, item{Type: "x", ID: "000000000000", Modified: version}.short()[2:])
			}
			if strings.Join(got, " ") != want || a.Status != 200 {
				t.Errorf("%s: got %v (%d), want %q", path, v.Versions, a.Status, want)
			}
		}
		refused(t, s, s.Get("member", objects+accordtest.IndicatorID(99)+"/versions/"), 404)
	})
}

// T-037, T-070, T-073, T-074, T-078, T-083, T-084, T-088, T-095: malformed parameters.
func TestMalformedParametersAre400AndSayWhich(t *testing.T) {
	s := filterServer(t)
	for _, query := range []string{
		"added_after=", "added_after=yesterday", "added_after=2024-01-01", "added_after=2024-01-01T00:00:00", "added_after=2024-01-01T00:00:00+01:00", "added_after=now",
		"added_after=2024-02-30T00:00:00Z", "added_after=2024-01-01T00:00:00Z&added_after=2025-01-01T00:00:00Z",
		"limit=", "limit=0", "limit=-1", "limit=1.5", "limit=abc", "limit=%2B5", "limit=9007199254740992", "limit=99999999999999999999", "limit=1&limit=2",
		"next=", "next=x", "next=AAAA", "next=a&next=b",
		"match[type]=", "match[type]=a,", "match[type]=a,,b", "match[type]=a,+b", "match[type]=a&match[type]=b",
		"match[id]=", "match[id]=a&match[id]=b",
		"match[version]=newest", "match[version]=all,last", "match[version]=last,last", "match[version]=2024-01-01", "match[version]=first&match[version]=last",
		"match[spec_version]=abc", "match[spec_version]=2", "match[spec_version]=2.1&match[spec_version]=2.0",
	} {
		t.Run(query, func(t *testing.T) {
			name, _, _ := strings.Cut(query, "=")
			for _, list := range []string{"objects/", "manifest/"} {
				e := refused(t, s, s.Get("member", accordtest.Path("circle")+list+"?"+query), 400)
				if !strings.Contains(e.Description, name) {
					t.Errorf("the message does not name %s: %s", name, e.Description)
				}
			}
		})
	}
}

// T-069, T-071: added_after is strictly later, whatever the precision it is written in.
func TestAddedAfterIsStrict(t *testing.T) {
	s := filterServer(t)
	path := accordtest.Path("circle") + "manifest/?match[version]=all&match[spec_version]=2.0,2.1"
	var m taxii.Manifest
	s.JSON(s.Get("member", path), &m)
	for i, r := range m.Objects {
		var rest taxii.Manifest
		s.JSON(s.Get("member", path+"&added_after="+r.DateAdded), &rest)
		if len(rest.Objects) != len(m.Objects)-i-1 {
			t.Errorf("after record %d of %d: got %d records", i, len(m.Objects), len(rest.Objects))
		}
	}
	last := m.Objects[len(m.Objects)-1].DateAdded
	for _, text := range []string{last, strings.TrimSuffix(last, "000Z") + "Z", strings.TrimSuffix(last, "Z") + "999Z"} {
		if a := s.Get("member", path+"&added_after="+text); string(a.Body) != "{}" {
			t.Errorf("added_after=%s: got %s, want {}", text, a.Body)
		}
	}
	if a := s.Get("member", path+"&added_after="+url.QueryEscape("1900-01-01T00:00:00Z")); len(a.Body) < 10 {
		t.Errorf("a date before everything: got %s", a.Body)
	}
}

// T-006, T-060, T-067: an object comes back as it was sent, white space between its tokens aside.
func TestObjectsComeBackUnchanged(t *testing.T) {
	s := accordtest.New(t)
	sent := `{ "x_last" : 12345678901234567890.1200, "type":"tool","spec_version":"2.1","id":"` + accordtest.ToolID(1) + `",
		"created":"2024-03-01T12:00:00.000Z","modified":"2024-03-01T12:00:00.100000Z","name":"caf\u00e9 \/ \ud83d\ude00 é" , "x_list": [ 1e2 , -0.0 ] }`
	want := `{"x_last":12345678901234567890.1200,"type":"tool","spec_version":"2.1","id":"` + accordtest.ToolID(1) + `",` +
		`"created":"2024-03-01T12:00:00.000Z","modified":"2024-03-01T12:00:00.100000Z","name":"caf\u00e9 \/ \ud83d\ude00 é","x_list":[1e2,-0.0]}`
	s.Post("vendor", accordtest.Path("gsp"), []byte(sent))
	var e struct{ Objects []json.RawMessage }
	s.JSON(s.Get("agency", accordtest.Path("gsp")+"objects/"), &e)
	if len(e.Objects) != 1 || string(e.Objects[0]) != want {
		t.Errorf("got  %s\nwant %s", e.Objects, want)
	}
	var m taxii.Manifest
	s.JSON(s.Get("agency", accordtest.Path("gsp")+"manifest/"), &m)
	if len(m.Objects) != 1 || m.Objects[0].Version != "2024-03-01T12:00:00.100000Z" { // T-065
		t.Errorf("got the version %v, want it as the object spells it", m.Objects)
	}
}
