package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// question is something that readers ask.
type question struct {
	name, file, path string
	coding           string  // of Accept-Encoding; "" sends none
	ofEcho, ofNginx  float64 // the goals, as ratios; 0: none
	again            bool    // the same is asked each time; otherwise no two requests are the same
}

// both returns a list with every question twice: asked anew, and again.
func both(list []question) []question {
	var all []question
	for _, q := range list {
		again := q
		again.name, again.again = q.name+", again", true
		all = append(all, q, again)
	}
	return all
}

func (q *question) headers() map[string]string {
	h := headers()
	if q.coding != "" {
		h["Accept-Encoding"] = q.coding
	}
	return h
}

// ask returns a subject that asks a server of ours.
func (q *question) ask(name string, a *accord) subject {
	return subject{name, a.url + q.path, q.headers(), a.cmd.Process.Pid, !q.again}
}

// askReference returns a subject that asks a reference the same, with as long an URL.
func (q *question) askReference(name string, p *process) subject {
	_, query, _ := strings.Cut(q.path, "?")
	return subject{name, p.url + "/" + q.file + "?" + query, q.headers(), p.pid, !q.again}
}

// questions returns the questions of readers to the collection of held objects of 1 kB, and to the collection of real
// objects, if it has any.
func questions(ctx context.Context, a *accord, held, real int) ([]question, error) {
	objects := collection + "objects/"
	single, double := kilobyteID(held/2/cycle*cycle+aSingleVersion), kilobyteID(held/2/cycle*cycle+twoVersions)
	list := []question{
		{name: "page of 100", file: "page", path: objects + "?limit=100", ofEcho: 0.9, ofNginx: 0.6},
		{name: "one object by id", file: "one", path: objects + single + "/", ofNginx: 0.5},
		{name: "its versions", file: "versions", path: objects + double + "/versions/"},
		{name: "manifest of 100", file: "manifest", path: collection + "manifest/?limit=100"},
		{name: "empty poll", file: "empty", path: objects + "?added_after=2099-01-01T00:00:00.000Z", ofEcho: 0.9},
	}
	if real > 0 {
		middle, err := addedLast(ctx, a, realCollection, real/2)
		if err != nil {
			return nil, err
		}
		list = append(list, question{name: "page of 100, real data", file: "realpage",
			path: realCollection + "objects/?limit=100&added_after=" + middle, ofEcho: 0.9, ofNginx: 0.6})
	}
	return list, nil
}

// filters returns the combinations of filters, each answered with a page of 100.
func filters(ctx context.Context, a *accord, held int) ([]question, error) {
	middle, err := addedLast(ctx, a, collection, held/2)
	if err != nil {
		return nil, err
	}
	body, _, err := get(ctx, a.url+collection+"objects/?limit=500")
	if err != nil {
		return nil, err
	}
	var ids []string
	for n := range 100 {
		ids = append(ids, kilobyteID(n*(held/100)/cycle*cycle+aSingleVersion))
	}
	const typ, version, spec = "&match%5Btype%5D=", "&match%5Bversion%5D=", "&match%5Bspec_version%5D="
	var list []question
	for _, row := range []struct{ name, query string }{
		{"added_after", "&added_after=" + middle},
		{"next", "&next=" + nextOf(body)},
		{"match[type]", typ + "indicator"},
		{"match[type], two of them", typ + "indicator,malware"},
		{"match[version]=all", version + "all"},
		{"match[version]=first", version + "first"},
		{"match[spec_version]", spec + "2.1"},
		{"match[id], a hundred of them", "&match%5Bid%5D=" + strings.Join(ids, ",")},
		{"match[type] and added_after", typ + "malware&added_after=" + middle},
		{"match[type], match[version]=all and added_after", typ + "indicator" + version + "all&added_after=" + middle},
		{"match[type], match[spec_version], match[version]=first and added_after", typ + "indicator" + spec + "2.1" + version + "first&added_after=" + middle},
	} {
		list = append(list, question{name: row.name, path: collection + "objects/?limit=100" + row.query})
	}
	return list, nil
}

// addedLast returns the date_added of the n-th object of a collection, ready for a query.
func addedLast(ctx context.Context, a *accord, path string, n int) (string, error) {
	var header http.Header
	after := ""
	for n > 0 {
		step := min(n, 10_000)
		var err error
		if _, header, err = get(ctx, a.url+path+"manifest/?match%5Bversion%5D=all&limit="+strconv.Itoa(step)+after); err != nil {
			return "", err
		}
		after = "&added_after=" + url.QueryEscape(header.Get("X-TAXII-Date-Added-Last"))
		n -= step
	}
	return strings.TrimPrefix(after, "&added_after="), nil
}

// nextOf returns the cursor of a page.
func nextOf(body []byte) string {
	var page struct{ Next string }
	if json.Unmarshal(body, &page) != nil {
		return ""
	}
	return page.Next
}
