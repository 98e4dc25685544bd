package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// Keeper keeps a data folder safe, wherever the work is done: by the server that has it open (*Client), or here (*Kept).
type Keeper interface {
	io.Closer
	// Backup writes a backup into a new folder.
	Backup(ctx context.Context, to string, progress store.Progress) (*store.BackupManifest, error)
	// Check checks accord.db and the named agreements, or all of them.
	Check(ctx context.Context, names []agreement.Name, report func(store.Checked)) error
}

// OpenKeeper reaches the server that has a data folder open, or opens the folder for reading when none has. A backup can
// be opened like a data folder.
func OpenKeeper(dir string) (Keeper, error) {
	c, err := Connect(dir)
	if err == nil {
		return c, nil
	}
	if !errors.Is(err, ErrNoServer) {
		return nil, err
	}
	s, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return &Kept{s}, nil
}

// Kept is a data folder that this process has open for reading.
type Kept struct{ Store *store.Store }

// Close closes the folder.
func (k *Kept) Close() error { return k.Store.Close() }

// Backup writes a backup into a new folder.
func (k *Kept) Backup(ctx context.Context, to string, progress store.Progress) (*store.BackupManifest, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	defer r.Close()
	go func() { w.CloseWithError(k.Store.Backup(ctx, w, nil)) }()
	return store.ReceiveBackup(ctx, r, to, progress)
}

// Check checks the folder.
func (k *Kept) Check(ctx context.Context, names []agreement.Name, report func(store.Checked)) error {
	return k.Store.CheckAll(ctx, names, report)
}

// failedTrailer follows an answer that could not be finished, and says why.
const failedTrailer = "Accord-Failed"

// safety adds to the socket's handler what keeps a folder safe: answers that go on for long.
func safety(a *API, other http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", other)
	mux.HandleFunc("GET /backup/", streamed("application/x-tar", func(r *http.Request, w io.Writer) error {
		return a.Store.Backup(r.Context(), w, a.Deliveries)
	}))
	mux.HandleFunc("GET /check/", streamed("application/x-ndjson", func(r *http.Request, w io.Writer) error {
		var names []agreement.Name
		for _, name := range r.URL.Query()["agreement"] {
			names = append(names, agreement.Name(name))
		}
		lines := json.NewEncoder(w)
		flush := http.NewResponseController(w.(http.ResponseWriter)).Flush
		var failed error
		err := a.Store.CheckAll(r.Context(), names, func(c store.Checked) {
			failed = errors.Join(failed, lines.Encode(c), flush())
		})
		return errors.Join(err, failed)
	}))
	return mux
}

func streamed(mediaType string, do func(*http.Request, io.Writer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetReadDeadline(time.Time{}) // the request is read; the answer may take hours
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Trailer", failedTrailer)
		w.WriteHeader(http.StatusOK)
		if err := do(r, w); err != nil {
			w.Header().Set(failedTrailer, url.QueryEscape(err.Error()))
		}
	}
}

// Backup has the server send a backup and writes it into a new folder, with the rights of this process.
func (c *Client) Backup(ctx context.Context, to string, progress store.Progress) (m *store.BackupManifest, err error) {
	err = c.stream(ctx, "backup/", func(body io.Reader) (err error) {
		m, err = store.ReceiveBackup(ctx, body, to, progress)
		return err
	})
	return m, err
}

// Check has the server check what it serves.
func (c *Client) Check(ctx context.Context, names []agreement.Name, report func(store.Checked)) error {
	query := url.Values{}
	for _, name := range names {
		query.Add("agreement", string(name))
	}
	return c.stream(ctx, "check/?"+query.Encode(), func(body io.Reader) error {
		lines := json.NewDecoder(body)
		for {
			var one store.Checked
			if err := lines.Decode(&one); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			report(one)
		}
	})
}

// stream reads a long answer. What went wrong at the server explains why the reading failed, so it is said instead.
func (c *Client) stream(ctx context.Context, path string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://accord/"+path, nil)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server that has %s open: %w", c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readError(resp)
	}
	err = read(resp.Body)
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // the trailer comes after it
	if text, _ := url.QueryUnescape(resp.Trailer.Get(failedTrailer)); text != "" {
		return errors.New(text)
	}
	return err
}
