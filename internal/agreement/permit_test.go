package agreement

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	noon  = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
)

func sample() *Agreement {
	return &Agreement{
		Name: "gsp", Title: "Government programme", APIRoot: "nicp",
		Parties: []Membership{
			{Party: "producer", Roles: []Role{Producer}},
			{Party: "consumer", Roles: []Role{Consumer}},
			{Party: "both", Roles: []Role{Producer, Consumer}},
			{Party: "auditor", Roles: []Role{Auditor}},
			{Party: "all", Roles: Roles()},
			{Party: "roleless"},
		},
		Term: Term{From: begin, Until: end},
	}
}

// TestPermit tests the whole table: the rights of each role, inside the term and outside.
func TestPermit(t *testing.T) {
	const (
		yes     = "yes"
		concd   = "concealed"
		role    = "role"    // refused because a role is missing
		outside = "outside" // refused for the term
	)
	acts := []Act{See, Read, Add, Delete, Audit, Administer, AuditOwn, Refusals}
	for name, tc := range map[string]struct {
		caller         Caller
		inside, beyond [8]string // see, read, add, delete, audit, administer, audit its own, what it was refused
	}{
		"a producer adds": {Caller{Account: "a", Party: "producer"},
			[8]string{yes, role, yes, role, role, role, yes, yes}, [8]string{yes, role, outside, role, role, role, yes, yes}},
		"a consumer reads": {Caller{Account: "a", Party: "consumer"},
			[8]string{yes, yes, role, role, role, role, role, role}, [8]string{yes, outside, role, role, role, role, role, role}},
		"a producer and consumer deletes too": {Caller{Account: "a", Party: "both"},
			[8]string{yes, yes, yes, yes, role, role, yes, yes}, [8]string{yes, outside, outside, outside, role, role, yes, yes}},
		"an auditor reads history, after the end too": {Caller{Account: "a", Party: "auditor"},
			[8]string{yes, role, role, role, yes, role, yes, role}, [8]string{yes, role, role, role, yes, role, yes, role}},
		"a party with all roles is still no operator": {Caller{Account: "a", Party: "all"},
			[8]string{yes, yes, yes, yes, yes, role, yes, yes}, [8]string{yes, outside, outside, outside, yes, role, yes, yes}},
		"to a party without roles it does not exist": {Caller{Account: "a", Party: "roleless"},
			[8]string{concd, concd, concd, concd, concd, concd, concd, concd}, [8]string{concd, concd, concd, concd, concd, concd, concd, concd}},
		"to a stranger it does not exist": {Caller{Account: "a", Party: "stranger"},
			[8]string{concd, concd, concd, concd, concd, concd, concd, concd}, [8]string{concd, concd, concd, concd, concd, concd, concd, concd}},
		"to an account without a party it does not exist": {Caller{Account: "a"},
			[8]string{concd, concd, concd, concd, concd, concd, concd, concd}, [8]string{concd, concd, concd, concd, concd, concd, concd, concd}},
		"an operator sees and administers, in any state, and gives nothing": {Caller{Account: "root", Operator: true},
			[8]string{yes, yes, role, role, yes, yes, yes, yes}, [8]string{yes, yes, role, role, yes, yes, yes, yes}},
		"an operator of a producing party adds in the term": {Caller{Account: "root", Party: "both", Operator: true},
			[8]string{yes, yes, yes, yes, yes, yes, yes, yes}, [8]string{yes, yes, outside, outside, yes, yes, yes, yes}},
	} {
		t.Run(name, func(t *testing.T) {
			a := sample()
			for i, act := range acts {
				check(t, act.String()+" inside the term", tc.inside[i], Permit(a, tc.caller, act, noon))
			}
			states := map[string]func(*Agreement) time.Time{
				"scheduled":  func(*Agreement) time.Time { return begin.Add(-time.Microsecond) },
				"expired":    func(*Agreement) time.Time { return end },
				"suspended":  func(a *Agreement) time.Time { a.Suspended = &Mark{At: noon, By: "root"}; return noon },
				"terminated": func(a *Agreement) time.Time { a.Terminated = &Mark{At: noon, By: "root"}; return noon },
			}
			for state, reach := range states {
				a := sample()
				now := reach(a)
				if got := a.State(now); got != State(state) {
					t.Fatalf("state: got %s, want %s", got, state)
				}
				for i, act := range acts {
					check(t, act.String()+", "+state, tc.beyond[i], Permit(a, tc.caller, act, now))
				}
			}
		})
	}
}

// TestWhatMembersSeeOfAnAgreement holds what of the agreement itself is for whom, in every state.
func TestWhatMembersSeeOfAnAgreement(t *testing.T) {
	operator := Caller{Account: "root", Operator: true}
	for _, row := range []struct {
		act     Act
		caller  Caller
		members string
		want    string
	}{
		{SeeMembers, Caller{Party: "producer"}, "", "role"},
		{SeeMembers, Caller{Party: "consumer"}, MembersConfidential, "role"},
		{SeeMembers, Caller{Party: "both"}, MembersVisible, "yes"},
		{SeeMembers, Caller{Party: "auditor"}, MembersConfidential, "yes"},
		{SeeMembers, Caller{Party: "stranger"}, MembersVisible, "concealed"},
		{SeeMembers, operator, MembersConfidential, "yes"},
		{SeeFigures, Caller{Party: "producer"}, MembersVisible, "role"},
		{SeeFigures, Caller{Party: "consumer"}, "", "yes"},
		{SeeFigures, Caller{Party: "auditor"}, "", "yes"},
		{SeeFigures, Caller{Party: "stranger"}, "", "concealed"},
		{SeeFigures, operator, "", "yes"},
		{SeeOperators, Caller{Party: "all"}, MembersVisible, "role"},
		{SeeOperators, Caller{Party: "stranger"}, "", "concealed"},
		{SeeOperators, operator, "", "yes"},
	} {
		a := sample()
		a.Members = row.members
		for _, now := range []time.Time{noon, end} {
			check(t, row.act.String()+" by "+string(row.caller.Party)+", members "+row.members, row.want, Permit(a, row.caller, row.act, now))
		}
	}
}

