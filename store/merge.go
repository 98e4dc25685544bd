package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
)

// merge is the answer to a query as a walk: it merges the runs of keys that hold what the query selects, each in
// ascending date_added and each entered after Query.After. What stands in several runs is met once.
type merge struct {
	in     *readTx
	wanted wanted
	after  []byte // first date_added that may be met, as a key
	runs   []*run // a heap: the one with the smallest date_added in front
	seeks  int    // searches in indexes so far, which the work of a page is counted by
	types  [][]byte

	objects   *bolt.Cursor // where the last record was
	scattered bool         // the next record lies anywhere
	walking   bool         // objects itself is the only run
	added     uint64       // of the version met
	stored    []byte       // its record, when walking
	started   bool
}

// run is one ascending list of date_added: the keys of an index under a prefix, or a list.
type run struct {
	cursor *bolt.Cursor
	prefix []byte
	list   []uint64
	added  uint64
}

// newMerge finds the runs for a query.
func newMerge(in *readTx, q Query) (*merge, error) {
	s := &merge{in: in, wanted: wantedBy(q), after: addedKey(0)}
	if !q.After.IsZero() {
		s.after = addedKey(microseconds(q.After) + 1)
	}
	typesKnown, err := s.chooseTypes(q.Types)
	if err != nil || !typesKnown {
		return s, err
	}
	if len(q.IDs) > 0 {
		return s, s.chooseByID(q)
	}
	f, err := in.stats()
	if err != nil {
		return nil, err
	}
	if s.wanted.keywords {
		if len(q.Types) == 0 && f.everyVersion(s.wanted) {
			s.walk()
			return s, nil
		}
		name, prefixes := bucketByType, s.types
		if len(q.Types) == 0 {
			name, prefixes = bucketOrder, [][]byte{nil}
		}
		index := s.in.tx.Bucket(name)
		for _, prefix := range prefixes {
			s.addRuns(index, prefix, 0, s.wanted.selects)
		}
	}
	if !s.wanted.all {
		s.chooseByVersion(q)
	}
	return s, nil
}

// chooseTypes looks up the numbers of the types asked for; known is false when some are asked for and none is here.
func (s *merge) chooseTypes(names []string) (known bool, err error) {
	if len(names) == 0 {
		return true, nil
	}
	types := s.in.typeNumbers()
	for _, name := range names {
		if name == "" {
			continue
		}
		if typ := types.Get([]byte(name)); typ != nil {
			s.types = append(s.types, typ)
		}
	}
	return len(s.types) > 0, nil
}

// chooseByID makes the runs for objects that are named: one list for those with a single version and for exact versions,
// and for objects with several a run of byid for each class.
func (s *merge) chooseByID(q Query) error {
	s.scattered = true
	list := make([]uint64, 0, len(q.IDs)+len(q.Versions.Exact))
	for _, id := range q.IDs {
		at := s.in.find(id)
		if at.k == nil || len(q.Types) > 0 && !slices.Contains(q.Types, id.Type()) {
			continue
		}
		v, err := parseVersion(at.k, at.value)
		if err != nil {
			return err
		}
		switch {
		case v.class.alone():
			if s.wanted.selects(v.class) || s.exactly(&v, q.Versions.Exact) {
				list = append(list, v.added)
			}
			continue
		case s.wanted.keywords:
			s.addRuns(s.in.byIDKeys(), at.key, 0, s.wanted.selects)
		}
		if s.wanted.all {
			continue
		}
		for _, in := range q.Versions.Exact {
			vs, err := versionsAt(s.in.versionKeys(), at.key, in)
			if err != nil {
				return err
			}
			for _, v := range vs {
				if s.wanted.spec(v.class) {
					list = append(list, v.added)
				}
			}
		}
	}
	s.addList(list)
	return nil
}

// exactly reports whether a version is one of the exact ones, in a spec version that is wanted.
func (s *merge) exactly(v *version, exact []stix.Instant) bool {
	return s.wanted.spec(v.class) && slices.ContainsFunc(exact, func(in stix.Instant) bool {
		return string(in.AppendKey(nil)) == string(v.instant())
	})
}

// chooseByVersion makes the runs for exact versions of objects that are not named.
func (s *merge) chooseByVersion(q Query) {
	if len(q.Versions.Exact) == 0 {
		return
	}
	index, wide := s.in.tx.Bucket(bucketByVersion), s.in.tx.Bucket(bucketByInstant)
	for _, in := range q.Versions.Exact {
		instant := in.AppendKey(nil)
		switch {
		case len(q.Types) > 0:
		case isWide(s.in.typeNumbers(), wide, instant):
			s.addRuns(wide, instant, 0, s.wanted.spec)
		default:
			s.addRuns(index, instant, 1, s.wanted.spec)
		}
		for _, typ := range s.types {
			s.addRuns(index, append(slices.Clip(instant), typ...), 0, s.wanted.spec)
		}
	}
}

// addRuns adds a run for each class that is wanted among the keys with a prefix; types says how many type numbers stand
// between prefix and class. It costs a seek for each class that is there.
func (s *merge) addRuns(index *bolt.Bucket, prefix []byte, types int, wants func(class) bool) {
	c := index.Cursor()
	next := slices.Clone(prefix)
	for {
		s.seeks++
		k, _ := c.Seek(next)
		rest, ok := cutPrefix(k, prefix)
		if !ok {
			return
		}
		n := 0
		if types > 0 {
			n = typeLen(rest)
		}
		if len(rest) != n+1+8 {
			return
		}
		end := len(prefix) + n + 1
		if wants(class(rest[n])) {
			s.addRun(&run{cursor: index.Cursor(), prefix: slices.Clone(k[:end])})
		}
		next = append(next[:0], k[:end]...)
		next[end-1]++ // a class is less than classes, so this is the next one, if only of the next type
	}
}

