package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Standing is what accord.db remembers of an agreement's terms for the day when its file cannot be opened: its parties are
// told then that it is not available, and others that it does not exist. Rights never follow from it.
type Standing struct {
	APIRoot string                 `json:"api_root"`
	Alias   string                 `json:"alias,omitempty"`
	Parties []agreement.Membership `json:"parties,omitempty"`
	Public  bool                   `json:"public,omitempty"`
}

// keyStanding is the key in accord.db's meta bucket of all Standings, by collection. It is no part of its journal.
var keyStanding = []byte("standing")

// Knows reports whether a caller had a role in the agreement. Of an agreement whose parties are not remembered, everyone
// who knows its id has.
func (u Unavailable) Knows(caller agreement.Caller) bool {
	if u.Standing == nil {
		return true
	}
	a := agreement.Agreement{Parties: u.Standing.Parties, Public: u.Standing.Public}
	_, member := a.Member(caller.Party)
	return caller.Operator || member || u.Standing.Public
}

// In reports whether a name is the agreement's collection in an API root: its id, or its alias as it is remembered.
func (u Unavailable) In(root, name string) bool {
	if u.Collection.String() == name {
		return u.Standing == nil || u.Standing.APIRoot == root
	}
	return u.Standing != nil && u.Standing.APIRoot == root && u.Standing.Alias != "" && u.Standing.Alias == name
}

func standingIn(tx *bolt.Tx) (map[uuid.UUID]Standing, error) {
	known := make(map[uuid.UUID]Standing)
	if text := tx.Bucket(bucketRegistryMeta).Get(keyStanding); text != nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return nil, fmt.Errorf("read what is remembered of agreements: %w", err)
		}
	}
	return known, nil
}

// recallStanding adds to agreements that cannot be opened what is remembered of them.
func (s *Store) recallStanding(list []Unavailable) error {
	if len(list) == 0 {
		return nil
	}
	return s.db.View(func(tx *bolt.Tx) error {
		known, err := standingIn(tx)
		for i := range list {
			if st, ok := known[list[i].Collection]; ok {
				list[i].Standing = &st
			}
		}
		return err
	})
}

// noteStanding remembers the terms that are in force now, if they are others than those remembered.
func (s *Store) noteStanding() error {
	c := s.now.Load()
	var was []byte
	now := make(map[uuid.UUID]Standing)
	err := s.db.View(func(tx *bolt.Tx) error {
		was = bytes.Clone(tx.Bucket(bucketRegistryMeta).Get(keyStanding))
		known, err := standingIn(tx)
		if err != nil {
			return nil //nolint:nilerr // it is made anew
		}
		for _, u := range c.unavailable {
			if st, ok := known[u.Collection]; ok {
				now[u.Collection] = st
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what is remembered of agreements: %w", err)
	}
	for _, col := range c.collections {
		a := col.Agreement()
		now[col.ID()] = Standing{APIRoot: a.APIRoot, Alias: a.Collection.Alias, Parties: a.Parties, Public: a.Public}
	}
	text, err := json.Marshal(now)
	if err != nil || bytes.Equal(text, was) || len(now) == 0 && was == nil {
		return err
	}
	err = s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketRegistryMeta).Put(keyStanding, text) })
	if err != nil {
		return fmt.Errorf("remember the parties of agreements: %w", err)
	}
	return nil
}
