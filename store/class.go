package store

import "slices"

// class says what a version is among the stored versions of its object. Queries pick versions by it, so it is part of
// the keys of every index that answers queries: what a query selects are whole runs of keys, each in order of
// date_added. The order among an object's versions is that of instant and form.
//
// The only version of an object is first and last of all. Where an object is held in one spec version only, first and
// last of its spec are first and last of all.
type class byte

const (
	firstOfSpec class = 1 << iota // earliest of the object's versions in this spec version
	lastOfSpec                    // latest of them
	inSpec20                      // STIX 2.0, else 2.1
	inBoth                        // the object is held in both spec versions
	firstOfAll
	lastOfAll
	accompanied // other content of another contributor lies beside the object's own: see classify

	classes = 1 << iota // how many values a class can have
)

const (
	firsts = firstOfSpec | firstOfAll
	lasts  = lastOfSpec | lastOfAll
)

// alone reports whether this is the object's only version.
func (c class) alone() bool {
	return c&(firstOfAll|lastOfAll|accompanied) == firstOfAll|lastOfAll
}

func classOfForm(f form) class {
	if f&formSpec21 == 0 {
		return inSpec20
	}
	return 0
}

// classify sets the classes of all versions of one object, which are given in order. Unversioned ones of another
// contributor than the object's first lie beside it: they are neither first nor last, and all are accompanied.
func classify(versions []version) {
	first, last := [2]int{-1, -1}, [2]int{-1, -1}
	own := ownOf(versions)
	ownFirst, ownLast := -1, -1
	for i := range versions {
		v := &versions[i]
		v.class = classOfForm(v.form())
		if own != nil && !own[i] {
			continue
		}
		if ownFirst < 0 {
			ownFirst = i
		}
		ownLast = i
		spec := v.form() & formSpec21
		if first[spec] < 0 {
			first[spec] = i
		}
		last[spec] = i
	}
	for spec := range first {
		if first[spec] >= 0 {
			versions[first[spec]].class |= firstOfSpec
			versions[last[spec]].class |= lastOfSpec
		}
	}
	if first[0] >= 0 && first[1] >= 0 {
		for i := range versions {
			versions[i].class |= inBoth
		}
	}
	if len(versions) > 0 {
		versions[ownFirst].class |= firstOfAll
		versions[ownLast].class |= lastOfAll
	}
	if own != nil {
		for i := range versions {
			versions[i].class |= accompanied
		}
	}
}

// ownOf says which of an object's versions are its first contributor's own; nil when all are.
func ownOf(versions []version) []bool {
	if len(versions) < 2 {
		return nil
	}
	adder := firstAdded(versions).adder
	var own []bool
	for i := range versions {
		if v := &versions[i]; v.form()&formUnversioned != 0 && v.adder != adder {
			if own == nil {
				own = make([]bool, len(versions))
				for j := range own {
					own[j] = true
				}
			}
			own[i] = false
		}
	}
	return own
}

// wanted says which classes a query selects.
type wanted struct {
	specs    [2]bool // by form&formSpec21
	latest   bool    // specs were not named: the latest of each object
	any      bool    // both spec versions were named: first and last are of all
	all      bool
	first    bool
	last     bool
	keywords bool // all, first or last is selected
}

func wantedBy(q Query) wanted {
	v := q.Versions
	w := wanted{all: v.All, first: v.First, last: v.Last}
	if !v.All && !v.First && !v.Last && len(v.Exact) == 0 {
		w.last = true // T-081
	}
	w.keywords = w.all || w.first || w.last
	w.latest = len(q.Specs) == 0 // T-079
	w.specs = [2]bool{w.latest || slices.Contains(q.Specs, spec20), w.latest || slices.Contains(q.Specs, spec21)}
	w.any = !w.latest && w.specs[0] && w.specs[1]
	return w
}

// spec reports whether versions of this class are in a spec version that is wanted.
func (w wanted) spec(c class) bool {
	if c&inSpec20 == 0 {
		return w.specs[1]
	}
	return w.specs[0] && !(w.latest && c&inBoth != 0)
}

// selects reports whether the keywords select versions of this class.
func (w wanted) selects(c class) bool {
	if !w.spec(c) {
		return false
	}
	first, last := firstOfSpec, lastOfSpec
	if w.any {
		first, last = firstOfAll, lastOfAll
	}
	return w.all || w.first && c&first != 0 || w.last && c&last != 0
}
