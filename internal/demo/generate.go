package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

// Generate returns the first n objects of All(seed), as compact JSON texts.
func Generate(seed uint64, n int) [][]byte {
	texts := make([][]byte, 0, n)
	if n <= 0 {
		return texts
	}
	for text := range All(seed) {
		if texts = append(texts, text); len(texts) == n {
			break
		}
	}
	return texts
}

// All generates versions of STIX objects endlessly, each text once. Objects come after those they refer to. The caller owns
// the texts.
//
// Objects come in cases of about seventy: a group, its campaign, its tools and infrastructure, observations, indicators, and
// the report that ties them together. Some objects have several versions, and a few end with a revoked one.
func All(seed uint64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		g := &generator{seed: seed, yield: yield, seen: make(map[uuid.UUID]bool)}
		for n := 0; !g.done; n++ {
			g.beginCase(n)
			g.tell(n)
		}
	}
}

// Cases are dated one after the other from epoch on; after casesInSpan cases the dates start again, so that none lies in the
// future.
var epoch = time.Date(2024, 9, 2, 6, 0, 0, 0, time.UTC)

const (
	casesInSpan   = 1800
	betweenCases  = 7 * time.Hour
	mostInBetween = 8 * time.Minute // between two objects of a case
)

type generator struct {
	seed  uint64
	yield func([]byte) bool
	done  bool
	seen  map[uuid.UUID]bool // UUIDs of shared objects and observables already yielded

	// Of the current case.
	r      *rand.Rand
	clock  time.Time
	mark   string // marking definition of the case
	author string // identity of its author
}

// made is a yielded object, from which a later version can start.
type made struct {
	id    string
	props fields // all of its members
}

func (g *generator) beginCase(n int) {
	g.r = rand.New(rand.NewPCG(g.seed, uint64(n)))
	g.clock = epoch.Add(time.Duration(n%casesInSpan) * betweenCases)
	g.author = g.authorIdentity()
	g.mark = g.drawMarking()
}

// tick advances the clock between two objects.
func (g *generator) tick() time.Time {
	g.clock = g.clock.Add(time.Second + time.Duration(g.r.Int64N(int64(mostInBetween/time.Millisecond)))*time.Millisecond)
	return g.clock
}

func (g *generator) emit(props fields) {
	if g.done {
		return
	}
	g.done = !g.yield(appendFields(make([]byte, 0, 512), props))
}

// add yields an object with the common properties of STIX 2.1, section 3.2, around props.
func (g *generator) add(typ string, props fields) made {
	return g.addAs(typ+"--"+g.uuid4(), typ, g.mark, props)
}

func (g *generator) addAs(id, typ, mark string, props fields) made {
	now := stamp(g.tick())
	all := fields{{"type", typ}, {"spec_version", "2.1"}, {"id", id}}
	if g.author != "" {
		all = append(all, member{"created_by_ref", g.author})
	}
	all = append(all, member{"created", now}, member{"modified", now})
	all = append(all, props...)
	if mark != "" {
		all = append(all, member{"object_marking_refs", []string{mark}})
	}
	g.emit(all)
	return made{id: id, props: all}
}

// revise yields a later version of an object with some members changed.
func (g *generator) revise(m *made, changes ...member) {
	m.props = m.props.with("modified", stamp(g.tick()))
	for _, c := range changes {
		m.props = m.props.with(c.name, c.value)
	}
	g.emit(m.props)
}

// authorKey is the key of the author among the shared objects.
const authorKey = "author"

// shared yields an object that several cases refer to, once. Its identifier is derived from the seed and its name.
func (g *generator) shared(typ, key string, props fields) string {
	u := g.namedUUID(typ, key)
	id := typ + "--" + u.String()
	if !g.seen[u] {
		g.seen[u] = true
		g.addAs(id, typ, "", props)
	}
	return id
}

// uuid4 draws a UUID of version 4.
func (g *generator) uuid4() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], g.r.Uint64())
	binary.LittleEndian.PutUint64(b[8:], g.r.Uint64())
	return version4(b).String()
}

// namedUUID derives a UUID of version 4 from the seed and a name.
func (g *generator) namedUUID(typ, key string) uuid.UUID {
	b := binary.LittleEndian.AppendUint64(nil, g.seed)
	sum := sha256.Sum256(append(append(append(b, typ...), 0), key...))
	return version4([16]byte(sum[:16]))
}

func version4(b [16]byte) uuid.UUID {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return uuid.UUID(b)
}

// chance is true p times in a hundred.
func (g *generator) chance(p int) bool { return g.r.IntN(100) < p }

// between draws a number from low to high, both included.
func (g *generator) between(low, high int) int { return low + g.r.IntN(high-low+1) }

// pick draws one element of a list.
func pick[T any](g *generator, list []T) T { return list[g.r.IntN(len(list))] }

// some draws n different elements of a list, in the list's order.
func some[T any](g *generator, n int, list []T) []T {
	drawn := make([]T, 0, n)
	for i, v := range list {
		if left := len(list) - i; g.r.IntN(left) < n-len(drawn) {
			drawn = append(drawn, v)
		}
	}
	return drawn
}

// stamp writes a timestamp as `created` and `modified` have it, with milliseconds (STIX 2.1, section 3.2).
func stamp(t time.Time) string { return t.UTC().Format(stix.TimestampLayout) }

// Author returns the STIX identity that created the objects of a seed.
func Author(seed uint64) stix.ID {
	g := generator{seed: seed}
	return stix.ID("identity--" + g.namedUUID("identity", authorKey).String())
}
