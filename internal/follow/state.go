package follow

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What a release keeps in the target's file, by the first byte of the key.
const (
	keyRule  = "rule"  // fingerprint of the rule and the target's terms that the released objects were judged by
	keyReset = "reset" // position up to which entries are judged again; absent otherwise
	keyIDs   = "ids"   // how the released objects are named; see idsWord
	keyEnded = "ended" // everything was withdrawn; why

	prefixOver  = "o" // id -> instant of the newest version marked above the ceiling
	prefixAid   = "a" // id: it is released because a released object needs it
	prefixWait  = "w" // id, 0, position: the version added there waits for id
	prefixRefer = "r" // id, 0, id, 0, versionKey: that version in the target refers to the first id
	prefixQueue = "q" // number -> task left over by the last batch

	prefixPending  = "p" // id, 0, position -> id: the version of id added there waits for the second id
	prefixDefined  = "d" // id of a marking definition or an author's identity, 0, position: its text decides about the version added there
	prefixUnsure   = "u" // id, 0, instant, position: above the ceiling as long as definitions and dates stay as they are
	prefixConflict = "x" // id, 0, position -> reason: the target has other content under the version added there
	prefixCut      = "k" // id, 0, position: the version added there went without its references to id
	prefixLate     = "m" // position: how the version added there goes is decided once the batch is done
	prefixLast     = "n" // position: ... once the release has caught up with the source
	prefixEmbargo  = "e" // time, position: the version added there goes from then on
	prefixHeld     = "h" // position: the version added there waits for approval
	prefixExpiry   = "v" // time, position: the version added there expires then
	prefixExpired  = "z" // id -> instant of its newest version that has expired
	prefixTime     = "t" // time, id of a marking definition: what it decides is judged again then

	keySeen = "seen" // position up to which the target's own journal has been examined
)

// prefixes are all of them; judgements are those that end when the terms change.
var (
	prefixes = []string{prefixOver, prefixAid, prefixWait, prefixRefer, prefixQueue, prefixPending, prefixDefined, prefixUnsure, prefixTime, prefixConflict, prefixCut, prefixLate, prefixLast,
		prefixEmbargo, prefixHeld, prefixExpiry, prefixExpired}
	judgements = []string{prefixOver, prefixWait, prefixQueue, prefixPending, prefixDefined, prefixUnsure, prefixTime, prefixConflict, prefixCut, prefixLate, prefixLast,
		prefixEmbargo, prefixHeld, prefixExpiry, prefixExpired}
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
	for _, prefix := range prefixes {
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

// about returns what is kept under a prefix about an object.
func (m *state) about(prefix string, id stix.ID) ([]byte, bool) {
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
		m.putValue(list, word, nil)
	}
}

// putValue adds a word to a list, or changes its value.
func (m *state) putValue(list, word string, value []byte) {
	m.set(list+word, value)
	m.added[list] = append(m.added[list], word)
}

// has reports whether a list has any word.
func (m *state) has(list string) bool { return !m.nothing(list) && len(m.words(list)) > 0 }

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

// first returns the first word of a list.
func (m *state) first(list string) (string, bool) {
	word, ok := "", false
	if m.snapshot != nil && !m.empty[list[0]] {
		m.snapshot.FirstState(m.name, []byte(list), func(rest []byte) bool {
			if ch, changed := m.over[list+string(rest)]; changed && ch.gone {
				return false
			}
			word, ok = string(rest), true
			return true
		})
	}
	for _, w := range m.added[list] {
		if !m.over[list+w].gone && (!ok || w < word) {
			word, ok = w, true
		}
	}
	return word, ok
}

// update returns the changes of the batch in the store's form.
func (m *state) update(position journal.Position) *store.FollowerUpdate {
	u := &store.FollowerUpdate{Name: m.name, Position: uint64(position)}
	if m.snapshot != nil {
		u.Turn = m.snapshot.Turn(m.name)
	}
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

func pendingList(id stix.ID) string { return prefixPending + string(id) + "\x00" }

func definedList(id stix.ID) string { return prefixDefined + string(id) + "\x00" }

func conflictList(id stix.ID) string { return prefixConflict + string(id) + "\x00" }

func cutList(id stix.ID) string { return prefixCut + string(id) + "\x00" }

func unsureList(id stix.ID) string { return prefixUnsure + string(id) + "\x00" }

// timeWord returns a word of prefixTime.
func timeWord(t time.Time, definition stix.ID) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(max(t.UnixMicro(), 0)))) + string(definition)
}

// parseTimeWord reads a word of prefixTime.
func parseTimeWord(word string) (t time.Time, definition stix.ID) {
	if len(word) < 8 {
		return time.Time{}, ""
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(word[:8])))), stix.ID(word[8:])
}

func positionWord(p journal.Position) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(p)))
}

func positionOf(word string) journal.Position {
	if len(word) != 8 {
		return 0
	}
	return journal.Position(binary.BigEndian.Uint64([]byte(word)))
}