// addRun enters a run and puts it on the heap, unless it is empty.
func (s *merge) addRun(r *run) {
	s.seeks++
	if r.seek(s.after) {
		s.runs = append(s.runs, r)
		s.up(len(s.runs) - 1)
	}
}

func (s *merge) addList(list []uint64) {
	slices.Sort(list)
	s.addRun(&run{list: list})
}

func (r *run) seek(after []byte) bool {
	if r.cursor == nil {
		from := binary.BigEndian.Uint64(after)
		i, _ := slices.BinarySearch(r.list, from)
		r.list = r.list[i:]
		return r.next()
	}
	k, _ := r.cursor.Seek(append(slices.Clip(r.prefix), after...))
	return r.at(k)
}

// next moves to the next date_added; false when there is none.
func (r *run) next() bool {
	if r.cursor == nil {
		if len(r.list) == 0 {
			return false
		}
		r.added, r.list = r.list[0], r.list[1:]
		return true
	}
	k, _ := r.cursor.Next()
	return r.at(k)
}

func (r *run) at(k []byte) bool {
	rest, ok := cutPrefix(k, r.prefix)
	if !ok || len(rest) != 8 {
		return false
	}
	r.added = binary.BigEndian.Uint64(rest)
	return true
}

// walk makes the objects themselves the only run.
func (s *merge) walk() {
	s.walking = true
	s.objects = s.in.objectBucket().Cursor()
}

// next moves to the next version; false when there is none.
func (s *merge) next() bool {
	if s.walking {
		return s.nextObject()
	}
	before, met := s.added, s.started
	for len(s.runs) > 0 {
		front := s.runs[0]
		added := front.added
		if !front.next() {
			last := len(s.runs) - 1
			s.runs[0] = s.runs[last]
			s.runs = s.runs[:last]
		}
		s.down(0)
		if !met || added != before {
			s.added, s.started = added, true
			return true
		}
	}
	return false
}

func (s *merge) nextObject() bool {
	var k []byte
	if s.started {
		k, s.stored = s.objects.Next()
	} else {
		k, s.stored = s.objects.Seek(s.after)
	}
	if len(k) != 8 {
		return false
	}
	s.added, s.started = binary.BigEndian.Uint64(k), true
	return true
}

// record reads the version that was met. In most answers the next version is the next record, or one of the next few.
func (s *merge) record() (record, error) {
	if !s.walking {
		if err := s.fetch(); err != nil {
			return record{}, err
		}
	}
	r, err := parseRecord(s.stored)
	if err != nil {
		return record{}, fmt.Errorf("the object added %s: %w", taxiiTime(s.added), err)
	}
	return r, nil
}

func (s *merge) fetch() error {
	key := addedKey(s.added)
	if s.objects == nil {
		s.objects = s.in.objectBucket().Cursor()
	} else if !s.scattered {
		k, stored := s.objects.Next()
		if string(k) == string(key) {
			s.stored = stored
			return nil
		}
	}
	k, stored := s.objects.Seek(key)
	if string(k) != string(key) {
		return fmt.Errorf("the object added %s is missing", taxiiTime(s.added))
	}
	s.stored = stored
	return nil
}

func (s *merge) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.runs[parent].added <= s.runs[i].added {
			return
		}
		s.runs[parent], s.runs[i] = s.runs[i], s.runs[parent]
		i = parent
	}
}

func (s *merge) down(i int) {
	for {
		least := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(s.runs) && s.runs[child].added < s.runs[least].added {
				least = child
			}
		}
		if least == i {
			return
		}
		s.runs[least], s.runs[i] = s.runs[i], s.runs[least]
		i = least
	}
}

// idKeyOf is the key of an identifier; ok is false when no object of its type is here.
func idKeyOf(tx *bolt.Tx, id stix.ID) (key idKey, ok bool) {
	typ, ok := typeNumber(tx.Bucket(bucketTypes), id.Type())
	if !ok {
		return nil, false
	}
	key, ok = appendIDKey(make([]byte, 0, idKeySize), typ, id)
	if text := id.UUID(); ok && strings.ToLower(text) != text && tx.Bucket(bucketContributors) == nil {
		key = append(append(binary.AppendUvarint(nil, typ), uuidText), text...) // in a file of an older format
	}
	return key, ok
}

// typeNumber is the number of an object type; ok is false when none of its objects is here.
func typeNumber(types *bolt.Bucket, name string) (typ uint64, ok bool) {
	if name == "" {
		return 0, false
	}
	number := types.Get([]byte(name))
	if number == nil {
		return 0, false
	}
	typ, _ = binary.Uvarint(number)
	return typ, true
}

// versionsAt are the versions of an object at an instant: one in each form at most.
func versionsAt(c *bolt.Cursor, id idKey, in stix.Instant) ([]version, error) {
	prefix := in.AppendKey(append(make([]byte, 0, len(id)+20), id...))
	var vs []version
	for k, value := c.Seek(prefix); ; k, value = c.Next() {
		if rest, ok := cutPrefix(k, prefix); !ok || len(rest) != 1 {
			return vs, nil
		}
		v, err := parseVersion(k, value)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
}
