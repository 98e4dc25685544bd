package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// poller follows a collection by added_after, from round to round.
type poller struct {
	collection string
	after      string
	seen       map[version]string // date_added
	pages      []shown            // that had records
}

type record struct {
	ID        string
	Version   string
	DateAdded string `json:"date_added"`
}

type page struct {
	More    bool
	Next    string
	Objects []record
}

// poll asks once for what is new. Its position moves when the page has come.
func (o *poller) poll(ctx context.Context, p *process) error {
	query := "manifest/?match[version]=all&limit=200"
	if o.after != "" {
		query += "&added_after=" + url.QueryEscape(o.after)
	}
	status, header, body, err := p.ask(ctx, http.MethodGet, o.collection+query, nil)
	if err != nil {
		return err
	}
	var got page
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
		return fmt.Errorf("GET %s: got %d %.300s", query, status, body)
	}
	if len(got.Objects) > 0 {
		o.pages = append(o.pages, shown{o.after, got.Objects})
	}
	for _, r := range got.Objects {
		if r.DateAdded <= o.after {
			return fmt.Errorf("%s: asked for what was added after %s, got %s %s added %s", o.collection, o.after, r.ID, r.Version, r.DateAdded)
		}
		o.after = r.DateAdded
		o.seen[version{o.collection, r.ID, r.Version}] = r.DateAdded
	}
	if last := header.Get("X-TAXII-Date-Added-Last"); len(got.Objects) > 0 && last != o.after {
		return fmt.Errorf("%s: the page ends with %s, its header says %s", o.collection, o.after, last)
	}
	if len(got.Objects) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// complete polls to the end, and checks that the poller has seen every version with its date_added.
func (o *poller) complete(p *process) error {
	for before := ""; ; before = o.after {
		if err := o.poll(context.Background(), p); err != nil {
			return err
		}
		if before == o.after && before != "" {
			break
		}
	}
	there, err := manifest(p, o.collection)
	if err != nil {
		return err
	}
	for v, added := range there {
		if seen := o.seen[v]; seen != added {
			return fmt.Errorf("OVERTAKEN: %s %s of %s was added %s; a poller at %s has seen it as %q", v.id, v.version, v.collection, added, o.after, seen)
		}
	}
	return nil
}

// manifest reads a collection to its end: the date_added of each version.
func manifest(p *process, collection string) (map[version]string, error) {
	all, next := map[version]string{}, ""
	for {
		status, _, body, err := p.ask(context.Background(), http.MethodGet, collection+"manifest/?match[version]=all&limit=10000"+next, nil)
		if err != nil {
			return nil, fmt.Errorf("GET the manifest of %s: %w\n%s", collection, err, p.log())
		}
		var got page
		if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("GET the manifest of %s: got %d %.300s", collection, status, body)
		}
		for _, r := range got.Objects {
			all[version{collection, r.ID, r.Version}] = r.DateAdded
		}
		if !got.More {
			return all, nil
		}
		next = "&next=" + got.Next
	}
}
