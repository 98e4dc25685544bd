package admin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// reportRoutes are the paths of reports.
var reportRoutes = []route{{
	method: http.MethodGet, path: "agreements/{name}/report/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveReport,
	summary: "Report on an agreement",
	note: "Parties, terms, what was shared, received, withheld and withdrawn, from the journal, signed: JSON of report and signature, or with format=html " +
		"a page. accord audit verify-report verifies it.",
	query: []string{"from", "to", "format"}, answer: plain{mediaType: "application/json"},
}}

func (s *Service) serveReport(c call) (any, error) {
	values, err := parameters(c.Request, "from", "to", "format")
	if err != nil {
		return nil, err
	}
	from, err := dateIn(values, "from")
	if err != nil {
		return nil, err
	}
	to, err := dateIn(values, "to")
	if err != nil {
		return nil, err
	}
	format := values.Get("format")
	if format != "" && format != "json" && format != "html" {
		return nil, badQuery("the parameter format is %q, expected json or html", format)
	}
	r, head, err := s.Report(c.Context(), c.agreement(), from, to)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(r)
	if format == "html" {
		text, err = r.html()
	}
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	keys, err := s.store.Keys("")
	if err != nil {
		return nil, err
	}
	signed, err := keys.SignReport(journal.ReportClaim{Agreement: string(r.Agreement), Digest: sha256.Sum256(text), Head: head})
	if err != nil {
		return nil, err
	}
	mediaType := "application/json"
	if format == "html" {
		mediaType = "text/html; charset=utf-8"
	}
	return plain{mediaType, audit.JoinReport(text, signed, format == "html")}, nil
}

// dateIn reads a parameter that is a date, or a date and time; without it, zero.
func dateIn(values url.Values, name string) (time.Time, error) {
	if values.Get(name) == "" {
		return time.Time{}, nil
	}
	t, err := agreement.ParseDate(values.Get(name))
	if err != nil {
		return time.Time{}, badQuery("the parameter %s: %v", name, err)
	}
	return t, nil
}

// Report returns the signed report on an agreement, as html or json, byte by byte as it is signed. from and to may be "".
func (c *Client) Report(ctx context.Context, name agreement.Name, from, to, format string) ([]byte, error) {
	q := url.Values{"format": {format}}
	for key, value := range map[string]string{"from": from, "to": to} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return c.fetch(ctx, "agreements/"+url.PathEscape(string(name))+"/report/?"+q.Encode())
}
