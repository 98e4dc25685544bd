package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/index"
)

// The parameters of a search are those of /accord/v1/search, so that an address can be turned into the other by hand.
var (
	searchLists   = []string{"type", "tlp", "agreement", "created_by_ref", "label"}
	searchSingles = []string{"since", "confidence", "valid"}
)

// facetTitles are the facets that a page shows, in this order.
var facetTitles = []struct{ Name, Title string }{
	{"type", "Type"}, {"tlp", "Marking"}, {"agreement", "Agreement"}, {"label", "Label"}, {"created_by_ref", "Author"},
}

// found is the page of a search.
type found struct {
	index.Results
	Asked   url.Values
	Chips   []link // filters in force; each leads to the search without it
	Facets  []facet
	Times   times
	First   bool   // it is the first page
	More    string // address of the following page
	Reads   bool   // the account may read some agreement
	Fields  searchFields
	Queries []string
}

type searchFields struct {
	Query, Since, Confidence string
	Valid                    bool
	Kept                     []field // filters that the form keeps
}

type link struct{ Title, Path, Note string }

type facet struct {
	Title string
	Links []facetLink
	More  int // values that are not among them
}

type facetLink struct {
	Value, Path string
	Count       uint64
	On          bool
}

// times is a count of objects over time, the oldest first.
type times struct {
	Unit string // day or month
	Rows []timeRow
}

type timeRow struct {
	Label, Path string
	At          time.Time
	Count       uint64
}

// timesOf reads the facet day or month.
func timesOf(facets map[string][]index.Count, path func(since time.Time) string) (t times) {
	for _, unit := range []struct{ name, layout string }{{"day", time.DateOnly}, {"month", "2006-01"}} {
		for _, c := range facets[unit.name] {
			if at, err := time.Parse(unit.layout, c.Value); err == nil {
				t.Unit = unit.name
				t.Rows = append(t.Rows, timeRow{c.Value, path(at), at, c.Count})
			}
		}
	}
	slices.SortFunc(t.Rows, func(a, b timeRow) int { return a.At.Compare(b.At) })
	return t
}

// asked returns the parameters of a search that the address has. What is empty was not filled in.
func (p *page) asked() url.Values {
	all, asked := p.r.URL.Query(), url.Values{}
	for _, name := range slices.Concat([]string{"q"}, searchLists, searchSingles) {
		for _, v := range all[name] {
			if v = strings.TrimSpace(v); v != "" {
				asked.Add(name, v)
			}
		}
	}
	return asked
}

func searchPath(v url.Values) string {
	if len(v) == 0 {
		return Prefix + "search/"
	}
	return Prefix + "search/?" + v.Encode()
}

// with returns the values with one more, without one that is there already.
func with(v url.Values, name, value string) url.Values {
	made := url.Values{}
	for n, list := range v {
		made[n] = slices.Clone(list)
	}
	if i := slices.Index(made[name], value); i >= 0 {
		if made[name] = slices.Delete(made[name], i, i+1); len(made[name]) == 0 {
			delete(made, name)
		}
		return made
	}
	if slices.Contains(searchSingles, name) {
		delete(made, name)
	}
	made.Add(name, value)
	return made
}

// showSearch answers: do we have this anywhere that the account may read?
func showSearch(p *page) error {
	asked := p.asked()
	sent := url.Values{}
	for name, list := range asked {
		sent[name] = list
	}
	sent.Set("limit", "50")
	next := p.value("next")
	if next != "" {
		sent.Set("next", next)
	}
	answer, err := ask[index.Results](p, "search/?"+sent.Encode())
	if err != nil {
		return err
	}
	f := found{Results: answer, Asked: asked, First: next == "", Queries: asked["q"]}
	if answer.Next != "" {
		f.More = searchPath(with(asked, "next", answer.Next))
	}
	f.Fields = searchFields{Query: strings.Join(asked["q"], " "), Since: asked.Get("since"), Confidence: asked.Get("confidence"), Valid: asked.Has("valid")}
	for _, name := range searchLists {
		for _, v := range asked[name] {
			f.Chips = append(f.Chips, link{Title: facetTitle(name) + ": " + v, Path: searchPath(with(asked, name, v))})
			f.Fields.Kept = append(f.Fields.Kept, field{name, v})
		}
	}
	for _, t := range facetTitles {
		one := facet{Title: t.Title}
		for _, c := range answer.Facets[t.Name] {
			one.Links = append(one.Links, facetLink{c.Value, searchPath(with(asked, t.Name, c.Value)), c.Count, slices.Contains(asked[t.Name], c.Value)})
		}
		if len(one.Links) > 0 {
			f.Facets = append(f.Facets, one)
		}
	}
	f.Times = timesOf(answer.Facets, func(since time.Time) string { return searchPath(with(asked, "since", since.Format(time.DateOnly))) })
	title := "Search"
	if q := strings.Join(asked["q"], " "); q != "" {
		title = "Search for " + clip(q, 60)
	}
	return p.show(http.StatusOK, "search", title, f, p.searchCommands(asked)...)
}

func facetTitle(name string) string {
	for _, t := range facetTitles {
		if t.Name == name {
			return t.Title
		}
	}
	return name
}

