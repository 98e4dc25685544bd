package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

type limit struct{ busy bool }

func (limit) Error() string             { return "a limit" }
func (limit) RetryAfter() time.Duration { return 2 * time.Second }
func (l limit) Busy() bool              { return l.busy }

// noting is an answer whose limit is noted, as package server notes it for the list of limits.
type noting struct {
	*httptest.ResponseRecorder
	by string
}

func (w *noting) Limited(by string) { w.by = by }

// A limit of the server is not the caller's fault: 503, as over TAXII. That of an account or a party is 429.
func TestTheServersOwnLimitIs503(t *testing.T) {
	for busy, want := range map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusTooManyRequests} {
		w := &noting{ResponseRecorder: httptest.NewRecorder()}
		writeError(w, fmt.Errorf("read: %w", errors.Join(limit{busy})))
		if w.Code != want || w.Header().Get("Retry-After") != "2" {
			t.Errorf("busy %t: got %d, Retry-After %q, want %d", busy, w.Code, w.Header().Get("Retry-After"), want)
		}
		if w.by != "read: a limit" {
			t.Errorf("busy %t: the limit is noted as %q", busy, w.by)
		}
	}
}
