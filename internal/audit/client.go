package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Client asks for the history of agreements, wherever it is kept.
type Client struct {
	// Fetch reads the answer of a server to a path below /accord/v1/.
	Fetch func(ctx context.Context, path string) ([]byte, error)

	// Now returns the time; nil: time.Now.
	Now func() time.Time
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Client) read(ctx context.Context, path string, v any) error {
	body, err := c.Fetch(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

// Pages of history have PageDefault entries unless the request says otherwise, and never more than PageMost.
const (
	PageDefault = 1000
	PageMost    = 10_000
)

func ofAgreement(name agreement.Name, rest string) string {
	if name == ServerJournal {
		return "server/" + rest
	}
	return "agreements/" + url.PathEscape(string(name)) + "/" + rest
}

// Keys returns the keys that sign heads.
func (c *Client) Keys(ctx context.Context) (list KeyList, err error) {
	return list, c.read(ctx, "keys/", &list)
}

// Checkpoint returns the signed head of an agreement's journal.
func (c *Client) Checkpoint(ctx context.Context, name agreement.Name) ([]byte, error) {
	return c.Fetch(ctx, ofAgreement(name, "checkpoint"))
}

// EntryProof returns the proof that an entry is among the first size.
func (c *Client) EntryProof(ctx context.Context, name agreement.Name, p journal.Position, size uint64) (proof Proof, err error) {
	return proof, c.read(ctx, ofAgreement(name, fmt.Sprintf("proof/?entry=%d&size=%d", p, size)), &proof)
}

// ConsistencyProof returns the proof that the journal of to entries begins with that of from.
func (c *Client) ConsistencyProof(ctx context.Context, name agreement.Name, from, to uint64) (proof Proof, err error) {
	return proof, c.read(ctx, ofAgreement(name, fmt.Sprintf("proof/?from=%d&to=%d", from, to)), &proof)
}

// Entries returns the canonical bytes of at most limit entries after a position.
func (c *Client) Entries(ctx context.Context, name agreement.Name, after journal.Position, limit int) (page RawEntries, err error) {
	return page, c.read(ctx, ofAgreement(name, fmt.Sprintf("entries/?after=%d&limit=%d", after, limit)), &page)
}

// Document returns the document of the terms that an entry put in force.
func (c *Client) Document(ctx context.Context, name agreement.Name, p journal.Position) ([]byte, error) {
	return c.Fetch(ctx, ofAgreement(name, fmt.Sprintf("terms/?entry=%d", p)))
}

// Logged returns the newest head of an agreement's journal that the server's own journal holds.
func (c *Client) Logged(ctx context.Context, name agreement.Name) (l Logged, err error) {
	return l, c.read(ctx, ofAgreement(name, "logged/"), &l)
}

// Content returns the text of the version added at a position.
func (c *Client) Content(ctx context.Context, name agreement.Name, p journal.Position) ([]byte, error) {
	return c.Fetch(ctx, ofAgreement(name, fmt.Sprintf("content/?entry=%d", p)))
}

// Peers returns what is kept of journals of other servers; the server that a mirror follows is asked for its head of now.
func (c *Client) Peers(ctx context.Context, name agreement.Name) (list PeerList, err error) {
	return list, c.read(ctx, ofAgreement(name, "peers/?now=1"), &list)
}

// History returns a page of the history of an object, or of the whole journal when object is empty.
func (c *Client) History(ctx context.Context, name agreement.Name, object string, after journal.Position) (h History, err error) {
	query := fmt.Sprintf("history/?after=%d", after)
	if name == ServerJournal && object != "" {
		return h, badQuery("the server's own journal has no objects")
	}
	if object != "" {
		query += "&object=" + url.QueryEscape(object)
	}
	return h, c.read(ctx, ofAgreement(name, query), &h)
}

// Deliveries lists the accounts that received an object, page by page.
func (c *Client) Deliveries(ctx context.Context, name agreement.Name, object string) (list DeliveryList, err error) {
	query := url.Values{"object": {object}}
	for {
		var page DeliveryList
		if err := c.read(ctx, ofAgreement(name, "deliveries/?"+query.Encode()), &page); err != nil {
			return DeliveryList{}, err
		}
		versions := list.Versions
		for _, v := range page.Versions {
			if n := len(versions); n > 0 && versions[n-1].Position == v.Position {
				versions[n-1].Received = append(versions[n-1].Received, v.Received...)
			} else {
				versions = append(versions, v)
			}
		}
		list, list.Versions = page, versions
		if page.Next == "" {
			return list, nil
		}
		query.Set("next", page.Next)
	}
}

// Consumers lists the readers of an agreement, page by page.
func (c *Client) Consumers(ctx context.Context, name agreement.Name) (list ConsumerList, err error) {
	query := url.Values{}
	for {
		var page ConsumerList
		if err := c.read(ctx, ofAgreement(name, "deliveries/?"+query.Encode()), &page); err != nil {
			return ConsumerList{}, err
		}
		page.Consumers = append(list.Consumers, page.Consumers...)
		if list = page; page.Next == "" {
			return list, nil
		}
		query.Set("next", page.Next)
	}
}
