package follow

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// flow is one release: from a source into a target.
type flow struct {
	source, target *store.Collection
	rule           agreement.Release
	ruled          bool   // the source has the rule; else it had it once
	name           string // of the follower
}

// phase is what a flow does at a moment.
type phase uint8

const (
	running phase = iota
	paused
	takingBack // everything that was released goes back
)

// phase says what a flow does at a moment, and why it does not run.
func (f flow) phase(now time.Time) (phase, string) {
	source, target := f.source.Agreement(), f.target.Agreement()
	if err := target.Outside(now); err != nil {
		return paused, err.Error()
	}
	if end := source.Terminated; end != nil && end.Withdraw {
		reason := fmt.Sprintf("the agreement %s, from which it was released, was terminated", source.Name)
		if end.Reason != "" {
			reason += ": " + end.Reason
		}
		return takingBack, reason
	}
	if err := source.Outside(now); err != nil {
		return paused, err.Error()
	}
	if !f.ruled {
		return takingBack, fmt.Sprintf("the agreement %s no longer releases to %s", source.Name, target.Name)
	}
	return running, ""
}

// flowsInto lists the releases into a target: those that are agreed, and those that once were and left something here.
func flowsInto(s *store.Store, target *store.Collection) ([]flow, error) {
	var flows []flow
	seen := make(map[uuid.UUID]bool)
	add := func(source *store.Collection, rule agreement.Release, ruled bool) {
		seen[source.ID()] = true
		flows = append(flows, flow{source: source, target: target, rule: rule, ruled: ruled, name: store.ReleaseFollower(source.ID())})
	}
	name := target.Agreement().Name
	all := s.Collections()
	for _, source := range all {
		if rule, ok := source.Agreement().ReleaseTo(name); ok {
			add(source, rule, true)
		}
	}
	var former []uuid.UUID
	if err := target.Look(func(l *store.Look) error { former = l.Releases(); return nil }); err != nil {
		return nil, err
	}
	for _, id := range former {
		i := slices.IndexFunc(all, func(c *store.Collection) bool { return c.ID() == id })
		if i >= 0 && !seen[id] {
			add(all[i], agreement.Release{To: name}, false)
		}
	}
	return flows, nil
}

// Lag is how far one release has come.
type Lag struct {
	Source, Target agreement.Name
	Position       journal.Position // up to which the source's journal has been released
	Behind         uint64           // entries that follow
	Paused         string           // why it does not go on; "" when it does
}

// LagsFrom lists how far every release from a source has come.
func LagsFrom(s *store.Store, source *store.Collection, now time.Time) ([]Lag, error) {
	var lags []Lag
	for _, rule := range source.Agreement().Release {
		target, ok := s.Collection(rule.To)
		if !ok {
			lags = append(lags, Lag{Source: source.Agreement().Name, Target: rule.To, Paused: "the target cannot be opened"})
			continue
		}
		f := flow{source: source, target: target, rule: rule, ruled: true, name: store.ReleaseFollower(source.ID())}
		lag, err := f.lag(now)
		if err != nil {
			return nil, err
		}
		lags = append(lags, lag)
	}
	return lags, nil
}

func (f flow) lag(now time.Time) (Lag, error) {
	lag := Lag{Source: f.source.Agreement().Name, Target: f.target.Agreement().Name}
	stats, err := f.source.Stats()
	if err != nil {
		return Lag{}, err
	}
	position, err := f.target.CursorOf(f.name)
	if err != nil {
		return Lag{}, err
	}
	lag.Position = journal.Position(position)
	lag.Behind = stats.Entries - min(position, stats.Entries)
	switch p, why := f.phase(now); p {
	case paused:
		lag.Paused = why
	case takingBack:
		lag.Paused = why
		err = f.target.Look(func(target *store.Look) error {
			if target.Memory(f.name, keyEnded) != nil { // what follows in the source will not be looked at
				lag.Behind = 0
			}
			return nil
		})
	}
	return lag, err
}
