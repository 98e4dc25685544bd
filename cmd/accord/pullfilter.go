package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/taxii"
)

// pullFilter leaves out objects that a server sends: TAXII has no filter for what it looks at.
type pullFilter struct {
	confidence int // at least; 0: any, or none stated
	valid      bool
}

// check refuses a filter that nothing fits.
func (f pullFilter) check() error {
	if f.confidence < 0 || f.confidence > 100 {
		return usageError("--confidence %d: expected 1 to 100, or 0 for any", f.confidence)
	}
	return nil
}

// String is part of what a state belongs to.
func (f pullFilter) String() string {
	s := ""
	if f.confidence > 0 {
		s += fmt.Sprintf("&confidence=%d", f.confidence)
	}
	if f.valid {
		s += "&valid"
	}
	return s
}

// apply returns the objects that pass.
func (f pullFilter) apply(objects []json.RawMessage, now time.Time) []json.RawMessage {
	if f == (pullFilter{}) {
		return objects
	}
	return slices.DeleteFunc(slices.Clone(objects), func(text json.RawMessage) bool { return !f.passes(text, now) })
}

func (f pullFilter) passes(text json.RawMessage, now time.Time) bool {
	var o struct {
		Confidence *json.Number `json:"confidence"`
		Revoked    bool         `json:"revoked"`
		From       string       `json:"valid_from"`
		Until      string       `json:"valid_until"`
	}
	if json.Unmarshal(text, &o) != nil {
		return false // what cannot be read is not known to pass
	}
	if f.confidence > 0 {
		if o.Confidence == nil {
			return false
		}
		if stated, err := o.Confidence.Float64(); err != nil || stated < float64(f.confidence) {
			return false
		}
	}
	if !f.valid {
		return true
	}
	from, until := instant(o.From), instant(o.Until)
	return !o.Revoked && (from.IsZero() || !now.Before(from)) && (until.IsZero() || now.Before(until))
}

// instant reads a time; the zero time is none.
func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

var daysAgo = regexp.MustCompile(`^([0-9]{1,5})d$`)

// addedAfterOf reads a time, a date, whose day begins in UTC, or how long ago it was, such as 24h or 7d.
func addedAfterOf(text string, now time.Time) (time.Time, error) {
	if m := daysAgo.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		return now.AddDate(0, 0, -n), err
	}
	if ago, err := time.ParseDuration(text); err == nil {
		if ago <= 0 {
			return time.Time{}, fmt.Errorf("%s is no time ago, expected such as 24h or 7d", text)
		}
		return now.Add(-ago), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return taxii.ParseTime(text)
}

// unknownTypes returns those of some types that STIX does not define, and that are not named as custom ones are.
func unknownTypes(types []string) (unknown []string) {
	for _, t := range types {
		if !schemas.Known(t) && !isCustom(t) {
			unknown = append(unknown, t)
		}
	}
	return unknown
}

func isCustom(typ string) bool { return len(typ) > 2 && typ[:2] == "x-" }
