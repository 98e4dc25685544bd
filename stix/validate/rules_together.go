package validate

import (
	"bytes"
	"fmt"

	"github.com/accord-taxii/accord/stix/ijson"
)

// togetherRules are on what an object says of another that came with it.
var togetherRules = []Rule{
	between("S-207", must, "7.1.1", "object_modified of language content is the modified of a version of its object, where that is at hand.", translatedVersion),
	between("S-208", must, "7.1.1", "A translation mirrors its object: a string for a string, a list of the same length for a list, an object for an object.", mirroredTranslation),
	between("S-209", mustNot, "4.11.2", "variant-of from a malware family to a malware instance.", variantOfInstance),
	between("S-211", definition, "7.3", "An extension has a type that its extension definition lists, and top-level properties that it names.", definedUse),
	between("S-212", mustNot, "3.2", "Marking definitions that mark each other in a circle.", markingCircle),
	between("S-219", must, "4.11.1", "The samples of a malware instance are one binary: their hashes do not contradict each other.", oneSample),
}

// languageContent yields the members that are language content, with the text of object_ref.
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

// mirrors compares a translation with what it translates. What the object does not have, and what is no text, is ignored.
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
		originals := make(map[string]int, a.t.Nodes[original].Count)
		for name, value := range a.t.Members(original) {
			originals[a.t.Str(name)] = value
		}
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

func definedUse(a *across) {
	for i := range a.members {
		allowed, complete, toplevel := map[string]bool{}, true, false
		for name, value := range a.t.Members(a.members[i].extensions) {
			kind := a.t.Member(value, "extension_type")
			place := a.version(a.t.Bytes(name), nil)
			isTop := a.t.Is(kind, "toplevel-property-extension")
			toplevel = toplevel || isTop
			if place < 0 || !a.members[place].is("extension-definition") {
				complete = complete && !isTop
				continue
			}
			definition := a.members[place].node
			if types := a.t.Member(definition, "extension_types"); a.t.Kind(kind) == ijson.String && a.t.Kind(types) == ijson.Array && !a.lists(types, a.t.Bytes(kind)) {
				a.report(i, "/extensions/"+ijson.EscapePointer(a.t.Str(name))+"/extension_type", "extension_type is %s, and the extension definition has %s", a.show(kind), a.show(types))
			}
			if isTop {
				properties := a.t.Member(definition, "extension_properties")
				complete = complete && a.t.Kind(properties) == ijson.Array
				for property := range a.t.Items(properties) {
					allowed[a.t.Str(property)] = true
				}
			}
		}
		if toplevel && complete {
			a.namedProperties(i, allowed)
		}
	}
}

// namedProperties reports top-level properties that neither the Standard nor an extension definition names. Those that begin
// with x_ are custom properties, which need no definition.
func (a *across) namedProperties(place int, allowed map[string]bool) {
	m := &a.members[place]
	d, known := a.m.types[string(m.typ)]
	if !known {
		return
	}
	for name := range a.t.Members(m.node) {
		b := a.t.Bytes(name)
		id, standard := names[string(b)]
		if standard && (d.prop(id) != nil || isCommonName(id)) || allowed[string(b)] || bytes.HasPrefix(b, []byte("x_")) {
			continue
		}
		a.report(place, "/"+ijson.EscapePointer(string(b)), "%s is no property of %s, and not among the extension_properties of its extension definitions", a.show(name), m.typ)
	}
}

func (a *across) lists(list int, value []byte) bool {
	for item := range a.t.Items(list) {
		if bytes.Equal(a.str(item), value) {
			return true
		}
	}
	return false
}

// oneSample compares the samples of a malware instance that are at hand, algorithm by algorithm.
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
			for name, value := range a.t.Members(a.t.Member(a.members[place].node, "hashes")) {
				algorithm, digest := a.t.Str(name), a.str(value)
				switch other, seen := first[algorithm]; {
				case hashLengths[algorithm] == 0 || digest == nil: // of fuzzy hashes one binary has one too, but tools differ
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
