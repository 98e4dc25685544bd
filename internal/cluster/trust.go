package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// trustName is a document, in the cluster's folder of the data folder of a follower, that says which of its entries voters have too.
const trustName = "following.json"

// trust records which nodes gave a follower entries that no voter has confirmed yet, which nodes it does not believe, and the voters
// that it asks.
type trust struct {
	path string

	mu    sync.Mutex
	is    trustDocument // guarded by mu
	times uint64        // guarded by mu; how often entries were given
}

type trustDocument struct {
	Verified   uint64          `json:"verified"`             // up to here voters have the same
	Gave       map[uint64]bool `json:"gave,omitempty"`       // nodes that gave something behind it
	Distrusted map[uint64]bool `json:"distrusted,omitempty"` // nodes that gave something else than voters have
	Voters     []Member        `json:"voters,omitempty"`     // the members that are asked
}

func readTrust(dir string) (*trust, error) {
	t := &trust{path: filepath.Join(dir, folderName, trustName)}
	text, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t.is)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.path, err)
	}
	return t, nil
}

// write writes the document. The caller holds t.mu.
func (t *trust) write() error {
	text, err := json.Marshal(t.is)
	if err != nil {
		return err
	}
	return writeFile(t.path, text)
}

// verified returns up to where voters have the same, and how often entries were given until now.
func (t *trust) verified() (place, times uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.is.Verified, t.times
}

// advance notes that voters have the same up to a place. What is behind it was given by one node only, if that is not 0, and if
// entries were given so often and no more.
func (t *trust) advance(place, only, times uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place <= t.is.Verified {
		return nil
	}
	t.is.Verified = place
	if only != 0 && t.times == times {
		t.is.Gave = map[uint64]bool{only: true}
	}
	return t.write()
}

// gives notes that a node gives entries, before they are used.
func (t *trust) gives(m Member) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times++
	if t.is.Gave[m.ID] {
		return nil
	}
	gave := map[uint64]bool{m.ID: true}
	for id := range t.is.Gave {
		gave[id] = true
	}
	t.is.Gave = gave
	return t.write()
}

// voters returns the members that are asked.
func (t *trust) voters() []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.is.Voters)
}

// keep has these members asked.
func (t *trust) keep(voters []Member) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.is.Voters = voters
	return t.write()
}

// distrusted reports whether a node is not believed.
func (t *trust) distrusted(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.is.Distrusted[id]
}

// distrust has those not believed any more that gave something, but not these. It returns their names.
func (t *trust) distrust(members *Members, but []uint64) (names string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range but {
		delete(t.is.Gave, id)
	}
	t.is.Verified = 0 // the files that are fetched now may be older
	if t.is.Distrusted == nil {
		t.is.Distrusted = map[uint64]bool{}
	}
	var list []string
	for id := range t.is.Gave {
		t.is.Distrusted[id] = true
		if m, ok := members.Node(id); ok {
			list = append(list, m.Name)
		}
	}
	if len(list) == 0 {
		list = []string{"another node"}
	}
	return strings.Join(list, " or "), t.write()
}

// believe has a node believed again.
func (t *trust) believe(id uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.is.Distrusted[id] {
		return nil
	}
	delete(t.is.Distrusted, id)
	return t.write()
}
