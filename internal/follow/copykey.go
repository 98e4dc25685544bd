package follow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/accord-taxii/accord/store"
)

// Each agreement that releases changed copies has a key of its own, drawn once and kept in its file: derived identifiers stay
// the same for ever, and cannot be computed without the file.
const (
	copyFollower = "copies"
	keyOfCopies  = "key"
)

// copyKey returns the key of an agreement's changed copies; nil if it has none yet.
func copyKey(source *store.Collection) (key []byte, err error) {
	err = source.Snapshot(func(l *store.Snapshot) error {
		key = append([]byte(nil), l.State(copyFollower, keyOfCopies)...)
		return nil
	})
	return key, err
}

// copyKeyFor returns the key of a route that changes what it passes on, drawn if there is none; nil for another route.
func copyKeyFor(r route) ([]byte, error) {
	if !r.rule.Changes() {
		return nil, nil
	}
	key, err := copyKey(r.source)
	if err != nil || len(key) > 0 {
		return key, err
	}
	key = make([]byte, 32)
	rand.Read(key)
	_, err = r.source.Append(context.Background(), store.Batch{Follower: &store.FollowerUpdate{
		Name: copyFollower, Set: []store.KeyValue{{Key: []byte(keyOfCopies), Value: key}},
	}})
	if errors.Is(err, store.ErrStale) { // another release drew it
		return copyKey(r.source)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the key of changed copies: %w", err)
	}
	return key, nil
}
