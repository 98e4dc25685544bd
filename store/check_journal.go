package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// journal checks that entries have no gaps, increase in time and hash to the stored tree, and that objects, terms and
// tombstones match them.
func (k *checking) journal() error {
	w := journalWalk{checking: k, removed: map[journal.Position]bool{}, tombstones: map[string]journal.Position{}, upgraded: k.collection.upgradedIn(k.tx)}
	c := k.tx.Bucket(bucketJournal).Cursor()
	for key, b := c.First(); key != nil; key, b = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		k.stats.entries++
		p := journal.Position(k.stats.entries)
		if !bytes.Equal(key, positionKey(p)) {
			k.fault("the entry at %d is missing: after %d comes %x", p, p-1, key)
			return nil
		}
		e, err := journal.ParseEntry(b)
		if err != nil {
			k.fault("the entry at %d: %v", p, err)
		}
		w.hash(p, b)
		if err == nil {
			w.entry(p, e)
		}
	}
	w.end()
	return nil
}

// journalWalk holds what a walk over the journal has found so far.
type journalWalk struct {
	*checking
	terms        journal.Digest
	rights       Rights
	upgraded     journal.Position          // up to here programs of older formats may have let in acts without a right
	removed      map[journal.Position]bool // positions named by Deleted and Withdrawn entries
	missing      []journal.Position        // Added, but without a stored object
	present      uint64
	tombstones   map[string]journal.Position // tombstones that should exist
	group        []tlog.Hash                 // leaves of the last group
	hashes       int64                       // stored hashes seen
	removals     int                         // entries that remove something
	termsEntries int                         // entries about terms
	corrected    *journal.Entry              // the entry before, if it removed a text to be corrected
}

// hash checks the stored hashes that an entry adds. It relies on earlier hashes, which must have been checked before.
func (w *journalWalk) hash(p journal.Position, b []byte) {
	w.group = append(w.group, journal.LeafHash(b))
	if len(w.group) < groupEntries {
		return
	}
	kept := treeHashes{w.tx.Bucket(bucketHashes), w.tx.Bucket(bucketJournal)}
	groups := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			var err error
			if hashes[i], err = kept.stored(index); err != nil {
				return nil, err
			}
		}
		return hashes, nil
	})
	want, err := tlog.StoredHashesForRecordHash(int64(p)/groupEntries-1, nodeOver(w.group), groups)
	w.group = w.group[:0]
	if err != nil {
		w.fault("the tree at entry %d: %v", p, err)
		return
	}
	for _, h := range want {
		if got, err := kept.stored(w.hashes); err != nil || got != h {
			w.fault("the tree hash %d, at entry %d, is not the hash of what is stored", w.hashes, p)
		}
		w.hashes++
	}
}

// checkHead checks the tree's head, which covers the entries after the last full group.
func (w *journalWalk) checkHead() {
	head, err := readRoot(w.tx, w.stats.entries)
	if err != nil {
		w.fault("the tree: %v", err)
	} else if string(w.tx.Bucket(bucketMeta).Get(keyHead)) != string(head[:]) {
		w.fault("the tree's head is not the hash of what is stored")
	}
}

func (w *journalWalk) entry(p journal.Position, e journal.Entry) {
	at := uint64(e.At.UnixMicro())
	if at <= w.stats.lastAt {
		w.fault("the entry at %d has the time %s, which is not after the one before", p, taxiiTime(at))
	}
	w.stats.lastAt = max(w.stats.lastAt, at)
	if err := e.Check(); err != nil {
		w.fault("the entry at %d is malformed: %v", p, err)
	}
	w.judge(p, e)
	if problem := journal.Corrects(w.corrected, e); problem != "" {
		w.fault("the entry at %d: %s", p, problem)
	}
	if w.corrected = nil; e.Kind != journal.Added && e.Act == journal.ActCorrect {
		w.corrected = &e
	}
	switch e.Kind {
	case journal.Added:
		w.stats.lastAdded = max(w.stats.lastAdded, at)
		w.added(p, e, at)
	case journal.Deleted, journal.Withdrawn:
		w.removal(p, e)
	case journal.Decided:
		w.decision(p, e)
	case journal.Terms:
		w.termsEntry(p, e)
	default:
		w.fault("the entry at %d has the kind %d, which does not belong here", p, e.Kind)
	}
}

func (w *journalWalk) added(p journal.Position, e journal.Entry, at uint64) {
	if key, ok := w.tombstoneKey(e); ok {
		delete(w.tombstones, key)
	} else {
		w.fault("the object type of %s, added at %d, has no number", e.Object, p)
	}
	stored := w.tx.Bucket(bucketObjects).Get(addedKey(at))
	if stored == nil {
		w.missing = append(w.missing, p)
		return
	}
	w.present++
	r, err := parseRecord(stored)
	if err != nil {
		w.fault("the object added at %d: %v", p, err)
		return
	}
	switch {
	case r.position != p:
		w.fault("the object added at %d says that it was added at %d", p, r.position)
	case sha256.Sum256(r.text) != e.Digest || uint64(len(r.text)) != e.Size:
		w.fault("the object added at %d, %s, is not the one whose digest the entry has", p, e.Object)
	case !strings.EqualFold(string(r.id), e.Object) || string(r.version) != e.Version || r.form.spec() != e.SpecVersion:
		w.fault("the object added at %d is kept as %s %s (STIX %s), but the entry says %s %s (STIX %s)",
			p, r.id, r.version, r.form.spec(), e.Object, e.Version, e.SpecVersion)
	}
}

