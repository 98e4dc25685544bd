package agreement

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Span is a length of time as terms write it: a whole number of seconds, minutes, hours or days.
type Span time.Duration

// spanUnits are the units of a span, largest first.
var spanUnits = []struct {
	letter byte
	length time.Duration
}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// mostSpan is a century.
const mostSpan = 36525 * 24 * time.Hour

// ParseSpan reads a span such as 72h or 7d.
func ParseSpan(s string) (Span, error) {
	for _, u := range spanUnits {
		if len(s) < 2 || s[len(s)-1] != u.letter {
			continue
		}
		n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
		if err == nil && s[0] != '+' && n > 0 && n <= math.MaxInt64/int64(u.length) && time.Duration(n)*u.length <= mostSpan {
			return Span(time.Duration(n) * u.length), nil
		}
	}
	return 0, fmt.Errorf("%q is no length of time, want a whole number and a unit such as 90s, 30m, 72h or 7d, a century at most", s)
}

// String writes the span in the largest unit that divides it.
func (s Span) String() string {
	for _, u := range spanUnits {
		if d := time.Duration(s); d%u.length == 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + string(u.letter)
		}
	}
	return time.Duration(s).String()
}

// MarshalText writes the span as String does.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Span) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSpan(string(b))
	return err
}

// Values of Release.Hold.
const (
	HoldApprove  = "approve"   // a version goes once an account has approved it
	HoldApprove2 = "approve-2" // ... once two accounts have
)

// Expiry says what becomes of released objects whose valid_until has passed.
type Expiry struct {
	ValidUntil string `json:"valid_until"`     // ExpiryWithdraw or ExpiryRevoke
	Grace      Span   `json:"grace,omitempty"` // from valid_until on
}

// Values of Expiry.ValidUntil.
const (
	ExpiryWithdraw = "withdraw" // all versions are withdrawn
	ExpiryRevoke   = "revoke"   // a version with revoked: true is released
)

// Approvals returns how many accounts must approve a version before it goes.
func (r Release) Approvals() int {
	switch r.Hold {
	case HoldApprove:
		return 1
	case HoldApprove2:
		return 2
	}
	return 0
}

// Due returns the moment from which a version may go that was added to the source at a given time; zero if it need not wait.
func (r Release) Due(added time.Time) time.Time {
	if r.After == 0 {
		return r.NotBefore
	}
	due := added.Add(time.Duration(r.After))
	if r.NotBefore.After(due) {
		return r.NotBefore
	}
	return due
}

// TargetID returns the id under which decisions about the release name its target: that of the documents of terms, so that it says
// nothing to those who must not know the target.
func (r Release) TargetID() (id uuid.UUID) {
	text := strings.TrimPrefix(string(HiddenTarget(r.Key, r.To)), hiddenPrefix)
	hex.Decode(id[:], []byte(text))
	return id
}

// Waits reports whether versions may have to wait, for a time or for an approval.
func (r Release) Waits() bool { return r.After > 0 || !r.NotBefore.IsZero() || r.Hold != "" }

// timing checks the terms of a release on time and approval.
func (c *checker) timing(field string, r Release, term Term) {
	if r.Hold != "" {
		c.choice(field+".hold", r.Hold, HoldApprove, HoldApprove2)
	}
	if r.After < 0 {
		c.fault(field+".after", "%s is no length of time, want 1s or more", r.After)
	}
	if !term.Until.IsZero() {
		if r.After > 0 && term.From.Before(term.Until) && !term.From.IsZero() && time.Duration(r.After) >= term.Until.Sub(term.From) {
			c.fault(field+".after", "nothing would ever go: each version waits for %s, and the term from %s to %s is no longer than that",
				r.After, FormatDate(term.From), FormatDate(term.Until))
		}
		if !r.NotBefore.IsZero() && !r.NotBefore.Before(term.Until) {
			c.fault(field+".not_before", "nothing would ever go: the term ends on %s, before %s", FormatDate(term.Until), FormatDate(r.NotBefore))
		}
	}
	if e := r.Expire; e != nil {
		if e.ValidUntil == "" {
			c.fault(field+".expire.valid_until", "it is missing, want %s or %s", ExpiryWithdraw, ExpiryRevoke)
		}
		c.choice(field+".expire.valid_until", e.ValidUntil, ExpiryWithdraw, ExpiryRevoke)
		if e.Grace < 0 {
			c.fault(field+".expire.grace", "%s is no length of time, want 1s or more, or nothing", e.Grace)
		}
	}
}
