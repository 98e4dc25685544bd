package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Decision approves or refuses a version that waits in a release.
type Decision struct {
	Of     journal.Position // of the entry that added the version
	Target uuid.UUID        // of the release; see agreement.Release.TargetID
	Refuse bool             // otherwise it approves
	Reason string
}

// Decisions are the decisions about a version in a release that count: a refusal, or approvals.
type Decisions struct {
	Accounts []agreement.AccountName // that have approved, each once; of a refusal the one
	Refused  bool
}

// decisionsFollower is the name under which the state of decisions is kept, beside that of followers: the id of the target and
// the position of the version, to 'a' or 'r' and accounts, each followed by a zero byte.
const decisionsFollower = "decisions"

// The acts of decisions.
const (
	actApprove = "approve"
	actRefuse  = "refuse"
)

func (d *Decision) check() error {
	if d.Of == 0 || d.Target == (uuid.UUID{}) || d.Reason == "" {
		return errors.New("a decision names a version and a target, and has a reason")
	}
	return nil
}

func decisionKey(target uuid.UUID, of journal.Position) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(target[:]), uint64(of))
}

func parseDecisions(v []byte) (d Decisions) {
	if len(v) < 2 {
		return d
	}
	d.Refused = v[0] == 'r'
	for _, name := range bytes.Split(v[1:len(v)-1], []byte{0}) {
		d.Accounts = append(d.Accounts, agreement.AccountName(name))
	}
	return d
}

func (d Decisions) encode() []byte {
	v := []byte{'a'}
	if d.Refused {
		v[0] = 'r'
	}
	for _, name := range d.Accounts {
		v = append(append(v, name...), 0)
	}
	return v
}

// decide records a decision. One account approves a version once; a refusal ends what was approved, and an approval a refusal.
func (a *applier) decide(ch *preparedChange) error {
	d := ch.Decide
	*a.out = Outcome{Kind: Missing}
	if uint64(d.Of) > a.stats.entries { // also one that the group adds: it cannot have been seen
		return nil
	}
	of, err := a.entryAt(d.Of)
	if err != nil {
		return err
	}
	if of.Kind != journal.Added || a.objects.Get(addedKey(uint64(of.At.UnixMicro()))) == nil {
		return nil
	}
	key := followerKey(decisionsFollower, decisionKey(d.Target, d.Of))
	kept, err := verifyChecksum(key, bytes.Clone(a.followers.Get(key)))
	if err != nil {
		return err
	}
	now := parseDecisions(kept)
	if now.Refused == d.Refuse && slices.Contains(now.Accounts, a.actor.Account) {
		a.out.Kind = Already
		return nil
	}
	if now.Refused || d.Refuse {
		now = Decisions{Refused: d.Refuse}
	}
	now.Accounts = append(now.Accounts, a.actor.Account)
	if err := a.followers.Put(key, withChecksum(key, now.encode())); err != nil {
		return fmt.Errorf("keep a decision: %w", err)
	}
	if a.cursors.Get([]byte(decisionsFollower)) == nil {
		if err := putProgress(a.cursors, decisionsFollower, progress{}); err != nil {
			return fmt.Errorf("keep a decision: %w", err)
		}
	}
	typ, known := a.typeOf(stix.ID(of.Object).Type())
	id, ok := appendIDKey(nil, typ, stix.ID(of.Object))
	if !known || !ok {
		return nil
	}
	at := a.nextTime(false)
	act := actApprove
	if d.Refuse {
		act = actRefuse
	}
	position := a.addEntry(journal.Entry{
		Kind: journal.Decided, Object: of.Object, Version: of.Version, SpecVersion: of.SpecVersion, Of: d.Of,
		Source: journal.Source{Collection: d.Target}, Act: act, Reason: d.Reason,
	}, ch)
	if err := a.removals.Put(removalKey(id, position), nil); err != nil {
		return fmt.Errorf("keep a decision: %w", err)
	}
	*a.out = Outcome{Kind: DecisionKept, Position: position, At: timeOf(at)}
	return nil
}

// Decisions are the decisions about a version in a release to a target.
func (l *Snapshot) Decisions(target uuid.UUID, of journal.Position) Decisions {
	return parseDecisions(l.State(decisionsFollower, string(decisionKey(target, of))))
}
