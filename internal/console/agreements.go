package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// agreementRows is the page of all agreements that the account knows of.
type agreementRows struct {
	Rows    []agreementRow
	All     int
	States  []facetLink
	Ends    []facetLink
	Orders  []link
	Filter  string // what they are filtered by, in words; "": nothing
	Found   int    // that are like that
	More    string // address of the following page
	Figures bool
}

type agreementRow struct {
	admin.Agreement
	Roles []agreement.Role // of the account's party
}

// endings are what the page of agreements can be narrowed to, by the end of the term.
var endings = []struct {
	value, title string
	days         int
}{{"30", "within 30 days", 30}, {"90", "within 90 days", 90}}

// showAgreements answers: which are in force, end soon, are suspended?
func showAgreements(p *page) error {
	state, ends, order := p.value("state"), p.value("ends"), p.value("order")
	which := withoutFigures
	if order == "added" || order == "objects" {
		which = "agreements/"
	}
	list, err := ask[admin.AgreementList](p, which)
	if err != nil {
		return err
	}
	v := agreementRows{All: len(list.Agreements)}
	path := func(state, ends, order string) string {
		return Prefix + "agreements/" + query("state", state, "ends", ends, "order", order)
	}
	counts, soon := map[agreement.State]uint64{}, map[string]uint64{}
	for _, a := range list.Agreements {
		counts[a.State]++
		keep := state == "" || state == string(a.State)
		for _, e := range endings {
			is := endsWithin(a, p.Now(), e.days)
			if is {
				soon[e.value]++
			}
			keep = keep && (ends != e.value || is)
		}
		if keep {
			m, _ := a.Member(p.caller.Party)
			v.Rows = append(v.Rows, agreementRow{a, m.Roles})
		}
	}
	for _, s := range []agreement.State{agreement.Active, agreement.Scheduled, agreement.Suspended, agreement.Expired, agreement.Terminated} {
		if n := counts[s]; n > 0 {
			one := facetLink{Value: string(s), Path: path(string(s), ends, order), Count: n, On: state == string(s)}
			if one.On {
				one.Path = path("", ends, order)
			}
			v.States = append(v.States, one)
		}
	}
	for _, e := range endings {
		one := facetLink{Value: e.title, Path: path(state, e.value, order), Count: soon[e.value], On: ends == e.value}
		if one.On {
			one.Path = path(state, "", order)
			v.Filter = "end " + e.title
		}
		v.Ends = append(v.Ends, one)
	}
	if state != "" {
		v.Filter = strings.TrimSpace("are " + state + " " + v.Filter)
	}
	for _, o := range []struct{ value, title string }{{"", "name"}, {"until", "end"}, {"added", "last addition"}, {"objects", "objects"}} {
		one := link{Title: o.title, Path: path(state, ends, o.value)}
		if o.value == order {
			one.Note = "this order"
		}
		v.Orders = append(v.Orders, one)
	}
	sortAgreements(v.Rows, order)
	v.Found = len(v.Rows)
	var next uint64
	if v.Rows, next = rowsFrom(v.Rows, p.number("from")); next > 0 {
		v.More = Prefix + "agreements/" + query("state", state, "ends", ends, "order", order, "from", decimal(next))
	}
	for i := range v.Rows {
		if v.Rows[i].Agreement, err = p.figures(v.Rows[i].Agreement); err != nil {
			return err
		}
		v.Figures = v.Figures || v.Rows[i].Figures != nil
	}
	return p.show(http.StatusOK, "agreements", "Agreements", v, p.listCommand("agreement list", "These agreements:"))
}

// withoutFigures lists agreements without reading their files: a page reads those of the rows that it shows.
const withoutFigures = "agreements/?figures=false"

// figures returns an agreement of a list with what its file says.
func (p *page) figures(a admin.Agreement) (admin.Agreement, error) {
	if a.Figures != nil || a.Unavailable != "" {
		return a, nil
	}
	return ask[admin.Agreement](p, apiAgreement(string(a.Name)))
}

// mostRows is how many rows a page shows; the address of the next one has from.
const mostRows = 200

// rowsFrom returns the rows of a page, and where the following page begins; 0: there is none.
func rowsFrom[T any](rows []T, from uint64) (some []T, next uint64) {
	from = min(from, uint64(len(rows)))
	to := min(from+mostRows, uint64(len(rows)))
	if to < uint64(len(rows)) {
		next = to
	}
	return rows[from:to], next
}

