package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/store/journal"
)

// objectPage is the page of an object.
type objectPage struct {
	ID, Type, Name string
	Places         []admin.Place
	Shown          versionAt // whose text is shown
	Size           uint64
	Properties     objectText
	Text           string
	Cut            bool // the text is longer than a page shows
	Pattern        *patternView
	Against        *versionAt // compared with
	Changes        []change
	Relations      []relation
	Truncated      bool
	NoIndex        bool
	Roles          map[agreement.Name]placeRoles
}

// versionAt is one version in one agreement.
type versionAt struct {
	Agreement agreement.Name
	admin.PlaceVersion
}

// placeRoles say which further pages of an agreement the account has.
type placeRoles struct{ History bool }

// objectText is what an object's text says, as far as a page shows it by itself.
type objectText struct {
	Type        string   `json:"type"`
	Name        string   `json:"name"`
	Value       string   `json:"value"`
	Path        string   `json:"path"`
	Description string   `json:"description"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	Created     string   `json:"created"`
	Modified    string   `json:"modified"`
	CreatedBy   string   `json:"created_by_ref"`
	ValidFrom   string   `json:"valid_from"`
	ValidUntil  string   `json:"valid_until"`
	Confidence  *int     `json:"confidence"`
	Revoked     bool     `json:"revoked"`
	Labels      []string `json:"labels"`
	Aliases     []string `json:"aliases"`
	Markings    []string `json:"object_marking_refs"`
	References  []struct {
		Source      string `json:"source_name"`
		Description string `json:"description"`
		URL         string `json:"url"`
		ExternalID  string `json:"external_id"`
	} `json:"external_references"`
}

// read reads each property by itself: what is of another type than the Standard's is left out, and seen in the text.
func (o *objectText) read(text []byte) {
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return
	}
	for name, value := range all {
		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err == nil {
			_ = json.Unmarshal(one, o) // what cannot be read stays as it was
		}
	}
}

// relation is another object that refers to the one shown, or that it refers to.
type relation struct {
	Label  string
	Out    bool
	By     string // the relationship or sighting that says so
	Other  index.Node
	Path   string
	ByPath string
}

func objectPath(id string) string { return Prefix + "objects/" + url.PathEscape(id) + "/" }

func apiObject(id string) string { return "objects/" + url.PathEscape(id) + "/" }

// showObject answers: what does it say, who made it, how sensitive is it, what changed, what refers to it?
func showObject(p *page) error {
	places, err := ask[admin.Places](p, apiObject(p.r.PathValue("id")))
	if err != nil {
		return err
	}
	o := objectPage{ID: string(places.Object), Type: places.Object.Type(), Places: places.Places, Roles: map[agreement.Name]placeRoles{}}
	if o.Shown, err = chosen(places, p.value("agreement"), p.number("entry")); err != nil {
		return err
	}
	text, err := p.text(o.ID, o.Shown)
	if err != nil {
		return err
	}
	o.Size = uint64(len(text))
	o.Properties.read(text)
	o.Name = firstOf(o.Properties.Name, o.Properties.Value, o.Properties.Path)
	o.Text, o.Cut = indented(text)
	if o.Properties.Pattern != "" && (o.Properties.PatternType == "stix" || o.Properties.PatternType == "") {
		o.Pattern = readPattern(o.Properties.Pattern)
	}
	if p.value("against") != "" {
		if err := o.compare(p, places, text); err != nil {
			return err
		}
	}
	if err := o.relate(p); err != nil {
		return err
	}
	for _, place := range places.Places {
		o.Roles[place.Agreement] = placeRoles{History: p.audits(place.Agreement)}
	}
	return p.show(http.StatusOK, "object", o.Type+" "+middle(o.ID), o, p.objectCommands(o)...)
}

// audits reports whether the account reads history of an agreement.
func (p *page) audits(name agreement.Name) bool { return p.Admin.Audits(p.caller, name) }

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// chosen returns the version that an address names: without one, the newest of the first place.
func chosen(places admin.Places, name string, entry uint64) (versionAt, error) {
	for _, place := range places.Places {
		if name != "" && string(place.Agreement) != name {
			continue
		}
		for i := len(place.Versions) - 1; i >= 0; i-- {
			if v := place.Versions[i]; entry == 0 || v.Position == journal.Position(entry) {
				return versionAt{place.Agreement, v}, nil
			}
		}
	}
	return versionAt{}, errNoPage
}

// text returns the text of a version. That is a delivery.
func (p *page) text(id string, v versionAt) ([]byte, error) {
	return ask[[]byte](p, apiObject(id)+"text/"+query("agreement", string(v.Agreement), "entry", decimal(uint64(v.Position))))
}

// compare reads the version to compare with, AGREEMENT@ENTRY.
func (o *objectPage) compare(p *page, places admin.Places, text []byte) error {
	name, entry, _ := strings.Cut(p.value("against"), "@")
	var n uint64
	if _, err := fmt.Sscan(entry, &n); err != nil {
		return errNoPage
	}
	other, err := chosen(places, name, n)
	if err != nil {
		return err
	}
	before, err := p.text(o.ID, other)
	if err != nil {
		return err
	}
	o.Against = &other
	o.Changes, err = differences(before, text)
	return err
}

// relate asks what the object is joined with.
func (o *objectPage) relate(p *page) error {
	g, err := ask[index.Graph](p, "graph/"+url.PathEscape(o.ID)+"/?depth=1")
	if err != nil {
		o.NoIndex = admin.StatusOf(err) == http.StatusServiceUnavailable
		if o.NoIndex || errors.Is(err, admin.ErrNotFound) { // the index has yet to read it
			return nil
		}
		return err
	}
	nodes := map[string]index.Node{}
	for _, n := range g.Nodes {
		nodes[n.ID] = n
	}
	o.Truncated = g.Truncated
	for _, e := range g.Edges {
		r := relation{Label: e.Label, By: e.By, Out: e.Source == o.ID}
		switch o.ID {
		case e.Source:
			r.Other = nodes[e.Target]
		case e.Target:
			r.Other = nodes[e.Source]
		default:
			continue
		}
		if r.Other.Known {
			r.Path = objectPath(r.Other.ID)
		}
		if e.By != "" {
			r.ByPath = objectPath(e.By)
		}
		o.Relations = append(o.Relations, r)
	}
	slices.SortStableFunc(o.Relations, func(a, b relation) int {
		return strings.Compare(a.Label+a.Other.Type+a.Other.Name, b.Label+b.Other.Type+b.Other.Name)
	})
	return nil
}

// mostText bounds the text that a page shows; all of it can be saved.
const mostText = 256 << 10

// indented lays out JSON without changing anything in it. Of a long one it returns the beginning.
func indented(text []byte) (shown string, cut bool) {
	if len(text) > mostText {
		return strings.ToValidUTF8(string(text[:mostText]), ""), true
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text), false
	}
	return b.String(), false
}

func (p *page) objectCommands(o objectPage) []command {
	list := []command{{"What is known of it:", "accord find " + quote(o.ID) + " " + p.remote()}}
	name := string(o.Shown.Agreement)
	if o.Roles[o.Shown.Agreement].History {
		list = append(list, command{"Every version, who added it, and who received it:", "accord history " + quote(o.ID) + " --agreement " + quote(name) + " " + p.remote()})
	}
	return append(list, command{"Its text as it was sent:",
		"curl -sg -u " + quote(p.account.Name) + " " + quote(p.server()+"/accord/v1/"+apiObject(o.ID)+"text/"+query("agreement", name, "entry", decimal(uint64(o.Shown.Position))))})
}

// downloadObject sends the text of a version as a file.
func downloadObject(p *page) error {
	places, err := ask[admin.Places](p, apiObject(p.r.PathValue("id")))
	if err != nil {
		return err
	}
	v, err := chosen(places, p.value("agreement"), p.number("entry"))
	if err != nil {
		return err
	}
	text, err := p.text(string(places.Object), v)
	if err != nil {
		return err
	}
	return p.download("application/stix+json;version="+v.SpecVersion, "accord-"+places.Object.UUID()+"-"+decimal(uint64(v.Position))+".json", text)
}

// graphPage is the neighbourhood of an object.
type graphPage struct {
	index.Graph
	ID    string
	Depth int
	Steps []link
	Names map[string]string
}

// mostDepth is how far a page goes: further, a table of neighbours has no end.
const mostDepth = 3

func showGraph(p *page) error {
	id, depth := p.r.PathValue("id"), int(min(max(p.number("depth"), 1), mostDepth))
	g, err := ask[index.Graph](p, "graph/"+url.PathEscape(id)+"/?depth="+decimal(uint64(depth)))
	if err != nil {
		return err
	}
	v := graphPage{Graph: g, ID: id, Depth: depth, Names: map[string]string{}}
	for _, n := range g.Nodes {
		v.Names[n.ID] = firstOf(n.Name, middle(n.ID))
	}
	for n := 1; n <= mostDepth; n++ {
		one := link{Title: plainPlural(n, "step", "steps"), Path: objectPath(id) + "graph/?depth=" + decimal(uint64(n))}
		if n == depth {
			one.Note = "this page"
		}
		v.Steps = append(v.Steps, one)
	}
	return p.show(http.StatusOK, "graph", "Neighbours of "+middle(id), v,
		command{"As JSON:", "curl -sg -u " + quote(p.account.Name) + " " + quote(p.server()+"/accord/v1/graph/"+id+"/?depth="+decimal(uint64(depth)))})
}

func plainPlural(n int, one, many string) string {
	text, _ := plural(n, one, many) // an int can be written
	return text
}

// change is a difference between two texts.
type change struct{ Path, Before, After string }

// mostChanges bounds what a page compares.
const mostChanges = 2000

// differences returns what differs between two JSON texts, by path.
func differences(before, after []byte) ([]change, error) {
	old, err := flatten(before)
	if err != nil {
		return nil, err
	}
	now, err := flatten(after)
	if err != nil {
		return nil, err
	}
	var list []change
	for path, value := range old {
		if now[path] != value {
			list = append(list, change{path, value, now[path]})
		}
	}
	for path, value := range now {
		if _, there := old[path]; !there {
			list = append(list, change{path, "", value})
		}
	}
	slices.SortFunc(list, func(a, b change) int { return strings.Compare(a.Path, b.Path) })
	return list[:min(len(list), mostChanges)], nil
}

// flatten returns the values of a JSON text by their JSON pointers.
func flatten(text []byte) (map[string]string, error) {
	values := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var any any
	if err := dec.Decode(&any); err != nil {
		return nil, err
	}
	flattenInto(values, "", any)
	return values, nil
}

func flattenInto(values map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			flattenInto(values, path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), one)
		}
	case []any:
		for i, one := range v {
			flattenInto(values, fmt.Sprintf("%s/%d", path, i), one)
		}
	case string:
		values[path] = v
	case nil:
		values[path] = "null"
	default:
		values[path] = fmt.Sprint(v)
	}
}
