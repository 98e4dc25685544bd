package stix

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// SameContent reports whether two texts of one version of an object mean the same (STIX 2.1, section 3.6). They do if
// they are the same JSON value, except for:
//   - properties that have their default, which may be left out: revoked, defanged, lang, summary of a sighting,
//     pattern_version of a STIX pattern, and the spec_version that an object without one has;
//   - timestamps, which are instants: trailing zeros of a fraction say nothing;
//   - numbers, which are numbers: 1.0 is 1;
//   - the name of a marking definition that is a statement, which only labels it;
//   - the TLP marking definitions of the Standard and of OASIS, which are what their identifiers say.
//
// Lists are ordered (section 2.12), and what the Standard does not define is compared as JSON. Text that is not JSON
// equals nothing.
func SameContent(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var ta, tb ijson.Tree
	limits := ijson.Limits{Depth: 1 << 20} // stored text was checked against limits when it was added
	if ta.Parse(a, limits) != nil || tb.Parse(b, limits) != nil {
		return false
	}
	return bytes.Equal(AppendContent(nil, &ta, ta.Root()), AppendContent(nil, &tb, tb.Root()))
}

// ContentHash returns a hash that is equal for texts of the same content, as [SameContent] defines it. The hash is
// short, so callers compare texts with equal hashes. Files hold these hashes, so a change of them needs a new file
// format.
func ContentHash(t *ijson.Tree) uint64 {
	var buf [1024]byte
	sum := sha256.Sum256(AppendContent(buf[:0], t, t.Root()))
	return binary.BigEndian.Uint64(sum[:])
}

// AppendContent appends the content of the object at node to dst, in a form that is equal for objects of the same
// content, and only for those.
func AppendContent(dst []byte, t *ijson.Tree, node int) []byte {
	w := contentWriter{t: t, dst: dst}
	w.object(node)
	return w.dst
}

// contentWriter writes values preceded by their kinds and lengths, so that different contents have different forms.
type contentWriter struct {
	t   *ijson.Tree
	dst []byte
}

// Marks of the value that follows.
const (
	markInstant = 't'
	markText    = 's'
	markNumber  = 'n'
	markList    = '['
	markMembers = '{'
	markTLP     = 'T'
	markOther   = 'o'
	markEnd     = ']'
)

func (w *contentWriter) bytes(mark byte, b []byte) {
	w.dst = binary.AppendUvarint(append(w.dst, mark), uint64(len(b)))
	w.dst = append(w.dst, b...)
}

// object writes an object of STIX: one at the top level, or a member of an observable container.
func (w *contentWriter) object(node int) {
	if w.t.Kind(node) != ijson.Object {
		w.value(node)
		return
	}
	f := factsOf(w.t, node)
	if level := f.tlp(); level != 0 {
		w.bytes(markTLP, []byte(w.t.Str(f.id)))
		return
	}
	w.members(node, func(name []byte, value int) {
		switch {
		case w.t.Kind(value) == ijson.String && f.isTime(name):
			w.time(value)
		case string(name) == "extensions" && f.category == SCO && w.t.Kind(value) == ijson.Object:
			w.extensions(value)
		case string(name) == "x509_v3_extensions" && f.typ == "x509-certificate":
			w.timed(value, "private_key_usage_period_not_before private_key_usage_period_not_after")
		case string(name) == "objects" && f.typ == "observed-data" && w.t.Kind(value) == ijson.Object:
			w.members(value, func(_ []byte, member int) { w.object(member) }, nil)
		default:
			w.value(value)
		}
	}, f.isDefault)
}

// extensions writes the extensions of an SCO. One of those in the Standard has a timestamp.
func (w *contentWriter) extensions(node int) {
	w.members(node, func(name []byte, value int) {
		if string(name) == "windows-pebinary-ext" {
			w.timed(value, "time_date_stamp")
			return
		}
		w.value(value)
	}, nil)
}

// timed writes a structure some of whose properties are timestamps.
func (w *contentWriter) timed(node int, names string) {
	if w.t.Kind(node) != ijson.Object {
		w.value(node)
		return
	}
	w.members(node, func(name []byte, value int) {
		if w.t.Kind(value) == ijson.String && hasWord(names, name) {
			w.time(value)
			return
		}
		w.value(value)
	}, nil)
}

