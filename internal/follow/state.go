package follow

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What a release keeps in the target's file, by the first byte of the key.
const (
	keyRule  = "rule"  // fingerprint of the rule and the target's terms that the released objects were judged by
	keyReset = "reset" // position up to which entries are judged again; absent otherwise
	keyEnded = "ended" // everything was withdrawn; why

	prefixOver  = "o" // id -> instant of the newest version marked above the ceiling
	prefixAid   = "a" // id: it is released because a released object needs it
	prefixWait  = "w" // id, 0, position: the version added there waits for id
	prefixRefer = "r" // id, 0, id of a relationship or sighting in the target that refers to it
	prefixQueue = "q" // number -> task left over by the last batch
)

// state is what a follower keeps, overlaid with the changes of one batch.
type state struct {
	snapshot *store.Snapshot // nil: it starts empty
	name     string
	over     map[string]change
	added    map[string][]string // by list: words added in this batch
	empty    [256]bool           // by first byte of a key: the file has no such key
	begun    [256]bool           // by first byte of a key: this batch has set one
}

type change struct {
	value []byte
	gone  bool
}

func newState(l *store.Snapshot, name string) *state {
	m := &state{snapshot: l, name: name, over: make(map[string]change), added: make(map[string][]string)}
	for _, prefix := range []string{prefixOver, prefixAid, prefixWait, prefixRefer, prefixQueue} {
		m.empty[prefix[0]] = l == nil || !l.HasState(name, []byte(prefix))
	}
	return m
}

func (m *state) get(key string) ([]byte, bool) {
	if ch, ok := m.over[key]; ok {
		return ch.value, !ch.gone
	}
	if m.snapshot == nil || m.empty[key[0]] {
		return nil, false
	}
	v := m.snapshot.State(m.name, key)
	return v, v != nil
}

// of returns what is kept under a prefix and an object.
func (m *state) s(prefix string, id stix.ID) ([]byte, bool) {
	if m.nothing(prefix) {
		return nil, false
	}
	return m.get(prefix + string(id))
}

// nothing reports that no key has a prefix.
func (m *state) nothing(prefix string) bool {
	return !m.begun[prefix[0]] && (m.snapshot == nil || m.empty[prefix[0]])
}

func (m *state) set(key string, value []byte) {
	m.over[key] = change{value: value}
	m.begun[key[0]] = true
}

func (m *state) unset(key string) { m.over[key] = change{gone: true} }

// put adds a word to a list.
func (m *state) put(list, word string) {
	if _, there := m.get(list + word); !there {
		m.set(list+word, nil)
		m.added[list] = append(m.added[list], word)
	}
}

// words returns the words of a list, in order.
func (m *state) words(list string) []string {
	var words []string
	if m.snapshot != nil && !m.empty[list[0]] {
		m.snapshot.EachState(m.name, []byte(list), func(rest, _ []byte) {
			if ch, ok := m.over[list+string(rest)]; !ok || !ch.gone {
				words = append(words, string(rest))
			}
		})
	}
	before := len(words)
	for _, word := range m.added[list] {
		if !m.over[list+word].gone {
			words = append(words, word)
		}
	}
	if len(words) > before {
		slices.Sort(words)
		words = slices.Compact(words)
	}
	return words
}

// update returns the changes of the batch in the store's form.
func (m *state) update(position journal.Position) *store.FollowerUpdate {
	u := &store.FollowerUpdate{Name: m.name, Position: uint64(position)}
	keys := make([]string, 0, len(m.over))
	for key := range m.over {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if ch := m.over[key]; ch.gone {
			u.Unset = append(u.Unset, []byte(key))
		} else {
			u.Set = append(u.Set, store.KeyValue{Key: []byte(key), Value: ch.value})
		}
	}
	return u
}

// waits reports whether any version waits for an object.
func (m *state) waits(id stix.ID) bool {
	return !m.nothing(prefixWait) && len(m.words(waitList(id))) > 0
}

// waitedFor returns the objects that versions waited for after the last batch.
func (m *state) waitedFor() (ids []stix.ID) {
	if m.snapshot == nil {
		return nil
	}
	m.snapshot.EachState(m.name, []byte(prefixWait), func(rest, _ []byte) {
		id, _, ok := strings.Cut(string(rest), "\x00")
		if ok && (len(ids) == 0 || ids[len(ids)-1] != stix.ID(id)) {
			ids = append(ids, stix.ID(id))
		}
	})
	return ids
}

func waitList(id stix.ID) string { return prefixWait + string(id) + "\x00" }

func referList(id stix.ID) string { return prefixRefer + string(id) + "\x00" }

func positionWord(p journal.Position) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(p)))
}

func positionOf(word string) journal.Position {
	if len(word) != 8 {
		return 0
	}
	return journal.Position(binary.BigEndian.Uint64([]byte(word)))
}

// task follows from an applied entry and runs before the next one: wake what waits for an object that has arrived, or
// withdraw what refers to an object that has left.
type task struct {
	kind byte // taskWake or taskCascade
	id   stix.ID
}

const (
	taskWake    = 'w'
	taskCascade = 'c'
)

// loadQueue returns the tasks that the last batch left, and the words they are kept under.
func (m *state) loadQueue() (tasks []task, words []string) {
	for _, word := range m.words(prefixQueue) {
		words = append(words, word)
		if v, ok := m.get(prefixQueue + word); ok && len(v) > 1 {
			tasks = append(tasks, task{v[0], stix.ID(v[1:])})
		}
	}
	return tasks, words
}

// keepQueue replaces the tasks kept under words by those that are left.
func (m *state) keepQueue(tasks []task, words []string) {
	for _, word := range words {
		m.unset(prefixQueue + word)
	}
	for i, t := range tasks {
		key := prefixQueue + positionWord(journal.Position(i))
		m.set(key, []byte(strings.Join([]string{string(t.kind), string(t.id)}, "")))
	}
}
