package agreement

import (
	"fmt"
	"time"
)

// Term is the time an agreement runs: From is the first moment inside, Until
// the first moment outside. A zero From has always begun, a zero Until never
// comes.
type Term struct {
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// ParseDate reads a date of a term: a plain date, which is its midnight in UTC,
// or an RFC 3339 timestamp. So `until: 2029-01-01` ends with the last moment
// of 2028.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a date: want YYYY-MM-DD (midnight UTC) or YYYY-MM-DDThh:mm:ssZ", s)
	}
	t = t.UTC()
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 { // a zero time means no date; other years have no RFC 3339 form
		return time.Time{}, fmt.Errorf("%q is no date of a term: want one after the first moment of the year 1 and before the year 10000, in UTC", s)
	}
	return t, nil
}

// FormatDate writes a moment of a term: as a date if it is midnight in UTC, and
// otherwise with its time.
func FormatDate(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}

// State is a phase of an agreement's life.
type State string

const (
	Scheduled  State = "scheduled"  // its term has not begun
	Active     State = "active"     // objects are added and read
	Suspended  State = "suspended"  // stopped for a time; a renewal of the term does not resume it
	Expired    State = "expired"    // its term is over; it can be renewed
	Terminated State = "terminated" // over for good
)

// State returns the state of the agreement at a moment. Of several that apply
// it is the most final one.
func (a *Agreement) State(now time.Time) State {
	state, _, _ := a.stateAt(now)
	return state
}

// stateAt returns the state, the moment it began (for Scheduled: the moment it
// ends; for Active: when the term began, if it says so) and the decision that
// led to it, if it was one.
func (a *Agreement) stateAt(now time.Time) (State, time.Time, *Mark) {
	switch {
	case a.Terminated != nil:
		return Terminated, a.Terminated.At, a.Terminated
	case !a.Term.Until.IsZero() && !now.Before(a.Term.Until):
		return Expired, a.Term.Until, nil
	case a.Suspended != nil:
		return Suspended, a.Suspended.At, a.Suspended
	case now.Before(a.Term.From):
		return Scheduled, a.Term.From, nil
	}
	return Active, a.Term.From, nil
}
