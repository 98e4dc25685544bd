package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// clusterState is what a Store has in a cluster.
type clusterState struct {
	entering bool // the folder is opened with a log for the first time
	member   bool // the folder belongs to a cluster
	life     context.Context
	end      context.CancelFunc

	placed   placeMark     // of the last message about accord.db
	clock    atomic.Uint64 // latest clock reading of those
	underway underway      // messages about accord.db
	noted    placeMark     // see NotePlace
	kept     atomic.Uint64 // of noted, in accord.db
}

// keyNoted is the key in accord.db's meta bucket of the place up to which the whole folder has come, with a checksum. It is this
// node's own.
var keyNoted = []byte("noted")

// checkCluster makes sure that a folder of a cluster is opened with the log of that cluster only, and reads where it is there.
func (s *Store) checkCluster() error {
	var format uint64
	var name string
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		meta := tx.Bucket(bucketRegistryMeta)
		if format, err = formatIn(meta, loggedRegistryFormat); err != nil || format < loggedRegistryFormat {
			return err
		}
		name = string(meta.Get(keyCluster))
		l, err := readLogState(tx)
		if err != nil {
			return err
		}
		s.cluster.placed.set(l.place)
		s.cluster.clock.Store(l.clock)
		v, err := verifyChecksum(keyNoted, meta.Get(keyNoted))
		if len(v) == 8 {
			s.cluster.kept.Store(binary.BigEndian.Uint64(v))
			s.cluster.noted.set(binary.BigEndian.Uint64(v))
		}
		return err
	})
	s.cluster.member = format == loggedRegistryFormat
	switch in := s.cluster.member; {
	case err != nil:
		return err
	case s.opts.ReadOnly:
		return nil
	case s.opts.Log == nil && in:
		return ErrInCluster
	case s.opts.Log != nil && s.opts.Cluster == "":
		return errors.New("a cluster has a name")
	case s.opts.Log != nil && in && name != s.opts.Cluster:
		return fmt.Errorf("it belongs to the cluster %s, not %s", name, s.opts.Cluster)
	}
	s.cluster.entering = s.opts.Log != nil && format != loggedRegistryFormat
	return nil
}

// enterCluster makes a folder one of a cluster after its files are. A crash before leaves a folder that enters it again.
func (s *Store) enterCluster(opened *contents) error {
	if !s.cluster.entering {
		return nil
	}
	for _, u := range opened.unavailable {
		return fmt.Errorf("enter the cluster %s: the agreement %s: %w", s.opts.Cluster, u.Name, u.Reason)
	}
	s.cluster.entering = false
	return s.db.Update(func(tx *bolt.Tx) error {
		if err := enterLog(tx, bucketRegistryMeta, loggedRegistryFormat); err != nil {
			return err
		}
		return tx.Bucket(bucketRegistryMeta).Put(keyCluster, []byte(s.opts.Cluster))
	})
}

// ApplyLog applies a message about accord.db. It must not be called by two goroutines at once; the log's reader calls it, and hands
// out what comes behind only when it has returned, since a message about a collection comes behind the one that creates it. A message at a place that accord.db has is passed over. An error means that nothing has happened:
// DiskErrorOf says of Full that the message can be handed over again; otherwise accord.db or the log is damaged, and this
// node must stop.
func (s *Store) ApplyLog(message Logged) error {
	if err := s.applyLog(message); err != nil {
		return fmt.Errorf("apply the log to accord.db, at place %d: %w", message.Place, err)
	}
	return nil
}

func (s *Store) applyLog(message Logged) (err error) {
	if s.opts.Log == nil {
		return ErrNotInCluster
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(context.Background()); err != nil {
		return err
	}
	if message.Place <= s.cluster.placed.get() {
		return nil
	}
	m, err := parseRegistry(message.Message)
	if err != nil {
		return err
	}
	var made *Collection
	defer func() {
		if err != nil && made != nil {
			err = errors.Join(err, made.close())
		}
	}()
	if m.created != nil {
		if made, err = s.makeLogged(m, message.Place); err != nil {
			return err
		}
	}
	var done admission
	var refusal error
	err = verifiedbolt.Guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) (err error) {
			l, err := readLogState(tx)
			if err != nil {
				return err
			}
			if done, refusal, err = m.judge(tx, l); err != nil {
				return err
			}
			for _, r := range m.records {
				if done != admitted || refusal != nil {
					break
				}
				if err := r.apply(tx, m); err != nil {
					return fmt.Errorf("%s: %w", r.subject, err)
				}
			}
			return l.note(message.Place, m.clock, m.id, done)
		})
	})
	if err != nil {
		return err
	}
	s.cluster.placed.set(message.Place)
	s.cluster.clock.Store(max(s.cluster.clock.Load(), m.clock)) // by one goroutine only
	if done == admitted && refusal == nil && m.changesDocuments() {
		if err := s.reread(made); err != nil {
			return err
		}
	}
	if proposed := s.cluster.underway.claim(m.id); proposed != nil {
		proposed.finish(message.Place, nil, refusal)
	}
	return nil
}

// judge says what is to be done with a message: refusal is why nothing of it happens.
func (m *registryMessage) judge(tx *bolt.Tx, l *logState) (done admission, refusal, err error) {
	if done, err = l.admit(m.clock, m.id); err != nil || done == repeated {
		return done, nil, err
	}
	stale, err := m.stale(tx)
	if stale || done == outdated {
		refusal = ErrStale
	}
	return done, refusal, err
}