// tombstoneKey returns the key of the tombstone for the version that an entry added.
func (w *journalWalk) tombstoneKey(added journal.Entry) (string, bool) {
	id, ok := idKeyOf(w.tx, stix.ID(added.Object))
	if !ok {
		return "", false
	}
	key, err := tombstoneKeyOf(id, added)
	return string(key), err == nil
}

func (w *journalWalk) removal(p journal.Position, e journal.Entry) {
	added, err := journal.ParseEntry(w.tx.Bucket(bucketJournal).Get(positionKey(e.Of)))
	if err != nil || e.Of >= p || added.Kind != journal.Added || added.Object != e.Object || added.Version != e.Version {
		w.fault("the entry at %d removes %s %s of the entry at %d, which did not add it", p, e.Object, e.Version, e.Of)
		return
	}
	if w.removed[e.Of] {
		w.fault("the entry at %d removes what was added at %d a second time", p, e.Of)
	}
	w.removed[e.Of] = true
	w.removals++
	if id, ok := idKeyOf(w.tx, stix.ID(e.Object)); !ok || !hasKey(w.tx.Bucket(bucketRemovals), removalKey(id, p)) {
		w.fault("the entry at %d is not found among the removals of %s", p, e.Object)
	}
	if key, ok := w.tombstoneKey(added); ok {
		w.tombstones[key] = p
	}
}

func (w *journalWalk) decision(p journal.Position, e journal.Entry) {
	added, err := journal.ParseEntry(w.tx.Bucket(bucketJournal).Get(positionKey(e.Of)))
	if err != nil || e.Of >= p || added.Kind != journal.Added || added.Object != e.Object || added.Version != e.Version {
		w.fault("the entry at %d decides about %s %s of the entry at %d, which did not add it", p, e.Object, e.Version, e.Of)
	}
	w.removals++
	if id, ok := idKeyOf(w.tx, stix.ID(e.Object)); !ok || !hasKey(w.tx.Bucket(bucketRemovals), removalKey(id, p)) {
		w.fault("the entry at %d is not found among those about %s", p, e.Object)
	}
}

func (w *journalWalk) termsEntry(p journal.Position, e journal.Entry) {
	if e.Before != w.terms {
		w.fault("the entry at %d changes terms that were not in force", p)
	}
	w.terms = e.Digest
	w.termsEntries++
	if string(w.tx.Bucket(bucketTermed).Get(positionKey(p))) != string(e.Digest[:]) {
		w.fault("the entry at %d is not found among those about terms", p)
	}
	document := w.tx.Bucket(bucketDocuments).Get(e.Digest[:])
	if document == nil || sha256.Sum256(document) != e.Digest {
		w.fault("the terms of the entry at %d are missing or not those whose digest the entry has", p)
	} else if err := errors.Join(w.rights.Terms(document), checkOpenings(document, w.tx.Bucket(bucketOpenings))); err != nil {
		w.fault("the terms of the entry at %d: %v", p, err)
	}
}

// judge checks that the terms allowed what a party did.
func (w *journalWalk) judge(p journal.Position, e journal.Entry) {
	problem := w.rights.Judge(e)
	switch {
	case problem == "":
	case p <= w.upgraded:
		w.remark("the entry at %d, made by an older version of this program: %s", p, problem)
	default:
		w.fault("the entry at %d: %s", p, problem)
	}
}

// end compares the totals of the walk with what is stored.
func (w *journalWalk) end() {
	for _, p := range w.missing {
		if !w.removed[p] {
			w.fault("the object added at %d is missing, and no entry removes it", p)
		}
		delete(w.removed, p)
	}
	for p := range w.removed {
		w.fault("the object added at %d is there, though an entry removes it", p)
	}
	if n := countKeys(w.tx.Bucket(bucketObjects)); uint64(n) != w.present {
		w.fault("%d objects are stored, but entries name %d", n, w.present)
	}
	if string(w.tx.Bucket(bucketMeta).Get(keyTerms)) != string(w.terms[:]) {
		w.fault("the terms in force are not those of the last entry about terms")
	}
	w.checkHashCount()
	w.checkHead()
	w.checkTombstones()
	if n := countKeys(w.tx.Bucket(bucketRemovals)); n != w.removals {
		w.fault("the index of removals has %d keys, but %d entries remove something, or decide about it", n, w.removals)
	}
	if n := countKeys(w.tx.Bucket(bucketTermed)); n != w.termsEntries {
		w.fault("the index of terms has %d keys, but %d entries are about terms", n, w.termsEntries)
	}
}

func (w *journalWalk) checkHashCount() {
	key, chunk := w.tx.Bucket(bucketHashes).Cursor().Last()
	count := int64(0)
	if len(key) == 8 {
		count = int64(binary.BigEndian.Uint64(key))*hashesPerChunk + int64(len(chunk)/tlog.HashSize)
	}
	if count != w.hashes || len(chunk)%tlog.HashSize != 0 {
		w.fault("the tree has %d stored hashes, but the entries make %d", count, w.hashes)
	}
}

func (w *journalWalk) checkTombstones() {
	tombstones := w.tx.Bucket(bucketTombstones)
	for key, p := range w.tombstones {
		if string(tombstones.Get([]byte(key))) != string(positionKey(p)) {
			w.fault("what the entry at %d removed has no tombstone", p)
		}
	}
	if n := countKeys(tombstones); n != len(w.tombstones) {
		w.fault("there are %d tombstones, but the entries make %d", n, len(w.tombstones))
	}
}
