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

// copyKey returns the key of an agreement's changed copies; nil if it has none yet.
func copyKey(source *store.Collection) (key []byte, err error) {
	err = source.Snapshot(func(l *store.Snapshot) error {
		key = append([]byte(nil), l.State(store.CopiesFollower, store.CopiesKey)...)
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
		Name: store.CopiesFollower, Set: []store.KeyValue{{Key: []byte(store.CopiesKey), Value: key}},
	}})
	if errors.Is(err, store.ErrStale) { // another release drew it
		return copyKey(r.source)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the key of changed copies: %w", err)
	}
	return key, nil
}

// previewKey returns the key of a route whose copies are not kept: that of its source, or any if it has none yet.
func previewKey(r route) (key []byte, err error) {
	key, err = copyKey(r.source)
	if err == nil && len(key) == 0 && r.rule.Changes() {
		key = make([]byte, 32)
		rand.Read(key)
	}
	return key, err
}
