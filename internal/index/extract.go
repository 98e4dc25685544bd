package index

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/pattern"
)

// field is the first byte of a term's key: what the term says about an object.
type field byte

const (
	fieldValue    field = 'v' // a value that the object holds or looks for
	fieldParent   field = 'd' // a domain, or one above it
	fieldWord     field = 't' // a word of its texts
	fieldType     field = 'y'
	fieldTLP      field = 'p'
	fieldProducer field = 'b' // created_by_ref
	fieldLabel    field = 'l'
	fieldParty    field = 'o' // the party that added it
	fieldScore    field = 'c' // confidence, one byte
	fieldRef      field = 'r' // an identifier that the object refers to
	fieldUntil    field = 'u' // valid_until, days since 1970
	fieldUntilAt  field = 'U' // valid_until, seconds since 1970
	fieldFrom     field = 'w' // valid_from, days
	fieldFromAt   field = 'W' // valid_from, seconds
	fieldRevoked  field = 'x'
	fieldAddress  field = 'a' // an address or a range; its key is an addressKey
)

// Bounds of what one object puts into the index: the rest of it is stored, and not searched.
const (
	mostTerms = 20_000
	mostText  = 1 << 20 // bytes of words
)

// term is a field and what stands for the text in it: a keyed hash, or a number.
type term struct {
	field field
	hash  uint64
}

// document is what the index keeps of one version of an object.
type document struct {
	terms     []term
	addresses []addressKey
}

// secret keys the hashes, so that the index cannot be searched for known texts without it.
type secret [32]byte

func (s *secret) hash(f field, text string) uint64 {
	var room [256]byte
	b := append(append(room[:0], s[:]...), byte(f))
	sum := sha256.Sum256(append(b, text...))
	return binary.BigEndian.Uint64(sum[:])
}

// reader takes objects apart, one after the other. It is not safe for concurrent use.
type reader struct {
	tree   ijson.Tree // room for the objects that are parsed
	secret secret
	doc    document
	text   int // bytes of words so far

	// words are the hashes of words that were read lately: texts repeat their words, and a hash costs more than a look here.
	words  map[string]hashedWord
	object uint64 // counts the objects
}

// hashedWord is a word's hash, and the object that has it already.
type hashedWord struct {
	hash uint64
	last uint64
}

// mostWords bounds reader.words; beyond it they are forgotten.
const mostWords = 1 << 15

// under makes the reader hash with a secret; a new index has a new one.
func (r *reader) under(s secret) {
	if r.words == nil || r.secret != s {
		r.secret, r.words = s, make(map[string]hashedWord)
	}
}

func (r *reader) add(f field, text string) {
	if len(r.doc.terms) < mostTerms && text != "" {
		r.doc.terms = append(r.doc.terms, term{f, r.secret.hash(f, text)})
	}
}

func (r *reader) number(f field, n int64) {
	r.doc.terms = append(r.doc.terms, term{f, uint64(max(n, 0))})
}

// read is what the index keeps of an object that a party added under a marking.
func (r *reader) read(o stix.Object, tlp stix.TLP, party string) document {
	r.object++
	r.doc, r.text = document{}, 0
	r.add(fieldType, o.Type)
	r.add(fieldTLP, tlp.String())
	r.add(fieldParty, party)
	r.add(fieldValue, strings.ToLower(string(o.ID)))
	t := o.Tree
	r.common(t)
	if o.Category() == stix.SCO {
		r.observable(t, t.Root(), o.Type)
	}
	for name, value := range t.Members(t.Root()) {
		if t.Is(name, "objects") && t.Kind(value) == ijson.Object { // observed data of STIX 2.0
			for _, inner := range t.Members(value) {
				r.observable(t, inner, t.Str(t.Member(inner, "type")))
			}
		}
	}
	r.walk(t, t.Root(), "", 0)
	slices.SortFunc(r.doc.terms, func(a, b term) int {
		if a.field != b.field {
			return int(a.field) - int(b.field)
		}
		return int(min(max(int64(a.hash>>1)-int64(b.hash>>1), -1), 1))
	})
	r.doc.terms = slices.Compact(r.doc.terms)
	slices.SortFunc(r.doc.addresses, func(a, b addressKey) int { return slices.Compare(a[:], b[:]) })
	r.doc.addresses = slices.Compact(r.doc.addresses)
	return r.doc
}

