package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
)

//go:embed page.html
var pageText string

//go:embed site.css
var style []byte

func main() {
	from := flag.String("from", ".", "the top of the project")
	commands := flag.String("commands", "", "a folder of pages about commands, as accord man --markdown writes it; may be empty")
	out := flag.String("out", "site", "the folder to write")
	flag.Parse()
	if err := build(os.DirFS(*from), *commands, *out); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// chapter is a group of pages in the navigation: for whom, and which.
type chapter struct {
	title string
	pages []string // sources, by their paths in the project; one ending in / is all of a folder
}

// chapters are the order in which the pages are read. Documents that no chapter names come last.
var chapters = []chapter{
	{"Start", []string{"README.md", "doc/start.md", "CHANGELOG.md"}},
	{"Concepts", []string{"doc/agreements.md", "doc/history.md", "doc/design.md"}},
	{"How to", []string{"doc/search.md", "doc/live.md", "doc/webhooks.md", "doc/mirror.md", "doc/push.md", "doc/federation.md", "doc/console/", "doc/clients/"}},
	{"Operations", []string{"doc/operations.md", "doc/packages.md", "doc/upgrades.md", "doc/reliability.md"}},
	{"Reference", []string{"doc/apply-file.md", "doc/http.md", "doc/rules.md", "doc/errors.md", "doc/metrics.md"}},
	{"Security", []string{"doc/threats.md"}},
	{"Performance", []string{"doc/performance.md", "doc/performance/"}},
	{"Decisions", []string{"doc/decisions/"}},
}

// page is a document on its way to a web page.
type page struct {
	source, target, title string
	text                  []byte
	body                  template.HTML
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(html.WithUnsafe()))

// build writes the site.
func build(project fs.FS, commands, out string) error {
	groups, pages, err := collect(project, commands)
	if err != nil {
		return err
	}
	known := map[string]*page{}
	for _, p := range pages {
		known[p.source] = p
	}
	layout, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	files := map[string][]byte{"site.css": style}
	var faults []error
	for _, p := range pages {
		var body bytes.Buffer
		if err := markdown.Convert(p.text, &body); err != nil {
			return fmt.Errorf("%s: %w", p.source, err)
		}
		p.body = template.HTML(link(project, p, body.String(), known, files, func(err error) { faults = append(faults, err) }))
	}
	for _, p := range pages {
		var text bytes.Buffer
		up := strings.Repeat("../", strings.Count(p.target, "/"))
		if err := layout.Execute(&text, map[string]any{"Title": p.title, "Body": p.body, "Groups": groups, "Up": up, "Here": p.target}); err != nil {
			return err
		}
		files[p.target] = text.Bytes()
	}
	faults = append(faults, anchors(files)...)
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for name, text := range files {
		at := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// group is a chapter in the navigation.
type group struct {
	Title string
	Pages []entry
}

type entry struct{ Title, Target string }

// collect reads the pages in the order of the chapters.
func collect(project fs.FS, commands string) (groups []group, pages []*page, err error) {
	taken := map[string]bool{}
	add := func(g *group, from fs.FS, source, target string) error {
		text, err := fs.ReadFile(from, source)
		if err != nil {
			return err
		}
		p := &page{source: source, target: target, title: titleOf(text, source), text: text}
		if source == "README.md" {
			p.target = "index.html"
		}
		pages = append(pages, p)
		g.Pages = append(g.Pages, entry{p.title, p.target})
		taken[source] = true
		return nil
	}
	for _, c := range chapters {
		g := group{Title: c.title}
		for _, source := range c.pages {
			list := []string{source}
			if folder, ok := strings.CutSuffix(source, "/"); ok {
				if list, err = fs.Glob(project, folder+"/*.md"); err != nil {
					return nil, nil, err
				}
			}
			for _, one := range list {
				if err := add(&g, project, one, strings.TrimSuffix(one, ".md")+".html"); err != nil {
					return nil, nil, err
				}
			}
		}
		groups = append(groups, g)
	}
	if commands != "" {
		g, folder := group{Title: "Commands"}, os.DirFS(commands)
		list, err := fs.Glob(folder, "*.md")
		if err != nil || len(list) == 0 {
			return nil, nil, errors.Join(fmt.Errorf("there are no pages about commands in %s", commands), err)
		}
		for _, one := range list {
			if err := add(&g, folder, one, "commands/"+strings.TrimSuffix(one, ".md")+".html"); err != nil {
				return nil, nil, err
			}
		}
		groups = slices.Insert(groups, 5, g)
	}
	more := group{Title: "More"}
	err = fs.WalkDir(project, "doc", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".md") || taken[name] {
			return err
		}
		return add(&more, project, name, strings.TrimSuffix(name, ".md")+".html")
	})
	if len(more.Pages) > 0 {
		groups = append(groups, more)
	}
	return groups, pages, err
}

var heading = regexp.MustCompile(`(?m)^# (.+)$`)

// titleOf returns the first heading.
func titleOf(text []byte, source string) string {
	m := heading.FindSubmatch(text)
	if m == nil {
		return path.Base(source)
	}
	return strings.ReplaceAll(string(m[1]), "`", "")
}

var reference = regexp.MustCompile(`(href|src)="([^"]+)"`)

// link leads references of a page to pages and pictures of the site; those to other files of the project become text's: they are in
// the repository. A reference that leads nowhere is a fault.
func link(project fs.FS, p *page, body string, known map[string]*page, files map[string][]byte, fault func(error)) string {
	return reference.ReplaceAllStringFunc(body, func(found string) string {
		m := reference.FindStringSubmatch(found)
		to, anchor, _ := strings.Cut(m[2], "#")
		if to == "" || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
			return found
		}
		source := path.Join(path.Dir(p.source), to)
		from := strings.Repeat("../", strings.Count(p.target, "/"))
		if q := known[source]; q != nil {
			target := from + q.target
			if anchor != "" {
				target += "#" + anchor
			}
			return m[1] + `="` + target + `"`
		}
		info, err := fs.Stat(project, source)
		switch {
		case err != nil:
			fault(fmt.Errorf("%s leads to %s, which is not there", p.source, m[2]))
		case !info.IsDir() && slices.Contains([]string{".png", ".svg", ".jpg", ".webp"}, path.Ext(source)):
			text, err := fs.ReadFile(project, source)
			if err != nil {
				fault(err)
			}
			files[source] = text
			return m[1] + `="` + from + source + `"`
		case known[source+"/README.md"] != nil:
			return m[1] + `="` + from + known[source+"/README.md"].target + `"`
		}
		return `data-file="` + template.HTMLEscapeString(source) + `"`
	})
}

var identifier = regexp.MustCompile(` id="([^"]+)"`)

// anchors reports references to a heading that is not there.
func anchors(files map[string][]byte) (faults []error) {
	has := map[string]map[string]bool{}
	for name, text := range files {
		has[name] = map[string]bool{}
		for _, m := range identifier.FindAllSubmatch(text, -1) {
			has[name][string(m[1])] = true
		}
	}
	for name, text := range files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		for _, m := range reference.FindAllSubmatch(text, -1) {
			to, anchor, ok := strings.Cut(string(m[2]), "#")
			if strings.Contains(to, "://") {
				continue
			}
			target := name
			if to != "" {
				target = path.Join(path.Dir(name), to)
			}
			if has[target] == nil {
				faults = append(faults, fmt.Errorf("%s leads to %s, which is not in the site", name, m[2]))
			} else if ok && !has[target][anchor] {
				faults = append(faults, fmt.Errorf("%s leads to %s, where there is no such heading", name, m[2]))
			}
		}
	}
	return faults
}
