package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// reportPage is the report on an agreement.
type reportPage struct {
	admin.Report
	Since, Until string // the days that it is on, as they were asked
	HTML, JSON   string // addresses of the signed files
	Entries      uint64 // of a journal that is long: the report is made when it is asked for
}

// mostUnasked is how many entries a journal has whose report is shown before days were chosen.
const mostUnasked = 10_000

// showReport answers: the arrangement as NIS2 Article 29 and DORA Article 45 ask for it.
func showReport(p *page) error {
	name := p.r.PathValue("name")
	v := reportPage{Since: p.value("since"), Until: p.value("until")}
	to := ""
	for _, text := range []string{v.Since, v.Until} {
		if text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return formError{errors.New("a day is written as 2026-03-01")}
		}
		to = at.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	if v.Until == "" {
		to = ""
	}
	format := p.value("format")
	if format != "" && format != "html" && format != "json" {
		return errNoPage
	}
	path := agreementPath(agreement.Name(name)) + "report/"
	if asked := p.r.URL.Query(); !asked.Has("since") && !asked.Has("until") && format == "" {
		a, err := ask[admin.Agreement](p, apiAgreement(name))
		if err != nil {
			return err
		}
		if a.Figures != nil && a.Figures.Entries > mostUnasked {
			v.Entries, v.Agreement, v.Title = a.Figures.Entries, a.Name, a.Title
			v.Since = p.Now().UTC().AddDate(0, 0, -30).Format(time.DateOnly)
			v.HTML, v.JSON = path+query("format", "html"), path+query("format", "json")
			return p.show(http.StatusOK, "report", "Report on "+name, v,
				command{"The report on all of it, signed, to print and to keep:", "accord agreement report " + quote(name) + " --out report.html " + p.atServer()})
		}
	}
	asked := "json"
	if format != "" {
		asked = format
	}
	signed, err := ask[[]byte](p, apiAgreement(name)+"report/"+query("from", v.Since, "to", to, "format", asked))
	if err != nil {
		return err
	}
	switch format {
	case "html":
		return p.download("application/octet-stream", "accord-report.html", signed)
	case "json":
		return p.download("application/json", "accord-report.json", signed)
	}
	file := struct {
		Report *admin.Report `json:"report"`
	}{&v.Report}
	if err := json.Unmarshal(signed, &file); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	v.HTML = path + query("since", v.Since, "until", v.Until, "format", "html")
	v.JSON = path + query("since", v.Since, "until", v.Until, "format", "json")
	line := "accord agreement report " + quote(name)
	if v.Since != "" {
		line += " --from " + quote(v.Since)
	}
	if to != "" {
		line += " --to " + quote(to)
	}
	return p.show(http.StatusOK, "report", "Report on "+name, v,
		command{"The same, signed, to print and to keep:", line + " --out report.html " + p.atServer()},
		command{"Verify a report, and that the journal of today continues its head:", "accord audit verify-report report.html " + p.atServer()})
}
