package audit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/witness"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A running server has its witnesses cosign its own journal, which holds the heads of its agreements; an auditor can demand it.
func TestAnAuditorCanDemandWitnesses(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, root := context.Background(), auditorAs(t, s, accordtest.Operator)
	keys, err := root.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Config{Dir: t.TempDir(), Name: "witness.example", Logs: []string{keys.Key}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := witness.Open(witness.Config{Dir: t.TempDir(), Name: "other.example", Logs: []string{keys.Key}})
	if err != nil {
		t.Fatal(err)
	}
	v := audit.Verification{Agreement: accordtest.Intake, Keys: []string{keys.Key}, Witnesses: []string{w.Key()}}
	asked := make(chan struct{}, 100)
	handler := w.Handler()
	site := httptest.NewServer(countedHandler{handler, asked})
	defer site.Close()
	if err := s.Store.Change(ctx, store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{
		Witnesses: &[]store.Witness{{Key: w.Key(), URL: site.URL}}, Act: "add witness"}}); err != nil {
		t.Fatal(err)
	}
	var verdict audit.Verdict
	for deadline := time.Now().Add(accordtest.Patience); ; {
		if verdict, err = root.Verify(ctx, v); err == nil || time.Now().After(deadline) {
			break
		}
		select {
		case <-asked:
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err != nil || verdict.Cosigned == nil || verdict.Cosigned.Size != 10 || !strings.Contains(verdict.String(), "witness.example cosigned") {
		t.Fatalf("got %v and error %v", verdict, err)
	}
	for _, account := range []string{accordtest.Agency, accordtest.Vendor} {
		quick := v
		quick.Quick = true
		if verdict, err := auditorAs(t, s, account).Verify(ctx, quick); err != nil || verdict.Cosigned == nil {
			t.Errorf("as %s: got %v and error %v", account, verdict, err)
		}
	}
	if verdict, err := root.Verify(ctx, audit.Verification{Agreement: audit.ServerJournal, Witnesses: []string{w.Key()}}); err != nil || verdict.Cosigned == nil {
		t.Errorf("the server's own journal: got %v and error %v", verdict, err)
	}
	var signature *journal.SignatureError
	for name, change := range map[string]func(*audit.Verification){
		"a witness that did not cosign": func(v *audit.Verification) { v.Witnesses = []string{w.Key(), other.Key()} },
		"two of one":                    func(v *audit.Verification) { v.Witnesses, v.AtLeast = []string{w.Key(), w.Key()}, 2 },
		"a cosignature that is old":     func(v *audit.Verification) { v.MaxAge = time.Nanosecond },
		"no key of a witness":           func(v *audit.Verification) { v.Witnesses = []string{keys.Key} },
	} {
		demand := v
		change(&demand)
		if verdict, err := root.Verify(ctx, demand); !errors.As(err, &signature) {
			t.Errorf("%s: got %v and error %v, want a *journal.SignatureError", name, verdict, err)
		}
	}
	enough := v
	enough.Witnesses, enough.AtLeast = []string{w.Key(), other.Key()}, 1
	if _, err := root.Verify(ctx, enough); err != nil {
		t.Errorf("one of two: %v", err)
	}
}

// countedHandler says when it has answered.
type countedHandler struct {
	http.Handler
	answered chan<- struct{}
}

func (h countedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Handler.ServeHTTP(w, r)
	h.answered <- struct{}{}
}
