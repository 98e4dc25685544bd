package follow

import (
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Queued is a version that waits in a release, for a time or for approvals.
type Queued struct {
	Target   agreement.Name          `json:"to"`
	Object   stix.ID                 `json:"object"`
	Version  string                  `json:"version,omitempty"`
	Position journal.Position        `json:"position"` // in the source's journal
	Added    time.Time               `json:"added"`
	Until    time.Time               `json:"until,omitzero"`     // it waits for this time
	Needs    int                     `json:"needs,omitempty"`    // approvals, in all
	Approved []agreement.AccountName `json:"approved,omitempty"` // the accounts that have approved it
}

// Queue lists what waits in the releases from a source, by target and in the order in which it was added. What the source has
// removed meanwhile is not in it.
func Queue(s *store.Store, source *store.Collection) (list []Queued, err error) {
	for _, rule := range source.Agreement().Release {
		target, ok := s.Collection(rule.To)
		if !ok || !rule.Waits() {
			continue
		}
		some, err := queueOf(source, target, rule)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

func queueOf(source, target *store.Collection, rule agreement.Release) (list []Queued, err error) {
	until := make(map[journal.Position]time.Time)
	err = target.Snapshot(func(l *store.Snapshot) error {
		m := newState(l, store.ReleaseFollower(source.ID()))
		for _, word := range m.words(prefixHeld) {
			until[positionOf(word)] = time.Time{}
		}
		for _, word := range m.words(prefixEmbargo) {
			at, position := parseTimeWord(word)
			until[positionOf(string(position))] = at.UTC()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = source.Snapshot(func(l *store.Snapshot) error {
		for p, at := range until {
			e, err := l.Entry(p)
			if err != nil {
				continue // of a source that was restored from an older backup
			}
			text, err := l.Text(p, e)
			if err != nil {
				return err
			}
			given := l.Decisions(rule.TargetID(), p)
			if text == nil || given.Refused {
				continue
			}
			list = append(list, Queued{Target: rule.To, Object: stix.ID(e.Object), Version: e.Version, Position: p, Added: e.At,
				Until: at, Needs: rule.Approvals(), Approved: given.Accounts})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Queued) int { return int(a.Position) - int(b.Position) })
	return list, err
}
