package follow

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What a release remembers in the target's file, by the first byte of the key.
const (
	keyRule  = "rule"  // fingerprint of the rule and the target's terms that what is here was judged by
	keyReset = "reset" // position up to which everything is judged anew; absent when nothing is
	keyEnded = "ended" // everything was taken back; why

	prefixOver  = "o" // id -> instant of the newest version that was marked above the ceiling
	prefixAid   = "a" // id: it goes because something released needs it to be understood
	prefixWait  = "w" // id, 0, position: what was added there waits for id
	prefixRefer = "r" // id, 0, id of a relationship or sighting here that refers to it
	prefixQueue = "q" // number -> task that did not fit in the last batch
)

// memory is what a follower remembers, with the changes of one batch laid over it.
type memory struct {
	look  *store.Look // nil: it begins empty
	name  string
	over  map[string]change
	added map[string][]string // by list: what was put into it in this batch
	empty [256]bool           // by the first byte of a key: nothing was remembered under such before
	begun [256]bool           // by the first byte of a key: something is since
}

type change struct {
	value []byte
	gone  bool
}

func newMemory(l *store.Look, name string) *memory {
	m := &memory{look: l, name: name, over: make(map[string]change), added: make(map[string][]string)}
	for _, prefix := range []string{prefixOver, prefixAid, prefixWait, prefixRefer, prefixQueue} {
		m.empty[prefix[0]] = l == nil || !l.Remembers(name, []byte(prefix))
	}
	return m
}

func (m *memory) get(key string) ([]byte, bool) {
	if ch, ok := m.over[key]; ok {
		return ch.value, !ch.gone
	}
	if m.look == nil || m.empty[key[0]] {
		return nil, false
	}
	v := m.look.Memory(m.name, key)
	return v, v != nil
}

// of is what is remembered of an object.
func (m *memory) of(prefix string, id stix.ID) ([]byte, bool) {
	if m.nothing(prefix) {
		return nil, false
	}
	return m.get(prefix + string(id))
}

// nothing says that nothing is remembered under keys with a prefix.
func (m *memory) nothing(prefix string) bool {
	return !m.begun[prefix[0]] && (m.look == nil || m.empty[prefix[0]])
}

func (m *memory) set(key string, value []byte) {
	m.over[key] = change{value: value}
	m.begun[key[0]] = true
}

func (m *memory) unset(key string) { m.over[key] = change{gone: true} }

// put puts a word into a list.
func (m *memory) put(list, word string) {
	if _, there := m.get(list + word); !there {
		m.set(list+word, nil)
		m.added[list] = append(m.added[list], word)
	}
}

// words are those of a list, in order.
func (m *memory) words(list string) []string {
	var words []string
	if m.look != nil && !m.empty[list[0]] {
		m.look.MemoryWith(m.name, []byte(list), func(rest, _ []byte) {
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

// update is the batch's changes as the store keeps them.
func (m *memory) update(position journal.Position) *store.FollowerUpdate {
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

// waits says whether anything waits for an object.
func (m *memory) waits(id stix.ID) bool {
	return !m.nothing(prefixWait) && len(m.words(waitList(id))) > 0
}

// waitedFor are the objects that something waits for, as of the last batch.
func (m *memory) waitedFor() (ids []stix.ID) {
	if m.look == nil {
		return nil
	}
	m.look.MemoryWith(m.name, []byte(prefixWait), func(rest, _ []byte) {
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

// task is something that follows from what was done and is done before the next entry: wake what waits for an object that
// has come, or take back what refers to one that has gone.
type task struct {
	kind byte // taskWake or taskCascade
	id   stix.ID
}

const (
	taskWake    = 'w'
	taskCascade = 'c'
)

// loadQueue reads the tasks that the last batch left.
func (m *memory) loadQueue() (tasks []task, words []string) {
	for _, word := range m.words(prefixQueue) {
		words = append(words, word)
		if v, ok := m.get(prefixQueue + word); ok && len(v) > 1 {
			tasks = append(tasks, task{v[0], stix.ID(v[1:])})
		}
	}
	return tasks, words
}

// keepQueue keeps the tasks that are left, in place of those that were loaded under words.
func (m *memory) keepQueue(tasks []task, words []string) {
	for _, word := range words {
		m.unset(prefixQueue + word)
	}
	for i, t := range tasks {
		key := prefixQueue + positionWord(journal.Position(i))
		m.set(key, []byte(strings.Join([]string{string(t.kind), string(t.id)}, "")))
	}
}
