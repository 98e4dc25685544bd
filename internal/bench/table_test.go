package main

import (
	"strings"
	"testing"
)

func TestTablesAreMarkdown(t *testing.T) {
	table := table{title: "Pages", head: []string{"what", "rate"}}
	table.add("a page", "1")
	var b strings.Builder
	table.print(&b)
	if got, want := b.String(), "**Pages**\n\n| what | rate |\n| --- | --- |\n| a page | 1 |\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFiguresAreWrittenAsPeopleWriteThem(t *testing.T) {
	for _, row := range []struct{ name, got, want string }{
		{"a number below a thousand has no comma", count(999), "999"},
		{"a number has a comma every three digits", count(1234567.4), "1,234,567"},
		{"a small figure has two digits after the point", plain(0.666), "0.67"},
		{"a large figure has none", plain(8000.4), "8,000"},
		{"a spread names the least and the most", spread([]float64{2, 0.5, 1}), "0.50–2.00"},
		{"nothing has no spread", spread(nil), ""},
		{"nothing has no ratio", ratio(nil), ""},
		{"a ratio is the median of the turns", ratio([]float64{0.1, 0.5, 9}), "0.50"},
		{"figures of no runs stay empty", turns(nil).rate() + turns(nil).cpu(), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("got %q, want %q", row.got, row.want)
			}
		})
	}
}

func TestTheMedianStandsInTheMiddle(t *testing.T) {
	for _, row := range []struct {
		name string
		list []float64
		want float64
	}{
		{"nothing has none", nil, 0},
		{"one is its own", []float64{3}, 3},
		{"of three, the second", []float64{9, 1, 4}, 4},
		{"of four, between the second and the third", []float64{9, 1, 4, 2}, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := median(row.list); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestRatiosAreTakenTurnByTurn(t *testing.T) {
	if got := ratios([]float64{1, 2, 3}, []float64{2, 2}); len(got) != 2 || got[0] != 0.5 || got[1] != 1 {
		t.Errorf("got %v, want [0.5 1]", got)
	}
}
