package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// supply hands out generated objects in order, to several at once.
type supply struct {
	mu   sync.Mutex
	next func() ([]byte, bool)
}

func newSupply(seed uint64) *supply {
	next, _ := iter.Pull(demo.All(seed))
	return &supply{next: next}
}

func (s *supply) take(n int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([][]byte, n)
	for i := range list {
		list[i], _ = s.next()
	}
	return list
}

// Of eight objects of 1 kB, two are malware, five are indicators, and the last is a second version of the seventh, so that
// filters have something to leave out.
const (
	cycle          = 8
	secondVersion  = 7
	aSingleVersion = 0 // of each eight, one whose object has no other
	twoVersions    = 6
)

// kilobyte returns the n-th of objects that have 1 kB each. Their identifiers are scattered as those of real ones are,
// so that what is added lands everywhere in an index.
func kilobyte(n int) []byte {
	object, modified := n, "2025-03-01T08:00:00.000Z"
	if n%cycle == secondVersion {
		object, modified = n-1, "2025-03-02T08:00:00.000Z"
	}
	what := fmt.Sprintf(`"indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'host-%d.example']",`+
		`"pattern_type":"stix","valid_from":"2025-03-01T08:00:00Z"`, object)
	if isMalware(object) {
		what = `"malware_types":["backdoor"],"is_family":false`
	}
	head := fmt.Sprintf(`{"type":"%s","spec_version":"2.1","id":"%s","created":"2025-03-01T08:00:00.000Z","modified":"%s","name":"Made-up thing %d",`,
		typeOf(object), kilobyteID(object), modified, object)
	b := make([]byte, 0, 1024)
	b = append(b, head...)
	b = append(b, what...)
	b = append(b, `,"description":"`...)
	b = append(b, strings.Repeat("What was seen there is told at length. ", 30)[:1024-len(b)-len(`"}`)]...)
	return append(b, `"}`...)
}

// distinct returns how many different objects the first n have, where n is a multiple of eight.
func distinct(n int) int { return n / cycle * (cycle - 1) }

func isMalware(object int) bool { return object%cycle == 1 || object%cycle == 5 }

func typeOf(object int) string {
	if isMalware(object) {
		return "malware"
	}
	return "indicator"
}

// kilobyteID returns the identifier of the object that the n-th kilobyte is a version of.
func kilobyteID(n int) string {
	if n%cycle == secondVersion {
		n--
	}
	scattered := bits.Reverse32(uint32(n) * 0x9e3779b1)
	return fmt.Sprintf("%s--%08x-5b1c-4a7e-9d20-%012x", typeOf(n), scattered, n)
}

// fill adds objects of 1 kB over HTTP, from one number on up to another, in envelopes of 100 from four clients.
func fill(ctx context.Context, a *accord, from, to int) error {
	const clients, each = 4, 100
	l, err := drive(ctx, a.peer(), clients, 2*time.Hour, func(connection, n int, _ answer) []byte {
		first := from + (n*clients+connection)*each
		if first >= to {
			return nil
		}
		list := make([][]byte, min(each, to-first))
		for i := range list {
			list[i] = kilobyte(first + i)
		}
		return postRequest(collection, envelope(list))
	})
	if err == nil && l.others > 0 {
		err = fmt.Errorf("%d of the requests that fill the collection were refused", l.others)
	}
	return err
}

// realData returns the folder of published bundles beside the sources, if it exists.
func realData() string {
	if root := os.Getenv("ACCORD_REAL_DATA"); root != "" {
		return root
	}
	return filepath.FromSlash("../shared/data")
}

// realObjects returns the objects of the bundles in the folders of a folder, oldest release first, or none if root does
// not exist.
func realObjects(root string) ([][]byte, error) {
	var files []string
	for _, pattern := range []string{"*/*.json", "*/*.stix2"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(releaseOf(a), releaseOf(b)) })
	var list [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := taxii.SplitEnvelope(text, taxii.EnvelopeLimits{})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		list = append(list, objects...)
	}
	return list, nil
}

// releaseOf returns the number at the end of a file's name, or 0 if there is none.
func releaseOf(file string) float64 {
	name := filepath.Base(file)
	var release float64
	fmt.Sscanf(name[strings.LastIndexByte(name, '-')+1:], "%g", &release)
	return release
}

// fillReal adds real objects, in envelopes of 100 from one client. It returns how many of them the collection then has
// and how many were validated per second.
func fillReal(ctx context.Context, a *accord, objects [][]byte) (held int, rate float64, err error) {
	const each = 100
	l, err := drive(ctx, a.peer(), 1, time.Hour, func(_, n int, _ answer) []byte {
		first := n * each
		if first >= len(objects) {
			return nil
		}
		return postRequest(realCollection, envelope(objects[first:min(first+each, len(objects))]))
	})
	if err != nil {
		return 0, 0, err
	}
	if l.others > 0 {
		return 0, 0, fmt.Errorf("%d envelopes of real objects were refused", l.others)
	}
	rate = float64(len(objects)) / l.took.Seconds()
	held, err = heldBy(ctx, a, realCollection)
	return held, rate, err
}
