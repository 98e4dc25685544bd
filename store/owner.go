package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Owner is the party, or the collection whose release brought it, that an object in an agreement belongs to: only it adds
// versions, revokes, changes markings and deletes. See doc/decisions/0014. With neither, the object is the system's.
type Owner struct {
	Party  agreement.PartyName
	Source uuid.UUID // the collection that it was released from
}

// origin is where an object comes from, as the versions index has it: two numbers of the contributors bucket. It is the
// same in all versions of an object; among unversioned ones each has its own. The owner follows from it and the terms.
type origin struct {
	adder   uint64 // the party or collection that added the object first
	creator uint64 // the identity that it says it was created by; 0 for none
}

// The keys of the contributors bucket begin with a byte that says what follows.
const (
	contributorParty    = 'p' // the party's name; nothing for accounts without one, and for the system
	contributorSource   = 's' // 16 bytes: the collection that a follower brought it from
	contributorIdentity = 'i' // the identifier of a STIX identity, in lower case
)

func partyKey(p agreement.PartyName) string { return string(contributorParty) + string(p) }

func identityKey(id stix.ID) string { return string(contributorIdentity) + strings.ToLower(string(id)) }

// contributorKey is the key of the contributor that an entry added something for.
func contributorKey(party agreement.PartyName, source uuid.UUID) string {
	if source != (uuid.UUID{}) {
		return string(contributorSource) + string(source[:])
	}
	return partyKey(party)
}

func contributorOf(e journal.Entry) string {
	return contributorKey(agreement.PartyName(e.Party), e.Source.Collection)
}

// creatorOf is an object's created_by_ref in lower case; "" for none, or for something else than an identifier.
func creatorOf(o stix.Object) stix.ID {
	id, err := stix.ParseID(o.Tree.Str(o.Tree.Member(o.Tree.Root(), "created_by_ref")))
	if err != nil {
		return ""
	}
	return stix.ID(strings.ToLower(string(id)))
}

// contributor numbers a contributor, if it has no number yet.
func (t *buckets) contributor(key string) (uint64, error) {
	if n, known := t.contributorNumbers.of(key); known {
		return n, nil
	}
	n, err := t.contributors.NextSequence()
	if err == nil {
		err = t.contributors.Put([]byte(key), binary.AppendUvarint(nil, n))
	}
	if err != nil {
		return 0, fmt.Errorf("number contributor: %w", err)
	}
	return n, nil
}

// originBy is the origin of an object that a contributor adds first.
func (t *buckets) originBy(contributor string, creator stix.ID) (o origin, err error) {
	if o.adder, err = t.contributor(contributor); err == nil && creator != "" {
		o.creator, err = t.contributor(identityKey(creator))
	}
	return o, err
}

// owners turns origins into owners, by the terms that it was made with.
type owners struct {
	numbers  typeIndex // in the contributors bucket
	declared map[uint64]agreement.PartyName
	names    map[uint64]Owner // nil until asked for
}

func newOwners(numbers typeIndex, a *agreement.Agreement) *owners {
	w := &owners{numbers: numbers, declared: make(map[uint64]agreement.PartyName)}
	if a == nil {
		return w
	}
	for _, m := range a.Parties {
		if m.Identity == "" {
			continue
		}
		if n, known := numbers.of(identityKey(m.Identity)); known {
			w.declared[n] = m.Party
		}
	}
	return w
}

// of is the owner of an object with an origin.
func (w *owners) of(o origin) (Owner, error) {
	if party, ok := w.declared[o.creator]; ok && o.creator != 0 {
		return Owner{Party: party}, nil
	}
	return w.contributor(o.adder)
}

// contributor is the party or collection with a number.
func (w *owners) contributor(n uint64) (Owner, error) {
	if w.names == nil {
		w.names = make(map[uint64]Owner)
		c := w.numbers.bucket.Cursor()
		for k, v := c.Seek([]byte{contributorParty}); k != nil; k, v = c.Next() { // identities, of which there are many, lie before
			number, used := binary.Uvarint(v)
			switch {
			case used != len(v):
				return Owner{}, errContributors
			case k[0] == contributorParty:
				w.names[number] = Owner{Party: agreement.PartyName(k[1:])}
			case k[0] == contributorSource && len(k) == 17:
				w.names[number] = Owner{Source: uuid.UUID(k[1:])}
			}
		}
	}
	owner, ok := w.names[n]
	if !ok {
		return Owner{}, fmt.Errorf("%w: none has the number %d", errContributors, n)
	}
	return owner, nil
}

var errContributors = fmt.Errorf("%w: the contributors", verifiedbolt.ErrDamaged)

