package mirror_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store/journal"
)

// old is a server of TAXII 2.0 that has one collection.
type old struct {
	*httptest.Server
	parts   bool // it knows ranges; else it gives everything at once
	most    int  // items of a part
	headers bool // it says when the last object was added
	now21   bool // it speaks TAXII 2.1 since, and not 2.0

	mu    sync.Mutex
	items []item // guarded by mu
	clock time.Time
}

func newOld(t *testing.T) *old {
	o := &old{parts: true, most: 10, headers: true, clock: time.Now().Add(-time.Hour).Truncate(time.Millisecond)}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.Close)
	return o
}

func (o *old) add(from, to int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n := from; n < to; n++ {
		o.clock = o.clock.Add(time.Millisecond)
		o.items = append(o.items, item{ID: accordtest.ToolID(n), Version: accordtest.Modified(0), added: o.clock, text: accordtest.Tool20(n, 0)})
	}
}

func (o *old) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	resource := strings.TrimPrefix(r.URL.Path, "/root/collections/"+testCollection+"/")
	kind := map[string]string{"objects/": "application/vnd.oasis.stix+json; version=2.0", "manifest/": "application/vnd.oasis.taxii+json; version=2.0"}[resource]
	switch {
	case kind == "":
		w.WriteHeader(http.StatusNotFound)
		return
	case o.now21 || r.Header.Get("Accept") != kind:
		w.WriteHeader(http.StatusNotAcceptable)
		return
	case r.URL.Query().Has("limit") || r.URL.Query().Has("next"):
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	after, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("added_after"))
	found := slices.DeleteFunc(slices.Clone(o.items), func(i item) bool { return !i.added.After(after) })
	total, status := len(found), http.StatusOK
	var from, to int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "items %d-%d", &from, &to); err == nil && o.parts && total > 0 {
		found = found[from:min(to+1, from+o.most, total)]
		w.Header().Set("Content-Range", fmt.Sprintf("items %d-%d/%d", from, from+len(found)-1, total))
		status = http.StatusPartialContent
	}
	var list []any
	for _, i := range found {
		if resource == "objects/" {
			list = append(list, json.RawMessage(i.text))
		} else {
			list = append(list, map[string]any{"id": i.ID, "date_added": i.added.UTC().Format("2006-01-02T15:04:05.000000Z"), "versions": []string{i.Version}, "media_types": []string{kind}})
		}
	}
	if len(found) > 0 && o.headers {
		w.Header().Set("X-TAXII-Date-Added-Last", found[len(found)-1].added.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "bundle", "id": "bundle--5d3f8a52-6d0e-4f0c-9d0b-6a3f3a1d2c11", "spec_version": "2.0", "objects": list})
}

// A server of TAXII 2.0 is followed, in parts or as a whole; what it deletes is withdrawn. One that takes neither version is a fault.
func TestAMirrorOfTAXII20(t *testing.T) {
	for name, change := range map[string]func(*old){
		"in parts":            func(*old) {},
		"as a whole":          func(o *old) { o.parts = false },
		"without its headers": func(o *old) { o.parts, o.headers = false, false },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOld(t)
			change(o)
			o.add(0, 35)
			l := newLocal(t, o.URL+"/root/collections/"+testCollection+"/", func(a *agreement.Agreement) { a.Mirror.Gone = agreement.GoneWithdraw })
			var missing map[journal.Position]bool
			visit := func() {
				t.Helper()
				v := l.newVisit(func(string) {})
				err := v.Run(t.Context())
				if err == nil {
					missing, err = v.Withdraw(t.Context(), missing)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			want := func() {
				t.Helper()
				var there []string
				for _, i := range o.items {
					there = append(there, i.ID+" "+i.Version)
				}
				slices.Sort(there)
				if here := l.held(); !slices.Equal(here, there) {
					t.Errorf("here are %d versions, there %d", len(here), len(there))
				}
			}
			visit()
			want()
			o.add(35, 50)
			visit()
			want()
			o.mu.Lock()
			o.items = slices.Delete(o.items, 7, 9)
			o.mu.Unlock()
			visit()
			visit()
			want()
			o.mu.Lock()
			o.now21 = true
			o.mu.Unlock()
			if f := mirror.FaultOf(l.visit()); f == nil || f.Name != mirror.FaultVersion {
				t.Errorf("of a server that takes neither: got %v, want the fault %s", f, mirror.FaultVersion)
			}
		})
	}
}
