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

// route is one release, from a source into a target.
type route struct {
	source, target *store.Collection
	rule           agreement.Release
	ruled          bool   // the source has the rule; otherwise it had it once
	name           string // of the follower

	// forward, of a feedback, is the release whose objects it speaks of, from target to source; nil for a release.
	forward *agreement.Release
}

// phase is what a route does at a moment.
type phase uint8

const (
	running phase = iota
	paused
	withdrawing // everything that was released is withdrawn
)

// phase returns what the route does at a moment and, unless it runs, why.
func (r route) phase(now time.Time) (phase, string) {
	source, target := r.source.Agreement(), r.target.Agreement()
	if err := target.CheckActive(now); err != nil {
		return paused, err.Error()
	}
	if end := source.Terminated; end != nil && end.Withdraw {
		reason := fmt.Sprintf("the agreement %s, from which it was released, was terminated", source.Name)
		if end.Reason != "" {
			reason += ": " + end.Reason
		}
		return withdrawing, reason
	}
	if err := source.CheckActive(now); err != nil {
		return paused, err.Error()
	}
	if !r.ruled {
		return withdrawing, fmt.Sprintf("the agreement %s no longer releases to %s", source.Name, target.Name)
	}
	return running, ""
}

// routesInto lists the releases into a target: those agreed, and former ones that left state in it.
func routesInto(s *store.Store, target *store.Collection) ([]route, error) {
	var routes []route
	seen := make(map[uuid.UUID]bool)
	add := func(source *store.Collection, rule agreement.Release, ruled bool) {
		seen[source.ID()] = true
		routes = append(routes, route{source: source, target: target, rule: rule, ruled: ruled, name: store.ReleaseFollower(source.ID())})
	}
	name := target.Agreement().Name
	fed := make(map[uuid.UUID]bool)
	for _, rule := range target.Agreement().Release {
		if from, ok := s.Collection(rule.To); ok && rule.Feedback != nil {
			fed[from.ID()] = true
			routes = append(routes, feedbackInto(target, from, rule))
		}
	}
	all := s.Collections()
	for _, source := range all {
		if rule, ok := source.Agreement().ReleaseTo(name); ok {
			add(source, rule, true)
		}
	}
	var former, formerly []uuid.UUID
	err := target.Snapshot(func(l *store.Snapshot) error {
		former, formerly = l.Releases(), l.Feedbacks()
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, col := range all {
		if slices.Contains(formerly, col.ID()) && !fed[col.ID()] {
			routes = append(routes, feedbackInto(target, col, agreement.Release{To: col.Agreement().Name}))
		}
	}
	for _, id := range former {
		i := slices.IndexFunc(all, func(c *store.Collection) bool { return c.ID() == id })
		if i >= 0 && !seen[id] {
			add(all[i], agreement.Release{To: name}, false)
		}
	}
	return routes, nil
}

// Lag is how far one release has come.
type Lag struct {
	Source, Target agreement.Name
	Position       journal.Position // up to which the source's journal has been released
	Behind         uint64           // entries that follow
	Held           int              // versions that wait for a time or for approval
	Conflicts      int              // versions under which the target has other content
	Paused         string           // why it does not run; "" if it runs
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
		r := route{source: source, target: target, rule: rule, ruled: true, name: store.ReleaseFollower(source.ID())}
		lag, err := r.lag(now)
		if err != nil {
			return nil, err
		}
		lags = append(lags, lag)
	}
	return lags, nil
}

func (r route) lag(now time.Time) (Lag, error) {
	lag := Lag{Source: r.source.Agreement().Name, Target: r.target.Agreement().Name}
	stats, err := r.source.Stats()
	if err != nil {
		return Lag{}, err
	}
	position, err := r.target.CursorOf(r.name)
	if err != nil {
		return Lag{}, err
	}
	lag.Position = journal.Position(position)
	lag.Behind = stats.Entries - min(position, stats.Entries)
	err = r.target.Snapshot(func(target *store.Snapshot) error {
		state := newState(target, r.name)
		lag.Conflicts = len(state.words(prefixConflict))
		lag.Held = len(state.words(prefixHeld)) + len(state.words(prefixEmbargo))
		return nil
	})
	if err != nil {
		return Lag{}, err
	}
	switch p, why := r.phase(now); p {
	case paused:
		lag.Paused = why
	case withdrawing:
		lag.Paused = why
		err = r.target.Snapshot(func(target *store.Snapshot) error {
			if target.State(r.name, keyEnded) != nil { // later entries of the source are not read
				lag.Behind = 0
			}
			return nil
		})
	}
	return lag, err
}
