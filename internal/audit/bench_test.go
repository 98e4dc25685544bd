package audit_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// BenchmarkPage asks for pages over HTTP, with deliveries noted and without: the difference is what keeping account costs.
func BenchmarkPage(b *testing.B) {
	for _, objects := range []int{10, 1000} {
		for _, noted := range []bool{false, true} {
			b.Run(fmt.Sprintf("objects=%d/noted=%v", objects, noted), func(b *testing.B) {
				options := []accordtest.Option{accordtest.WithLimits(server.Limits{AccountRate: 1e9})}
				if !noted {
					options = append(options, accordtest.WithDelivered(func(server.Delivery) {}))
				}
				s := accordtest.New(b, options...)
				s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 1000)...)
				path := fmt.Sprintf("%sobjects/?limit=%d", accordtest.Path(accordtest.Programme), objects)
				s.Get(accordtest.Agency, path)
				for b.Loop() {
					if got := s.Get(accordtest.Agency, path); got.Status != 200 {
						b.Fatalf("got %d %s", got.Status, got.Body)
					}
				}
			})
		}
	}
}

// BenchmarkVerify verifies a journal of a million entries over HTTP, every one of them, and gathers the evidence for one
// of its objects. The entries are changes of terms, which are as long as others and quicker to make.
func BenchmarkVerify(b *testing.B) {
	auditor := longJournal(b)
	kept, err := auditor.Checkpoint(context.Background(), accordtest.Programme)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			verdict, err := auditor.Verify(context.Background(), audit.Verification{Agreement: accordtest.Programme, Kept: kept})
			if err != nil || verdict.Size < longEntries {
				b.Fatalf("got %v and error %v", verdict, err)
			}
		}
	})
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			if _, err := auditor.Prove(context.Background(), accordtest.Programme, audit.Asked{Object: accordtest.IndicatorID(0)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const longEntries = 1_000_000

func longJournal(b *testing.B) *audit.Client {
	s := accordtest.New(b)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 1)...)
	col := s.Collection(accordtest.Programme)
	changes := make([]store.Change, 20_000)
	for i := range changes {
		changes[i] = store.Change{Terms: &store.TermsChange{Agreement: col.Agreement(), Act: "change", Reason: "to have something to verify"}}
	}
	for range longEntries / len(changes) {
		if _, err := col.Append(context.Background(), store.Batch{Actor: store.Actor{Account: accordtest.Operator}, Changes: changes}); err != nil {
			b.Fatal(err)
		}
	}
	return auditorAs(b, s, accordtest.Operator)
}
