package ingest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
)

// A correction is a success that says so, then and when the status is read again.
func TestACorrectionIsToldToItsSender(t *testing.T) {
	s := accordtest.New(t)
	col := s.Collection("gsp")
	other := bytes.Replace(accordtest.Indicator(1, 0), []byte("Version 0"), []byte("Version zero"), 1)
	accept(t, col, ingest.Options{}, accordtest.Indicator(1, 0))
	if r := accept(t, col, ingest.Options{}, other); r.Failures != 1 || !strings.Contains(r.Details[0].Message, "stored with other content") {
		t.Errorf("by default: got %+v", r)
	}
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsAccept })
	r := accept(t, col, ingest.Options{}, other, accordtest.Indicator(1, 0))
	if r.Successes != 1 || r.Details[0].Outcome != ingest.Corrected || !strings.HasPrefix(r.Details[0].Message, "corrected: ") || r.Details[1].Outcome != ingest.Refused {
		t.Errorf("got %+v", r)
	}
	again, _, ok, err := ingest.Load(col, r.ID)
	if err != nil || !ok || again.Successes != 1 || again.Details[0] != r.Details[0] {
		t.Errorf("read again: got %+v, %v", again, err)
	}
}
