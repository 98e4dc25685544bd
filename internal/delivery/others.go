package delivery

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

// A Question is what one node of a cluster asks the others: each has an account of what it gave itself.
type Question struct {
	Kind       string             `json:"kind"`
	Collection uuid.UUID          `json:"collection"`
	Positions  []journal.Position `json:"positions,omitempty"`
	Span       Span               `json:"span"`
}

// The kinds of questions.
const (
	askReceived  = "received"  // Positions
	askConsumers = "consumers" //
	askGiven     = "given"     // Span
	askAllGiven  = "all given" // Span.Party
)

// Answer is what a node's account has.
type Answer struct {
	Receipts  []Receipt  `json:"receipts,omitempty"`
	Consumers []Consumer `json:"consumers,omitempty"`
	Given     []Given    `json:"given,omitempty"`
	More      bool       `json:"more,omitempty"`
	Lost      Lost       `json:"lost"`
}

// Ask answers by this node's own account.
func (l *Log) Ask(q Question) (a Answer, err error) {
	switch q.Kind {
	case askReceived:
		a.Receipts, err = l.ReceivedHere(q.Collection, q.Positions)
	case askConsumers:
		a.Consumers, a.Lost, err = l.consumers(q.Collection)
	case askGiven:
		a.Given, a.More, err = l.given(q.Collection, q.Span)
	case askAllGiven:
		err = l.eachGiven(q.Collection, q.Span.Party, func(g Given) { a.Given = append(a.Given, g) })
	default:
		err = fmt.Errorf("a question of the unknown kind %q about deliveries", q.Kind)
	}
	return a, err
}

// everywhere answers by the accounts of all nodes.
func (l *Log) everywhere(q Question) (Answer, error) {
	a, err := l.Ask(q)
	if err != nil {
		return Answer{}, err
	}
	answers, silent := l.others(q)
	a.Lost.Silent = silent
	for _, other := range answers {
		a.join(other)
	}
	if len(answers) == 0 {
		return a, nil
	}
	slices.SortFunc(a.Receipts, compareReceipts)
	slices.SortFunc(a.Consumers, compareConsumers)
	if q.Kind == askGiven {
		cut := false
		a.Given, cut = firstGiven(a.Given, q.Span.Limit)
		a.More = a.More || cut
	}
	return a, nil
}

func (l *Log) others(q Question) (answers []Answer, silent []string) {
	if l.opts.Others == nil {
		return nil, nil
	}
	return l.opts.Others(q)
}

// join adds what another node's account has.
func (a *Answer) join(other Answer) {
	for _, r := range other.Receipts {
		i := slices.IndexFunc(a.Receipts, func(o Receipt) bool { return compareReceipts(o, r) == 0 })
		if i < 0 {
			a.Receipts = append(a.Receipts, r)
			continue
		}
		one := &a.Receipts[i]
		one.First, one.Last = earlier(one.First, r.First), later(one.Last, r.Last)
		one.Times, one.Unfinished = one.Times+r.Times, one.Unfinished+r.Unfinished
	}
	for _, c := range other.Consumers {
		i := slices.IndexFunc(a.Consumers, func(o Consumer) bool { return compareConsumers(o, c) == 0 })
		if i < 0 {
			a.Consumers = append(a.Consumers, c)
			continue
		}
		one := &a.Consumers[i]
		one.First, one.LastPoll = earlier(one.First, c.First), later(one.LastPoll, c.LastPoll)
		one.Polls, one.Positions, one.Unfinished = one.Polls+c.Polls, one.Positions+c.Positions, one.Unfinished+c.Unfinished
		one.Newest = max(one.Newest, c.Newest)
	}
	a.Given = append(a.Given, other.Given...)
	a.More = a.More || other.More
	if l := other.Lost; l.Polls > 0 {
		if a.Lost.Polls == 0 {
			a.Lost.First = l.First
		}
		a.Lost.First, a.Lost.Last = earlier(a.Lost.First, l.First), later(a.Lost.Last, l.Last)
		a.Lost.Polls += l.Polls
	}
}

func compareReceipts(a, b Receipt) int {
	return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Party, b.Party), cmp.Compare(a.Way, b.Way), cmp.Compare(a.Filter, b.Filter))
}

func compareConsumers(a, b Consumer) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Party, b.Party), cmp.Compare(a.Way, b.Way), cmp.Compare(a.Filter, b.Filter))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
