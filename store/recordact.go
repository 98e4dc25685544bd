package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Record adds an entry to the server's journal about something that changes no document: a restore, a key's rotation.
func (s *Store) Record(ctx context.Context, by Actor, act, subject, reason string) error {
	m := &registryMessage{by: by}
	err := s.write(ctx, m, func(tx *bolt.Tx) error {
		m.records = []registryRecord{{act: act, subject: subject, reason: journal.CleanText(reason)}}
		return m.records[0].apply(tx, m)
	})
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", act, subject, err)
	}
	return nil
}

// actRestore is the act of entries that say that what follows them follows a backup.
const actRestore = "restore"

// RecordRestore enters a restore into the journals that were restored: that of the agreement name or, without a name, those of all
// agreements if all is set, and always the server's own. An auditor who kept a head from after the backup sees where the other
// history begins. An agreement that cannot be opened is passed over: its journal cannot be read either.
func RecordRestore(ctx context.Context, dir string, by Actor, m *BackupManifest, name agreement.Name, all bool) (err error) {
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
