package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// liar serves manifests of one collection. Polls, which have a small limit, are not given what it hides.
type liar struct {
	records []record
	hidden  string // a date_added
	last    string // stated instead of the true X-TAXII-Date-Added-Last, if set
	early   bool   // polls are given everything whatever added_after says
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var p page
	poll := r.URL.Query().Get("limit") == "200"
	for _, record := range l.records {
		if poll && (record.DateAdded == l.hidden || record.DateAdded <= r.URL.Query().Get("added_after") && !l.early) {
			continue
		}
		p.Objects = append(p.Objects, record)
	}
	if n := len(p.Objects); n > 0 {
		last := p.Objects[n-1].DateAdded
		if l.last != "" {
			last = l.last
		}
		w.Header().Set("X-TAXII-Date-Added-Last", last)
	}
	// As TAXII names them.
	var objects []map[string]string
	for _, o := range p.Objects {
		objects = append(objects, map[string]string{"id": o.ID, "version": o.Version, "date_added": o.DateAdded})
	}
	json.NewEncoder(w).Encode(map[string]any{"more": false, "objects": objects})
}

func TestAPollerNoticesWhatAServerMustNotDo(t *testing.T) {
	var records []record
	for n := range 3 {
		records = append(records, record{fmt.Sprint("indicator--", n), "2026-01-01T00:00:00.000Z", fmt.Sprintf("2026-02-01T00:00:0%d.000000Z", n)})
	}
	for name, row := range map[string]struct {
		server liar
		want   string // in the error; "" for none
	}{
		"nothing":                           {liar{}, ""},
		"leave a version out for ever":      {liar{hidden: records[1].DateAdded}, "OVERTAKEN"},
		"serve what was served before":      {liar{early: true}, "asked for what was added after"},
		"state the end of a page otherwise": {liar{last: records[0].DateAdded}, "its header says"},
	} {
		t.Run(name, func(t *testing.T) {
			row.server.records = records
			server := httptest.NewServer(&row.server)
			defer server.Close()
			o := &poller{collection: alone, seen: map[version]string{}}
			err := o.complete(&process{&accordtest.Process{URL: server.URL, Log: new(accordtest.Log)}, server.Client()})
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want an error with %q", err, row.want)
			}
		})
	}
}

func TestTheSlowestFifthIsLeftOut(t *testing.T) {
	mean, standardError := trimmed([]float64{900, 2, 4, 2, 4})
	if mean != 3 || math.Abs(standardError-0.5) > 1e-9 { // the square root of four squares of 1, over 4
		t.Errorf("got %v and a standard error of %v, want 3 and 0.5", mean, standardError)
	}
}

func TestObjectsDifferByNumberAndVersion(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for n := range 3 {
		for v := range 2 {
			id, modified, text := object(n, at.Add(time.Duration(v)*time.Second))
			var o struct{ ID, Modified string }
			if err := json.Unmarshal([]byte(text), &o); err != nil || o.ID != id || o.Modified != modified || seen[id+modified] {
				t.Errorf("object %d in version %d: got %s at %s, %v", n, v, id, modified, err)
			}
			seen[id+modified] = true
		}
	}
}

func TestTheMemoryOfAProcessIsKnown(t *testing.T) {
	if got := resident(os.Getpid()); runtime.GOOS == "linux" && got <= 0 {
		t.Errorf("memory of this process: got %d MiB", got)
	}
}
