package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// listing is what a manifest lists: objects, and versions of them, by a short digest. A digest that two share keeps one of them
// from being withdrawn, and does no harm.
type listing struct {
	ids, versions []uint64 // sorted
	older         bool     // some object is listed in more than one version: the server lists older ones
}

func digestOf(parts ...string) uint64 {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return binary.BigEndian.Uint64(sum[:])
}

// has reports whether the remote collection has a version. A server that lists the last version of each object alone says
// nothing about older ones.
func (l *listing) has(v store.StoredVersion) bool {
	_, listed := slices.BinarySearch(l.ids, digestOf(strings.ToLower(string(v.ID))))
	if !listed || v.Unversioned || !l.older {
		return listed
	}
	_, listed = slices.BinarySearch(l.versions, digestOf(strings.ToLower(string(v.ID)), string(v.Instant.AppendKey(nil))))
	return listed
}

// manifestRecord is a record of a manifest, with all versions of the object in TAXII 2.0.
type manifestRecord struct {
	taxii.ManifestRecord
	Versions []string `json:"versions"`
}

// mostListed bounds a manifest: 64 MiB of digests.
const mostListed = 4 << 20

// list reads the manifest to its end. Whatever goes wrong is an error: a list that is not complete would take back what is there.
func (v *visit) list(ctx context.Context) (*listing, error) {
	l := &listing{}
	q := url.Values{"limit": {strconv.Itoa(pageItems)}}
	if !v.cursor.Plain {
		q.Set("match[version]", "all")
	}
	if len(v.terms.Types) > 0 {
		q.Set("match[type]", strings.Join(v.terms.Types, ","))
	}
	seen := map[string]bool{}
	var after time.Time
	for {
		var m struct {
			More    bool             `json:"more"`
			Next    json.RawMessage  `json:"next"`
			Objects []manifestRecord `json:"objects"`
		}
		h, err := v.remote.get(ctx, "manifest/", q, &m)
		if err != nil {
			if faultOf(err) == nil && ctx.Err() == nil {
				err = fault(FaultStatus, "", "the manifest: %w", err)
			}
			return nil, err
		}
		last := time.Time{}
		for _, r := range m.Objects {
			id := strings.ToLower(r.ID)
			l.ids = append(l.ids, digestOf(id))
			for _, version := range append(r.Versions, r.Version) {
				if at, err := stix.ParseInstant(version); err == nil {
					l.versions = append(l.versions, digestOf(id, string(at.AppendKey(nil))))
				}
			}
			if at, err := taxii.ParseTime(r.DateAdded); err == nil && at.After(last) {
				last = at
			}
		}
		if len(l.ids) > mostListed {
			return nil, fault(FaultTooLarge, "", "the manifest lists more than %d versions", mostListed)
		}
		next := nextText(m.Next)
		if !m.More && !h.more && next == "" {
			break
		}
		switch at := last.Add(-time.Microsecond); {
		case next != "" && !seen[next]:
			seen[next] = true
			q.Set("next", next)
		case next == "" && at.After(after):
			after = at
			q.Del("next")
			q.Set("added_after", v.cursor.Form.text(at))
		default:
			return nil, fault(FaultLoop, "", "the pages of the manifest do not lead on")
		}
	}
	slices.Sort(l.ids)
	slices.Sort(l.versions)
	distinct := slices.Compact(slices.Clone(l.ids))
	l.older = len(distinct) < len(slices.Compact(l.versions))
	l.ids = distinct
	return l, nil
}

// gone returns the versions that the mirror brought and that the remote collection no longer has, as positions here.
func (v *visit) gone(l *listing) (list []store.StoredVersion, err error) {
	source := Source(v.terms.URL)
	var from []byte
	for {
		n := 0
		err := v.col.Snapshot(func(s *store.Snapshot) error {
			start := from
			from = nil
			return s.Walk(start, func(one store.StoredVersion, next []byte) bool {
				if slices.Contains(one.Sources, source) && !l.has(one) {
					list = append(list, one)
				}
				n++
				from = slices.Clone(next)
				return n < 1000
			})
		})
		if err != nil || from == nil {
			return list, err
		}
	}
}

// withdraw compares the remote collection with what it brought, and withdraws what is gone: what two manifests in a row do not
// list. missing is what the one before did not list; the new value is returned.
func (v *visit) withdraw(ctx context.Context, missing map[journal.Position]bool) (map[journal.Position]bool, error) {
	l, err := v.list(ctx)
	if err != nil {
		return missing, err
	}
	gone, err := v.gone(l)
	if err != nil {
		return missing, err
	}
	still := map[journal.Position]bool{}
	var b store.Batch
	source := Source(v.terms.URL)
	flush := func() error {
		if len(b.Changes) == 0 {
			return nil
		}
		c := v.cursor
		c.Withdrawn += uint64(len(b.Changes))
		err := v.append(ctx, c, b)
		b.Changes = nil
		return err
	}
	for _, one := range gone {
		if !missing[one.Position] {
			still[one.Position] = true
			continue
		}
		r := &store.Removal{ID: one.ID, Specs: []string{one.Spec}, Kind: journal.Withdrawn, Reason: "the remote collection no longer has it", OnlyFrom: source, MayReturn: true}
		if one.Unversioned {
			r.Digest = one.Entry.Digest
		} else {
			r.Versions = store.Versions{Exact: []stix.Instant{one.Instant}}
		}
		if b.Changes = append(b.Changes, store.Change{Remove: r}); len(b.Changes) == batchItems {
			if err := flush(); err != nil {
				return missing, err
			}
		}
	}
	if err := flush(); err != nil && !errors.Is(err, errPaused) {
		return missing, fmt.Errorf("withdraw what is gone: %w", err)
	}
	return still, nil
}
