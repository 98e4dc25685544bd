package delivery

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// Given is a run of versions that a reader was given at one moment.
type Given struct {
	At         time.Time
	Account    string
	Party      string
	Way        Way
	Filter     string
	Unfinished bool // the answer was begun and not finished: the reader may have been given a part only, or nothing
	First      journal.Position
	Count      uint64
}

// Compare orders runs by time, then by reader and position.
func (g Given) Compare(other Given) int {
	unfinished := func(g Given) int {
		if g.Unfinished {
			return 1
		}
		return 0
	}
	return cmp.Or(g.At.Compare(other.At), cmp.Compare(g.Account, other.Account), cmp.Compare(g.Party, other.Party), cmp.Compare(g.Way, other.Way),
		cmp.Compare(g.Filter, other.Filter), cmp.Compare(unfinished(g), unfinished(other)), cmp.Compare(g.First, other.First))
}

// Span selects what was given, and when.
type Span struct {
	From, Until time.Time // zero: not bounded; Until is not within it
	Party       string    // of the readers; "": any
	After       *Given    // only what comes after it; nil: from the beginning
	Limit       int       // most versions of the runs; the last run may have more
}

func (s *Span) holds(g Given) bool {
	return !g.At.Before(s.From) && (s.Until.IsZero() || g.At.Before(s.Until)) && (s.Party == "" || s.Party == g.Party) &&
		(s.After == nil || g.Compare(*s.After) > 0)
}

// Given returns what was given in a span of time, in order, and whether there is more than the limit.
func (l *Log) Given(collection uuid.UUID, s Span) ([]Given, bool, error) {
	a, err := l.everywhere(Question{Kind: askGiven, Collection: collection, Span: s})
	return a.Given, a.More, err
}

func (l *Log) given(collection uuid.UUID, s Span) (list []Given, more bool, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.existing(collection)
	if err == nil && f != nil {
		list, more, err = f.given(s)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return list, more, nil
}

// EachGiven visits everything that a party's readers were given, in no order.
func (l *Log) EachGiven(collection uuid.UUID, party string, visit func(Given)) error {
	if err := l.eachGiven(collection, party, visit); err != nil {
		return err
	}
	l.EachGivenElsewhere(collection, party, visit)
	return nil
}

// EachGivenElsewhere visits what other nodes gave a party's readers, as far as they answer.
func (l *Log) EachGivenElsewhere(collection uuid.UUID, party string, visit func(Given)) {
	answers, _ := l.others(Question{Kind: askAllGiven, Collection: collection, Span: Span{Party: party}})
	for _, a := range answers {
		for _, g := range a.Given {
			visit(g)
		}
	}
}

func (l *Log) eachGiven(collection uuid.UUID, party string, visit func(Given)) error {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.existing(collection)
	if err == nil && f != nil {
		span := Span{Party: party}
		err = f.eachGiven(&span, visit)
	}
	if err != nil {
		return fmt.Errorf("read deliveries of collection %s: %w", collection, err)
	}
	return nil
}

// firstGiven sorts runs and cuts them after so many versions.
func firstGiven(list []Given, limit int) (first []Given, more bool) {
	slices.SortFunc(list, Given.Compare)
	versions := uint64(0)
	for i, g := range list {
		if versions >= uint64(limit) {
			return list[:i], true
		}
		versions += g.Count
	}
	return list, false
}

func (f *file) given(s Span) (list []Given, more bool, err error) {
	cut := func() {
		var cut bool
		list, cut = firstGiven(list, s.Limit)
		more = more || cut
	}
	enough := max(2*s.Limit, 1000)
	err = f.eachGiven(&s, func(g Given) {
		if list = append(list, g); len(list) >= enough {
			cut()
		}
	})
	cut()
	return list, more, err
}

// eachGiven visits the runs that a span holds.
func (f *file) eachGiven(s *Span, visit func(Given)) error {
	visitRun := func(key reader) func(uint64, run) {
		return func(seconds uint64, r run) {
			g := Given{At: time.Unix(int64(seconds), 0).UTC(), Account: key.account, Party: key.party, Way: key.way, Filter: key.filter,
				Unfinished: key.unfinished, First: journal.Position(r.start), Count: r.length}
			if s.holds(g) {
				visit(g)
			}
		}
	}
	return f.db.View(func(tx *bolt.Tx) error {
		for key, number := range f.readers {
			if s.Party != "" && key.party != s.Party {
				continue
			}
			runs := visitRun(key)
			err := eachBlock(tx, number, func(b []byte) error {
				h, err := readBlockHeader(b)
				if err != nil || time.Unix(int64(h.at), 0).Before(s.From) {
					return err // its last page is earlier
				}
				return eachRun(b, runs)
			})
			if err != nil {
				return err
			}
		}
		return eachOpen(tx, func(_ uint64, o openRecord) error {
			return eachRun(o.Block, visitRun(reader{o.Account, o.Party, o.Way, o.Filter, true}))
		})
	})
}