// makeLogged makes the file of a new agreement, unless the message does nothing. A file that a crash left is replaced.
func (s *Store) makeLogged(m *registryMessage, place uint64) (*Collection, error) {
	var done admission
	var refusal error
	err := s.db.View(func(tx *bolt.Tx) error {
		l, err := readLogState(tx)
		if err == nil {
			done, refusal, err = m.judge(tx, l)
		}
		return err
	})
	if err != nil || done != admitted || refusal != nil {
		return nil, err
	}
	var listed Listed
	if err := readDocument(m.records[0].document, &listed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	path := s.collectionPath(listed)
	if err := s.removeUnlisted(path); err != nil {
		return nil, err
	}
	if err := makeCollection(path, listed.Collection, *m.created, m.by, m.clock, place, s.collectionOptions()); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if err := syncFolder(filepath.Dir(path), false); err != nil {
		return nil, err
	}
	return s.openListed(listed)
}

// propose has a change of accord.db ordered by the log, and returns when it is applied here. plan is rehearsed first.
func (s *Store) propose(ctx context.Context, m *registryMessage, plan func(*bolt.Tx) error) error {
	if err := s.rehearse(ctx, m, plan); err != nil || len(m.records) == 0 {
		return err
	}
	m.id = uuid.New()
	message, err := encodeRegistry(m)
	if err != nil {
		return err
	}
	p := &pendingBatch{done: make(chan struct{})}
	timeout := cmp.Or(s.opts.ApplyTimeout, applyTimeout)
	s.cluster.underway.propose(s.cluster.life, proposal{s.opts.Log, uuid.UUID{}, m.id, timeout}, &proposedGroup{[]*pendingBatch{p}, make(chan struct{}), message, nil})
	return p.err
}

// rehearse plans a change in a transaction that is not committed.
func (s *Store) rehearse(ctx context.Context, m *registryMessage, plan func(*bolt.Tx) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(ctx); err != nil {
		return err
	}
	m.clock = readingOf(microseconds(s.opts.Now()), s.cluster.clock.Load())
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	size := adminEntries(tx)
	if m.revision == 0 {
		m.revision = size
	}
	stale, err := m.stale(tx)
	if err != nil {
		return err
	}
	if stale {
		return ErrStale
	}
	m.revision = size
	return plan(tx)
}

// proposeAgreement is CreateAgreement in a cluster: one message makes the file and lists it, on every node.
func (s *Store) proposeAgreement(ctx context.Context, by Actor, a *agreement.Agreement) (*Collection, error) {
	revision := s.Registry().Revision
	if err := s.notListed(a); err != nil {
		return nil, err
	}
	first, err := firstTerms(a, s.collectionOptions())
	if err != nil {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, err)
	}
	m := &registryMessage{by: by, revision: revision, created: &first}
	listed := Listed{Name: a.Name, Collection: a.Collection.ID}
	if err := s.write(ctx, m, func(tx *bolt.Tx) error { return m.plan(tx, []recorded{listedRecord(listed)}) }); err != nil {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, err)
	}
	col, ok := s.CollectionOf(a.Collection.ID)
	if !ok {
		return nil, fmt.Errorf("create agreement %s: %w", a.Name, errStoreClosed)
	}
	return col, nil
}

// InCluster reports whether the folder is open as a node of a cluster.
func (s *Store) InCluster() bool { return s.opts.Log != nil }

// CollectionOf finds a collection by its id.
func (s *Store) CollectionOf(id uuid.UUID) (*Collection, bool) {
	col, ok := s.now.Load().byID[id.String()]
	return col, ok
}

// RegistryPlace is the place of the last message about accord.db that it has; 0 without a cluster.
func (s *Store) RegistryPlace() uint64 { return s.cluster.placed.get() }

// Place is the place up to which every file of the folder has all that the log has about it, as NotePlace last said; 0 without a
// cluster. A node that starts reads the log from behind it.
func (s *Store) Place() uint64 { return s.cluster.noted.get() }

// NotePlace says that all messages up to a place were applied by ApplyLog of what they are about, or were about nothing that this
// folder has. That wakes callers of WaitPlace; within seconds, and when the folder is closed, accord.db has it.
func (s *Store) NotePlace(place uint64) { s.cluster.noted.set(place) }

// WaitPlace returns when the folder has come to a place, or ctx ends; without a cluster at once.
func (s *Store) WaitPlace(ctx context.Context, place uint64) error {
	if s.opts.Log == nil {
		return nil
	}
	return waitPlace(ctx, place, &s.cluster.noted, &s.cluster.noted, s.cluster.life.Done())
}

// keepPlace keeps in accord.db how far the folder has come.
func (s *Store) keepPlace() error {
	at := s.Place()
	if s.opts.Log == nil || at == s.cluster.kept.Load() {
		return nil
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		v := binary.BigEndian.AppendUint64(nil, at)
		return tx.Bucket(bucketRegistryMeta).Put(keyNoted, withChecksum(keyNoted, v))
	})
	if err != nil {
		return fmt.Errorf("keep the place in the log: %w", err)
	}
	s.cluster.kept.Store(at)
	return nil
}

// AlignIdentities puts terms in force in which members have the identities that their parties declare, where those in force have
// others because a node stopped between the two. One node of a cluster calls it when it begins to lead; alone, Open does so.
func (s *Store) AlignIdentities(ctx context.Context) error { return s.alignIdentities(ctx, Actor{}) }