func endsWithin(a admin.Agreement, now time.Time, days int) bool {
	until := a.Term.Until
	return a.Terminated == nil && !until.IsZero() && until.After(now) && until.Before(now.AddDate(0, 0, days))
}

func sortAgreements(rows []agreementRow, order string) {
	figure := func(a agreementRow) admin.Figures {
		if a.Figures == nil {
			return admin.Figures{}
		}
		return *a.Figures
	}
	end := func(a agreementRow) time.Time {
		if a.Term.Until.IsZero() {
			return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return a.Term.Until
	}
	slices.SortStableFunc(rows, func(a, b agreementRow) int {
		switch order {
		case "until":
			return end(a).Compare(end(b))
		case "added":
			return figure(b).LastAdded.Compare(figure(a).LastAdded)
		case "objects":
			return cmp.Compare(figure(b).Objects, figure(a).Objects)
		}
		return cmp.Compare(a.Name, b.Name)
	})
}

// listCommand is a command for operators at the machine, for others over the network.
func (p *page) listCommand(line, what string) command {
	if p.caller.Operator {
		return command{what, "accord " + line + " " + p.atServer()}
	}
	return command{what, "accord " + line + " " + p.remote()}
}

// flowPage is what flows from which agreement to which, and between parties and agreements as far as the account may know.
type flowPage struct {
	Nodes    []flowNode
	Flows    []flow
	Releases bool
	More     string // address of the flows of further agreements
}

type flowNode struct{ ID, Name, Kind, Path string }

type flow struct {
	From, To         flowNode
	Label            string
	MaxTLP           string
	Types            string
	Behind           uint64
	Conflicts        int
	Paused           string
	IsRelease, Known bool
}

// showFlows answers: what flows from which to which, under which ceiling?
func showFlows(p *page) error {
	list, err := ask[admin.AgreementList](p, withoutFigures)
	if err != nil {
		return err
	}
	only := p.value("agreement")
	var v flowPage
	seen := map[string]bool{}
	node := func(kind, name, path string) flowNode {
		n := flowNode{kind + " " + name, name, kind, path}
		if !seen[n.ID] {
			seen[n.ID] = true
			v.Nodes = append(v.Nodes, n)
		}
		return n
	}
	agreements := list.Agreements
	if only == "" {
		var next uint64
		if agreements, next = rowsFrom(agreements, p.number("from")); next > 0 {
			v.More = Prefix + "flows/" + query("from", decimal(next))
		}
	}
	for _, a := range agreements {
		if only != "" && string(a.Name) != only && !slices.ContainsFunc(a.Release, func(r agreement.Release) bool { return string(r.To) == only }) {
			continue
		}
		if len(a.Release) > 0 {
			if a, err = p.figures(a); err != nil {
				return err
			}
		}
		self := node("agreement", string(a.Name), agreementPath(a.Name))
		for _, m := range a.Parties {
			path := ""
			if p.caller.Operator {
				path = Prefix + "partners/" + url.PathEscape(string(m.Party)) + "/"
			}
			party := func() flowNode { return node("party", string(m.Party), path) }
			if slices.Contains(m.Roles, agreement.Producer) {
				v.Flows = append(v.Flows, flow{From: party(), To: self, Label: "gives", MaxTLP: a.Accept.MaxTLP.String(), Types: strings.Join(a.Accept.Types, ", ")})
			}
			if slices.Contains(m.Roles, agreement.Consumer) {
				v.Flows = append(v.Flows, flow{From: self, To: party(), Label: "reads"})
			}
		}
		for _, r := range a.Release {
			v.Releases = true
			f := flow{From: self, To: node("agreement", string(r.To), agreementPath(r.To)), Label: "releases", IsRelease: true,
				MaxTLP: r.MaxTLP.String(), Types: strings.Join(r.Types, ", ")}
			for _, progress := range a.Releases {
				if progress.To == r.To {
					f.Behind, f.Conflicts, f.Paused, f.Known = progress.Behind, progress.Conflicts, progress.Paused, true
				}
			}
			v.Flows = append(v.Flows, f)
		}
	}
	slices.SortStableFunc(v.Flows, func(a, b flow) int { return cmp.Compare(b2i(b.IsRelease), b2i(a.IsRelease)) })
	return p.show(http.StatusOK, "flows", "Flows", v, p.listCommand("agreement list", "The agreements; accord agreement show has the terms of one:"))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func agreementPath(name agreement.Name) string {
	return Prefix + "agreements/" + url.PathEscape(string(name)) + "/"
}

func apiAgreement(name string) string { return "agreements/" + url.PathEscape(name) + "/" }