// common reads the properties that decide what is found: author, labels, confidence, validity.
func (r *reader) common(t *ijson.Tree) {
	root := t.Root()
	r.add(fieldProducer, t.Str(t.Member(root, "created_by_ref")))
	if labels := t.Member(root, "labels"); t.Kind(labels) == ijson.Array {
		for item := range t.Items(labels) {
			r.add(fieldLabel, t.Str(item))
		}
	}
	if c := t.Member(root, "confidence"); t.Kind(c) == ijson.Number {
		if n, ok := wholeNumber(t.Raw(c)); ok && n <= 100 {
			r.number(fieldScore, int64(n))
		}
	}
	if t.Kind(t.Member(root, "revoked")) == ijson.True {
		r.number(fieldRevoked, 0)
	}
	r.instant(t, "valid_until", fieldUntil, fieldUntilAt)
	r.instant(t, "valid_from", fieldFrom, fieldFromAt)
	if t.Is(t.Member(root, "type"), "indicator") {
		if kind := t.Member(root, "pattern_type"); kind < 0 || t.Is(kind, "stix") {
			r.pattern(t.Str(t.Member(root, "pattern")))
		}
	}
}

func wholeNumber(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n > 1000 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(b) > 0
}

const day = 24 * 60 * 60

func (r *reader) instant(t *ijson.Tree, member string, days, seconds field) {
	in, err := stix.ParseInstant(t.Str(t.Member(t.Root(), member)))
	if err != nil {
		return
	}
	at := in.Time()
	if at.Nanosecond() > 0 {
		at = at.Add(time.Second) // the whole second at which it has come
	}
	r.number(days, at.Unix()/day)
	r.number(seconds, at.Unix())
}

// pattern adds the constants that a STIX pattern looks for. What it excludes is not looked for.
func (r *reader) pattern(text string) {
	if text == "" {
		return
	}
	p, err := pattern.Parse(text, pattern.Options{})
	if err != nil {
		return
	}
	pattern.Walk(p.Root, func(n pattern.Node) bool {
		t, ok := n.(*pattern.Test)
		if !ok {
			return true
		}
		switch t.Operator {
		case pattern.Equal, pattern.In, pattern.IsSubset, pattern.IsSuperset:
			for _, c := range t.Values {
				if c.Kind == pattern.String && !t.Not {
					r.value(c.Content())
				}
			}
		}
		return true
	})
}

// observableValues are the properties of cyber-observables whose strings are values, as they stand in the Standard.
var observableValues = []string{
	"value", "name", "path", "key", "url", "account_login", "user_id", "display_name", "command_line", "cwd", "cpe", "swid",
	"serial_number", "subject", "issuer", "message_id", "number",
}

// observable adds the values of one cyber-observable.
func (r *reader) observable(t *ijson.Tree, object int, typ string) {
	for _, property := range observableValues {
		at := t.Member(object, property)
		if at < 0 {
			continue
		}
		switch t.Kind(at) {
		case ijson.String:
			r.value(t.Str(at))
		case ijson.Number:
			if typ == "autonomous-system" {
				r.add(fieldValue, "as"+string(t.Raw(at)))
				r.add(fieldValue, string(t.Raw(at)))
			}
		}
	}
}

// value adds a text as the value that it reads as.
func (r *reader) value(text string) {
	if len(text) > longestValue {
		return
	}
	r.add(fieldValue, fold(strings.TrimSpace(text)))
	v := ReadValue(text)
	r.add(fieldValue, v.Text)
	switch v.Kind {
	case Domain:
		r.domain(v.Text)
	case URL, Email:
		r.domain(v.Host)
	case Name, Text:
		if strings.ContainsAny(text, "/\\") {
			r.add(fieldValue, fold(baseName(text)))
		}
	}
	if v.Prefix.IsValid() && len(r.doc.addresses) < mostTerms {
		r.doc.addresses = append(r.doc.addresses, keyOfPrefix(v.Prefix))
	}
}