// clip shortens a text for a title.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// searchCommands are commands that answer a search, and one that keeps what it finds.
func (p *page) searchCommands(asked url.Values) []command {
	find := []string{"accord find"}
	for _, q := range asked["q"] {
		find = append(find, quote(q))
	}
	for _, f := range []struct{ name, flag string }{{"type", "--type"}, {"agreement", "--agreement"}, {"since", "--since"}, {"confidence", "--confidence"}} {
		for _, v := range asked[f.name] {
			find = append(find, f.flag, quote(v))
		}
	}
	if asked.Has("valid") {
		find = append(find, "--valid")
	}
	api := p.server() + "/accord/v1/search/"
	if len(asked) > 0 {
		api += "?" + asked.Encode()
	}
	commands := []command{
		{"What this page shows, as a list:", strings.Join(append(find, p.remote()), " ")},
		{"As JSON, with its counts; the address can be kept and asked again:", "curl -sg -u " + quote(p.account.Name) + " " + quote(api)},
	}
	return append(commands, p.pullsOf(asked)...)
}

// mostPulls is for how many agreements of one search a command of each is shown; beyond that, one pulls all of them.
const mostPulls = 8

// pullsOf are commands that keep up to date, in folders, what a search's agreements hold and its filters let through. A pull
// cannot look for words or values: those stay with accord find.
func (p *page) pullsOf(asked url.Values) []command {
	var flags []string
	if types := asked["type"]; len(types) > 0 {
		flags = append(flags, "--match-type "+quote(strings.Join(types, ",")))
	}
	for _, f := range []struct{ name, flag string }{{"since", "--added-after"}, {"confidence", "--confidence"}} {
		if v := asked.Get(f.name); v != "" {
			flags = append(flags, f.flag+" "+quote(v))
		}
	}
	if asked.Has("valid") {
		flags = append(flags, "--valid")
	}
	names := asked["agreement"]
	if len(names) == 1 {
		return p.pullCommands(names[0], asked["type"], flags...)
	}
	text := "The objects of these agreements in folders, kept up to date when it is repeated:"
	if len(names) == 0 || len(names) > mostPulls {
		line := append([]string{"accord pull --all --url", quote(p.server() + "/"), "--user", quote(p.account.Name)}, flags...)
		return []command{{"Every collection that this account may read, in folders, kept up to date when it is repeated:", strings.Join(append(line, "--dir feeds --state states"), " ")}}
	}
	var lines []string
	for _, name := range names {
		if list := p.pullCommands(name, asked["type"], flags...); len(list) > 0 {
			lines = append(lines, list[0].Line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return []command{{text, strings.Join(lines, "\n")}}
}

// pullCommands keep the objects of an agreement up to date in a folder, as far as flags let them through.
func (p *page) pullCommands(name string, types []string, flags ...string) []command {
	a, err := ask[admin.Agreement](p, "agreements/"+url.PathEscape(name)+"/")
	if err != nil {
		return nil
	}
	collection := p.server() + "/" + a.APIRoot + "/collections/" + cmp.Or(a.Collection.Alias, a.Collection.ID.String()) + "/"
	pull := append([]string{"accord pull --url", quote(collection), "--user", quote(p.account.Name)}, flags...)
	taxii := collection + "objects/"
	if len(types) > 0 {
		taxii += "?match[type]=" + strings.Join(types, ",")
	}
	return []command{
		{"The objects of this agreement in a folder, kept up to date when it is repeated:", strings.Join(append(pull, "--dir", quote(name), "--state", quote(name+".state")), " ")},
		{"As any TAXII client would:", "curl -sg -u " + quote(p.account.Name) + " -H 'Accept: application/taxii+json;version=2.1' " + quote(taxii)},
	}
}

// overview is the first page.
type overview struct {
	admin.Stats
	Facets   []facet
	Times    times
	NoIndex  bool
	Reads    bool
	Findings []admin.Finding
	Ends     []admin.Agreement
	Known    int // agreements that the account knows of
}

// mostInOverview is how many values of a facet the first page shows.
const mostInOverview = 12

func showOverview(p *page) error {
	var o overview
	list, err := ask[admin.AgreementList](p, withoutFigures)
	if err != nil {
		return err
	}
	o.Known = len(list.Agreements)
	soon := p.Now().AddDate(0, 0, 90)
	for _, a := range list.Agreements {
		if until := a.Term.Until; !until.IsZero() && until.Before(soon) && a.Terminated == nil && a.Unavailable == "" {
			o.Ends = append(o.Ends, a)
		}
	}
	slices.SortFunc(o.Ends, func(a, b admin.Agreement) int { return a.Term.Until.Compare(b.Term.Until) })
	o.Ends = o.Ends[:min(len(o.Ends), 20)]
	o.Stats, err = ask[admin.Stats](p, "stats/")
	if o.NoIndex = admin.StatusOf(err) == http.StatusServiceUnavailable; err != nil && !o.NoIndex {
		return err
	}
	for _, t := range facetTitles[:3] {
		one := facet{Title: t.Title}
		counts := o.Stats.Facets[t.Name]
		one.More = max(0, len(counts)-mostInOverview)
		for _, c := range counts[:len(counts)-one.More] {
			one.Links = append(one.Links, facetLink{Value: c.Value, Path: searchPath(url.Values{t.Name: {c.Value}}), Count: c.Count})
		}
		o.Facets = append(o.Facets, one)
	}
	o.Times = timesOf(o.Stats.Facets, func(since time.Time) string { return searchPath(url.Values{"since": {since.Format(time.DateOnly)}}) })
	if p.caller.Operator {
		st, err := ask[admin.Status](p, "status/")
		if err != nil {
			return err
		}
		o.Findings = st.Findings
	}
	commands := []command{{"The agreements that this account knows of:", "accord agreement list " + p.remote()}}
	if p.caller.Operator {
		commands[0].Line = "accord agreement list " + p.atServer()
		commands = append(commands, command{"What must be done on this server:", "accord status " + p.atServer()})
	}
	return p.show(http.StatusOK, "overview", "Overview", o, commands...)
}

// number as a parameter.
func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
