package admin_test

import (
	"context"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/store"
)

// An operator whose file takes its own rights away gets the whole file applied: its account comes last.
func TestApplyChangesTheOwnAccountLast(t *testing.T) {
	s := accordtest.New(t)
	file, err := applyfile.Parse("own.yaml", []byte(`
accounts:
  - {name: `+accordtest.Operator+`, operator: true, disabled: true}
agreements:
  - name: fresh
    title: A fresh agreement
    api_root: nicp
    collection: {alias: fresh}
    parties:
      - {party: agency, roles: [producer, consumer]}
`))
	if err != nil {
		t.Fatal(err)
	}
	service := admin.New(admin.Config{Store: s.Store})
	if _, err := service.Apply(context.Background(), store.Actor{Account: accordtest.Operator}, file); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Store.Collection(agreement.Name("fresh")); !ok {
		t.Error("the agreement was not made")
	}
	if a, ok := s.Store.Registry().Account(accordtest.Operator); !ok || !a.Disabled {
		t.Error("the account is not disabled")
	}
}
