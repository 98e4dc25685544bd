package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
)

// An agreement whose file is lost is not available to its parties, by its id and its alias, and does not exist for others.
func TestOfALostAgreementItsPartiesAreRemembered(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	a := draft("lost", "nicp", "alias")
	a.Parties = []agreement.Membership{{Party: "member", Roles: []agreement.Role{agreement.Consumer}}}
	col := create(t, s, a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "agreements", col.ID().String()+".db")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is remembered outlasts a start without the file
		s = openFolder(t, dir, Options{})
		list := s.Unavailable()
		if len(list) != 1 {
			t.Fatalf("got %v, want one that is not available", list)
		}
		u := list[0]
		for _, c := range []struct {
			root, name string
			want       bool
		}{{"nicp", "alias", true}, {"nicp", col.ID().String(), true}, {"other", "alias", false}, {"other", col.ID().String(), false}, {"nicp", "elsewhere", false}} {
			if got := u.In(c.root, c.name); got != c.want {
				t.Errorf("%s in %s: got %v, want %v", c.name, c.root, got, c.want)
			}
		}
		for party, want := range map[agreement.PartyName]bool{"member": true, "stranger": false, "": false, agreement.PublicParty: false} {
			if got := u.Knows(agreement.Caller{Account: "x", Party: party}); got != want {
				t.Errorf("the party %q: got %v, want %v", party, got, want)
			}
		}
		if !u.Knows(agreement.Caller{Account: "x", Operator: true}) {
			t.Error("an operator is not told")
		}
		s.Close()
	}
}
