package console_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// manyAgreements adds agreements to an exchange, each of which releases to the next one.
func manyAgreements(t testing.TB, s *accordtest.Server, n int) {
	t.Helper()
	for i := range n {
		a := &agreement.Agreement{Name: agreement.Name(fmt.Sprintf("many-%04d", i)), Title: fmt.Sprintf("Agreement %d of many", i), APIRoot: accordtest.Industry,
			Collection: agreement.Collection{ID: uuid.New()},
			Term:       agreement.Term{From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027+i%5, 1, 1, 0, 0, 0, 0, time.UTC)},
			Parties: []agreement.Membership{{Party: accordtest.Vendor, Roles: []agreement.Role{agreement.Producer, agreement.Consumer}},
				{Party: accordtest.Agency, Roles: []agreement.Role{agreement.Consumer, agreement.Auditor}}}}
		if i > 0 {
			a.Release = []agreement.Release{{To: agreement.Name(fmt.Sprintf("many-%04d", i-1))}}
		}
		if _, err := s.Store.CreateAgreement(context.Background(), store.Actor{Account: accordtest.Operator}, a); err != nil {
			t.Fatal(err)
		}
	}
}

// manyObjects adds objects to the programme, and waits until the index has them.
func manyObjects(t testing.TB, s *accordtest.Server, n int) {
	t.Helper()
	const each = 500
	for from := 10; from < n; from += each {
		if a := s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(from, from+each)...); a.Status != http.StatusAccepted {
			t.Fatalf("add objects: %d %.300s", a.Status, a.Body)
		}
	}
	for behind := uint64(1); behind > 0; {
		var found struct{ Behind uint64 }
		if a := s.Get(accordtest.Operator, "/accord/v1/search/?limit=1"); a.Status == http.StatusOK {
			s.JSON(a, &found)
			behind = found.Behind
		}
	}
}

// BenchmarkPagesOfManyAgreements loads every page with as many agreements as ACCORD_AGREEMENTS says, and ACCORD_OBJECTS objects
// in one of them: a page may take 200 ms of an idle machine with 1,000 and a million.
func BenchmarkPagesOfManyAgreements(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("ACCORD_AGREEMENTS"))
	if err != nil {
		n = 50
	}
	s := exchange(b)
	manyAgreements(b, s, n)
	if objects, err := strconv.Atoi(os.Getenv("ACCORD_OBJECTS")); err == nil {
		manyObjects(b, s, objects)
	}
	pages := as(b, s, accordtest.Operator)
	all := screens()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := pages.get(all[name]); a.Status != http.StatusOK {
					b.Fatalf("%d %s", a.Status, a.Body)
				}
			}
		})
	}
}
