package taxii_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// The client against the server of this project: what is added comes back byte for byte, by every way of reading.
func TestClientAgainstOurServer(t *testing.T) {
	s := accordtest.New(t)
	c, err := taxii.NewClient(taxii.ClientOptions{User: accordtest.Vendor, Password: accordtest.Password(accordtest.Vendor)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	discovery, err := c.Discovery(ctx, s.URL+"/taxii2/")
	if err != nil {
		t.Fatal(err)
	}
	root, err := taxii.ResolveRoot(s.URL+"/taxii2/", discovery.Default)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Collections(ctx, root)
	if err != nil || len(list) != 2 {
		t.Fatalf("collections: got %+v, %v, want 2", list, err)
	}
	url := root + "collections/" + accordtest.ProgrammeID.String() + "/"
	sent := append(accordtest.Indicators(0, 40), accordtest.Indicator(7, 1), accordtest.Domain("x"))
	for added, err := range c.AddObjects(ctx, url, sent, taxii.AddOptions{MaxObjects: 16}) {
		if err != nil || added.Status.Status != taxii.StatusComplete || added.Status.SuccessCount != added.Count {
			t.Fatalf("add: got %+v, %v", added, err)
		}
	}

	got := collect(t, c.Objects(ctx, url, taxii.Query{Versions: []string{"all"}, Limit: 5}))
	if !slices.EqualFunc(got, sent, func(a json.RawMessage, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("objects: got %d that are not the %d sent", len(got), len(sent))
	}
	records := collect(t, c.Manifest(ctx, url, taxii.Query{Types: []string{"indicator"}, Limit: 7}))
	if len(records) != 40 || records[39].ID != accordtest.IndicatorID(7) || records[39].Version != accordtest.Modified(1) {
		t.Errorf("manifest: got %d records, the last %+v", len(records), records[len(records)-1])
	}
	since, err := taxii.ParseTime(records[30].DateAdded)
	if err != nil {
		t.Fatal(err)
	}
	if rest := collect(t, c.Manifest(ctx, url, taxii.Query{Types: []string{"indicator"}, AddedAfter: since})); !slices.Equal(rest, records[31:]) {
		t.Errorf("manifest after %v: got %d records, want %d", since, len(rest), len(records[31:]))
	}
	versions := collect(t, c.Versions(ctx, url, accordtest.IndicatorID(7), taxii.Query{Limit: 1}))
	if !slices.Equal(versions, []string{accordtest.Modified(0), accordtest.Modified(1)}) {
		t.Errorf("versions: got %q", versions)
	}
	if object := collect(t, c.Object(ctx, url, accordtest.IndicatorID(7), taxii.Query{})); len(object) != 1 || string(object[0]) != string(accordtest.Indicator(7, 1)) {
		t.Errorf("object: got %s", object)
	}
	if err := c.Delete(ctx, url, accordtest.IndicatorID(7), taxii.Query{Versions: []string{"first"}}); err != nil {
		t.Errorf("delete a version: %v", err)
	}
	if versions := collect(t, c.Versions(ctx, url, accordtest.IndicatorID(7), taxii.Query{})); len(versions) != 1 {
		t.Errorf("versions after the delete: got %q", versions)
	}
	if err := c.Delete(ctx, url, accordtest.IndicatorID(7), taxii.Query{}); err != nil {
		t.Errorf("delete the object: %v", err)
	}
	err = c.Delete(ctx, url, accordtest.IndicatorID(7), taxii.Query{})
	var refused *taxii.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != 404 || refused.TAXII == nil {
		t.Errorf("delete it again: got %v, want a 404 with a TAXII error", err)
	}
}

// Pages followed by added_after alone, as some servers leave it to clients, give the same as by next (T-093).
func TestPagingByAddedAfterGivesTheSame(t *testing.T) {
	s := accordtest.New(t)
	c, err := taxii.NewClient(taxii.ClientOptions{User: accordtest.Vendor, Password: accordtest.Password(accordtest.Vendor)})
	if err != nil {
		t.Fatal(err)
	}
	url := s.URL + "/nicp/collections/gsp/"
	sent := accordtest.Indicators(0, 50)
	if _, err := c.AddEnvelope(t.Context(), url, sent); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 3, 7, 49, 50, 51} {
		got, after := 0, time.Time{}
		for more := true; more; {
			more = false
			for page, err := range c.Objects(t.Context(), url, taxii.Query{Limit: limit, AddedAfter: after}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, object := range page.Items {
					if got >= len(sent) || string(object) != string(sent[got]) {
						t.Fatalf("limit %d: object %d is %s", limit, got, object)
					}
					got++
				}
				after, more = page.Last, page.More
				break
			}
		}
		if got != len(sent) {
			t.Errorf("limit %d: got %d objects, want %d", limit, got, len(sent))
		}
	}
}

func collect[T any](t *testing.T, pages func(func(taxii.Page[T], error) bool)) []T {
	t.Helper()
	var items []T
	for page, err := range pages {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
	}
	return items
}
