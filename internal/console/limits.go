package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limited is a caller that was slowed or refused, and by which limit.
type Limited struct {
	Account, Party string
	Address        string // of a caller that was not known by then
	Status         int    // 429: its own limit or its party's; 503: the server's
	Limit          string // in the words that the caller was told; "": of a part of the server that does not say
}

// LimitHit is how often a caller reached a limit since the start of the server.
type LimitHit struct {
	Limited
	Times       uint64
	First, Last time.Time
}

// limitsPage is who was slowed or refused, by which limit.
type limitsPage struct {
	Rows    []LimitHit
	Only    string // 429 or 503
	Own     uint64 // times that a caller reached its own limit
	Servers uint64 // times that the server reached one
	More    string
}

// showLimits answers: who is slowed or refused, by which bound?
func showLimits(p *page) error {
	if p.Limits == nil {
		return errNoPage
	}
	rows := p.Limits()
	v := limitsPage{Only: p.value("only")}
	for _, r := range rows {
		if r.Status == http.StatusTooManyRequests {
			v.Own += r.Times
		} else {
			v.Servers += r.Times
		}
	}
	rows = slices.DeleteFunc(rows, func(r LimitHit) bool {
		return v.Only == "429" && r.Status != http.StatusTooManyRequests || v.Only == "503" && r.Status == http.StatusTooManyRequests
	})
	slices.SortFunc(rows, func(a, b LimitHit) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Account, b.Account), strings.Compare(a.Limit, b.Limit))
	})
	var next uint64
	if v.Rows, next = rowsFrom(rows, p.number("from")); next > 0 {
		v.More = Prefix + "limits/" + query("only", v.Only, "from", decimal(next))
	}
	return p.show(http.StatusOK, "limits", "Limits", v,
		command{"The limits, and how to set them:", "accord serve --help"},
		command{"Counts for Prometheus, where the server has --ops-listen:", "curl -s http://HOST:PORT/metrics"})
}
