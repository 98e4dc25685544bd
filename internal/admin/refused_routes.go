package admin

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
)

// refusedRoutes are the paths of what was refused and is kept (accept.keep_refused). A producer reaches what its own party
// sent, operators all.
var refusedRoutes = []route{
	{
		method: http.MethodGet, path: "agreements/{name}/refused/", reach: accounts, do: (*Service).serveRefused, memory: largeAnswer,
		summary: "List refused objects", note: "Those that are kept: for a producer its own party's, for operators all. In pages: next, as the page before gave it.",
		query: []string{"rule", "limit", "next"}, answer: RefusedList{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/refused/{id}/", reach: accounts, do: (*Service).serveRefusedText, memory: largeAnswer,
		summary: "Get a refused object", note: "With its text. Noted among the deliveries.",
		answer: RefusedText{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/refused/retry/", reach: accounts, do: (*Service).serveRetry, memory: 2 * largeAnswer,
		summary: "Try refused objects again", note: "The terms of now judge them; what is accepted is added for the party that sent it, and leaves the list. Needs the party's right to add.",
		body: retryRefused{}, answer: RetryAnswer{},
	},
}

// RefusedList lists refused objects that are kept, without their texts.
type RefusedList struct {
	Agreement string      `json:"agreement"`
	Days      int         `json:"days"`
	Total     int         `json:"total"`
	Bytes     int         `json:"bytes"`
	Rules     []RuleCount `json:"rules"`
	Objects   []Refused   `json:"objects"`
	Next      string      `json:"next,omitempty"`
}

// RuleCount is how many objects a rule refused.
type RuleCount = ingest.RuleCount

// Refused is a refused object that is kept.
type Refused struct {
	Key     string    `json:"key"`
	Object  string    `json:"object"`
	Version string    `json:"version,omitempty"`
	Party   string    `json:"party"`
	Account string    `json:"account"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`
	Size    int       `json:"size"`
	Rule    string    `json:"rule"`
	Message string    `json:"message"`
}

// RefusedText is a refused object with its text.
type RefusedText struct {
	Refused
	Text json.RawMessage `json:"text"`
}

func refusedOf(k store.KeptRefusal, days int) Refused {
	rule, message := ingest.WhyRefused(k.RefusedObject)
	return Refused{
		Key: k.Key.String(), Object: k.ID, Version: k.Version, Party: string(k.Party), Account: string(k.Account),
		At: k.At, Until: k.At.AddDate(0, 0, days), Size: k.Size, Rule: rule, Message: message,
	}
}

// refusals is what a caller may see of what an agreement refused.
type refusals struct {
	col   *store.Collection
	terms *agreement.Agreement
	party agreement.PartyName // "" for all
	since time.Time
}

// refusals returns what the caller may see of the agreement in the path.
func (s *Service) refusals(c call) (*refusals, error) {
	col, ok := s.store.Collection(c.agreement())
	if !ok && c.caller.Operator {
		return nil, s.missing(c.agreement())
	}
	if !ok {
		return nil, notFound("there is no agreement %s", c.name())
	}
	terms, now := col.Agreement(), s.now()
	if agreement.Permit(terms, c.caller, agreement.See, now) != nil {
		return nil, notFound("there is no agreement %s", c.name())
	}
	if err := agreement.Permit(terms, c.caller, agreement.Refusals, now); err != nil {
		return nil, err
	}
	r := &refusals{col: col, terms: terms, since: ingest.RefusedSince(terms, now)}
	if !c.caller.Operator {
		r.party = c.caller.Party
	}
	return r, nil
}

// each visits what is kept, after a place.
func (r *refusals) each(after []byte, visit func(store.KeptRefusal) bool) error {
	if r.terms.Accept.KeepRefusedDays == 0 {
		return nil
	}
	return r.col.Refused(r.party, r.since, after, visit)
}

func (s *Service) serveRefused(c call) (any, error) {
	r, err := s.refusals(c)
	if err != nil {
		return nil, err
	}
	values, err := parameters(c.Request, "rule", "limit", "next")
	if err != nil {
		return nil, err
	}
	_, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	limit = min(limit, audit.PageDefault) // each has a message
	after, err := base64.RawURLEncoding.DecodeString(values.Get("next"))
	if err != nil {
		return nil, badQuery("the parameter next is not one that this server gave")
	}
	days := r.terms.Accept.KeepRefusedDays
	list := RefusedList{Agreement: string(r.terms.Name), Days: days, Rules: []RuleCount{}, Objects: []Refused{}}
	rules := map[string]int{}
	var last []byte
	err = r.each(nil, func(k store.KeptRefusal) bool {
		one := refusedOf(k, days)
		rules[one.Rule]++
		if rule := values.Get("rule"); rule != "" && rule != one.Rule {
			return true
		}
		list.Total++
		list.Bytes += k.Size
		switch {
		case string(k.Place) <= string(after):
		case len(list.Objects) < limit:
			list.Objects, last = append(list.Objects, one), k.Place
		default:
			list.Next = base64.RawURLEncoding.EncodeToString(last)
		}
		return true
	})
	list.Rules = ruleCounts(rules)
	return list, err
}

// ruleCounts lists counts, the largest first.
func ruleCounts(rules map[string]int) []RuleCount {
	list := []RuleCount{}
	for rule, n := range rules {
		list = append(list, RuleCount{Rule: rule, Count: n})
	}
	slices.SortFunc(list, func(a, b RuleCount) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Rule, b.Rule)) })
	return list
}

