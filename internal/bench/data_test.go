package main

import (
	"testing"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// A refused object would spoil a measurement, and an object of another size a comparison.
func TestKilobytesAreValidObjectsOfThatSize(t *testing.T) {
	type version struct{ id, version string }
	seen := map[version]int{}
	ids := map[string]bool{}
	var tree ijson.Tree
	for _, base := range []int{0, 1_000_000, 9_999_984} {
		for n := base; n < base+64; n++ {
			raw := kilobyte(n)
			if len(raw) != 1024 {
				t.Fatalf("object %d has %d bytes, want 1024", n, len(raw))
			}
			o, findings := validate.Parse(raw, &tree, ijson.Limits{})
			findings = append(findings, validate.Object(o, validate.Options{})...)
			if len(findings) > 0 {
				t.Fatalf("object %d: got %v, want no finding", n, findings)
			}
			if got, want := string(o.ID), kilobyteID(n); got != want {
				t.Errorf("object %d: got the id %s, want %s", n, got, want)
			}
			v := version{string(o.ID), o.Version}
			if before, there := seen[v]; there {
				t.Errorf("objects %d and %d are one version", before, n)
			}
			seen[v], ids[v.id] = n, true
		}
	}
	if want := 3 * 64 * 7 / 8; len(ids) != want {
		t.Errorf("got %d objects, want %d: the last of eight is a second version", len(ids), want)
	}
	if _, err := stix.ParseID(kilobyteID(12345)); err != nil {
		t.Error(err)
	}
}

func TestReleasesAreToldByTheEndOfAName(t *testing.T) {
	for name, want := range map[string]float64{"a/ics-attack-8.2.json": 8.2, "a/ics-attack-10.1.json": 10.1, "m/predator.stix2": 0} {
		if got := releaseOf(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