func (r *reader) domain(d string) {
	if d == "" {
		return
	}
	for _, p := range parents(d) {
		r.add(fieldParent, p)
	}
}

// unsearched are members whose strings are no words: they are looked up in other ways, or mean nothing alone.
var unsearched = map[string]bool{
	"id": true, "type": true, "spec_version": true, "created": true, "modified": true, "pattern": true, "pattern_type": true,
	"valid_from": true, "valid_until": true, "object_marking_refs": true, "granular_markings": true, "extensions": false,
	"extension_type": true, "definition_type": true, "lang": true, "created_by_ref": true, "payload_bin": true,
}

// deepest bounds how far walk goes down.
const deepest = 12

// walk adds words, hashes, references and CVE ids, wherever they stand in an object.
func (r *reader) walk(t *ijson.Tree, at int, name string, depth int) {
	if depth > deepest {
		return
	}
	switch t.Kind(at) {
	case ijson.Object:
		for member, value := range t.Members(at) {
			key := t.Str(member)
			switch {
			case unsearched[key]:
				if key == "created_by_ref" || key == "object_marking_refs" {
					r.references(t, value)
				}
			case key == "hashes" && t.Kind(value) == ijson.Object:
				for _, digest := range t.Members(value) {
					r.value(t.Str(digest))
				}
			case strings.HasSuffix(key, "_ref") || strings.HasSuffix(key, "_refs"):
				r.references(t, value)
			default:
				r.walk(t, value, key, depth+1)
			}
		}
	case ijson.Array:
		for item := range t.Items(at) {
			r.walk(t, item, name, depth+1)
		}
	case ijson.String:
		text := t.Str(at)
		if name == "name" || name == "aliases" || name == "external_id" || strings.HasSuffix(name, "_aliases") {
			r.add(fieldValue, fold(strings.TrimSpace(text)))
		}
		r.addWords(text)
	}
}

func (r *reader) references(t *ijson.Tree, at int) {
	switch t.Kind(at) {
	case ijson.String:
		if id, err := stix.ParseID(t.Str(at)); err == nil {
			r.add(fieldRef, strings.ToLower(string(id)))
		}
	case ijson.Array:
		for item := range t.Items(at) {
			r.references(t, item)
		}
	}
}

// addWords adds the words of a text, and the CVE ids in it.
func (r *reader) addWords(text string) {
	if r.text += len(text); r.text > mostText {
		return
	}
	folded := fold(text)
	if strings.Contains(folded, "cve-") {
		for _, id := range cveInText.FindAllString(text, 100) {
			r.add(fieldValue, strings.ToUpper(id))
		}
	}
	eachWord(folded, r.word)
}

// word adds a word, once for each object.
func (r *reader) word(w string) {
	known, ok := r.words[w]
	if ok && known.last == r.object || len(r.doc.terms) >= mostTerms {
		return
	}
	if !ok {
		if len(r.words) >= mostWords {
			clear(r.words)
		}
		w = strings.Clone(w) // not the whole text that it stands in
		known.hash = r.secret.hash(fieldWord, w)
	}
	r.words[w] = hashedWord{known.hash, r.object}
	r.doc.terms = append(r.doc.terms, term{fieldWord, known.hash})
}

// longestWord bounds a word in bytes: what is longer is no word that a person would type.
const longestWord = 100

// eachWord calls do with the runs of letters, marks and digits of a folded text.
func eachWord(folded string, do func(word string)) {
	start := -1
	for i, c := range folded {
		if c < utf8.RuneSelf && ('a' <= c && c <= 'z' || '0' <= c && c <= '9') ||
			c >= utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c)) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start <= longestWord {
			do(folded[start:i])
		}
		start = -1
	}
	if start >= 0 && len(folded)-start <= longestWord {
		do(folded[start:])
	}
}

// wordsOf lists the words of a text.
func wordsOf(text string) (words []string) {
	eachWord(fold(text), func(w string) { words = append(words, w) })
	return words
}
