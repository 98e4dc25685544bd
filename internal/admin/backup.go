package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// failedTrailer follows an answer that could not be finished, and says why.
const failedTrailer = "Accord-Failed"

// withBackup adds backup, check and compact to a handler: their answers go on for long.
func (s *Service) withBackup(other http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", other)
	mux.HandleFunc("GET /backup/", streamed("application/x-tar", func(r *http.Request, w io.Writer) error {
		var deliveries store.Deliveries
		if s.audit.Deliveries != nil {
			deliveries = s.audit.Deliveries.Snapshot
		}
		return s.store.Backup(r.Context(), w, deliveries)
	}))
	mux.HandleFunc("GET /check/", streamed("application/x-ndjson", func(r *http.Request, w io.Writer) error {
		var names []agreement.Name
		for _, name := range r.URL.Query()["agreement"] {
			names = append(names, agreement.Name(name))
		}
		lines := json.NewEncoder(w)
		flush := http.NewResponseController(w.(http.ResponseWriter)).Flush
		sealed, failed := s.store.Sealed()
		err := s.store.CheckAll(r.Context(), names, func(c store.Checked) {
			s.checkSeals(&c, sealed)
			failed = errors.Join(failed, lines.Encode(c), flush())
		})
		return errors.Join(err, failed)
	}))
	mux.HandleFunc("POST /compact/", streamed("application/x-ndjson", func(r *http.Request, w io.Writer) error {
		names := r.URL.Query()["agreement"]
		if len(names) == 0 {
			for _, col := range s.store.Collections() {
				names = append(names, string(col.Agreement().Name))
			}
		}
		lines := json.NewEncoder(w)
		flush := http.NewResponseController(w.(http.ResponseWriter)).Flush
		var failed error
		for _, name := range names {
			done, err := s.store.Compact(r.Context(), agreement.Name(name))
			if err == nil {
				err = errors.Join(lines.Encode(done), flush())
			}
			failed = errors.Join(failed, err)
		}
		return failed
	}))
	return mux
}

// checkSeals compares the record of an agreement's deliveries with the digests of it that the server's journal has.
func (s *Service) checkSeals(c *store.Checked, sealed map[uuid.UUID][]journal.Digest) {
	col, ok := s.store.Collection(agreement.Name(c.Name))
	if !ok || s.audit.Deliveries == nil {
		return
	}
	kept, err := s.audit.Deliveries.Seals(col.ID())
	if err != nil {
		c.Faults = append(c.Faults, err.Error())
		return
	}
	for i, digest := range sealed[col.ID()] {
		if !slices.Contains(kept, digest) {
			c.Faults = append(c.Faults, fmt.Sprintf("the record of deliveries lacks the stretch that the server's journal has as seal %d of %d (digest %x): it was changed, or is from an older backup",
				i+1, len(sealed[col.ID()]), digest[:8]))
			return
		}
	}
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

// Compact has the server write the files of agreements anew while it serves them, one after the other: all of them without names.
func (c *Client) Compact(ctx context.Context, names []agreement.Name, report func(store.Compacted)) error {
	query := url.Values{}
	for _, name := range names {
		query.Add("agreement", string(name))
	}
	return c.streamTo(ctx, http.MethodPost, "compact/?"+query.Encode(), func(body io.Reader) error { return eachLine(body, report) })
}

// eachLine reads JSON, a value a line.
func eachLine[T any](body io.Reader, visit func(T)) error {
	lines := json.NewDecoder(body)
	for {
		var one T
		if err := lines.Decode(&one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		visit(one)
	}
}

// Check has the server check what it serves.
func (c *Client) Check(ctx context.Context, names []agreement.Name, report func(store.Checked)) error {
	query := url.Values{}
	for _, name := range names {
		query.Add("agreement", string(name))
	}
	return c.stream(ctx, "check/?"+query.Encode(), func(body io.Reader) error { return eachLine(body, report) })
}
