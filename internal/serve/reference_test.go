package serve

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var updateMetrics = flag.Bool("update-metrics", false, "write doc/metrics.md")

// metric is a metric as the sources of this package declare it.
type metric struct {
	name, help string
	labels     []string
	kind       string
}

// declaredMetrics reads the declarations of metrics in this package.
func declaredMetrics(t *testing.T) (list []metric) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch called := calledName(call); {
			case called == "NewDesc" && isText(call.Args[0]):
				list = append(list, metric{textOf(t, call.Args[0]), textOf(t, call.Args[1]), textsOf(t, call.Args[2]), ""})
			case called == "agreementDesc" && isText(call.Args[0]):
				list = append(list, metric{"accord_agreement_" + textOf(t, call.Args[0]), textOf(t, call.Args[1]), []string{"agreement"}, ""})
			case strings.HasPrefix(called, "New") && len(call.Args) > 0:
				opts, ok := call.Args[0].(*ast.CompositeLit)
				if !ok {
					return true
				}
				kind, _ := opts.Type.(*ast.SelectorExpr)
				if kind == nil || !strings.HasSuffix(kind.Sel.Name, "Opts") || kind.Sel.Name == "ProcessCollectorOpts" {
					return true
				}
				m := metric{kind: strings.ToLower(strings.TrimSuffix(kind.Sel.Name, "Opts"))}
				for _, field := range opts.Elts {
					switch kv := field.(*ast.KeyValueExpr); kv.Key.(*ast.Ident).Name {
					case "Name":
						m.name = textOf(t, kv.Value)
					case "Help":
						m.help = textOf(t, kv.Value)
					case "ConstLabels":
						for _, label := range kv.Value.(*ast.CompositeLit).Elts {
							m.labels = append(m.labels, textOf(t, label.(*ast.KeyValueExpr).Key))
						}
					}
				}
				if len(call.Args) > 1 {
					m.labels = append(m.labels, textsOf(t, call.Args[1])...)
				}
				list = append(list, m)
			}
			return true
		})
	}
	for i := range list {
		if m := &list[i]; m.kind == "" {
			m.kind = "gauge"
			if strings.HasSuffix(m.name, "_total") {
				m.kind = "counter"
			}
		}
	}
	slices.SortFunc(list, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return list
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func isText(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Kind == token.STRING
}

// textOf returns the text of a literal, or of literals that are joined.
func textOf(t *testing.T, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ast.BinaryExpr:
		return textOf(t, e.X) + textOf(t, e.Y)
	}
	t.Fatalf("a metric is described by %T, want a text", e)
	return ""
}

func textsOf(t *testing.T, e ast.Expr) (list []string) {
	t.Helper()
	if l, ok := e.(*ast.CompositeLit); ok {
		for _, one := range l.Elts {
			list = append(list, textOf(t, one))
		}
	}
	return list
}

// doc/metrics.md is made of the declarations: go test ./internal/serve -run MetricsReference -update-metrics.
func TestMetricsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Metrics

What ` + "`/metrics`" + ` of ` + "`--ops-listen`" + ` has, beside those of Go and of the process. [operations.md](operations.md#what-to-watch) says which to alarm on; ` + "`deploy/prometheus/`" + ` has the
alerts, ` + "`deploy/grafana/`" + ` a dashboard. Without ` + "`--ops-names`" + ` on a listener that others reach, the label agreement is empty and the
values are sums. Metrics of clusters, mirrors, outboxes and webhooks are there once there is one.

This page is made from the declarations (` + "`go test ./internal/serve -run MetricsReference -update-metrics`" + `).

| metric | is a | labels | says |
| --- | --- | --- | --- |
`)
	list := declaredMetrics(t)
	for i, m := range list {
		if m.help == "" || !strings.HasPrefix(m.name, "accord_") || i > 0 && list[i-1].name == m.name {
			t.Errorf("the metric %q is declared twice, has another prefix, or says nothing", m.name)
		}
		labels := "-"
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
	}
	const name = "../../doc/metrics.md"
	if *updateMetrics {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the sources declare (%v): run with -update-metrics", name, err)
	}
}
