package follow

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A release may wait for a time or for an approval, and take back what has expired. What is due is done when its time comes, and is
// then an entry in the target like any other; approvals are entries in the source. A clock that goes back undoes nothing: what
// is in the target stays, and what was withdrawn because it expired does not come again.

// gate reports whether a version has to wait, and records for what. What the target has does not wait again.
func (b *batch) gate(e *entry) (bool, error) {
	rule := b.route.rule
	if !rule.Waits() {
		return false, nil
	}
	h, err := b.targetObject(e.id())
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(h.versions, func(v targetVersion) bool { return v.ours && v.of(e) }) {
		return false, nil
	}
	b.stopWaiting(e)
	if due := rule.Due(e.recorded.At); due.After(b.now) {
		b.state.put(prefixEmbargo, timeWord(due, stix.ID(positionWord(e.position))))
		term := "release.after"
		if due.Equal(rule.NotBefore) {
			term = "release.not_before"
		}
		b.report(e, Held, []agreement.Refusal{{Term: term, Message: "it goes on " + agreement.FormatDate(due)}}, "")
		return true, nil
	}
	need := rule.Approvals()
	if need == 0 {
		return false, nil
	}
	given := b.source.Decisions(rule.TargetID(), e.position)
	switch {
	case given.Refused:
		b.report(e, Refused, []agreement.Refusal{{Term: "release.hold", Message: "it was refused" + byText(given.Accounts)}}, "")
		return true, nil
	case len(given.Accounts) < need:
		b.state.put(prefixHeld, positionWord(e.position))
		b.report(e, Held, []agreement.Refusal{{Term: "release.hold", Message: fmt.Sprintf("it waits for approval, %d of %d given", len(given.Accounts), need)}}, "")
		return true, nil
	}
	return false, nil
}

func byText(accounts []agreement.AccountName) string {
	if len(accounts) == 0 || accounts[0] == "" {
		return ""
	}
	return " by " + string(accounts[0])
}

// stopHolding forgets that a version waits for a time or for an approval.
func (b *batch) stopHolding(p journal.Position, added time.Time) {
	if !b.state.nothing(prefixHeld) {
		b.state.unset(prefixHeld + positionWord(p))
	}
	if !b.state.nothing(prefixEmbargo) {
		b.state.unset(prefixEmbargo + timeWord(b.route.rule.Due(added), stix.ID(positionWord(p))))
	}
}

// stopHoldingUpTo forgets that versions of an object wait which are not newer than one above the ceiling.
func (b *batch) stopHoldingUpTo(e *entry) {
	if b.state.nothing(prefixHeld) && b.state.nothing(prefixEmbargo) {
		return
	}
	versions, err := b.source.Versions(e.id())
	if err != nil {
		return // the next question about the object reports it
	}
	for _, v := range versions {
		if instantKey(v.Entry) <= e.at {
			b.stopHolding(v.Position, v.Entry.At)
		}
	}
}

// decided judges a version again that was approved or refused.
func (b *batch) decided(e *entry) error {
	if e.recorded.Source.Collection != b.route.rule.TargetID() {
		return nil
	}
	return b.again(e.recorded.Of)
}

// expiryOf returns when a version expires in this release; ok is false if it never does.
func (b *batch) expiryOf(e *entry) (at time.Time, ok bool) {
	rule := b.route.rule.Expire
	if rule == nil || e.recorded.Version == "" || !e.present {
		return time.Time{}, false
	}
	t := e.object.Tree
	until, err := stix.ParseInstant(t.Str(t.Member(t.Root(), "valid_until")))
	if err != nil {
		return time.Time{}, false
	}
	return until.Time().Add(time.Duration(rule.Grace)), true
}

// scheduleExpiry has a version that goes judged again when it expires.
func (b *batch) scheduleExpiry(e *entry) {
	if at, ok := b.expiryOf(e); ok && at.After(b.now) {
		b.state.put(prefixExpiry, timeWord(at, stix.ID(positionWord(e.position))))
	}
}

// expire takes back an object that has expired, and reports whether the version at hand goes no further. The newest version of
// an object decides for all.
func (b *batch) expire(e *entry) (bool, error) {
	rule := b.route.rule.Expire
	if rule == nil {
		return false, nil
	}
	over, _ := b.state.about(prefixExpired, e.id())
	at, ok := b.expiryOf(e)
	if !ok || at.After(b.now) {
		if string(over) >= e.at {
			b.report(e, Refused, []agreement.Refusal{{Term: "release.expire", Message: "a later version has expired"}}, "")
			return true, nil
		}
		if len(over) > 0 { // a later version is valid again
			b.state.unset(prefixExpired + string(e.id()))
		}
		return false, b.dropRevocations(e)
	}
	newest, err := b.newest(e)
	if err != nil || !newest && string(over) < e.at {
		return false, err
	}
	if newest {
		b.state.set(prefixExpired+string(e.id()), []byte(e.at))
	}
	b.stopWaiting(e)
	reason := fmt.Sprintf("it expired on %s (release.expire)", agreement.FormatDate(at))
	if rule.ValidUntil == agreement.ExpiryWithdraw {
		b.report(e, Refused, []agreement.Refusal{{Term: "release.expire", Message: "it expired on " + agreement.FormatDate(at)}}, "")
		return true, b.withdraw(e.id(), withdrawal{pick: func(v *targetVersion) bool { return v.notAfter(e) }, reason: reason, by: e.position})
	}
	return true, b.revoke(e, at)
}

