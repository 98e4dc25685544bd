package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Record adds an entry to the server's journal about something that changes no document: a restore, a key's rotation.
func (s *Store) Record(ctx context.Context, by Actor, act, subject, reason string) error {
	return s.record(ctx, by, registryRecord{act: act, subject: subject, reason: journal.CleanText(reason)})
}

func (s *Store) record(ctx context.Context, by Actor, r registryRecord) error {
	m := &registryMessage{by: by}
	err := s.write(ctx, m, func(tx *bolt.Tx) error {
		m.records = []registryRecord{r}
		return r.apply(tx, m)
	})
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", r.act, r.subject, err)
	}
	return nil
}

const (
	actSeal     = "seal" // the act of entries that seal deliveries
	sealSubject = "deliveries of collection "
)

// RecordSeal enters the digest of a stretch of an agreement's deliveries, and that of the stretch before, into the server's journal.
// The collection is entered by its id: names are known to those with a role alone.
func (s *Store) RecordSeal(ctx context.Context, collection uuid.UUID, digest, before journal.Digest) error {
	return s.record(ctx, Actor{}, registryRecord{act: actSeal, subject: sealSubject + collection.String() + s.atNode(), root: digest, before: before})
}

// atNode ends the subject of what is a node's own in the journal that all nodes have.
func (s *Store) atNode() string {
	if s.opts.Node == "" {
		return ""
	}
	return " at node " + s.opts.Node
}

// Sealed returns the digests of deliveries that the server's journal has, by collection, the oldest first. In a cluster, where each
// node has its own account of deliveries, they are those of this node.
func (s *Store) Sealed() (map[uuid.UUID][]journal.Digest, error) {
	sealed := map[uuid.UUID][]journal.Digest{}
	var from journal.Position
	for more := true; more; {
		more = false
		err := s.AdminEntries(from+1, pageOfHeads, func(p journal.Position, e journal.Entry, _ []byte) bool {
			from, more = p, true
			if e.Kind != journal.Admin || e.Act != actSeal {
				return true
			}
			text, own := strings.CutSuffix(strings.TrimPrefix(e.Subject, sealSubject), s.atNode())
			if id, err := uuid.Parse(text); own && err == nil {
				sealed[id] = append(sealed[id], e.Digest)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// actRestore is the act of entries that say that what follows them follows a backup.
const actRestore = "restore"

// RecordRestore enters a restore into the journals that were restored: that of the agreement name or, without a name, those of all
// agreements if all is set, and always the server's own. An auditor who kept a head from after the backup sees where the other
// history begins. An agreement that cannot be opened is passed over: its journal cannot be read either.
func RecordRestore(ctx context.Context, dir string, by Actor, m *BackupManifest, name agreement.Name, all bool) (err error) {
	if all { // a backup of a node of a cluster becomes a folder of its own
		if err := LeaveLog(dir); err != nil {
			return fmt.Errorf("record the restore: %w", err)
		}
	}
	s, err := Open(dir, Options{})
	if err != nil {
		return fmt.Errorf("record the restore: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	reason := "from the backup of " + m.Made.UTC().Format(time.RFC3339)
	if m.SignedBy != "" {
		reason += ", signed by " + m.SignedBy
	}
	subject := "server"
	if name != "" {
		subject = "agreement " + string(name)
	}
	for _, col := range s.Collections() {
		a, digest := col.Terms()
		if !all && a.Name != name {
			continue
		}
		_, err := col.Append(ctx, Batch{Actor: by, Terms: digest, Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: actRestore, Reason: reason}}}})
		if err != nil {
			return fmt.Errorf("record the restore of %s: %w", a.Name, err)
		}
	}
	return s.Record(ctx, by, actRestore, subject, reason)
}
