package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// readDeadline is a ResponseWriter that notes the read deadline.
type readDeadline struct {
	http.ResponseWriter
	at time.Time
}

func (r *readDeadline) SetReadDeadline(at time.Time) error {
	r.at = at
	return nil
}

// A body that stalls ends after its grace; each 1,024 octets buy a second more, up to the time for any body.
func TestABodyHasToArriveAtALeastRate(t *testing.T) {
	for name, tc := range map[string]struct {
		octets   int
		rate     int64
		bodyTime time.Duration
		want     time.Duration
	}{
		"nothing came":                      {0, 1024, 10 * time.Minute, 10 * time.Second},
		"30 seconds' worth came":            {30 * 1024, 1024, 10 * time.Minute, 40 * time.Second},
		"more than the time for any body":   {1 << 20, 1024, 10 * time.Minute, 10 * time.Minute},
		"without a rate":                    {0, 0, 10 * time.Minute, 10 * time.Minute},
		"less time than the grace":          {0, 1024, 3 * time.Second, 3 * time.Second},
		"as much as would overflow a clock": {1 << 20, 1, 1 << 62, 10*time.Second + 1<<20*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := &readDeadline{}
			began := time.Now()
			p := &pacedBody{body: io.NopCloser(strings.NewReader(strings.Repeat("x", tc.octets+1))), connection: http.NewResponseController(w),
				rate: tc.rate, began: began, last: began.Add(tc.bodyTime)}
			p.expect()
			if _, err := io.CopyN(io.Discard, p, int64(tc.octets)); err != nil {
				t.Fatal(err)
			}
			if got := w.at.Sub(began); got != tc.want {
				t.Errorf("got a deadline after %v, want %v", got, tc.want)
			}
			if p.done(); !w.at.IsZero() {
				t.Error("the deadline stays after the body has arrived")
			}
		})
	}
}
