package main

import (
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/taxii"
)

// answersOf returns what a status says about each item, in the order of the items. A status names objects by identifier
// and version, not by index: several with the same name are distinguished by their content, and by what is stored,
// which stored fetches.
func answersOf(items []item, status taxii.Status, stored func(item) [][]byte) []pushAnswer {
	m := matching{items: items, stored: stored, answers: make([]pushAnswer, len(items)), byName: map[[2]string][]int{}}
	for i, it := range items {
		m.answers[i] = pushAnswer{item: it}
		id, version := it.header()
		m.byName[[2]string{id, version}] = append(m.byName[[2]string{id, version}], i)
		if version != "" {
			m.byName[[2]string{id}] = append(m.byName[[2]string{id}], i)
		}
	}
	m.failures(status)
	for _, s := range status.Successes {
		if i := m.free(s); i >= 0 {
			m.answers[i].Outcome, m.answers[i].Message = outcomeOf(s.Message), s.Message
		}
	}
	return m.rest(status)
}

// matching assigns what a status says to items.
type matching struct {
	items   []item
	answers []pushAnswer
	byName  map[[2]string][]int // id, version -> items; id alone -> items with a version
	unnamed []taxii.StatusDetail
	stored  func(item) [][]byte
}

// free returns the first item that a detail names and that has no answer yet, or -1.
func (m *matching) free(d taxii.StatusDetail) int {
	for _, name := range [][2]string{{d.ID, d.Version}, {d.ID}} {
		for _, i := range m.byName[name] {
			if m.answers[i].Outcome == "" {
				return i
			}
		}
	}
	return -1
}

// failures assigns the failures to items, those with the same name together.
func (m *matching) failures(status taxii.Status) {
	counts := map[[2]string]int{}
	for _, f := range status.Failures {
		counts[[2]string{f.ID, f.Version}]++
	}
	queues := map[[2]string][]int{}
	for _, f := range status.Failures {
		name := [2]string{f.ID, f.Version}
		queue, known := queues[name]
		if !known && len(m.byName[name]) > counts[name] {
			queue = m.losers(m.byName[name], counts[name])
		}
		i := -1
		if len(queue) > 0 {
			i, queue = queue[0], queue[1:]
		}
		queues[name] = queue
		if i < 0 || m.answers[i].Outcome != "" {
			i = m.free(f)
		}
		if i < 0 {
			m.unnamed = append(m.unnamed, f)
			continue
		}
		m.fail(i, f)
	}
}

func (m *matching) fail(i int, f taxii.StatusDetail) {
	a := &m.answers[i]
	a.Outcome, a.ID, a.Version, a.Message = pushRefused, f.ID, f.Version, f.Message
}

// losers returns the n items that a server refused among several with the same identifier and version. Only one text of
// a version is stored, so all that are invalid or differ in content are refused. If more than one could be stored, it
// asks the server which is; if the server does not say, it assumes the first.
func (m *matching) losers(places []int, n int) []int {
	var valid []int
	for _, i := range places {
		o, findings := validate.Parse(m.items[i].raw, new(ijson.Tree), ijson.Limits{})
		if !validate.Invalid(findings) && !validate.Invalid(validate.Object(o, validate.Options{SpecVersions: []string{"2.1", "2.0"}})) {
			valid = append(valid, i)
		}
	}
	var winners []int
	for _, stored := range append(slices.Clone(valid), places...) {
		alike := func(i int) bool { return stix.SameContent(m.items[stored].raw, m.items[i].raw) }
		if len(m.lost(places, valid, stored)) == n && !slices.ContainsFunc(winners, alike) {
			winners = append(winners, stored)
		}
	}
	if len(winners) == 0 {
		return places[len(places)-n:] // the server has other reasons; it stores the first
	}
	if len(winners) > 1 {
		for _, text := range m.stored(m.items[places[0]]) {
			for _, i := range winners {
				if stix.SameContent(text, m.items[i].raw) {
					return m.lost(places, valid, i)
				}
			}
		}
	}
	return m.lost(places, valid, winners[0])
}

// lost returns the items that are refused if the given one is stored.
func (m *matching) lost(places, valid []int, stored int) (lost []int) {
	for _, i := range places {
		if !slices.Contains(valid, i) && slices.Contains(valid, stored) || !stix.SameContent(m.items[stored].raw, m.items[i].raw) {
			lost = append(lost, i)
		}
	}
	return lost
}

// rest completes what the status leaves out. Servers need not list successes, nor all failures; failures of objects
// without a usable identifier are assigned to the remaining items, in order.
func (m *matching) rest(status taxii.Status) []pushAnswer {
	var left []int
	for i := range m.answers {
		if m.answers[i].Outcome == "" {
			left = append(left, i)
		}
	}
	unlisted := max(0, status.FailureCount-len(status.Failures))
	if len(left) == len(m.unnamed)+unlisted || len(status.Successes) == 0 && len(m.unnamed) == len(left) {
		for n, f := range m.unnamed {
			m.fail(left[n], f)
		}
		left, m.unnamed = left[len(m.unnamed):], nil
		for _, i := range left {
			if unlisted > 0 {
				m.fail(i, taxii.StatusDetail{Message: "the server does not list this refusal (status " + status.ID + ")"})
				unlisted--
				continue
			}
			m.answers[i].Outcome = pushNew
		}
		return m.answers
	}
	for _, f := range m.unnamed { // their objects are unknown
		m.answers = append(m.answers, pushAnswer{Outcome: pushRefused, ID: f.ID, Version: f.Version, Message: f.Message})
	}
	refused := len(m.unnamed) + unlisted
	for _, i := range left {
		m.answers[i].Outcome = pushNew
	}
	// Leave as many items without an answer as were refused.
	for n := len(left) - 1; n >= 0 && refused > 0; n-- {
		m.answers[left[n]].Outcome = pushUnknown
		refused--
	}
	for range unlisted {
		m.answers = append(m.answers, pushAnswer{Outcome: pushRefused, Message: "the server does not list this refusal (status " + status.ID + ")"})
	}
	return m.answers
}

// outcomeOf reads what Accord says about an accepted object. For another server every object is new.
func outcomeOf(message string) pushOutcome {
	switch {
	case strings.HasPrefix(message, "already present"):
		return pushPresent
	case strings.HasPrefix(message, "corrected"):
		return pushCorrected
	}
	return pushNew
}