// originFrom is the version that a new one takes its object's origin from: near, any version of the object, unless an object
// has versioned and unversioned texts. Then it is a versioned one, else the one that was added first.
func (t *buckets) originFrom(id idKey, near *version, f form) (*version, error) {
	if near == nil || f&formUnversioned != 0 || near.form()&formUnversioned == 0 {
		return near, nil
	}
	vs, err := versionsOf(t.versionKeys, id)
	if err != nil || len(vs) == 0 {
		return nil, err
	}
	if i := slices.IndexFunc(vs, versioned); i >= 0 {
		return &vs[i], nil
	}
	return firstAdded(vs), nil
}

func versioned(v version) bool { return v.form()&formUnversioned == 0 }

// mayAdd decides whether an addition is its contributor's to make: 0, NotOwner or NotCreator. stored is any version of the
// object, nil for none.
func (a *applier) mayAdd(id idKey, ch *preparedChange, stored *version) (OutcomeKind, error) {
	o, source := &ch.Add.Object, ch.Add.Source.Collection
	party := a.actor.Party // for whom it is added: of a follower's addition, the owner where it comes from
	if !ch.Add.Source.IsZero() {
		party = ch.Add.Owner
	}
	var creator agreement.PartyName
	relay, anyone := false, false
	if a.terms != nil {
		if o.Type == "identity" {
			if of := a.terms.PartyOf(o.ID); of != "" {
				return cond(of == party, 0, NotOwner), nil
			}
		}
		creator = a.terms.PartyOf(ch.creator)
		relay, anyone = a.terms.Accept.Relay, a.terms.Accept.Versions == agreement.VersionsAny
	}
	if creator != "" && creator != party && !relay {
		return NotCreator, nil
	}
	if ch.form&formUnversioned != 0 {
		return 0, nil // other content of another party lies beside what is there
	}
	adder, known := a.contributorNumbers.of(contributorKey(a.actor.Party, source))
	var from origin
	if stored != nil {
		from = stored.origin
		if known && from.adder == adder && (from.creator == 0 || a.createdBy(ch.creator, from.creator)) {
			return 0, nil
		}
	} else {
		v := a.formerOwners.Get(id)
		if v == nil || source != (uuid.UUID{}) { // what a member deleted bars no release
			return 0, nil
		}
		n, used := binary.Uvarint(v)
		if used != len(v) {
			return 0, errContributors
		}
		if creator != "" && creator == party || known && n == adder {
			return 0, nil
		}
		from.adder = n
	}
	owner, err := a.owners().of(from)
	if err != nil {
		return 0, err
	}
	switch {
	case owner.Source != (uuid.UUID{}):
		if owner.Source == source {
			return 0, nil
		}
		return a.inherits(stored, owner.Source, source)
	case anyone, owner.Party == party:
		return 0, nil
	}
	return NotOwner, nil
}

// inherits decides whether a release may add versions to what another one brought first: when that one has withdrawn
// it, and the version at hand came from this one, too.
func (a *applier) inherits(stored *version, from, source uuid.UUID) (OutcomeKind, error) {
	if stored == nil || source == (uuid.UUID{}) {
		return NotOwner, nil
	}
	list, err := a.sourcesOf(*stored)
	return cond(slices.Contains(list, source) && !slices.Contains(list, from), 0, NotOwner), err
}

func cond[T any](is bool, yes, no T) T {
	if is {
		return yes
	}
	return no
}

// createdBy reports whether an object names the identity with a number as its creator.
func (a *applier) createdBy(creator stix.ID, number uint64) bool {
	n, known := a.contributorNumbers.of(identityKey(creator))
	return creator != "" && known && n == number
}

// owners are those by the terms in force.
func (a *applier) owners() *owners {
	if a.ownersNow == nil {
		var in *agreement.Agreement
		if a.terms != nil {
			in = a.terms.Agreement
		}
		a.ownersNow = newOwners(a.contributorNumbers, in)
	}
	return a.ownersNow
}

// ownVersions picks those of the versions that a party may remove: those that it added, and those that any party added to
// an object that it owns.
func (a *applier) ownVersions(vs []version, party agreement.PartyName) (own []version, err error) {
	for _, v := range vs {
		e, err := a.entryOf(v)
		if err != nil {
			return nil, err
		}
		mine := e.Party == string(party)
		if !mine {
			owner, err := a.owners().of(v.origin)
			if err != nil {
				return nil, err
			}
			mine = owner.Party == party && owner.Source == uuid.UUID{}
		}
		if mine && e.Source.IsZero() {
			own = append(own, v)
		}
	}
	return own, nil
}

