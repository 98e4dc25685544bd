package console

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pages are the templates of all pages. layout.html is around each, parts.html has what several use.
type pages struct {
	byName map[string]*template.Template
}

// readPages parses the templates.
func readPages(now func() time.Time) (*pages, error) {
	base := template.New("").Option("missingkey=error").Funcs(functions(now))
	base, err := base.ParseFS(pageFiles, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{byName: map[string]*template.Template{}}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		one, err := base.Clone()
		if err == nil {
			one, err = one.ParseFS(pageFiles, file)
		}
		if err != nil {
			return nil, err
		}
		p.byName[name] = one
	}
	return p, nil
}

// write writes a page; for a script that replaces a part of the one that is shown, its content alone.
func (p *pages) write(w io.Writer, name string, content bool, v view) error {
	t := p.byName[name]
	if t == nil {
		return fmt.Errorf("there is no template %s", name)
	}
	whole := "layout"
	if content {
		whole = "part"
	}
	return t.ExecuteTemplate(w, whole, v)
}

// functions are those that templates call.
func functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"visible": visible,
		"line":    line,
		"seen":    seen,
		"whole":   whole,
		"mixes":   mixes,
		"defang":  defang,
		"middle":  middle,
		"query":   query,
		"asset":   asset,
		"count":   func(n any) (string, error) { return countOf(n) },
		"bytes":   bytesOf,
		"rate":    rateOf,
		"plural":  plural,
		"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"day":     func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"month":   func(t time.Time) string { return t.UTC().Format("2006-01") },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"unix":    func(t time.Time) int64 { return t.Unix() },
		"ago":     func(t time.Time) string { return distance(now(), t) },
		"join":    func(sep string, list []string) string { return strings.Join(list, sep) },
		"dict":    dict,
		"yes":     func(b *bool) bool { return b != nil && *b },
		"tlp":     tlpClass,
	}
}

// dict makes a map of names and values, to hand several to a template.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errors.New("dict: a name is no string")
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

func countOf(n any) (string, error) {
	switch n := n.(type) {
	case int:
		if n < 0 {
			return "−" + thousands(uint64(-n)), nil
		}
		return thousands(uint64(n)), nil
	case int64:
		return countOf(int(n))
	case uint64:
		return thousands(n), nil
	case interface{ Uint64() uint64 }:
		return thousands(n.Uint64()), nil
	}
	var u uint64
	if _, err := fmt.Sscan(fmt.Sprint(n), &u); err != nil {
		return "", fmt.Errorf("count %T: %w", n, err)
	}
	return thousands(u), nil
}

// bytesOf writes a size.
func bytesOf(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	size, i := float64(n), 0
	for size >= 1024 && i < len(units)-1 {
		size, i = size/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}

// rateOf writes a rate, as exactly as it is small.
func rateOf(n float64) string {
	switch {
	case n >= 100:
		return thousands(uint64(n + 0.5))
	case n >= 10:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.1f", n)
}

// plural writes a number with the noun in the right form.
func plural(n any, one, many string) (string, error) {
	text, err := countOf(n)
	if text == "1" {
		return "1 " + one, err
	}
	return text + " " + many, err
}

// distance says how far a time is from now.
func distance(now, t time.Time) string {
	seconds := now.Unix() - t.Unix() // a Duration would not hold centuries
	in := seconds < 0
	if in {
		seconds = -seconds
	}
	const minute, hour, day = 60, 3600, 86400
	round := func(unit int64) int64 { return max(1, (seconds+unit/2)/unit) }
	var text string
	switch {
	case seconds < 45:
		return "now"
	case seconds < 90*minute:
		text = fmt.Sprintf("%d min", round(minute))
	case seconds < 36*hour:
		text = fmt.Sprintf("%d h", round(hour))
	case seconds < 100*day:
		text = fmt.Sprintf("%d days", round(day))
	case seconds < 3*365*day:
		text = fmt.Sprintf("%d months", round(day*3044/100))
	default:
		text = fmt.Sprintf("%d years", round(day*36525/100))
	}
	if in {
		return "in " + text
	}
	return text + " ago"
}

// tlpClass is the class of a marking's colour; the marking's name stands beside it always.
func tlpClass(level string) string {
	switch level {
	case "clear", "white", "green", "amber", "red":
		return "tlp-" + level
	case "amber+strict":
		return "tlp-amber"
	}
	return "tlp-none"
}
