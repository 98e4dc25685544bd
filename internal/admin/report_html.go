package admin

import (
	"bytes"
	"fmt"
	"html/template"
	"time"

	"github.com/accord-taxii/accord/store/journal"
)

// html writes a report as a page that needs nothing else and prints well.
func (r *Report) html() ([]byte, error) {
	var b bytes.Buffer
	if err := reportPage.Execute(&b, r); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return b.Bytes(), nil
}

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"at": func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("2006-01-02 15:04:05 MST")
	},
	"clean": journal.CleanText,
	"short": func(digest string) string { return digest[:min(len(digest), 16)] },
	"or": func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	},
}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Report on the agreement {{.Agreement}}</title>
<style>
body { font: 11pt/1.4 Georgia, serif; color: #111; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-family: Helvetica, Arial, sans-serif; line-height: 1.2; }
h2 { margin-top: 2rem; border-bottom: 1px solid #999; break-after: avoid; }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
pre, code { font: 8.5pt/1.35 Menlo, Consolas, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
@page { margin: 18mm; }
@media print { body { margin: 0; max-width: none; } }
</style>
</head>
<body>
<h1>Report on the agreement {{.Agreement}}</h1>
<p>{{or (clean .Title) "No title"}}.{{with clean .Description}} {{.}}{{end}}</p>
<table>
<tr><th scope="row">Server</th><td>{{.Server}}</td></tr>
<tr><th scope="row">Collection</th><td>{{.Collection}}</td></tr>
<tr><th scope="row">State</th><td>{{.State}}</td></tr>
<tr><th scope="row">From</th><td>{{if .From.IsZero}}the beginning{{else}}{{at .From}}{{end}}</td></tr>
<tr><th scope="row">To</th><td>{{if .To.IsZero}}the head of the journal below{{else}}{{at .To}}{{end}}</td></tr>
<tr><th scope="row">Made</th><td>{{at .Made}}</td></tr>
</table>

<h2>Parties</h2>
<table><thead><tr><th>Party</th><th>Title</th><th>Identity</th><th>Roles</th></tr></thead>
{{range .Parties}}<tr><td>{{.Party}}</td><td>{{clean .Title}}</td><td>{{.Identity}}</td><td>{{range $i, $r := .Roles}}{{if $i}}, {{end}}{{$r}}{{end}}</td></tr>
{{else}}<tr><td colspan="4">none</td></tr>
{{end}}</table>

<h2>Terms</h2>
<table><thead><tr><th>Entry</th><th>When</th><th>Act</th><th>By</th><th>Changed</th><th>SHA-256 of the document</th></tr></thead>
{{range .Terms}}<tr><td>{{.Position}}</td><td>{{at .At}}</td><td>{{clean .Act}}{{with clean .Reason}}: {{.}}{{end}}</td><td>{{or (clean .By) "the system"}}</td>
<td>{{range .Joined}}joined: {{.}}<br>{{end}}{{range .Left}}left: {{.}}<br>{{end}}{{range .Changes}}{{clean .Path}}: {{or (clean .Before) "none"}} to {{or (clean .After) "none"}}<br>{{end}}</td><td><code>{{.Digest}}</code></td></tr>
{{else}}<tr><td colspan="6">no change in this time</td></tr>
{{end}}</table>

<h2>Shared</h2>
<table><thead><tr><th>Added by</th><th>Type</th><th>Versions</th><th>Bytes</th></tr></thead>
{{range .Shared}}<tr><td>{{or (clean .Party) "a release"}}</td><td>{{clean .Type}}</td><td>{{.Versions}}</td><td>{{.Bytes}}</td></tr>
{{else}}<tr><td colspan="4">nothing in this time</td></tr>
{{end}}</table>
{{if .Samples}}<p>The first of them:</p>
<table><thead><tr><th>Entry</th><th>When</th><th>Object</th><th>Version</th><th>SHA-256</th></tr></thead>
{{range .Samples}}<tr><td>{{.Position}}</td><td>{{at .At}}</td><td>{{clean .Object}}</td><td>{{clean .Version}}</td><td><code>{{short .Digest}}</code></td></tr>
{{end}}</table>{{end}}

<h2>Received</h2>
<p>Versions given out, counted each time, from the first to the last request of each account. This is the server's own account.</p>
<table><thead><tr><th>Party</th><th>Account</th><th>Versions</th><th>First</th><th>Last</th></tr></thead>
{{range .Received}}<tr><td>{{clean .Party}}</td><td>{{clean .Account}}</td><td>{{.Positions}}</td><td>{{at .First}}</td><td>{{at .Last}}</td></tr>
{{else}}<tr><td colspan="5">nothing was given out</td></tr>
{{end}}</table>

<h2>Usage</h2>
<p>By party and month. Versions given out are counted each time.</p>
<table><thead><tr><th>Party</th><th>Month</th><th>Versions added</th><th>Bytes</th><th>Versions given out</th></tr></thead>
{{range .Usage}}<tr><td>{{clean .Party}}</td><td>{{.Month}}</td><td>{{.Added}}</td><td>{{.Bytes}}</td><td>{{.Received}}</td></tr>
{{else}}<tr><td colspan="5">nothing in this time</td></tr>
{{end}}</table>

<h2>Released and withheld</h2>
<table><thead><tr><th>To</th><th>There</th><th>Waiting</th><th>Withheld, by term</th></tr></thead>
{{range .Released}}<tr><td>{{.To}}</td>{{if .NotJudged}}<td colspan="3">not judged here: the journal is long, or the agreement is not available</td>{{else}}<td>{{.There}}</td><td>{{.Waiting}}</td><td>{{range .Withheld}}{{.Versions}} by {{clean .Term}}{{range $i, $e := .Examples}}{{if $i}}, {{else}}, such as {{end}}{{$e}}{{end}}<br>{{end}}</td>{{end}}</tr>
{{else}}<tr><td colspan="4">the agreement releases to no other</td></tr>
{{end}}</table>

<h2>Withdrawals</h2>
<table><thead><tr><th>Entry</th><th>When</th><th>What</th><th>By</th><th>Reason</th><th>Had received it</th></tr></thead>
{{range .Withdrawals}}<tr><td>{{.Position}}</td><td>{{at .At}}</td><td>{{.Kind}} {{clean .Object}} {{clean .Version}}</td><td>{{or (clean .By) "the system"}}</td><td>{{clean .Reason}}</td><td>{{range $i, $p := .Received}}{{if $i}}, {{end}}{{clean $p}}{{end}}</td></tr>
{{else}}<tr><td colspan="6">none in this time</td></tr>
{{end}}</table>
{{if .Omitted}}<p>{{.Omitted}} further ones are not listed.</p>{{end}}

<h2>Incidents</h2>
<table><thead><tr><th>Entry</th><th>When</th><th>What</th><th>By</th><th>Reason</th></tr></thead>
{{range .Incidents}}<tr><td>{{.Position}}</td><td>{{at .At}}</td><td>{{clean .What}}</td><td>{{clean .By}}</td><td>{{clean .Reason}}</td></tr>
{{else}}<tr><td colspan="5">none in this time</td></tr>
{{end}}</table>

<h2>Provisions</h2>
<p>Where to find what bears on a provision. This is no statement of conformity.</p>
<table><thead><tr><th>Source</th><th>Provision</th><th>Section</th></tr></thead>
{{range .Controls}}<tr><td>{{.Source}}</td><td>{{.Provision}}</td><td>{{.Sections}}</td></tr>
{{end}}</table>

<h2>How to verify</h2>
<p>The report is made from the journal up to this head, which the server has signed:</p>
<pre>{{.Checkpoint}}</pre>
<p>The end of this file has the server's signature of everything before it. <code>accord audit verify-report FILE --data DIR</code>, or
<code>--url URL</code> with a login, checks it, and that the journal of today continues the head.
<code>accord audit verify --agreement {{.Agreement}}</code> reads every entry. Entries, terms, additions and removals are in the journal; what was received, and what is
withheld now, is the server's own account.</p>
</body>
</html>
`))