// bars reports whether the removal of a version keeps it from being added again: by accounts (the zero UUID), or by the
// follower that brings it from a collection.
func bars(removal journal.Entry, source uuid.UUID) bool {
	account := source == uuid.UUID{}
	switch {
	case removal.Act == journal.ActBar:
		return true
	case account:
		return false
	case removal.Kind == journal.Withdrawn:
		by := removal.Source.Collection // the zero UUID: from before a withdrawal said whose it is
		return removal.Act == "" && (by == uuid.UUID{} || by == source)
	}
	return removal.Act == "" && removal.Account == "" && removal.Party == "" // the system's: retention
}

// lifeOf follows the entries about an object, in order, and returns the contributor that added it first since it was last
// free. For an object that is not stored, free says that it has no owner any more.
func lifeOf(entries []journal.Entry) (contributor string, free bool) {
	live := 0
	free = true
	for _, e := range entries {
		if e.Act == journal.ActCorrect {
			continue // one text is in the place of another
		}
		switch e.Kind {
		case journal.Added:
			if live == 0 {
				contributor, free = contributorOf(e), false
			}
			live++
		case journal.Deleted, journal.Withdrawn:
			if live--; live == 0 {
				free = givesUp(e)
			}
		}
	}
	return contributor, free
}

// givesUp reports whether the removal of an object's last version ends its ownership.
func givesUp(removal journal.Entry) bool {
	return removal.Kind == journal.Withdrawn || removal.Act == journal.ActRemove || removal.Act == journal.ActBar
}

func allVersioned(vs []version) bool {
	return !slices.ContainsFunc(vs, func(v version) bool { return !versioned(v) })
}

// firstAdded is the version of an object that was added first.
func firstAdded(vs []version) *version {
	v := slices.MinFunc(vs, func(a, b version) int { return cmp.Compare(a.added, b.added) })
	return &v
}

// Origins of versions that a program before format 3 wrote, and what follows from them, are made by rebuild.

// settleOrigins gives the objects of which something was removed the origin that the journal tells, after a rebuild has
// given each the one of the first version that is left.
func (t *buckets) settleOrigins() error {
	c := t.removals.Cursor()
	for k, _ := c.First(); k != nil; {
		n := idKeyLen(k)
		if n == 0 {
			return errRemovals
		}
		id := slices.Clone(idKey(k[:n]))
		if err := t.settleOrigin(id); err != nil {
			return err
		}
		k, _ = c.Seek(append(slices.Clone(id), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	}
	return nil
}

func (t *buckets) settleOrigin(id idKey) error {
	positions, err := entriesAbout(t.tx, id)
	if err != nil {
		return err
	}
	entries := make([]journal.Entry, len(positions))
	for i, p := range positions {
		if entries[i], err = journal.ParseEntry(t.journal.Get(positionKey(p))); err != nil {
			return fmt.Errorf("entry %d: %w", p, err)
		}
	}
	contributor, free := lifeOf(entries)
	adder, err := t.contributor(contributor)
	if err != nil {
		return err
	}
	held, err := versionsOf(t.versionKeys, id)
	if err != nil {
		return err
	}
	if len(held) == 0 {
		if free || !slices.ContainsFunc(entries, func(e journal.Entry) bool { return e.Version != "" }) {
			return nil
		}
		return t.formerOwners.Put(id, binary.AppendUvarint(nil, adder))
	}
	if !allVersioned(held) {
		return nil
	}
	for _, v := range held {
		if v.adder == adder {
			continue
		}
		v.adder = adder
		if err := t.versions.Put(v.key, v.value()); err != nil {
			return fmt.Errorf("index version: %w", err)
		}
	}
	return nil
}

// origins checks the origin of an object's stored versions against the journal.
func (k *checking) origins(group []version) {
	positions, err := entriesAbout(k.tx, group[0].id())
	if err != nil {
		return // said elsewhere
	}
	entries := make([]journal.Entry, 0, len(positions))
	byPosition := make(map[journal.Position]journal.Entry, len(positions))
	for _, p := range positions {
		e, err := journal.ParseEntry(k.tx.Bucket(bucketJournal).Get(positionKey(p)))
		if err != nil {
			return // said elsewhere
		}
		entries = append(entries, e)
		byPosition[p] = e
	}
	first, _ := lifeOf(entries)
	whole := allVersioned(group)
	for _, v := range group {
		contributor := first
		if versioned(v) && !whole {
			continue
		}
		if v.form()&formUnversioned != 0 {
			r, err := readRecord(k.tx.Bucket(bucketObjects), v.added)
			if err != nil {
				continue // said elsewhere
			}
			contributor = contributorOf(byPosition[r.position])
		}
		if number(k.tx.Bucket(bucketContributors), contributor) != v.adder {
			k.fault("the version added %s is not said to come from the one who added its object first", taxiiTime(v.added))
		}
	}
}

func number(b *bolt.Bucket, key string) uint64 {
	n, _ := binary.Uvarint(b.Get([]byte(key)))
	return n
}
