package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// one is an operation of a forged history.
func one(client int, call, end int64, in asked, out answered) porcupine.Operation {
	return porcupine.Operation{ClientId: client, Call: call, Return: end, Input: in, Output: out}
}

// A history that no server could have given is refused, and one that a cluster may give is not.
func TestForgedHistoriesAreRefused(t *testing.T) {
	add := func(v int) asked { return asked{op: opAdd, version: v} }
	remove, read := asked{op: opDelete}, asked{op: opRead}
	done, unknown := answered{}, answered{unknown: true}
	has := func(bits uint64) answered { return answered{present: bits} }
	const never = int64(1) << 62
	for _, row := range []struct {
		name string
		list []porcupine.Operation
		want bool // it is explained
	}{
		{"one after the other", []porcupine.Operation{one(0, 1, 2, add(0), done), one(1, 3, 4, read, has(1)), one(0, 5, 6, add(1), done), one(1, 7, 8, read, has(3)), one(0, 9, 10, remove, has(1)), one(1, 11, 12, read, has(0)), one(0, 13, 14, remove, has(0))}, true},
		{"a lost write", []porcupine.Operation{one(0, 1, 2, add(0), done), one(1, 3, 4, read, has(0))}, false},
		{"a lost write among others", []porcupine.Operation{one(0, 1, 2, add(0), done), one(0, 3, 4, add(1), done), one(1, 5, 6, read, has(2))}, false},
		{"a stale read", []porcupine.Operation{one(0, 1, 2, add(0), done), one(0, 3, 4, add(1), done), one(1, 5, 6, read, has(3)), one(2, 7, 8, read, has(1))}, false},
		{"a read while it is added", []porcupine.Operation{one(0, 1, 9, add(0), done), one(1, 2, 3, read, has(0)), one(1, 4, 5, read, has(1))}, true},
		{"a read that goes back while it is added", []porcupine.Operation{one(0, 1, 9, add(0), done), one(1, 2, 3, read, has(1)), one(1, 4, 5, read, has(0))}, false},
		{"what was deleted comes back", []porcupine.Operation{one(0, 1, 2, add(0), done), one(0, 3, 4, remove, has(1)), one(1, 5, 6, read, has(1))}, false},
		{"a deletion done twice", []porcupine.Operation{one(0, 1, 2, add(0), done), one(0, 3, 4, remove, has(1)), one(1, 5, 6, remove, has(1))}, false},
		{"a deletion that finds nothing of what is there", []porcupine.Operation{one(0, 1, 2, add(0), done), one(1, 3, 4, remove, has(0))}, false},
		{"an unknown addition that took effect later", []porcupine.Operation{one(0, 1, never, add(0), unknown), one(1, 3, 4, read, has(0)), one(1, 5, 6, read, has(1))}, true},
		{"an unknown addition that never did", []porcupine.Operation{one(0, 1, never, add(0), unknown), one(1, 3, 4, read, has(0)), one(1, 5, 6, read, has(0))}, true},
		{"an unknown addition that took effect and was lost", []porcupine.Operation{one(0, 1, never, add(0), unknown), one(1, 3, 4, read, has(1)), one(1, 5, 6, read, has(0))}, false},
		{"an unknown deletion", []porcupine.Operation{one(0, 1, 2, add(0), done), one(0, 3, never, remove, unknown), one(1, 5, 6, read, has(1)), one(1, 7, 8, read, has(0))}, true},
		{"a version that nobody added", []porcupine.Operation{one(0, 1, 2, add(0), done), one(1, 3, 4, read, has(5))}, false},
	} {
		h := newHistory()
		h.objects["x"] = row.list
		n, err := h.check()
		if (err == nil) != row.want || n != len(row.list) || err != nil && !strings.Contains(err.Error(), "NOT LINEARIZABLE") {
			t.Errorf("%s: got %v, want explained %t", row.name, err, row.want)
		}
	}
}

func TestForgedPagesAreRefused(t *testing.T) {
	a, b, c := record{"indicator--1", "v1", "2026-01-01T00:00:01Z"}, record{"indicator--2", "v1", "2026-01-01T00:00:02Z"}, record{"indicator--3", "v1", "2026-01-01T00:00:03Z"}
	there := map[version]string{}
	for _, r := range []record{a, b, c} {
		there[version{alone, r.ID, r.Version}] = r.DateAdded
	}
	again := record{a.ID, a.Version, "2026-01-01T00:00:04Z"}
	deleted := func(v version) bool { return v.id == a.ID }
	kept := func(version) bool { return false }
	for _, row := range []struct {
		name  string
		pages []shown
		may   func(version) bool
		want  string // in the error; "": none
	}{
		{"all in order", []shown{{"", []record{a, b}}, {b.DateAdded, nil}, {b.DateAdded, []record{c}}}, kept, ""},
		{"added again after a deletion", []shown{{"", []record{a, b, c}}, {c.DateAdded, []record{again}}}, deleted, ""},
		{"doubled", []shown{{"", []record{a, b, c}}, {c.DateAdded, []record{again}}}, kept, "DOUBLED"},
		{"a stale page", []shown{{"", []record{a, b, c}}, {c.DateAdded, []record{b}}}, kept, "STALE PAGE"},
		{"one shown twice", []shown{{"", []record{a, b, c}}, {c.DateAdded, []record{{a.ID, a.Version, a.DateAdded}}}}, kept, "STALE PAGE"},
		{"one shown twice on a page", []shown{{"", []record{a, a, b, c}}}, kept, "STALE PAGE"},
		{"one left out", []shown{{"", []record{a, c}}}, kept, "OVERTAKEN"},
		{"a date that differs", []shown{{"", []record{a, {b.ID, b.Version, "2026-01-01T00:00:02.5Z"}, c}}}, kept, "OVERTAKEN"},
		{"a position that jumps", []shown{{"", []record{a}}, {b.DateAdded, []record{c}}}, kept, "was asked for after"},
	} {
		err := checkPages(alone, row.pages, thereOf(there, row.may, again), row.may)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
}

// thereOf is what is there in the end, where a may have been added again.
func thereOf(there map[version]string, may func(version) bool, again record) map[version]string {
	v := version{alone, again.ID, again.Version}
	if !may(v) {
		return there
	}
	there = maps.Clone(there)
	there[v] = again.DateAdded
	return there
}