// newest reports whether the source has no later version of an object.
func (b *batch) newest(e *entry) (bool, error) {
	versions, err := b.source.Versions(e.id())
	return !slices.ContainsFunc(versions, func(v store.StoredVersion) bool {
		return v.Entry.Version != "" && instantKey(v.Entry) > e.at
	}), err
}

// revoke releases a revoked version of an expired object, if the target has the object. It is dated when the object expired: it
// depends on no clock, and what its author adds later is newer.
func (b *batch) revoke(e *entry, at time.Time) error {
	h, err := b.targetObject(e.id())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(h.versions, func(v targetVersion) bool { return v.ours && v.at == e.at && v.spec == e.recorded.SpecVersion })
	if i < 0 || h.versions[i].position == 0 {
		b.report(e, Refused, []agreement.Refusal{{Term: "release.expire", Message: "it expired on " + agreement.FormatDate(at)}}, "")
		return nil
	}
	text, err := b.target.Text(h.versions[i].position, h.versions[i].recorded)
	if err != nil || text == nil {
		return err
	}
	if least := e.object.Instant.Time().Add(time.Millisecond); at.Before(least) {
		at = least
	}
	tree := new(ijson.Tree)
	if err := tree.Parse(slices.Clone(text), ijson.Limits{Depth: 1 << 20}); err != nil {
		return fmt.Errorf("read %s in %s: %w", e.id(), b.terms.Name, err)
	}
	modified := at.UTC().Truncate(time.Millisecond).Format(stix.TimestampLayout)
	out, _, err := b.changed(e, withMembers(tree, map[string]string{"modified": `"` + modified + `"`, "revoked": "true"}))
	if err != nil {
		return err
	}
	b.report(e, There, []agreement.Refusal{{Term: "release.expire", Message: "it expired on " + agreement.FormatDate(at) + " and is revoked"}}, "")
	if out == nil || h.find(out.key) != nil || b.gone(e, out) {
		return nil
	}
	h.versions = append(h.versions, b.send(e, out))
	return nil
}

// dropRevocations withdraws revoked versions that are newer than a valid version of the author's.
func (b *batch) dropRevocations(e *entry) error {
	if b.route.rule.Expire.ValidUntil != agreement.ExpiryRevoke || e.recorded.Version == "" {
		return nil
	}
	h, err := b.targetObject(e.id())
	if err != nil {
		return err
	}
	var drop []string
	for _, v := range h.versions {
		if !v.ours || v.sealed == (journal.Digest{}) || v.from == 0 || v.at <= e.at {
			continue
		}
		original, err := b.source.Entry(v.from)
		if err != nil {
			return err
		}
		if original.Version != v.version {
			drop = append(drop, v.key)
		}
	}
	if len(drop) == 0 {
		return nil
	}
	return b.withdraw(e.id(), withdrawal{pick: func(v *targetVersion) bool { return slices.Contains(drop, v.key) },
		reason: "a later version of the object is valid", by: e.position})
}

// due reports whether the time of any version under a prefix has come.
func (b *batch) due(prefix string) bool {
	if b.state.nothing(prefix) {
		return false
	}
	word, ok := b.state.first(prefix)
	at, _ := parseTimeWord(word)
	return ok && !at.After(b.now)
}

// runDue judges the versions again whose time has come, until the batch is full, and reports whether none is left.
func (b *batch) runDue(full func() bool) (bool, error) {
	for _, prefix := range []string{prefixExpiry, prefixEmbargo} {
		for b.due(prefix) {
			if full() {
				return false, nil
			}
			word, _ := b.state.first(prefix)
			b.state.unset(prefix + word)
			_, position := parseTimeWord(word)
			if err := b.again(positionOf(string(position))); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// withMembers returns an object's text with some of its members set; their values are JSON, "" leaves one out.
func withMembers(t *ijson.Tree, set map[string]string) []byte {
	text := []byte{'{'}
	written := 0
	write := func(name, value []byte) {
		if written++; written > 1 {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	for name, value := range t.Members(t.Root()) {
		if v, ok := set[t.Str(name)]; ok {
			if v != "" {
				write(t.Raw(name), []byte(v))
			}
			delete(set, t.Str(name))
			continue
		}
		write(t.Raw(name), t.Raw(value))
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		write([]byte(strconv.Quote(name)), []byte(set[name]))
	}
	return append(text, '}')
}
