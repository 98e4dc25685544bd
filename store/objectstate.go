package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// ObjectState is what a collection knows of one object.
type ObjectState struct {
	Owner    Owner            // zero if it has none
	Versions []StoredVersion  // in their order
	Removed  []RemovedVersion // versions that are not there any more, in the order of their removal
	Entries  []journal.Position
}

// RemovedVersion is a version that is not there any more.
type RemovedVersion struct {
	Position journal.Position // of the entry that removed it
	Entry    journal.Entry    // that entry
	Bars     Bars
}

// Bars says whom a removal keeps from adding the version again.
type Bars uint8

// The zero value bars no contributor.
const (
	BarsReleases Bars = iota + 1 // that which withdrew it; of what retention removed, all
	BarsEveryone
)

func (b Bars) String() string { return [...]string{"nobody", "releases", "everyone"}[b] }

// ObjectState returns the owner, the stored versions and the positions of all entries about an object; ok is false when
// the journal has never had it.
func (c *Collection) ObjectState(id stix.ID) (state ObjectState, ok bool, err error) {
	err = c.Snapshot(func(s *Snapshot) (err error) {
		if state.Entries, err = entriesOf(s.tx, id); err != nil || len(state.Entries) == 0 {
			return err
		}
		ok = true
		if state.Versions, err = s.Versions(id); err != nil {
			return err
		}
		if state.Removed, err = removedVersions(s.tx, state.Entries); err != nil {
			return err
		}
		state.Owner, _, err = s.OwnerOf(id)
		return err
	})
	return state, ok, err
}

// removedVersions returns, of an object whose entries are given, the versions that were removed and not added again.
func removedVersions(tx *bolt.Tx, entries []journal.Position) (removed []RemovedVersion, err error) {
	type version struct {
		version, spec string
		content       journal.Digest // of an object without versions
	}
	added := make(map[journal.Position]version)
	for _, p := range entries {
		e, err := journal.ParseEntry(tx.Bucket(bucketJournal).Get(positionKey(p)))
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", p, err)
		}
		if e.Kind == journal.Decided {
			continue
		}
		if e.Kind != journal.Added {
			if e.Act == journal.ActCorrect {
				continue // the version is there, with another text
			}
			removed = append(removed, RemovedVersion{Position: p, Entry: e, Bars: barsOf(e)})
			continue
		}
		v := version{version: e.Version, spec: e.SpecVersion}
		if e.Version == "" {
			v.content = e.Digest
		}
		added[p] = v
		removed = slices.DeleteFunc(removed, func(r RemovedVersion) bool { return added[r.Entry.Of] == v })
	}
	return removed, nil
}

func barsOf(removal journal.Entry) Bars {
	switch {
	case bars(removal, uuid.UUID{}):
		return BarsEveryone
	case bars(removal, removal.Source.Collection), removal.Kind == journal.Deleted && bars(removal, uuid.Max):
		return BarsReleases
	}
	return 0
}

// OwnerOf returns the owner of an object, also of one that its owner deleted; ok is false when it has none.
func (s *Snapshot) OwnerOf(id stix.ID) (owner Owner, ok bool, err error) {
	key, known := s.idKey(id)
	if !known {
		return Owner{}, false, nil
	}
	key = slices.Clone(key)
	vs, err := versionsOf(s.versions, key)
	if err != nil {
		return Owner{}, false, err
	}
	if len(vs) > 0 {
		first, err := s.describe(*firstAdded(vs))
		return first.Owner, err == nil, err
	}
	b := s.tx.Bucket(bucketFormerOwners)
	if b == nil { // read-only, of an older format
		return Owner{}, false, nil
	}
	v := b.Get(key)
	if v == nil {
		return Owner{}, false, nil
	}
	adder, _ := binary.Uvarint(v)
	owner, err = s.owner(origin{adder: adder})
	return owner, err == nil, err
}

// owner is the owner of an object with an origin; the zero Owner in a file of an older format, which has none.
func (s *Snapshot) owner(o origin) (Owner, error) {
	if s.ownersNow == nil {
		b := s.tx.Bucket(bucketContributors)
		if b == nil {
			return Owner{}, nil
		}
		a, err := currentTerms(s.tx)
		if err != nil {
			return Owner{}, err
		}
		s.ownersNow = newOwners(newTypeIndex(b), a.Agreement)
	}
	return s.ownersNow.of(o)
}
