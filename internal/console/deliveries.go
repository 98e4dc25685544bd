package console

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/budget"
)

// deliveriesPage is who reads an agreement and how far each has come, or what was given between two days.
type deliveriesPage struct {
	Agreement           string
	Readers             audit.ConsumerList
	Given               *audit.GivenList // nil: nothing was asked about a time or a party
	Since, Until, Party string           // as they were asked
	More, CSV, JSON     string           // addresses
	Silent              time.Duration    // after which a reader counts as having stopped
	Now                 time.Time
}

// silentAfter is how long a reader may not ask before it counts as having stopped.
const silentAfter = 7 * 24 * time.Hour

// showDeliveries answers: who reads, since when, how far behind; who received what between these dates?
func showDeliveries(p *page) error {
	name := p.r.PathValue("name")
	v := deliveriesPage{Agreement: name, Since: p.value("since"), Until: p.value("until"), Party: p.value("party"), Silent: silentAfter, Now: p.Now()}
	path := func(pairs ...string) string {
		return agreementPath(agreement.Name(name)) + "deliveries/" + query(append(pairs, "since", v.Since, "until", v.Until, "party", v.Party)...)
	}
	v.CSV, v.JSON = path("format", "csv"), path("format", "json")
	between, err := v.asked()
	if err != nil {
		return err
	}
	commands := []command{{"Who reads, since when, how far behind:", "accord audit deliveries --agreement " + quote(name) + " " + p.remote()}}
	if between == "" {
		return p.showReaderList(v, path, commands)
	}
	format := p.value("format")
	if format != "" {
		return p.downloadGiven(name, between, format)
	}
	list, err := ask[audit.GivenList](p, apiAgreement(name)+"deliveries/?limit=200&"+between+"&next="+url.QueryEscape(p.value("next")))
	if err != nil {
		return err
	}
	v.Given = &list
	if list.Next != "" {
		v.More = path("next", list.Next)
	}
	commands = append(commands, command{"What was given in this time, as JSON; next in the answer leads on:",
		"curl -sg -u " + quote(p.account.Name) + " " + quote(p.server()+"/accord/v1/"+apiAgreement(name)+"deliveries/?"+between)})
	return p.show(http.StatusOK, "deliveries", "Deliveries of "+name, v, commands...)
}

// showReaderList shows who reads an agreement, or sends that as a file.
func (p *page) showReaderList(v deliveriesPage, path func(...string) string, commands []command) (err error) {
	v.Readers, err = ask[audit.ConsumerList](p, apiAgreement(v.Agreement)+"deliveries/"+query("limit", "200", "next", p.value("next")))
	if err != nil {
		return err
	}
	switch p.value("format") {
	case "csv":
		return p.download("text/csv; charset=utf-8", "accord-readers.csv", readersCSV(v.Readers))
	case "json":
		text, err := json.MarshalIndent(v.Readers, "", " ")
		if err != nil {
			return err
		}
		return p.download("application/json", "accord-readers.json", text)
	}
	if v.Readers.Next != "" {
		v.More = path("next", v.Readers.Next)
	}
	return p.show(http.StatusOK, "deliveries", "Deliveries of "+v.Agreement, v, commands...)
}

// asked returns the parameters of the API for what the form asks about; "": for nothing but who reads. The last day is within
// what is asked about.
func (v deliveriesPage) asked() (string, error) {
	if v.Since == "" && v.Until == "" && v.Party == "" {
		return "", nil
	}
	until := ""
	for _, day := range []struct {
		text string
		last bool
	}{{v.Since, false}, {v.Until, true}} {
		if day.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, day.text)
		if err != nil {
			return "", formError{errors.New("a day is written as 2026-03-01")}
		}
		if day.last {
			until = at.AddDate(0, 0, 1).Format(time.DateOnly)
		}
	}
	return query("since", v.Since, "until", until, "party", v.Party)[1:], nil
}

// Stopped reports whether a reader has not asked for long.
func (v deliveriesPage) Stopped(one audit.Consumer) bool { return v.Now.Sub(one.LastPoll) > v.Silent }

const (
	mostGivenRows = 20_000 // in a file
	givenRowBytes = 400    // about what a row takes while the file is made
)

// downloadGiven sends what was given in a time as a file.
func (p *page) downloadGiven(name, between, format string) error {
	var all audit.GivenList
	for next := ""; ; {
		part, err := ask[audit.GivenList](p, apiAgreement(name)+"deliveries/?limit=1000&"+between+"&next="+next)
		if err != nil {
			return err
		}
		if err := budget.From(p.context()).Add(p.context(), givenRowBytes*len(part.Given)); err != nil {
			return err
		}
		rows := append(all.Given, part.Given...)
		all = part
		all.Given = rows
		if next = part.Next; next == "" || len(rows) >= mostGivenRows {
			break
		}
	}
	if format == "json" {
		text, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			return err
		}
		return p.download("application/json", "accord-deliveries.json", text)
	}
	return p.download("text/csv; charset=utf-8", "accord-deliveries.csv", givenCSV(all))
}

func givenCSV(list audit.GivenList) []byte {
	rows := [][]string{{"at", "account", "party", "way", "filter", "finished", "entry", "object", "version"}}
	for _, g := range list.Given {
		finished := "yes"
		if g.Unfinished {
			finished = "no"
		}
		rows = append(rows, []string{g.At.UTC().Format(time.RFC3339), cell(g.Account), cell(g.Party), cell(string(g.Way)), cell(g.Filter), finished,
			decimal(uint64(g.Position)), cell(g.Object), cell(g.Version)})
	}
	if n := len(list.Given); list.Next != "" && n > 0 {
		rows = append(rows, []string{"there is more: ask from " + list.Given[n-1].At.UTC().Format(time.DateOnly) + " on", "", "", "", "", "", "", "", ""})
	}
	return writeCSV(rows)
}

func readersCSV(list audit.ConsumerList) []byte {
	rows := [][]string{{"account", "party", "way", "filter", "first", "last", "polls", "versions", "newest", "behind"}}
	for _, c := range list.Consumers {
		rows = append(rows, []string{cell(c.Account), cell(c.Party), cell(string(c.Way)), cell(c.Filter), c.First.UTC().Format(time.RFC3339), c.LastPoll.UTC().Format(time.RFC3339),
			decimal(c.Polls), decimal(c.Positions), decimal(uint64(c.Newest)), decimal(c.Behind)})
	}
	return writeCSV(rows)
}

func writeCSV(rows [][]string) []byte {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, row := range rows {
		_ = w.Write(row) // a strings.Builder takes all
	}
	w.Flush()
	return []byte(b.String())
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
