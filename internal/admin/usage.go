package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store/journal"
)

// Usage counts what a party did under an agreement in a month.
type Usage struct {
	Party    string `json:"party"`
	Month    string `json:"month"`    // such as 2026-03
	Added    uint64 `json:"added"`    // versions
	Bytes    uint64 `json:"bytes"`    // of them
	Received uint64 `json:"received"` // versions that it was given, each time
}

// usages counts by party and month.
type usages map[[2]string]*Usage

func (u usages) of(party string, at time.Time) *Usage {
	key := [2]string{party, at.UTC().Format("2006-01")}
	if u[key] == nil {
		u[key] = &Usage{Party: key[0], Month: key[1]}
	}
	return u[key]
}

// added counts a version that a party added.
func (u usages) added(e journal.Entry) {
	if !e.Source.IsZero() || e.Party == "" {
		return
	}
	one := u.of(e.Party, e.At)
	one.Added++
	one.Bytes += e.Size
}

// given counts versions that a party was given.
func (u usages) given(g delivery.Given) {
	if !g.Unfinished && g.Party != "" {
		u.of(g.Party, g.At).Received += g.Count
	}
}

// list returns what was counted, by party and month.
func (u usages) list() []Usage {
	list := make([]Usage, 0, len(u))
	for _, one := range u {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b Usage) int { return cmp.Or(cmp.Compare(a.Party, b.Party), cmp.Compare(a.Month, b.Month)) })
	return list
}
