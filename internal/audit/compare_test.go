package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

func TestTwoHeadsAreComparedForAFork(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	raws := rawsOf(t, honest)
	keys, err := honest.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	trusted := []string{keys.Key}
	// The other history: the removal at the end never happened, and something else did.
	last := mustEntry(t, raws[9])
	other := mustEntry(t, raws[1])
	other.At = last.At
	forked := append(raws[:9:9], other.Append(nil))
	longer := append(forked[:10:10], mustLater(t, other))
	side := func(name string, list [][]byte, journal bool) audit.Side {
		signed, err := liarUnchecked(t, s, list, accordtest.IntakeID.String()).Checkpoint(ctx, accordtest.Intake)
		if err != nil {
			t.Fatal(err)
		}
		side, err := audit.ReadSide(name, signed)
		if err != nil {
			t.Fatal(err)
		}
		if journal {
			side.Journal = list
		}
		return side
	}
	short, whole := side("short", raws[:4], false), side("whole", raws, false)
	wholeKnown, fork, forkKnown := side("known", raws, true), side("fork", forked, false), side("longer", longer, true)
	third := side("third", append(raws[:4:4], raws[5]), false)
	for _, c := range []struct {
		name   string
		server *audit.Client
		a, b   audit.Side
		want   string // begins the outcome
	}{
		{"the same head", nil, whole, whole, "SAME"},
		{"one size, two roots", nil, whole, fork, "FORK"},
		{"a prefix, by entries", nil, wholeKnown, short, "SAME"},
		{"a prefix, by a server", honest, short, whole, "SAME"},
		{"a prefix, without help", nil, short, whole, "not proved"},
		{"a longer fork, by entries", nil, whole, forkKnown, "FORK"},
		{"a fork of what the server has", honest, third, whole, "FORK"},
		{"a head that the server does not continue", honest, short, side("longer", longer, false), "not proved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := audit.Compare(ctx, c.server, accordtest.Intake, c.a, c.b, trusted)
			got := found.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) || found.Fork != (c.want == "FORK") {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	elsewhere, err := liarUnchecked(t, s, raws, uuid.NewString()).Checkpoint(ctx, accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *audit.MismatchError
	if _, err := audit.Compare(ctx, nil, "", whole, audit.Side{Name: "elsewhere", Signed: elsewhere}, trusted); !errors.As(err, &mismatch) {
		t.Errorf("heads of two agreements: got %v, want a mismatch", err)
	}
	var signature *journal.SignatureError
	if _, err := audit.Compare(ctx, nil, "", whole, fork, nil); !errors.As(err, &signature) {
		t.Errorf("without a key: got %v, want an error about signatures", err)
	}
}

// mustLater is an entry a millisecond later.
func mustLater(t *testing.T, e journal.Entry) []byte {
	t.Helper()
	e.At = e.At.Add(1_000_000)
	return e.Append(nil)
}
