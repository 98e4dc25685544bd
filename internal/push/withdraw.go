package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// withdraw takes a version back: by a deletion or, where the remote server does not delete and nothing of the object is to stay, by
// a revoked version of what it has. Where neither can be done, that is kept as a failure.
func (p *pusher) withdraw(ctx context.Context, w *work) error {
	e := w.gone
	u := &store.FollowerUpdate{Name: follower, Turn: p.turn, Position: uint64(w.to)}
	m := p.meta
	q := taxii.Query{}
	if e.Version != "" {
		q.Versions = []string{e.Version}
	}
	p.step("deleting")
	err := p.client.Delete(ctx, p.terms.URL, e.Object, q)
	p.step("deleted")
	var refused *taxii.ResponseError
	why := ""
	switch errors.As(err, &refused); {
	case err == nil:
		m.Deleted++
		m.Withdrew = WithdrewDeleted
	case refused == nil:
		return err
	case refused.StatusCode == http.StatusNotFound || refused.StatusCode == http.StatusGone:
		m.Deleted++ // it is not there
	case refused.StatusCode == http.StatusForbidden, refused.StatusCode == http.StatusMethodNotAllowed, refused.StatusCode == http.StatusNotImplemented, refused.StatusCode == http.StatusBadRequest:
		if why, err = p.revoke(ctx, e.Object); err != nil {
			return err
		}
		if m.Withdrew = WithdrewRemaining; why == "" {
			m.Revoked++
			m.Withdrew = WithdrewRevoked
		}
	default:
		return err
	}
	if why == "" {
		u.Unset = [][]byte{positionKey(prefixSent, e.Of)}
	} else { // it counts as sent, so that it can be tried again
		m.Remaining++
		u.Set = append(u.Set, store.KeyValue{Key: positionKey(prefixFailed, w.to), Value: mustJSON(Failure{w.to, e.Object, e.Version, p.now().UTC().Truncate(time.Millisecond), "it is still there: " + why})})
	}
	return p.keep(ctx, u, m)
}

// revoke posts a revoked version of what the remote collection has of an object. why says why it cannot.
func (p *pusher) revoke(ctx context.Context, id string) (why string, err error) {
	left := false
	if err := p.col.Snapshot(func(s *store.Snapshot) error { left = s.Holds(stix.ID(id)); return nil }); err != nil {
		return "", err
	}
	if left {
		return "the remote server deletes nothing, and another version of the object stays", nil
	}
	if c := stix.CategoryOf(stix.ID(id).Type()); c != stix.SDO && c != stix.SRO {
		return "the remote server deletes nothing, and objects of this type cannot be revoked", nil
	}
	var object map[string]json.RawMessage
	for page, err := range p.client.Object(ctx, p.terms.URL, id, taxii.Query{Versions: []string{"last"}}) {
		if err != nil {
			return short("the remote server deletes nothing, and does not give what it has: " + err.Error()), nil
		}
		for _, text := range page.Items {
			object = nil
			if json.Unmarshal(text, &object) != nil {
				return "the remote server deletes nothing, and what it has cannot be read", nil
			}
		}
	}
	if object == nil {
		return "", nil // it is not there
	}
	if string(object["revoked"]) == "true" {
		return "", nil
	}
	object["revoked"] = json.RawMessage("true")
	object["modified"] = mustJSON(p.now().UTC().Truncate(time.Millisecond).Format(stix.TimestampLayout))
	status, err := p.client.AddEnvelope(ctx, p.terms.URL, [][]byte{mustJSON(object)})
	if err != nil {
		return "", err
	}
	if status.FailureCount > 0 {
		message := ""
		if len(status.Failures) > 0 {
			message = ": " + status.Failures[0].Message
		}
		return short(fmt.Sprintf("the remote server deletes nothing, and refused a revoked version%s", message)), nil
	}
	return "", nil
}
