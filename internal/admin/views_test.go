package admin_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hiddenExchange has one agreement of each relation to "middle": "upper" releases to it, it releases to "lower". Only the
// party other is in upper and lower; the party both is in middle and lower.
const hiddenExchange = `
api_roots: [{name: root}]
parties: [{name: prod}, {name: cons}, {name: aud}, {name: both}, {name: other}, {name: none}]
accounts:
  - {name: chief, operator: true}
  - {name: prod-push, party: prod}
  - {name: cons-pull, party: cons}
  - {name: other-tool, party: other}
agreements:
  - name: upper
    api_root: root
    parties: [{party: other, roles: [producer]}]
    release: [{to: middle}]
  - name: middle
    api_root: root
    parties: [{party: prod, roles: [producer]}, {party: cons, roles: [consumer]}, {party: aud, roles: [auditor]}, {party: both, roles: [producer]}]
    release: [{to: lower}]
  - name: lower
    api_root: root
    parties: [{party: other, roles: [consumer]}, {party: both, roles: [consumer]}]
`

// views is a Service on that exchange, in which something of every kind has happened.
func views(t *testing.T) (*admin.Service, *store.Store) {
	t.Helper()
	ctx := context.Background()
	now := func() time.Time { return time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC) }
	s, err := store.Open(t.TempDir(), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Keys(""); err != nil { // as a server makes them, before anything is signed
		t.Fatal(err)
	}
	deliveries := delivery.Open(s.AgreementsDir(), delivery.Options{Durable: true, Failed: func(err error) { t.Error(err) }})
	t.Cleanup(func() { deliveries.Close() })
	service := admin.New(admin.Config{Store: s, Now: now, Deliveries: deliveries})
	f, err := applyfile.Parse("f", []byte(hiddenExchange))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Apply(ctx, store.Actor{Account: "chief"}, f); err != nil {
		t.Fatal(err)
	}
	add := func(name agreement.Name, by store.Actor, n int, from journal.Source) {
		t.Helper()
		col, _ := s.Collection(name)
		_, err := col.Append(ctx, store.Batch{Actor: by, Changes: []store.Change{{Add: &store.Addition{Object: indicator(t, n), TLP: stix.Green, Warnings: []string{"S-101"}, Source: from}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	upper, _ := s.Collection("upper")
	middle, _ := s.Collection("middle")
	lower, _ := s.Collection("lower")
	add("middle", store.Actor{Account: "prod-push", Party: "prod"}, 1, journal.Source{})  // 2
	add("middle", store.Actor{Account: "both-push", Party: "both"}, 2, journal.Source{})  // 3
	add("upper", store.Actor{Account: "other-tool", Party: "other"}, 3, journal.Source{}) // 2 there
	add("middle", store.Actor{}, 3, journal.Source{Collection: upper.ID(), Position: 2})  // 4
	add("lower", store.Actor{}, 1, journal.Source{Collection: middle.ID(), Position: 2})  // 2 there
	for _, w := range []struct {
		in   *store.Collection
		n    int
		from *store.Collection
	}{{middle, 3, upper}, {lower, 1, middle}} {
		_, err := w.in.Append(ctx, store.Batch{Changes: []store.Change{{Remove: &store.Removal{ID: stix.ID(accordtest.IndicatorID(w.n)), Kind: journal.Withdrawn,
			Reason: "a secret later version is amber", OnlyFrom: w.from.ID(), Source: journal.Source{Collection: w.from.ID(), Position: 9}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	note := func(account, party string) {
		begun, err := deliveries.Begin(ctx, delivery.Delivery{Collection: middle.ID(), Account: account, Party: party, Filter: "match[id]", Positions: []journal.Position{2}, At: now()})
		if err != nil {
			t.Fatal(err)
		}
		begun.End(true)
	}
	note("cons-pull", "cons")
	note("prod-push", "prod")
	hooks := []store.Webhook{{ID: viewedWebhook, Agreement: "middle", URL: "https://siem.example/", Secret: make([]byte, 32), Account: "cons-pull", Party: "cons", Created: now()}}
	if err := s.Change(ctx, store.Actor{Account: "chief"}, []store.RegistryChange{{Webhooks: &hooks}}); err != nil {
		t.Fatal(err)
	}
	if err := service.Suspend(ctx, store.Actor{Account: "chief"}, "middle", "an incident"); err != nil {
		t.Fatal(err)
	}
	return service, s
}

// viewedWebhook is the webhook of the party cons.
const viewedWebhook = "wh_0123456789abcdef"

func indicator(t *testing.T, n int) stix.Object {
	t.Helper()
	var tree ijson.Tree
	if err := tree.Parse(accordtest.Indicator(n, 0), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	return stix.FromTree(&tree)
}

// viewers are the relations that an account can have to the agreement middle.
var viewers = []struct {
	name   string
	caller agreement.Caller
}{
	{"operator", agreement.Caller{Account: "chief", Operator: true}},
	{"producer", agreement.Caller{Account: "prod-push", Party: "prod"}},
	{"consumer", agreement.Caller{Account: "cons-pull", Party: "cons"}},
	{"auditor", agreement.Caller{Account: "aud-desk", Party: "aud"}},
	{"both", agreement.Caller{Account: "both-push", Party: "both"}}, // producer here, consumer of the release's target
	{"other", agreement.Caller{Account: "other-tool", Party: "other"}},
	{"none", agreement.Caller{Account: "none-desk", Party: "none"}},
}

// questions are what each of them asks: every path, with parameters that make it say most.
func questions(t *testing.T) []string {
	var list []string
	for _, path := range admin.ReadPaths() {
		if path == "agreements/{name}/events/" {
			continue // a stream: what it shows is what polls show, which package live holds
		}
		path = strings.ReplaceAll(path, "agreements/{name}", "agreements/middle")
		path = strings.ReplaceAll(path, "accounts/{name}", "accounts/prod-push")
		path = strings.ReplaceAll(path, "parties/{name}", "parties/prod")
		path = strings.ReplaceAll(path, "graph/{id}", "graph/"+accordtest.IndicatorID(1))
		path = strings.ReplaceAll(path, "objects/{id}", "objects/"+accordtest.IndicatorID(1))
		path = strings.ReplaceAll(path, "ways/{id}", "ways/"+accordtest.IndicatorID(1))
		path = strings.ReplaceAll(path, "outboxes/{name}", "outboxes/middle")
		path = strings.ReplaceAll(path, "webhooks/{id}", "webhooks/"+viewedWebhook)
		path = strings.ReplaceAll(path, "refused/{id}", "refused/"+strings.Repeat("0", 32))
		if strings.Contains(path, "{") {
			t.Fatalf("the path %s is asked by nothing: say what to put for its names", path)
		}
		switch {
		case strings.HasSuffix(path, "/proof/"):
			list = append(list, path+"?entry=2&size=3", path+"?from=1&to=2")
		case strings.HasSuffix(path, "/entry/"), strings.HasSuffix(path, "/content/"):
			list = append(list, path+"?entry=2")
		case strings.HasSuffix(path, "/history/"), strings.HasSuffix(path, "/deliveries/"):
			for _, n := range []int{1, 3} {
				list = append(list, path+"?object="+accordtest.IndicatorID(n))
			}
			list = append(list, path)
		case strings.HasSuffix(path, "/trace/"):
			list = append(list, path+"?object="+accordtest.IndicatorID(1))
		case strings.HasSuffix(path, "/text/"):
			list = append(list, path+"?agreement=middle&entry=2", path+"?agreement=upper&entry=2")
		case strings.HasSuffix(path, "/explain/"):
			list = append(list, path+"?account=cons-pull&object="+accordtest.IndicatorID(1))
		case path == "openapi.json/":
		default:
			list = append(list, path)
		}
	}
	return list
}

// TestEveryFieldIsForThoseWhoMaySeeIt asks every question as every relation, and holds each field of each answer against
// the table in testdata/views.txt: to whom it is shown. A field that is not in the table fails.
func TestEveryFieldIsForThoseWhoMaySeeIt(t *testing.T) {
	service, _ := views(t)
	shown := map[string][]string{} // field of an answer -> viewers
	for _, question := range questions(t) {
		for _, v := range viewers {
			w := httptest.NewRecorder()
			service.As(v.caller).ServeHTTP(w, httptest.NewRequest(http.MethodGet, admin.Prefix+question, nil))
			fields := map[string]bool{}
			if w.Code != http.StatusOK {
				fields[fmt.Sprintf("(%d)", w.Code)] = true
			} else if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
				var answer any
				if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
					t.Fatal(err)
				}
				collect(fields, "", answer)
			} else {
				fields["(text)"] = true
			}
			for field := range fields {
				key := short(question) + " " + field
				shown[key] = append(shown[key], v.name)
			}
		}
	}
	var lines []string
	for key, names := range shown {
		lines = append(lines, key+": "+strings.Join(names, " "))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/views.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wanted := strings.Split(strings.TrimSpace(string(want)), "\n")
	for _, line := range lines {
		if !slices.Contains(wanted, line) {
			t.Errorf("got  %s", line)
		}
	}
	for _, line := range wanted {
		if !slices.Contains(lines, line) {
			t.Errorf("want %s", line)
		}
	}
}

// short abbreviates the ids of objects.
func short(question string) string {
	for n := range 4 {
		question = strings.ReplaceAll(question, accordtest.IndicatorID(n), fmt.Sprintf("OBJECT-%d", n))
	}
	return question
}

// collect adds the path of every value that says something.
func collect(fields map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.HasSuffix(path, "terms") && len(name) == 64 {
				name = "DIGEST"
			}
			if strings.HasSuffix(path, "targets") {
				name = "ID"
			}
			collect(fields, path+"/"+name, member)
		}
	case []any:
		for _, item := range v {
			collect(fields, path+"[]", item)
		}
	case string:
		if v != "" {
			fields[path] = true
		}
	case nil:
	default:
		fields[path] = true
	}
}

// TestNothingHiddenIsNamed looks for what each relation must not read, in every answer and every refusal.
func TestNothingHiddenIsNamed(t *testing.T) {
	service, s := views(t)
	upper, _ := s.Collection("upper")
	middle, _ := s.Collection("middle")
	lower, _ := s.Collection("lower")
	far := []string{"upper", upper.ID().String(), "other-tool", `"other"`}
	below := []string{"lower", lower.ID().String()}
	reason := []string{"secret later version"}
	operator := []string{"chief"}
	members := []string{`"cons"`, "cons-pull", "both-push", `"both"`}
	for _, row := range []struct {
		viewer string
		hidden [][]string
	}{
		{"producer", [][]string{far, below, reason, operator, members, {`"aud"`}}},
		{"consumer", [][]string{far, below, reason, operator, {`"prod"`, "prod-push", `"aud"`, `"both"`}}},
		{"both", [][]string{far, reason, operator, {`"prod"`, "prod-push", `"cons"`, "cons-pull"}}},
		{"auditor", [][]string{far, below, reason}},
		{"none", [][]string{far, below, reason, operator, members, {middle.ID().String(), "an incident"}}},
		{"other", [][]string{{middle.ID().String(), "an incident"}, reason, operator, members}},
	} {
		i := slices.IndexFunc(viewers, func(v struct {
			name   string
			caller agreement.Caller
		}) bool {
			return v.name == row.viewer
		})
		for _, question := range questions(t) {
			w := httptest.NewRecorder()
			service.As(viewers[i].caller).ServeHTTP(w, httptest.NewRequest(http.MethodGet, admin.Prefix+question, nil))
			for _, word := range slices.Concat(row.hidden...) {
				if strings.Contains(w.Body.String(), word) {
					t.Errorf("%s as %s: %d %s\nnames %s", question, row.viewer, w.Code, w.Body, word)
				}
			}
		}
	}
}
