package server_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// changeAccount changes the account that adds.
func changeAccount(t *testing.T, s *accordtest.Server, change func(*auth.Account)) {
	t.Helper()
	a, _ := s.Store.Registry().Account(accordtest.Vendor)
	change(&a)
	if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{Account: &a}}); err != nil {
		t.Fatal(err)
	}
}

// A POST whose body arrives after the right to add is lost is refused and leaves nothing, no status either: its entry would
// stand in the journal after the decision.
func TestAPostThatArrivesAfterTheLossOfItsRightStoresNothing(t *testing.T) {
	mark := func(s *accordtest.Server) *agreement.Mark {
		return &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
	}
	for _, row := range []struct {
		name   string
		lose   func(*accordtest.Server)
		status []int
	}{
		{"suspension", func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "suspend", func(a *agreement.Agreement) { a.Suspended = mark(s) })
		}, []int{http.StatusForbidden}},
		{"termination", func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "terminate", func(a *agreement.Agreement) { a.Terminated = mark(s) })
		}, []int{http.StatusForbidden}},
		{"loss of the role", func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) {
				for i := range a.Parties {
					if a.Parties[i].Party == accordtest.Vendor {
						a.Parties[i].Roles = []agreement.Role{agreement.Consumer}
					}
				}
			})
		}, []int{http.StatusForbidden}},
		{"disabling", func(s *accordtest.Server) {
			changeAccount(t, s, func(a *auth.Account) { a.Disabled = true })
		}, []int{http.StatusForbidden, http.StatusUnauthorized}},
		{"expiry", func(s *accordtest.Server) {
			changeAccount(t, s, func(a *auth.Account) { a.Expires = s.Clock.Now() })
		}, []int{http.StatusForbidden, http.StatusUnauthorized}},
		{"other networks", func(s *accordtest.Server) {
			changeAccount(t, s, func(a *auth.Account) { a.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
		}, []int{http.StatusForbidden, http.StatusUnauthorized}},
		{"deletion of the account", func(s *accordtest.Server) {
			if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{DeleteAccount: accordtest.Vendor}}); err != nil {
				t.Fatal(err)
			}
		}, []int{http.StatusForbidden, http.StatusUnauthorized}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := accordtest.New(t)
			answered, finish := slowPost(t, s, accordtest.Vendor)
			row.lose(s)
			col := s.Collection(accordtest.Programme)
			before, err := col.Stats()
			if err != nil {
				t.Fatal(err)
			}
			finish()
			if resp := <-answered; resp == nil || !slices.Contains(row.status, resp.StatusCode) {
				t.Errorf("got %v, want one of %v", resp, row.status)
			}
			if after, err := col.Stats(); err != nil || after != before {
				t.Errorf("the collection went from %+v to %+v, %v, want no change", before, after, err)
			}
		})
	}
}
