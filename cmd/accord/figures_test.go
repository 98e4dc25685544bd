package main

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// Every metric in doc/operations.md exists, and none of them names an account.
func TestTheFiguresAreThoseOfTheManual(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file, "--ops-listen", "127.0.0.1:0")...)
	ops := strings.TrimSuffix(c.said("operation: /healthz, /readyz, /metrics").URL, "/")
	c.serving()
	a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(append(demo.Generate(31, 5), []byte(`{"type":"tool"}`))...)))
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("got %d %s, %v, want 202", a.status, a.body, err)
	}
	var page taxii.Envelope
	c.get("agency-siem", gsp+"objects/", &page)
	if status, _ := askWith(t, c.URL, http.MethodGet, "/taxii2/", "Bearer an-unknown-token", ""); status != http.StatusUnauthorized {
		t.Fatalf("a wrong token: got %d, want 401", status)
	}
	_, figures := askWith(t, ops, http.MethodGet, "/metrics", "", "")
	for what, want := range map[string]string{
		"requests by route and status": `accord_http_request_seconds_count{method="GET",route="/{root}/collections/{collection}/objects/",status="200"} 1`,
		"latency":                      `accord_http_request_seconds_bucket{method="POST",route="/{root}/collections/{collection}/objects/",status="202",le="60"} 1`,
		"objects by agreement":         `accord_agreement_objects{agreement="gsp"} 5`,
		"refusals by rule":             `accord_objects_refused_total{agreement="gsp",rule="S-`,
		"group-commit size":            `accord_agreement_batches_total{agreement="gsp"} `,
		"its other half":               `accord_agreement_commits_total{agreement="gsp"} `,
		"follower lag":                 `accord_release_lag_entries{source="gsp",target="members"} `,
		"deliveries behind":            `accord_deliveries_behind{agreement="gsp"} `,
		"deliveries lost":              `accord_deliveries_lost_total{agreement="gsp"} 0`,
		"expiring agreements":          `accord_agreement_expires_seconds{agreement="gsp"} `,
	} {
		if !strings.Contains(figures, "\n"+want) {
			t.Errorf("%s: the figures have no %s", what, want)
		}
	}
	manual, err := os.ReadFile("../../doc/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(accord_[a-z_]+)").FindAllStringSubmatch(string(manual), -1) {
		if name[1] == "accord_certificate_expires_seconds" {
			continue // this server speaks plain HTTP; see TestACertificateThatHasEndedIsSaid
		}
		if !strings.Contains(figures, "\n"+name[1]+"{") && !strings.Contains(figures, "\n"+name[1]+" ") && !strings.Contains(figures, "\n"+name[1]+"_count{") {
			t.Errorf("the manual speaks of %s, the figures do not", name[1])
		}
	}
	for _, account := range []string{"vendor-push", "agency-siem"} {
		if strings.Contains(figures, account) {
			t.Errorf("the figures name the account %s", account)
		}
	}
	c.terminate()
}