// get returns one refused object with its text. What the caller must not see does not exist.
func (r *refusals) get(text string) (store.KeptRefusal, error) {
	missing := notFound("the agreement %s keeps no refused object %s", r.terms.Name, text)
	key, ok := store.ParseRefusedKey(text)
	if !ok {
		return store.KeptRefusal{}, missing
	}
	k, ok, err := r.col.RefusedObject(key)
	if err == nil && (!ok || r.terms.Accept.KeepRefusedDays == 0 || k.At.Before(r.since) || r.party != "" && r.party != k.Party) {
		err = missing
	}
	return k, err
}

func (s *Service) serveRefusedText(c call) (any, error) {
	r, err := s.refusals(c)
	if err != nil {
		return nil, err
	}
	k, err := r.get(c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	answer := RefusedText{refusedOf(k, r.terms.Accept.KeepRefusedDays), k.Text}
	if s.audit.Deliveries == nil || isAtTheMachine(c.caller.Account) {
		return answer, nil
	}
	return noted{answer, func() (func(bool), error) {
		begun, err := s.audit.Deliveries.Begin(c.Context(), delivery.Delivery{Collection: r.col.ID(), Account: string(c.caller.Account),
			Party: string(c.caller.Party), Way: delivery.Refused, Filter: k.Key.String(), At: s.now()})
		if err != nil {
			return nil, fmt.Errorf("note a delivery: %w", err)
		}
		return begun.End, nil
	}}, nil
}

// retryRefused says what to try again: one of its members.
type retryRefused struct {
	Keys []string `json:"keys,omitempty"`
	Rule string   `json:"rule,omitempty"`
	All  bool     `json:"all,omitempty"`
}

// RetryAnswer says what came of trying again.
type RetryAnswer struct {
	Tried    int         `json:"tried"`
	Accepted int         `json:"accepted"`
	Refused  int         `json:"refused"`
	Rules    []RuleCount `json:"rules"`
	Statuses []string    `json:"statuses"`
}

func (s *Service) serveRetry(c call) (any, error) {
	r, err := s.refusals(c)
	if err != nil {
		return nil, err
	}
	var body retryRefused
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	keys, err := r.asked(body)
	if err != nil {
		return nil, err
	}
	answer := RetryAnswer{Rules: []RuleCount{}, Statuses: []string{}}
	tried := map[store.RefusedKey]bool{}
	for _, party := range slices.Sorted(maps.Keys(keys)) {
		if party == agreement.MirrorParty {
			these, accepted, err := mirror.Retry(c.Context(), r.col, keys[party], s.now(), s.limits)
			if err != nil {
				return nil, err
			}
			answer.Tried += len(these)
			answer.Accepted += accepted
			answer.Refused += len(these) - accepted
			for _, key := range these {
				tried[key] = true
			}
			continue
		}
		p, ok := s.store.Registry().Party(party)
		if !ok {
			p = agreement.Party{Name: party}
		}
		by := agreement.Caller{Account: c.caller.Account, Party: party}
		result, these, err := ingest.Retry(c.Context(), r.col, by, p, keys[party], ingest.Options{
			Now: s.now(), Limits: s.limits, OnBehalf: c.caller.Operator,
		})
		if err != nil {
			return nil, err
		}
		if result == nil {
			continue
		}
		answer.Tried += len(these)
		answer.Accepted += result.Successes
		answer.Refused += result.Failures
		answer.Statuses = append(answer.Statuses, result.ID.String())
		for _, key := range these {
			tried[key] = true
		}
	}
	rules := map[string]int{}
	err = r.each(nil, func(k store.KeptRefusal) bool {
		if tried[k.Key] {
			rule, _ := ingest.WhyRefused(k.RefusedObject)
			rules[rule]++
		}
		return true
	})
	answer.Rules = ruleCounts(rules)
	return answer, err
}

// asked returns the keys that a request names, by party.
func (r *refusals) asked(body retryRefused) (map[agreement.PartyName][]store.RefusedKey, error) {
	given := 0
	for _, is := range []bool{len(body.Keys) > 0, body.Rule != "", body.All} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, badQuery("what to try again is one of keys, rule and all")
	}
	keys := map[agreement.PartyName][]store.RefusedKey{}
	if len(body.Keys) > store.MostRefused {
		return nil, badQuery("%d keys are given, %d at most", len(body.Keys), store.MostRefused)
	}
	for _, text := range body.Keys {
		k, err := r.get(text)
		if err != nil {
			return nil, err
		}
		keys[k.Party] = append(keys[k.Party], k.Key)
	}
	if len(body.Keys) > 0 {
		return keys, nil
	}
	err := r.each(nil, func(k store.KeptRefusal) bool {
		if rule, _ := ingest.WhyRefused(k.RefusedObject); body.All || rule == body.Rule {
			keys[k.Party] = append(keys[k.Party], k.Key)
		}
		return true
	})
	return keys, err
}

// refusedPath is the path of what an agreement refused.
func refusedPath(name agreement.Name, rest string) string {
	return "agreements/" + url.PathEscape(string(name)) + "/refused/" + rest
}
