package follow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Objects come, go and are released while the terms of both agreements change and the source is suspended and resumed. Each entry keeps
// the terms that were in force when it was written: what was judged under others was judged again.
func TestTermsAndObjectsThatChangeAtTheSameTime(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", releaseTo("target", stix.Amber))
	x.agreement("target", nil)
	stop := x.running(follow.Config{BatchEntries: 7})
	const rounds = 60
	marks := []string{"clear", "green", "amber", "red"}
	var all sync.WaitGroup
	begin := func(do func(n int) error) {
		all.Go(func() {
			for n := range rounds {
				var stale *agreement.OutsideError
				if err := do(n); err != nil && !errors.As(err, &stale) && !errors.Is(err, store.ErrStale) {
					t.Error(err)
					return
				}
			}
		})
	}
	ctx := context.Background()
	for worker := range 2 {
		begin(func(n int) error {
			var raws [][]byte
			for i := range 3 {
				raws = append(raws, []byte(object("campaign", fmt.Sprint(worker, n%20, i), 1+n%5, marks[(n+i)%4])))
			}
			_, err := ingest.Accept(ctx, x.col("source"), agreement.Caller{Account: "push", Party: vendor.Name}, vendor, raws, ingest.Options{Now: x.now})
			return err
		})
	}
	begin(func(n int) error { // the DELETE of TAXII
		_, err := x.col("source").Append(ctx, store.Batch{Actor: store.Actor{Account: "push", Party: vendor.Name},
			Changes: []store.Change{{Remove: &store.Removal{ID: idOf("campaign", fmt.Sprint(0, n%20, n%3)), OnlyBy: vendor.Name}}}})
		return err
	})
	change := func(name agreement.Name, act string, change func(*agreement.Agreement)) error {
		a, digest := x.col(name).Terms()
		a = a.Clone()
		change(a)
		_, err := x.col(name).Append(ctx, store.Batch{Terms: digest, Changes: []store.Change{{Terms: &store.TermsChange{Agreement: a.Canonical(), Act: act}}}})
		return err
	}
	ceilings := []stix.TLP{stix.Clear, stix.Green, stix.Amber, 0}
	for _, name := range []agreement.Name{"source", "target"} {
		begin(func(n int) error {
			return change(name, "change", func(a *agreement.Agreement) { a.Accept.MaxTLP = ceilings[n%4] })
		})
	}
	begin(func(n int) error {
		return change("source", []string{"suspend", "resume"}[n%2], func(a *agreement.Agreement) {
			if a.Suspended = nil; n%2 == 0 {
				a.Suspended = &agreement.Mark{At: x.now}
			}
		})
	})
	all.Wait()
	stop()
	x.terms("source", "resume", func(a *agreement.Agreement) { a.Suspended = nil })
	x.settle()
	added := map[agreement.Name]int{}
	for _, name := range []agreement.Name{"source", "target"} {
		terms := map[journal.Digest]*agreement.Agreement{}
		entries := map[journal.Position]journal.Entry{}
		x.must(x.col(name).Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
			entries[p] = e
			return true
		}))
		for p, e := range entries {
			if e.Kind != journal.Added {
				continue
			}
			added[name]++
			_, digest, document, err := x.col(name).TermsAt(p)
			x.must(err)
			if terms[digest] == nil {
				terms[digest], err = agreement.ParseDocument(document)
				x.must(err)
			}
			if most := terms[digest].Accept.MaxTLP; most != 0 && stix.TLP(e.TLP) > most {
				t.Errorf("%s: the entry %d has TLP:%s, and the terms then in force took at most TLP:%s", name, p, stix.TLP(e.TLP), most)
			}
			if e.Party != "" && terms[digest].Suspended != nil {
				t.Errorf("%s: the entry %d was added by a party while the agreement was suspended", name, p)
			}
		}
	}
	if added["source"] == 0 || added["target"] == 0 {
		t.Errorf("added: %v, want some in both", added)
	}
}
