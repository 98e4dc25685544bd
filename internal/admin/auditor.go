package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Auditor asks for the history of agreements, wherever it is kept: by a server, far or near, or in files that this process
// has open. All of them answer to the same paths.
type Auditor struct {
	// Fetch reads what is at a path below FarPrefix.
	Fetch func(ctx context.Context, path string) ([]byte, error)

	close func() error
}

// AuditorOf makes an auditor of who administers a data folder. Closing it closes that, too.
func AuditorOf(a Admin) (*Auditor, error) {
	switch a := a.(type) {
	case *Client:
		return &Auditor{Fetch: a.fetch, close: a.Close}, nil
	case *Local:
		api := &API{Store: a.Store, Now: a.Now, Deliveries: a.Store.OpenDeliveries(nil), Actor: func(*http.Request) store.Actor { return a.by() }, Local: true}
		handler := api.Handler("/")
		return &Auditor{
			Fetch: func(ctx context.Context, path string) ([]byte, error) { return fetchHere(ctx, handler, path) },
			close: func() error { return errors.Join(api.Deliveries.Close(), a.Close()) },
		}, nil
	}
	return nil, fmt.Errorf("%T keeps no history", a)
}

// Close lets go of what the auditor asks.
func (a *Auditor) Close() error {
	if a.close == nil {
		return nil
	}
	return a.close()
}

func (c *Client) fetch(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://accord/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server that has %s open: %w", c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp)
	}
	return io.ReadAll(resp.Body)
}

// answerHere is a ResponseWriter for whoever asks its own process.
type answerHere struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerHere) Header() http.Header         { return w.header }
func (w *answerHere) WriteHeader(status int)      { w.status = status }
func (w *answerHere) Write(b []byte) (int, error) { return w.body.Write(b) }

func fetchHere(ctx context.Context, h http.Handler, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://accord/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	w := &answerHere{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, req)
	if w.status != http.StatusOK {
		return nil, readError(&http.Response{StatusCode: w.status, Status: strconv.Itoa(w.status), Body: io.NopCloser(&w.body)})
	}
	return w.body.Bytes(), nil
}

func (a *Auditor) read(ctx context.Context, path string, v any) error {
	body, err := a.Fetch(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

func ofAgreement(name agreement.Name, rest string) string {
	return "agreements/" + url.PathEscape(string(name)) + "/" + rest
}

// Keys are the keys that sign heads.
func (a *Auditor) Keys(ctx context.Context) (list KeyList, err error) {
	return list, a.read(ctx, "keys/", &list)
}

// Checkpoint is the signed head of an agreement's journal.
func (a *Auditor) Checkpoint(ctx context.Context, name agreement.Name) ([]byte, error) {
	return a.Fetch(ctx, ofAgreement(name, "checkpoint"))
}

// EntryProof is the proof that an entry is among the first size.
func (a *Auditor) EntryProof(ctx context.Context, name agreement.Name, p journal.Position, size uint64) (proof Proof, err error) {
	return proof, a.read(ctx, ofAgreement(name, fmt.Sprintf("proof/?entry=%d&size=%d", p, size)), &proof)
}

// ConsistencyProof is the proof that the journal of to entries begins with that of from.
func (a *Auditor) ConsistencyProof(ctx context.Context, name agreement.Name, from, to uint64) (proof Proof, err error) {
	return proof, a.read(ctx, ofAgreement(name, fmt.Sprintf("proof/?from=%d&to=%d", from, to)), &proof)
}

// Entries are the canonical bytes of entries.
func (a *Auditor) Entries(ctx context.Context, name agreement.Name, after journal.Position, limit int) (page RawEntries, err error) {
	return page, a.read(ctx, ofAgreement(name, fmt.Sprintf("entries/?after=%d&limit=%d", after, limit)), &page)
}

// Content is the text of the version added at a position. When it is not there, or not for whoever asks, the error is
// ErrNotFound or says so.
func (a *Auditor) Content(ctx context.Context, name agreement.Name, p journal.Position) ([]byte, error) {
	return a.Fetch(ctx, ofAgreement(name, fmt.Sprintf("content/?entry=%d", p)))
}

// History is a page of the history of an object, or of the whole journal when object is empty.
func (a *Auditor) History(ctx context.Context, name agreement.Name, object string, after journal.Position) (h History, err error) {
	query := fmt.Sprintf("history/?after=%d", after)
	if object != "" {
		query += "&object=" + url.QueryEscape(object)
	}
	return h, a.read(ctx, ofAgreement(name, query), &h)
}

// Deliveries says who was given an object.
func (a *Auditor) Deliveries(ctx context.Context, name agreement.Name, object string) (list DeliveryList, err error) {
	return list, a.read(ctx, ofAgreement(name, "deliveries/?object="+url.QueryEscape(object)), &list)
}

// Consumers says who reads an agreement.
func (a *Auditor) Consumers(ctx context.Context, name agreement.Name) (list ConsumerList, err error) {
	return list, a.read(ctx, ofAgreement(name, "deliveries/"), &list)
}

// RotateKey has the key retired, where the data folder is open.
func RotateKey(ctx context.Context, a Admin) (list KeyList, err error) {
	switch a := a.(type) {
	case *Client:
		return list, a.do(ctx, http.MethodPost, "keys/rotate/", nil, &list)
	case *Local:
		api := &API{Store: a.Store}
		keys, err := a.Store.Keys("")
		if err == nil {
			err = keys.Rotate()
		}
		if err != nil {
			return KeyList{}, err
		}
		return api.keyList()
	}
	return list, fmt.Errorf("%T has no keys", a)
}

// BaseURL is the URL below which a server has FarPrefix, from that of the server or anything on it.
func BaseURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not the URL of a server, expected https://HOST/", server)
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, "/") + FarPrefix, nil
}
