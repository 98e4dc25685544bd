package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

// Checked is what a check found about one thing in a data folder: accord.db, or an agreement.
type Checked struct {
	Name     string   `json:"name"` // accord.db, or the agreement's name
	Entries  uint64   `json:"entries"`
	Versions uint64   `json:"versions"`
	Bytes    uint64   `json:"bytes"` // of objects
	Faults   []string `json:"faults"`
	Remarks  []string `json:"remarks,omitempty"` // what an older version of this program left, and this one would not do
}

// CheckAll checks accord.db, then every agreement: each file by itself, and that no follower is ahead of the journal
// that it follows. If names are given, it checks only those agreements. It calls report after each, and works while
// others write.
func (s *Store) CheckAll(ctx context.Context, names []agreement.Name, report func(Checked)) error {
	now := s.now.Load()
	wanted := map[agreement.Name]bool{}
	for _, name := range names {
		_, there := now.byName[name]
		for _, u := range now.unavailable {
			there = there || u.Name == name
		}
		if !there {
			return fmt.Errorf("check agreement %s: there is none of that name", name)
		}
		wanted[name] = true
	}
	run := UpkeepRun{At: s.opts.Now().UTC()}
	if tell := report; len(names) == 0 {
		report = func(c Checked) {
			run.Faults += len(c.Faults)
			tell(c)
		}
		report(s.checkRegistry())
	}
	for _, u := range now.unavailable {
		if len(names) == 0 || wanted[u.Name] {
			report(Checked{Name: string(u.Name), Faults: []string{u.Reason.Error()}})
		}
	}
	for _, col := range now.collections {
		if name := col.Agreement().Name; len(names) > 0 && !wanted[name] {
			continue
		}
		c, err := s.checkCollection(ctx, col)
		if err != nil {
			return err
		}
		report(c)
	}
	if len(names) == 0 {
		s.noteUpkeep(func(u *Upkeep) { u.Check = &run })
	}
	return nil
}

func (s *Store) checkCollection(ctx context.Context, col *Collection) (Checked, error) {
	c := Checked{Name: string(col.Agreement().Name)}
	faults, remarks, err := col.check(ctx)
	if err != nil {
		return c, err
	}
	c.Faults, c.Remarks = append(faults, s.checkCursors(col)...), remarks
	if stats, err := col.Stats(); err == nil {
		c.Entries, c.Versions, c.Bytes = stats.Entries, stats.Versions, stats.Bytes
	}
	return c, nil
}

// checkBehind is how long a check waits for a journal in a cluster that is shorter than its followers say.
const checkBehind = 5 * time.Second

// checkCursors compares the cursors of a collection's followers with the journals that they follow.
func (s *Store) checkCursors(col *Collection) (faults []string) {
	cursors := map[string]uint64{}
	err := col.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketCursors).ForEach(func(k, _ []byte) error {
			if p, err := col.progressIn(tx, string(k)); err == nil { // Check reports errors
				cursors[string(k)] = p.position
			}
			return nil
		})
	})
	if err != nil {
		return []string{err.Error()}
	}
	for name, position := range cursors {
		id, ok := strings.CutPrefix(name, releasePrefix)
		if !ok {
			continue
		}
		source, ok := s.now.Load().byID[id]
		if !ok {
			continue // unavailable, or moved away: its follower waits for it
		}
		if source.InCluster() { // files are applied side by side: this one may be ahead for a moment
			ctx, cancel := context.WithTimeout(context.Background(), checkBehind)
			_ = source.Wait(ctx, journal.Position(position)-1)
			cancel()
		}
		behind := source.loggedPlace() < col.loggedPlace() // the log of their cluster has what is between
		if stats, err := source.Stats(); err == nil && position > stats.Entries && !behind {
			faults = append(faults, fmt.Sprintf("the release from %s has come to entry %d, but that journal has %d: one of the two files is from another time",
				source.Agreement().Name, position, stats.Entries))
		}
	}
	return faults
}

// checkRegistry checks accord.db: its journal, the tree over it, and that each document has the digest in its last
// entry.
func (s *Store) checkRegistry() Checked {
	c := Checked{Name: registryName, Faults: []string{}}
	fault := func(format string, args ...any) {
		if len(c.Faults) < mostFaults {
			c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
		}
	}
	err := verifiedbolt.Guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			last, tree := map[string]journal.Digest{}, new(journal.Tree)
			err := tx.Bucket(bucketAdminJournal).ForEach(func(k, b []byte) error {
				c.Entries++
				if string(k) != string(positionKey(journal.Position(c.Entries))) {
					return fmt.Errorf("the entry at %d is missing", c.Entries)
				}
				e, err := journal.ParseEntry(b)
				if err != nil {
					return fmt.Errorf("the entry at %d: %w", c.Entries, err)
				}
				tree.Add(journal.LeafHash(b))
				if err := e.Check(); err != nil {
					fault("the entry at %d is malformed: %v", c.Entries, err)
				}
				if !changesDocument(e) {
					return nil // of a head, of deliveries, or of something that changes no document
				}
				if before, ok := last[e.Subject]; ok && before != e.Before {
					fault("the entry at %d changes a %s that was not in force", c.Entries, e.Subject)
				}
				if e.Digest == (journal.Digest{}) { // it is gone
					delete(last, e.Subject)
					return nil
				}
				last[e.Subject] = e.Digest
				return nil
			})
			if err != nil {
				return err
			}
			if err := sameTree(tx, tree); err != nil {
				fault("%v", err)
			}
			if tx.Bucket(bucketLog) != nil {
				checkLogState(tx, fault)
			}
			return checkDocuments(tx, last, fault)
		})
	})
	if err != nil {
		fault("%v", err)
	}
	return c
}

// sameTree compares the stored tree over accord.db's journal with the tree that its entries make.
func sameTree(tx *bolt.Tx, tree *journal.Tree) error {
	want, err := tree.Root(tree.Size())
	if err != nil {
		return err
	}
	got, err := tlog.TreeHash(int64(tree.Size()), treeHashes{tx.Bucket(bucketAdminHashes), tx.Bucket(bucketAdminJournal)})
	if err != nil {
		return fmt.Errorf("the tree: %w", err)
	}
	if got != want {
		return fmt.Errorf("the tree has the head %s, but the entries make %s", got, want)
	}
	return nil
}

// checkDocuments compares each document with the digest in its last entry.
func checkDocuments(tx *bolt.Tx, last map[string]journal.Digest, fault func(string, ...any)) error {
	for _, kind := range []struct {
		bucket []byte
		what   string
	}{{bucketServer, ""}, {bucketRoots, "api root "}, {bucketParties, "party "}, {bucketAccounts, "account "}, {bucketAgreements, "agreement "}} {
		err := tx.Bucket(kind.bucket).ForEach(func(name, doc []byte) error {
			subject := kind.what + string(name)
			if digest, ok := last[subject]; !ok || digest != sha256.Sum256(doc) {
				fault("the %s is not as its last entry has it", subject)
			}
			delete(last, subject)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for subject := range last {
		fault("the %s is missing, though the journal has it", subject)
	}
	return nil
}
