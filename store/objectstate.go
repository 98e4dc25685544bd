package store

import (
	"encoding/binary"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// ObjectState is what a collection knows of one object.
type ObjectState struct {
	Owner    Owner           // zero when nobody owns it
	Versions []StoredVersion // in their order
	Entries  []journal.Position
}

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
		state.Owner, _, err = s.OwnerOf(id)
		return err
	})
	return state, ok, err
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
