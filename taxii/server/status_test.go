package server_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// A small body of many bad objects does not make a large status: the counts are exact, a list is whole or left out, and
// the failures are summed up by rule (TAXII 2.1, section 4.3).
func TestAStatusIsBounded(t *testing.T) {
	s := accordtest.New(t)
	const refused = 40_000
	body := `{"objects":[` + strings.Repeat("{},", refused) + string(accordtest.Indicator(1, 0)) + `]}`
	a := s.Do(accordtest.Request{As: "vendor", Method: "POST", Path: accordtest.Path("gsp") + "objects/", Body: []byte(body)})
	if a.Status != 202 || len(a.Body) > 8<<20 {
		t.Fatalf("got %d and %d bytes, want 202 and at most 8 MiB", a.Status, len(a.Body))
	}
	check := func(a accordtest.Answer) (status taxii.Status) {
		t.Helper()
		s.JSON(a, &status)
		if status.TotalCount != refused+1 || status.FailureCount != refused || status.SuccessCount != 1 || status.PendingCount != 0 {
			t.Errorf("got counts %d, %d, %d", status.TotalCount, status.SuccessCount, status.FailureCount)
		}
		if len(status.Successes) != 1 || status.Failures != nil {
			t.Errorf("got %d successes and %d failures, want the list of one whole, and the other left out", len(status.Successes), len(status.Failures))
		}
		sum := 0
		for _, rule := range status.FailuresByRule {
			sum += rule.Count
		}
		if sum != refused || status.FailuresByRule[0].Rule == "" {
			t.Errorf("the failures by rule are %+v, want all of them", status.FailuresByRule)
		}
		return status
	}
	status := check(a)
	check(s.Get("vendor", "/nicp/status/"+status.ID+"/"))
	kept, ok, err := s.Collection("gsp").Status(uuid.MustParse(status.ID))
	if err != nil || !ok || len(kept.Draft) > 8<<20 {
		t.Errorf("the draft has %d bytes before it is compressed, %v, %v, want at most 8 MiB", len(kept.Draft), ok, err)
	}
}

// The lists of ordinary submissions are whole.
func TestAnOrdinaryStatusIsWhole(t *testing.T) {
	s := accordtest.New(t)
	objects := accordtest.Indicators(0, 500)
	for range 500 {
		objects = append(objects, []byte(`{}`))
	}
	var status taxii.Status
	s.JSON(s.Post("vendor", accordtest.Path("gsp"), objects...), &status)
	if len(status.Successes) != 500 || len(status.Failures) != 500 || status.Failures[0].Message == "" || status.FailuresByRule != nil {
		t.Errorf("got %d successes and %d failures, want both lists whole", len(status.Successes), len(status.Failures))
	}
	if text, err := json.Marshal(status); err != nil || strings.Contains(string(text), "x_failures") {
		t.Errorf("a sum by rule beside a whole list: %v", err)
	}
}

// The status of what is in a file that cannot be read now is not said to be missing.
func TestAStatusInALostFileIsNotMissing(t *testing.T) {
	s := accordtest.New(t)
	var status taxii.Status
	s.JSON(s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0)), &status)
	path := "/nicp/status/" + status.ID + "/"
	if a := s.Get("vendor", path); a.Status != 200 {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	if _, err := s.Store.Quarantine(s.Collection("gsp").ID(), errors.New("its file is damaged")); err != nil {
		t.Fatal(err)
	}
	a := s.Get("vendor", path)
	var e taxii.Error
	if err := json.Unmarshal(a.Body, &e); err != nil || a.Status != 503 || e.ErrorCode != "storage" {
		t.Errorf("got %d %s, want 503 storage", a.Status, a.Body)
	}
}
