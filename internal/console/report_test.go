package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// The report on a long journal is made when days are asked for, not when its page is opened.
func TestTheReportOnALongJournalWaitsForDays(t *testing.T) {
	if testing.Short() {
		t.Skip("it adds 10,000 objects")
	}
	s := exchange(t)
	manyObjects(t, s, 10_100)
	pages := as(t, s, accordtest.Operator)
	path := "/console/agreements/" + accordtest.Programme + "/report/"
	if a := pages.get(path); a.Status != http.StatusOK || !strings.Contains(a.Body, "Choose the days") || strings.Contains(a.Body, "<h2>Shared</h2>") {
		t.Errorf("opened: %d %s", a.Status, a.Body)
	}
	if a := pages.get(path + "?since=2000-01-01&until="); a.Status != http.StatusOK || strings.Contains(a.Body, "Choose the days") || !strings.Contains(a.Body, "<h2>Shared</h2>") {
		t.Errorf("asked for: %d %s", a.Status, a.Body)
	}
}