func check(t *testing.T, what, want string, err error) {
	t.Helper()
	var missing *RoleError
	var outside *OutsideError
	got := "an unknown error"
	switch {
	case err == nil:
		got = "yes"
	case errors.Is(err, ErrNoRole):
		got = "concealed"
	case errors.As(err, &missing):
		got = "role"
	case errors.As(err, &outside):
		got = "outside"
	}
	if got != want {
		t.Errorf("%s: got %s (%v), want %s", what, got, err, want)
	}
	if refused := want == "role" || want == "outside"; refused != errors.Is(err, ErrNotAllowed) {
		t.Errorf("%s: errors.Is(%v, ErrNotAllowed) is %v", what, err, !refused)
	}
}

func TestAnUnknownActIsRefused(t *testing.T) {
	for _, act := range []Act{0, 99} {
		if err := Permit(sample(), Caller{Party: "all", Operator: true}, act, noon); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: got %v, want ErrNotAllowed", act, err)
		}
	}
}

func TestOutsideSaysSinceWhenAndWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Agreement)
		now    time.Time
		want   string
	}{
		"before the term": {func(*Agreement) {}, begin.Add(-time.Hour), "the agreement gsp starts on 2026-01-01T00:00:00Z"},
		"after the term":  {func(*Agreement) {}, end.Add(time.Hour), "the agreement gsp expired on 2029-01-01T00:00:00Z"},
		"suspended": {func(a *Agreement) { a.Suspended = &Mark{At: noon, By: "root", Reason: "a leak is looked into"} }, noon,
			"the agreement gsp is suspended since 2027-06-01T12:00:00Z: a leak is looked into"},
		"terminated": {func(a *Agreement) { a.Terminated = &Mark{At: noon, By: "root"} }, noon,
			"the agreement gsp was terminated on 2027-06-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			a := sample()
			tc.change(a)
			err := Permit(a, Caller{Party: "consumer"}, Read, tc.now)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestState(t *testing.T) {
	at := func(change func(*Agreement)) *Agreement {
		a := sample()
		change(a)
		return a
	}
	mark := &Mark{At: noon, By: "root"}
	for name, tc := range map[string]struct {
		a    *Agreement
		now  time.Time
		want State
	}{
		"the last moment before the term":    {sample(), begin.Add(-1), Scheduled},
		"the first moment of the term":       {sample(), begin, Active},
		"the last moment of the term":        {sample(), end.Add(-1), Active},
		"the first moment after the term":    {sample(), end, Expired},
		"no term at all, long ago":           {at(func(a *Agreement) { a.Term = Term{} }), time.Unix(0, 0), Active},
		"no end":                             {at(func(a *Agreement) { a.Term.Until = time.Time{} }), end.AddDate(100, 0, 0), Active},
		"suspended before it begins":         {at(func(a *Agreement) { a.Suspended = mark }), begin.Add(-1), Suspended},
		"suspended and expired meanwhile":    {at(func(a *Agreement) { a.Suspended = mark }), end, Expired},
		"terminated, whatever else it is":    {at(func(a *Agreement) { a.Suspended, a.Terminated = mark, mark }), end, Terminated},
		"renewed while suspended stays so":   {at(func(a *Agreement) { a.Suspended, a.Term.Until = mark, end.AddDate(1, 0, 0) }), end, Suspended},
		"a moment of the term in other zone": {sample(), begin.In(time.FixedZone("", 3600)), Active},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.a.State(tc.now); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"2029-01-01":                "2029-01-01",
		"2029-01-01T00:00:00Z":      "2029-01-01",
		"2029-01-01T12:30:00Z":      "2029-01-01T12:30:00Z",
		"2029-01-01T12:30:00+02:00": "2029-01-01T10:30:00Z",
		"2029-01-01T12:30:00.5Z":    "2029-01-01T12:30:00.5Z",
	} {
		got, err := ParseDate(in)
		if err != nil || FormatDate(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, FormatDate(got), err, want)
		}
		if again, err := ParseDate(FormatDate(got)); err != nil || !again.Equal(got) {
			t.Errorf("%s: written and read again: %v, %v", in, again, err)
		}
	}
	for _, in := range []string{"", "tomorrow", "2029-13-01", "2029-02-30", "01.01.2029", "2029-01-01 12:30", "2029"} {
		if got, err := ParseDate(in); err == nil || !strings.Contains(err.Error(), "YYYY-MM-DD") {
			t.Errorf("%q: got %s, %v, want an error that says the form", in, got, err)
		}
	}
}