// members writes the members of an object sorted by name, without those for which skip returns true.
func (w *contentWriter) members(node int, write func(name []byte, value int), skip func(name []byte, value int) bool) {
	type member struct {
		name  []byte
		value int
	}
	var room [32]member
	members := room[:0]
	for name, value := range w.t.Members(node) {
		if b := w.t.Bytes(name); skip == nil || !skip(b, value) {
			members = append(members, member{b, value})
		}
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	w.dst = append(w.dst, markMembers)
	for _, m := range members {
		w.bytes(markText, m.name)
		write(m.name, m.value)
	}
	w.dst = append(w.dst, markEnd)
}

// time writes a timestamp as an instant.
func (w *contentWriter) time(node int) {
	in, err := ParseInstant(w.t.Str(node))
	if err != nil {
		w.value(node)
		return
	}
	w.dst = in.AppendKey(append(w.dst, markInstant))
}

// value writes a JSON value.
func (w *contentWriter) value(node int) {
	switch w.t.Kind(node) {
	case ijson.String:
		w.bytes(markText, w.t.Bytes(node))
	case ijson.Number:
		d := ijson.NewDecimal(w.t.Raw(node))
		w.bytes(markNumber, d.Append(nil))
	case ijson.Array:
		w.dst = append(w.dst, markList)
		for item := range w.t.Items(node) {
			w.value(item)
		}
		w.dst = append(w.dst, markEnd)
	case ijson.Object:
		w.members(node, func(_ []byte, value int) { w.value(value) }, nil)
	default:
		w.bytes(markOther, w.t.Raw(node)) // true, false, null
	}
}

// contentFacts decides how the properties of an object are compared.
type contentFacts struct {
	t              *ijson.Tree
	node           int
	typ            string
	category       Category
	spec20         bool // STIX 2.0, which has no lang and no pattern_version
	id             int
	statement      bool // a marking definition that is a statement
	stixPattern    bool
	timestampNames string
}

func factsOf(t *ijson.Tree, node int) contentFacts {
	f := contentFacts{t: t, node: node, id: -1}
	spec, created, modified, definition := -1, -1, -1, -1
	for name, value := range t.Members(node) {
		switch string(t.Bytes(name)) {
		case "type":
			f.typ = t.Str(value)
		case "id":
			f.id = value
		case "spec_version":
			spec = value
		case "created":
			created = value
		case "modified":
			modified = value
		case "definition_type":
			definition = value
		case "pattern_type":
			f.stixPattern = t.Is(value, "stix")
		}
	}
	f.category = CategoryOf(f.typ)
	if f.category == Unknown {
		f.category = declaredCategory(t, node)
	}
	if f.category == Unknown {
		f.category = SCO
		if created >= 0 || modified >= 0 {
			f.category = SDO
		}
	}
	f.spec20 = f.category != SCO && (spec < 0 || t.Is(spec, "2.0"))
	f.statement = f.typ == "marking-definition" && t.Is(definition, "statement")
	f.timestampNames = timestamps[f.typ]
	return f
}

// isDefault reports whether a property has its default value (section 3.2 and the sections of the types), or adds
// nothing to the object.
func (f *contentFacts) isDefault(name []byte, value int) bool {
	kind := f.t.Kind(value)
	switch string(name) {
	case "revoked":
		return kind == ijson.False && f.category != SCO && f.typ != "marking-definition"
	case "defanged":
		return kind == ijson.False && f.category == SCO
	case "lang":
		return f.t.Is(value, "en") && !f.spec20 && (f.category == SDO || f.category == SRO)
	case "spec_version":
		if f.category == SCO {
			return f.t.Is(value, "2.1")
		}
		return f.t.Is(value, "2.0")
	case "summary":
		return kind == ijson.False && f.typ == "sighting"
	case "pattern_version":
		return f.t.Is(value, "2.1") && f.typ == "indicator" && f.stixPattern && !f.spec20
	case "name":
		return f.statement
	}
	return false
}

// isTime reports whether the Standard defines the property of this object as a timestamp.
func (f *contentFacts) isTime(name []byte) bool {
	switch string(name) {
	case "created", "modified":
		return f.category != SCO || hasWord(f.timestampNames, name)
	}
	return hasWord(f.timestampNames, name)
}

// tlp returns the level of a TLP marking definition of the Standard or of OASIS, or 0 for anything else. The other
// properties of such a definition do not matter.
func (f *contentFacts) tlp() TLP {
	if f.typ != "marking-definition" {
		return 0
	}
	want, ok := TLPOfMarking(ID(f.t.Str(f.id)))
	if !ok {
		return 0
	}
	stated := f.t.Member(f.t.Member(f.t.Member(f.node, "extensions"), string(TLP2Extension)), "tlp_2_0")
	if f.t.Is(f.t.Member(f.node, "definition_type"), "tlp") {
		stated = f.t.Member(f.t.Member(f.node, "definition"), "tlp")
	}
	if level, err := ParseTLP(f.t.Str(stated)); err != nil || level != want {
		return 0
	}
	return want
}

// IsTLP reports whether the object is one of the TLP marking definitions of the Standard or of OASIS, with no property that they
// do not have.
func (o Object) IsTLP() bool {
	f := factsOf(o.Tree, o.Tree.Root())
	if f.tlp() == 0 {
		return false
	}
	for name := range o.Tree.Members(o.Tree.Root()) {
		if !hasWord("type spec_version id created created_by_ref name definition_type definition extensions", o.Tree.Bytes(name)) {
			return false
		}
	}
	return true
}

// timestamps lists the timestamp properties of each type, besides created and modified of types that have versions. It
// includes those of STIX 2.0, because members of an observable container may be of either version.
var timestamps = map[string]string{
	"campaign":             "first_seen last_seen",
	"directory":            "ctime mtime atime created modified accessed",
	"email-message":        "date",
	"file":                 "ctime mtime atime created modified accessed",
	"indicator":            "valid_from valid_until",
	"infrastructure":       "first_seen last_seen",
	"intrusion-set":        "first_seen last_seen",
	"language-content":     "object_modified",
	"malware":              "first_seen last_seen",
	"malware-analysis":     "submitted analysis_started analysis_ended",
	"network-traffic":      "start end",
	"observed-data":        "first_observed last_observed",
	"process":              "created_time created",
	"relationship":         "start_time stop_time",
	"report":               "published",
	"sighting":             "first_seen last_seen",
	"threat-actor":         "first_seen last_seen",
	"user-account":         "account_created account_expires credential_last_changed account_first_login account_last_login password_last_changed",
	"windows-registry-key": "modified_time modified",
	"x509-certificate":     "validity_not_before validity_not_after",
}

// hasWord reports whether the space-separated words include word.
func hasWord(words string, word []byte) bool {
	for w := range strings.FieldsSeq(words) {
		if w == string(word) {
			return true
		}
	}
	return false
}
