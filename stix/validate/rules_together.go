package validate

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/stix/ijson"
)

// togetherRules lists the rules on what an object says about another that came with it.
var togetherRules = []Rule{
	between("S-207", must, "7.1.1", "object_modified of language content is the modified of a version of its object, where that is at hand.", translatedVersion),
	between("S-208", must, "7.1.1", "A translation mirrors its object: a string for a string, a list of the same length for a list, an object for an object.", mirroredTranslation),
	between("S-209", mustNot, "4.11.2", "variant-of from a malware family to a malware instance.", variantOfInstance),
	between("S-211", definition, "7.3", "An extension has a type that its extension definition lists, and top-level properties that it names.", definedUse),
	between("S-212", mustNot, "3.2", "Marking definitions that mark each other in a circle.", markingCircle),
	between("S-219", must, "4.11.1", "The samples of a malware instance are one binary: their hashes do not contradict each other.", oneSample),
}

// languageContent yields the members of type language-content, with the text of object_ref.
func (a *across) languageContent(yield func(place int, object []byte)) {
	for i := range a.members {
		if m := &a.members[i]; m.is("language-content") {
			if object := a.str(a.t.Member(m.node, "object_ref")); object != nil {
				yield(i, object)
			}
		}
	}
}

func translatedVersion(a *across) {
	a.languageContent(func(place int, object []byte) {
		node := a.t.Member(a.members[place].node, "object_modified")
		wanted := a.time(node)
		latest := a.version(object, nil)
		if wanted == nil || latest < 0 || a.time(a.members[latest].modified) == nil || a.version(object, wanted) >= 0 {
			return
		}
		a.report(place, "/object_modified", "object_modified is %s, and no version of %s here has that as its modified; the latest has %s",
			a.show(node), shorten(object), a.show(a.members[latest].modified))
	})
}

func mirroredTranslation(a *across) {
	a.languageContent(func(place int, object []byte) {
		m := &a.members[place]
		target := a.version(object, a.time(a.t.Member(m.node, "object_modified")))
		if target < 0 {
			return
		}
		for language, translation := range a.t.Members(a.t.Member(m.node, "contents")) {
			a.mirrors(place, "/contents/"+ijson.EscapePointer(a.t.Str(language)), translation, a.members[target].node)
		}
	})
}

// mirrors compares the structure of a translation with the original. It ignores what the object does not have and what
// is not text.
func (a *across) mirrors(place int, path string, translation, original int) {
	have, want := a.t.Kind(translation), a.t.Kind(original)
	switch {
	case want != ijson.String && want != ijson.Array && want != ijson.Object:
	case have != want:
		a.report(place, path, "the translation is %s, and the object has %s there; a translation has the same form", have, want)
	case want == ijson.Array:
		if n, m := a.t.Nodes[translation].Count, a.t.Nodes[original].Count; n != m {
			a.report(place, path, "the translation has %d items, and the object has %d there; an item without a translation is an empty string", n, m)
			return
		}
		item, i := original+1, 0
		for part := range a.t.Items(translation) {
			if !a.t.Is(part, "") {
				a.mirrors(place, fmt.Sprintf("%s/%d", path, i), part, item)
			}
			item, i = int(a.t.Nodes[item].Next), i+1
		}
	case want == ijson.Object:
		originals := a.named(original)
		for name, value := range a.t.Members(translation) {
			if other, ok := originals[a.t.Str(name)]; ok {
				a.mirrors(place, path+"/"+ijson.EscapePointer(a.t.Str(name)), value, other)
			}
		}
	}
}

