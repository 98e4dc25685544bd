package schemas

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// samples returns valid objects, at least two of every type, the second with every property.
func samples(t testing.TB) []*ijson.Tree {
	t.Helper()
	text, err := os.ReadFile("testdata/valid.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []*ijson.Tree
	for line := range strings.Lines(string(text)) {
		all = append(all, parse(t, line))
	}
	return all
}

func TestSamplesHaveTheirShape(t *testing.T) {
	count := map[string]int{}
	for _, o := range samples(t) {
		typ := typeOf(o)
		count[typ]++
		if told := Explain(typ, o); len(told) > 0 || !Check(typ, o) {
			t.Errorf("Check says %v, Explain %v: %s", Check(typ, o), told, o.Text)
		}
	}
	for _, typ := range Types() {
		if count[typ] < 2 {
			t.Errorf("%s has %d samples, want 2", typ, count[typ])
		}
	}
}

// Every property that the schemas list is in a sample, so that a misspelt name in a schema is found.
func TestSamplesHaveEveryProperty(t *testing.T) {
	names := map[string]bool{}
	var collect func(o *ijson.Tree, i int)
	collect = func(o *ijson.Tree, i int) {
		for name, value := range o.Members(i) {
			names[o.Str(name)] = true
			collect(o, value)
		}
		for item := range o.Items(i) {
			collect(o, item)
		}
	}
	for _, o := range samples(t) {
		collect(o, 0)
	}
	listed := map[string]bool{}
	for _, s := range library().schemas {
		for name, property := range s.Properties {
			if property.Not == nil {
				listed[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !names[name] {
			t.Errorf("no sample has %s", name)
		}
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	for _, o := range samples(t) {
		typ := typeOf(o)
		if n := testing.AllocsPerRun(10, func() { Check(typ, o) }); n != 0 {
			t.Errorf("%s: %v allocations: %s", typ, n, o.Text)
		}
	}
}

func TestTypesAreFoundWhateverTheirNames(t *testing.T) {
	for _, name := range []string{"custom", "common", "object", "", "x-thing"} {
		if Known(name) {
			t.Errorf("%q is known", name)
		}
		if got := library().of(name); got != library().custom {
			t.Errorf("%q has the schema %s", name, got.name)
		}
	}
}

// A table finds its own names in any text, and nothing else.
func TestNameTablesFindTheirNamesOnly(t *testing.T) {
	tables := map[*nameTable]bool{}
	var gather func(s *shape)
	seen := map[*shape]bool{}
	gather = func(s *shape) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		if s.list != nil {
			gather(s.list.items)
		}
		if s.dict != nil {
			tables[s.dict.table] = true
			for _, p := range s.dict.props {
				gather(p)
			}
			for _, r := range s.dict.rest {
				gather(r.additional)
			}
		}
	}
	var all []string
	for _, e := range library().entries {
		gather(e.shape)
	}
	for table := range tables {
		all = append(all, table.names...)
	}
	slices.Sort(all)
	all = append(slices.Compact(all), "", "i", "idx", "typ", "typf", "created_by_rex", "\x00", "id\x00", "name\x00", "a_name_that_nobody_has", `n\u0061me`)
	for _, name := range all {
		for _, text := range []string{`{"` + name + `":1}`, `{"` + name + `":"some longer text behind it"}`} {
			o := new(ijson.Tree)
			if o.Parse([]byte(strings.ReplaceAll(text, "\x00", `\u0000`)), ijson.Limits{}) != nil {
				t.Fatal(text)
			}
			for table := range tables {
				want := slices.Index(table.names, o.Str(1))
				if got := table.find(o, 1); got != want {
					t.Errorf("%q in %v: got %d, want %d", name, table.names, got, want)
				}
			}
		}
	}
}
