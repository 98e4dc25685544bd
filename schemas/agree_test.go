package schemas

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// agree fails the test unless Check and jsonschema give the same verdict on o, and Explain returns violations exactly
// when they refuse it.
func agree(t testing.TB, typ string, o *ijson.Tree) bool {
	t.Helper()
	e := library().of(typ)
	err := e.schema.Validate(decode(o, o.Root()))
	got := Check(typ, o)
	if got != (err == nil) {
		t.Fatalf("as %q, Check says %v, jsonschema %#v: %s", typ, got, err, o.Text)
	}
	told := Explain(typ, o)
	if got != (len(told) == 0) {
		t.Fatalf("as %q, Check says %v, Explain %v: %s", typ, got, told, o.Text)
	}
	for _, v := range told {
		if v.Rule == "" || v.Message == "" {
			t.Fatalf("as %q: the violation %+v: %s", typ, v, o.Text)
		}
	}
	return got
}

// values replace other values: one of each kind, and the limits in the schemas.
var values = []string{
	`null`, `true`, `false`, `0`, `-0`, `-1`, `1`, `1.0`, `1.5`, `1e2`, `100.1`, `65535`, `65536`, `999999999`, `1e9`, `1e400`, `-90`, `90.1`,
	`12345678901234567890123`, `""`, `"a"`, `"2.1"`, `"2.0"`, `"id"`, `"agree"`, `"AF_INET"`, `"statement"`, `"tlp"`, `"property-extension"`,
	`"toplevel-property-extension"`, `"new-sdo"`, `"new-sco"`, `"new-sro"`, `"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00.Z"`,
	`"2020-01-01T00:00:00.123Z"`, `"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`, `"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`,
	`"to\u006fl--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`, `"x\n"`, `"é"`, `"\u0061"`, `[]`, `{}`, `[null]`, `[""]`, `[[]]`, `[{}]`, `["a","b"]`,
	`{"a":1}`, `{"MD5":"x"}`, `{"a":[1]}`, `{"statement":"x"}`, `{"extension_type":"property-extension","Bad":1}`,
	`{"extension-definition--1":{"extension_type":"new-sdo"}}`, `{"x-a-ext":{"ok_name":1}}`, `{"":null}`,
}

// names are member names to try, besides those that the schemas list.
var names = []string{"x_acme", "id", "ab", "Bad", "b-d", "x-a-ext", "extension-definition--1", "a/b~c%20", "é", "", "severity", "action", "defanged", "type", "zz zz"}

// mutant writes the value at node i of o with a few changes.
type mutant struct {
	source *rand.Rand
	tree   *ijson.Tree
	names  []string
	odds   int // one value in odds is changed
}

func (m *mutant) append(b []byte, i int) []byte {
	if m.source.IntN(m.odds) == 0 {
		return append(b, values[m.source.IntN(len(values))]...)
	}
	t := m.tree
	switch t.Kind(i) {
	case ijson.Array:
		b = append(b, '[')
		n := 0
		for item := range t.Items(i) {
			if m.source.IntN(m.odds) == 0 {
				continue
			}
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = m.append(b, item)
		}
		return append(b, ']')
	case ijson.Object:
		b = append(b, '{')
		var written []string
		member := func(name string, value func(b []byte) []byte) {
			if slices.Contains(written, name) {
				return
			}
			if written = append(written, name); len(written) > 1 {
				b = append(b, ',')
			}
			b = value(fmt.Appendf(b, "%q:", name))
		}
		for name, value := range t.Members(i) {
			switch m.source.IntN(2 * m.odds) {
			case 0:
			case 1:
				member(m.names[m.source.IntN(len(m.names))], func(b []byte) []byte { return m.append(b, value) })
			default:
				member(t.Str(name), func(b []byte) []byte { return m.append(b, value) })
			}
		}
		if m.source.IntN(m.odds) == 0 {
			member(m.names[m.source.IntN(len(m.names))], func(b []byte) []byte { return append(b, values[m.source.IntN(len(values))]...) })
		}
		return append(b, '}')
	}
	return append(b, t.Raw(i)...)
}

// listedNames returns all property names in the schemas.
func listedNames() []string {
	all := map[string]bool{}
	for _, s := range library().schemas {
		addNames(all, s)
	}
	list := slices.Clone(names)
	for name := range all {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func TestCheckAgreesWithJSONSchemaOnChangedObjects(t *testing.T) {
	objects := samples(t)
	types := append(Types(), "x-acme-thing")
	source := rand.New(rand.NewPCG(11, 12))
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	listed := listedNames()
	valid, all := 0, 0
	for round := range rounds {
		for _, o := range objects {
			m := mutant{source: source, tree: o, names: listed, odds: 10 + 30*(round%5)}
			changed := new(ijson.Tree)
			text := m.append(nil, 0)
			if err := changed.Parse(text, ijson.Limits{}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			typ := typeOf(o)
			if source.IntN(20) == 0 {
				typ = types[source.IntN(len(types))]
			}
			if all++; agree(t, typ, changed) {
				valid++
			}
		}
	}
	if valid < all/10 || valid > all*9/10 {
		t.Errorf("%d of %d changed objects are valid, too one-sided to tell much", valid, all)
	}
}

func TestCheckAgreesWithJSONSchemaOnChangedRealObjects(t *testing.T) {
	objects := realObjects(t)
	source := rand.New(rand.NewPCG(21, 22))
	listed := listedNames()
	for i := 0; i < len(objects); i += 1 + source.IntN(20) {
		m := mutant{source: source, tree: objects[i], names: listed, odds: 60}
		changed := new(ijson.Tree)
		if text := m.append(nil, 0); changed.Parse(text, ijson.Limits{}) != nil {
			t.Fatalf("%s", text)
		}
		agree(t, typeOf(objects[i]), changed)
	}
}

// Every single change of one value of a sample, for each type, which random changes would rarely find.
func TestCheckAgreesWithJSONSchemaOnEachSingleChange(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of objects")
	}
	source := rand.New(rand.NewPCG(31, 32))
	for _, o := range samples(t) {
		typ := typeOf(o)
		for i := 1; i < len(o.Nodes); i++ {
			n := o.Nodes[i]
			if n.End < uint32(len(o.Text)) && o.Text[n.End] == ':' {
				continue // a name
			}
			for range 2 {
				value := values[source.IntN(len(values))]
				text := slices.Concat(o.Text[:n.Start], []byte(value), o.Text[n.End:])
				changed := new(ijson.Tree)
				if err := changed.Parse(text, ijson.Limits{}); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				agree(t, typ, changed)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, o := range samples(f) {
		f.Add(typeOf(o), string(o.Text))
	}
	for _, value := range values {
		f.Add("x-acme-thing", `{"type":"x-acme-thing","extensions":`+value+`}`)
	}
	var o ijson.Tree
	f.Fuzz(func(t *testing.T, typ, text string) {
		if o.Parse([]byte(text), ijson.Limits{}) != nil {
			return
		}
		agree(t, typ, &o)
	})
}
