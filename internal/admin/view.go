package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Agreement is an agreement as administration shows it. Of one whose file cannot be opened only the name, the
// collection's id and the reason are known.
type Agreement struct {
	agreement.Agreement
	State       agreement.State `json:"state,omitempty"` // at the moment of asking
	Figures     *Figures        `json:"figures,omitempty"`
	Unavailable string          `json:"unavailable,omitempty"`
	Releases    []Release       `json:"releases,omitempty"` // how far each of the releases has come; for operators
}

// Release is how far a release to another agreement has come.
type Release struct {
	To       agreement.Name   `json:"to"`
	Position journal.Position `json:"position"` // up to which the journal has been dealt with
	Behind   uint64           `json:"behind"`   // entries that follow
	Paused   string           `json:"paused,omitempty"`

	Held int `json:"held,omitempty"` // versions that wait for a time or for approval

	Conflicts int `json:"conflicts,omitempty"` // versions under which the other agreement has other content
}

// Figures say how much an agreement holds.
type Figures struct {
	Objects   uint64    `json:"objects"`
	Versions  uint64    `json:"versions"`
	Bytes     uint64    `json:"bytes"`
	Entries   uint64    `json:"entries"`
	LastAdded time.Time `json:"last_added,omitzero"`
}

// Agreements lists all agreements by name, as an operator sees them.
func (s *Service) Agreements() ([]Agreement, error) { return s.agreements(s.viewOf) }

func (s *Service) agreements(view func(*store.Collection) (Agreement, error)) ([]Agreement, error) {
	list := make([]Agreement, 0)
	for _, col := range s.store.Collections() {
		a, err := view(col)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	for _, u := range s.store.Unavailable() {
		list = append(list, unavailable(u))
	}
	slices.SortFunc(list, func(x, y Agreement) int { return cmp.Compare(x.Name, y.Name) })
	return list, nil
}

// Agreement finds one agreement.
func (s *Service) Agreement(name agreement.Name) (Agreement, error) {
	if col, ok := s.store.Collection(name); ok {
		return s.viewOf(col)
	}
	for _, u := range s.store.Unavailable() {
		if u.Name == name {
			return unavailable(u), nil
		}
	}
	return Agreement{}, s.missing(name)
}

// termsOf views an agreement without what it takes to read its file.
func (s *Service) termsOf(col *store.Collection) (Agreement, error) {
	a := col.Agreement()
	return Agreement{Agreement: *a.Clone(), State: a.State(s.now())}, nil
}

// keptStats are what an agreement held after so many commits.
type keptStats struct {
	commits uint64
	stats   store.Stats
}

// statsOf returns what an agreement holds. Its file is read when something was committed since the last time.
func (s *Service) statsOf(col *store.Collection) (store.Stats, error) {
	commits := col.Commits() // before reading: what is committed meanwhile has it read again
	if kept, ok := s.stats.Load(col.ID()); ok && kept.(keptStats).commits == commits {
		return kept.(keptStats).stats, nil
	}
	stats, err := col.Stats()
	if err == nil {
		s.stats.Store(col.ID(), keptStats{commits, stats})
	}
	return stats, err
}

func (s *Service) viewOf(col *store.Collection) (Agreement, error) {
	now := s.now()
	stats, err := s.statsOf(col)
	if err != nil {
		return Agreement{}, err
	}
	lags, err := follow.LagsFrom(s.store, col, now)
	if err != nil {
		return Agreement{}, err
	}
	var releases []Release
	for _, l := range lags {
		releases = append(releases, Release{To: l.Target, Position: l.Position, Behind: l.Behind, Paused: l.Paused, Conflicts: l.Conflicts, Held: l.Held})
	}
	a := col.Agreement()
	return Agreement{
		Agreement: *a.Clone(),
		Releases:  releases,
		State:     a.State(now),
		Figures: &Figures{Objects: stats.Objects, Versions: stats.Versions, Bytes: stats.Bytes, Entries: stats.Entries,
			LastAdded: stats.LastAdded},
	}, nil
}

// shown returns what a caller may see of an agreement: ErrNotFound when it must not know of it. Nothing of an agreement
// leaves over the network any other way.
func (s *Service) shown(a Agreement, caller agreement.Caller) (Agreement, error) {
	now := s.now()
	may := func(act agreement.Act) bool { return agreement.Permit(&a.Agreement, caller, act, now) == nil }
	if !may(agreement.See) {
		return Agreement{}, notFound("there is no agreement %s", a.Name)
	}
	if !may(agreement.SeeMembers) {
		own, _ := a.Member(caller.Party)
		a.Parties = []agreement.Membership{own}
	}
	if !may(agreement.SeeFigures) {
		a.Figures = nil
	}
	if !may(agreement.SeeOperators) {
		a.Releases, a.Unavailable, a.Mirror, a.Push = nil, "", nil, nil
		a.Suspended, a.Terminated = withoutOperator(a.Suspended), withoutOperator(a.Terminated)
		a.Release = s.releasesKnown(a.Release, caller)
	}
	return a, nil
}

// withoutOperator is a mark that does not say which operator set it.
func withoutOperator(m *agreement.Mark) *agreement.Mark {
	if m == nil {
		return nil
	}
	hidden := *m
	hidden.By = ""
	return &hidden
}

// releasesKnown returns the releases to agreements that the caller may know of.
func (s *Service) releasesKnown(list []agreement.Release, caller agreement.Caller) (known []agreement.Release) {
	for _, r := range list {
		if col, ok := s.store.Collection(r.To); ok && agreement.Permit(col.Agreement(), caller, agreement.See, s.now()) == nil {
			known = append(known, r)
		}
	}
	return known
}

func unavailable(u store.Unavailable) Agreement {
	return Agreement{
		Agreement:   agreement.Agreement{Name: u.Name, Collection: agreement.Collection{ID: uuid.UUID(u.Collection)}},
		Unavailable: u.Reason.Error(),
	}
}

// Roles returns the roles that a caller's party has in any agreement.
func (s *Service) Roles(caller agreement.Caller) (roles []agreement.Role) {
	has := map[agreement.Role]bool{}
	for _, col := range s.store.Collections() {
		if m, ok := col.Agreement().Member(caller.Party); ok {
			for _, role := range m.Roles {
				has[role] = has[role] || !caller.ReadOnly || role != agreement.Producer
			}
		}
	}
	for _, role := range agreement.Roles() {
		if has[role] {
			roles = append(roles, role)
		}
	}
	return roles
}

// Audits reports whether a caller reads history of an agreement, if only of what its party added.
func (s *Service) Audits(caller agreement.Caller, name agreement.Name) bool {
	col, ok := s.store.Collection(name)
	return ok && agreement.Permit(col.Agreement(), caller, agreement.AuditOwn, s.now()) == nil
}
