package taxii

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Batch is a run of objects for one envelope, as indexes into a list of objects.
type Batch struct {
	First, Count int
	Bytes        int64 // of the envelope's text
}

// Defaults of AddOptions.
const (
	DefaultBatchObjects = 1000
	defaultPollFor      = 10 * time.Minute
)

const (
	envelopeHead = `{"objects":[`
	envelopeTail = `]}`
)

// Pack cuts a list of objects into runs whose envelopes have at most maxBytes octets and maxObjects objects (0:
// DefaultBatchObjects), in order. An object that is too long by itself makes a run of its own, with more Bytes than
// maxBytes.
func Pack(objects [][]byte, maxBytes int64, maxObjects int) []Batch {
	if maxObjects <= 0 {
		maxObjects = DefaultBatchObjects
	}
	const frame = int64(len(envelopeHead) + len(envelopeTail))
	var batches []Batch
	for i, object := range objects {
		if n := len(batches); n > 0 {
			last := &batches[n-1]
			if grown := last.Bytes + 1 + int64(len(object)); grown <= maxBytes && last.Count < maxObjects {
				last.Count, last.Bytes = last.Count+1, grown
				continue
			}
		}
		batches = append(batches, Batch{First: i, Count: 1, Bytes: frame + int64(len(object))})
	}
	return batches
}

// AddOptions configures AddObjects. Zero values mean the defaults.
type AddOptions struct {
	MaxBytes   int64 // octets of an envelope; the API root's max_content_length, which is asked for
	MaxObjects int   // objects in an envelope; DefaultBatchObjects
}

// Added says what became of one envelope.
type Added struct {
	Batch
	Status Status
	// TooLarge says that the object was not sent: its envelope alone is larger than the server accepts.
	TooLarge bool
}

// AddObjects sends objects, each a JSON text, to a collection unchanged, in as many envelopes as needed, one after the
// other, and waits until each is processed (section 5.5). Refused objects are in the Failures of the statuses; an error is
// about a whole envelope and ends the iteration.
func (c *Client) AddObjects(ctx context.Context, collectionURL string, objects [][]byte, options AddOptions) iter.Seq2[Added, error] {
	return func(yield func(Added, error) bool) {
		if options.MaxBytes <= 0 {
			root, err := RootOf(collectionURL)
			if err != nil {
				yield(Added{}, err)
				return
			}
			described, err := c.Root(ctx, root)
			if err != nil {
				yield(Added{}, err)
				return
			}
			options.MaxBytes = described.MaxContentLength
		}
		for _, batch := range Pack(objects, options.MaxBytes, options.MaxObjects) {
			added := Added{Batch: batch, TooLarge: batch.Bytes > options.MaxBytes}
			var err error
			if !added.TooLarge {
				added.Status, err = c.AddEnvelope(ctx, collectionURL, objects[batch.First:batch.First+batch.Count])
			}
			if !yield(added, err) || err != nil {
				return
			}
		}
	}
}

// AddEnvelope sends objects in one envelope and waits until it is processed: while the status is pending it is read
// again, at growing intervals up to ten seconds, for ten minutes at most. With an error, the Status is the last
// known one.
func (c *Client) AddEnvelope(ctx context.Context, collectionURL string, objects [][]byte) (Status, error) {
	l, err := parseCollection(collectionURL)
	if err != nil {
		return Status{}, err
	}
	response, answer, err := c.send(ctx, http.MethodPost, l.below("objects").String(), envelopeOf(objects))
	if err != nil {
		return Status{}, err
	}
	var status Status
	if err := c.decode(response, answer, &status); err != nil {
		return Status{}, err
	}
	root, _ := l.root()
	wait := 100 * time.Millisecond
	for waited := time.Duration(0); status.Status == StatusPending; waited += wait {
		if waited > defaultPollFor {
			return status, fmt.Errorf("the status %s is still pending after %v", status.ID, waited)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return status, err
		}
		later, err := c.Status(ctx, root.String(), status.ID)
		if err != nil {
			return status, err
		}
		status = later
		wait = min(2*wait, 10*time.Second)
	}
	return status, nil
}

func envelopeOf(objects [][]byte) []byte {
	size := len(envelopeHead) + len(envelopeTail)
	for _, object := range objects {
		size += len(object) + 1
	}
	body := append(make([]byte, 0, size), envelopeHead...)
	for i, object := range objects {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, object...)
	}
	return append(body, envelopeTail...)
}

// Delete deletes an object from a collection: all of it, or the versions and spec versions that the query names (section
// 5.7). Nothing else of the query is sent.
func (c *Client) Delete(ctx context.Context, collectionURL, id string, q Query) error {
	l, err := parseCollection(collectionURL)
	if err != nil {
		return err
	}
	values := Query{Versions: q.Versions, Specs: q.Specs}.values()
	_, _, err = c.send(ctx, http.MethodDelete, l.below("objects", id).with(values), nil)
	return err
}
