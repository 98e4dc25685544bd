package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// A caller that reached a limit is on the page, with the limit in the words that it was told.
func TestLimitsAreNamed(t *testing.T) {
	s := exchange(t, accordtest.WithConfig(func(c *server.Config) { c.Limits.AccountRate = 2 }))
	limited := 0
	for range 60 {
		if a := s.Get(accordtest.Member, "/taxii2/"); a.Status == http.StatusTooManyRequests {
			limited++
			break
		}
	}
	if limited == 0 {
		t.Fatal("no request was refused")
	}
	b := as(t, s, accordtest.Operator)
	b.get("/console/limits/").has(t, `href="/console/accounts/member/"`, "sent more than 2 requests a second", ">429<")
	b.get("/console/limits/?only=503").hasNot(t, "sent more than")
}

// The page of a partner says what it received, by month, type and marking.
func TestAPartnerPageSaysWhatItReceived(t *testing.T) {
	s := exchange(t)
	for month := range 3 {
		s.Clock.Set(time.Date(2026, time.Month(3+month), 10, 12, 0, 0, 0, time.UTC))
		s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(20+10*month, 22+10*month)...)
		for range 2 { // counted once
			s.Get(accordtest.Agency, accordtest.Path(accordtest.Programme)+"objects/")
		}
	}
	b := as(t, s, accordtest.Operator)
	page := b.get("/console/partners/agency/")
	page.has(t, "2026-05", "2026-04", "2026-03", `data-chart="received"`, "<bdi>indicator</bdi> 11", "<bdi>indicator</bdi> 9", "<bdi>indicator</bdi> 7")
	b.get("/console/partners/member/").has(t, "received nothing", "It has added no sighting")
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), fmt.Appendf(nil, `{"type":"sighting","spec_version":"2.1","id":"sighting--7d3f9c2a-51b4-4e08-9a6d-0000000000aa","created":"2024-03-01T12:00:00.000Z",`+
		`"modified":"2024-03-01T12:00:00.000Z","sighting_of_ref":%q}`, accordtest.IndicatorID(1)))
	b.get("/console/partners/vendor/").has(t, `<b><a href="/console/search/?type=sighting">1</a></b> sighting`)
	if a := s.Get(accordtest.Operator, "/accord/v1/parties/nothing/received/"); a.Status != http.StatusNotFound {
		t.Errorf("of no party: %d", a.Status)
	}
}

// The report on an agreement is a page, and a signed file that verifies.
func TestTheReportOnAnAgreement(t *testing.T) {
	s := exchange(t)
	s.Get(accordtest.Agency, accordtest.Path(accordtest.Programme)+"objects/")
	s.Do(accordtest.Request{As: accordtest.Vendor, Method: http.MethodDelete, Path: accordtest.Path(accordtest.Programme) + "objects/" + accordtest.IndicatorID(4) + "/"})
	b := as(t, s, accordtest.Operator)
	gsp := "/console/agreements/" + accordtest.Programme + "/report/"
	b.get(gsp).has(t, accordtest.Vendor, "indicator", accordtest.IndicatorID(4), "NIS2", "no statement of conformity", "accord agreement report "+accordtest.Programme)
	b.get(gsp+"?since=2000-01-01&until=2000-12-31").has(t, "Nothing was added in this time.", "--from 2000-01-01 --to 2001-01-01")
	for format, begins := range map[string]string{"json": `{"report":`, "html": "<!DOCTYPE html>"} {
		a := b.get(gsp + "?format=" + format)
		if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(strings.ReplaceAll(a.Body, "\n", ""), begins) {
			t.Errorf("as %s: %d %v %.100s", format, a.Status, a.Header, a.Body)
		}
	}
	if a := b.get(gsp + "?since=2000"); a.Status != http.StatusBadRequest {
		t.Errorf("what is no day: %d", a.Status)
	}
	b.get("/console/accounts/").has(t, `id="certificates"`, "plain HTTP")
}