func variantOfInstance(a *across) {
	family := func(ref int) ijson.Kind {
		if place := a.version(a.str(ref), nil); place >= 0 && a.members[place].is("malware") {
			return a.t.Kind(a.t.Member(a.members[place].node, "is_family"))
		}
		return 0
	}
	for i := range a.members {
		m := &a.members[i]
		if !m.is("relationship") || !a.t.Is(a.t.Member(m.node, "relationship_type"), "variant-of") {
			continue
		}
		target := a.t.Member(m.node, "target_ref")
		if family(a.t.Member(m.node, "source_ref")) == ijson.True && family(target) == ijson.False {
			a.report(i, "/target_ref", "a malware family is no variant of %s, which is a single instance (is_family is false)", a.show(target))
		}
	}
}

// mostExtensions is the largest number of extensions with top-level properties on one object for which the properties
// are checked, since each is searched for in each definition.
const mostExtensions = 16

func definedUse(a *across) {
	for i := range a.members {
		var allowed []map[string]bool
		complete := true
		for name, value := range a.t.Members(a.members[i].extensions) {
			kind := a.t.Member(value, "extension_type")
			isTop := a.t.Is(kind, "toplevel-property-extension")
			place := a.version(a.t.Bytes(name), nil)
			if place < 0 || !a.members[place].is("extension-definition") {
				complete = complete && !isTop
				continue
			}
			definition := a.members[place].node
			if types := a.t.Member(definition, "extension_types"); a.t.Kind(kind) == ijson.String && a.t.Kind(types) == ijson.Array && !a.listed(types)[a.t.Str(kind)] {
				a.report(i, "/extensions/"+ijson.EscapePointer(a.t.Str(name))+"/extension_type", "extension_type is %s, and the extension definition has %s", a.show(kind), a.show(types))
			}
			if isTop {
				properties := a.t.Member(definition, "extension_properties")
				complete = complete && a.t.Kind(properties) == ijson.Array
				allowed = append(allowed, a.listed(properties))
			}
		}
		if len(allowed) > 0 && len(allowed) <= mostExtensions && complete {
			a.namedProperties(i, allowed)
		}
	}
}

// namedProperties reports top-level properties named in neither the Standard nor an extension definition. Those that
// begin with x_ are custom properties, which need no definition.
func (a *across) namedProperties(place int, allowed []map[string]bool) {
	m := &a.members[place]
	d, known := a.m.types[string(m.typ)]
	if !known {
		return
	}
	for name := range a.t.Members(m.node) {
		b := a.t.Bytes(name)
		id, standard := names[string(b)]
		if standard && (d.prop(id) != nil || isCommonName(id)) || bytes.HasPrefix(b, []byte("x_")) {
			continue
		}
		if !slices.ContainsFunc(allowed, func(set map[string]bool) bool { return set[string(b)] }) {
			a.report(place, "/"+ijson.EscapePointer(string(b)), "%s is no property of %s, and not among the extension_properties of its extension definitions", a.show(name), m.typ)
		}
	}
}

// digests lists the algorithms that give the same digest for the same binary. Fuzzy hashes may differ between tools.
var digests = [...]string{"MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512"}

// oneSample compares the samples of a malware instance among the objects, algorithm by algorithm.
func oneSample(a *across) {
	for i := range a.members {
		m := &a.members[i]
		if !m.is("malware") || a.t.Kind(a.t.Member(m.node, "is_family")) != ijson.False {
			continue
		}
		first := map[string][]byte{}
		n := -1
		for ref := range a.t.Items(a.t.Member(m.node, "sample_refs")) {
			n++
			place := a.version(a.str(ref), nil)
			if place < 0 {
				continue
			}
			hashes := a.named(a.t.Member(a.members[place].node, "hashes"))
			for _, algorithm := range digests {
				value, ok := hashes[algorithm]
				if !ok || a.str(value) == nil {
					continue
				}
				digest := a.str(value)
				switch other, seen := first[algorithm]; {
				case !seen:
					first[algorithm] = digest
				case !bytes.EqualFold(other, digest):
					a.report(i, fmt.Sprintf("/sample_refs/%d", n), "%s has another %s than the samples before it; the samples of one instance (is_family is false) are one binary",
						a.show(ref), algorithm)
				}
			}
		}
	}
}
