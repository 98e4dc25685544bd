package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// A server that signs an act of a party after the loss of its right convicts itself.
func TestAnActAfterTheLossOfARightIsRefused(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	v := audit.Verification{Agreement: accordtest.Intake}
	verify := func() error {
		t.Helper()
		raws := rawsOf(t, honest)
		again := mustEntry(t, raws[1])
		again.At = s.Clock.Now().Add(time.Hour)
		lying := liarUnchecked(t, s, append(raws, again.Append(nil)), accordtest.IntakeID.String())
		_, err := lying.Verify(ctx, v)
		return err
	}
	if err := verify(); err != nil {
		t.Fatalf("with the right: %v", err)
	}
	s.Change(accordtest.Intake, "suspend", func(a *agreement.Agreement) {
		a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
	})
	if _, err := honest.Verify(ctx, v); err != nil {
		t.Errorf("the suspension itself: %v", err)
	}
	var entry *journal.EntryError
	if err := verify(); !errors.As(err, &entry) || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("an addition after the suspension: got %v, want an *EntryError about it", err)
	}
	s.Change(accordtest.Intake, "resume", func(a *agreement.Agreement) { a.Suspended = nil })
	if err := verify(); err != nil {
		t.Errorf("after it was resumed: %v", err)
	}
	another := forged(honest, func(path string, body []byte) []byte {
		if strings.Contains(path, "terms/?entry=") && !strings.HasSuffix(path, "=1") {
			return []byte(strings.Replace(string(body), "suspended", "unheard_of", 1))
		}
		return body
	})
	var mismatch *audit.MismatchError
	if _, err := another.Verify(ctx, v); !errors.As(err, &mismatch) {
		t.Errorf("a document of other terms: got %v, want a *MismatchError", err)
	}
}
