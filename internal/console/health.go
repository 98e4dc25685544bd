package console

import (
	"net/http"
	"time"
)

// Health is how the server has done lately: counts since its start, at moments, the oldest first.
type Health struct {
	Started time.Time
	Samples []HealthSample
}

// HealthSample has counts since the start of the server, and what is open at that moment.
type HealthSample struct {
	At          time.Time
	Requests    uint64
	Failed      uint64        // answered with 5xx, but 503
	Limited     uint64        // answered with 429 or 503
	Busy        time.Duration // spent on requests
	Added       uint64        // entries in the journals of all agreements
	Refused     uint64        // objects
	Commits     uint64
	LoginsWrong uint64
	Connections uint64
}

// healthPage is rates between samples.
type healthPage struct {
	Started time.Time
	Rows    []healthRow // the newest first
	Last    *healthRow
	Open    uint64
	Total   HealthSample
}

// healthRow is what happened between two samples.
type healthRow struct {
	At                                    time.Time
	Requests, Added, Commits              float64 // a second
	Latency                               float64 // milliseconds, the mean
	Failed, Limited, Refused, LoginsWrong uint64
}

// showHealth answers: what was accepted and refused a second, how long did it take, who was slowed?
func showHealth(p *page) error {
	if p.Health == nil {
		return errNoPage
	}
	h := p.Health()
	v := healthPage{Started: h.Started}
	for i := len(h.Samples) - 1; i > 0; i-- {
		a, b := h.Samples[i-1], h.Samples[i]
		seconds := b.At.Sub(a.At).Seconds()
		if seconds <= 0 {
			continue
		}
		row := healthRow{At: b.At, Requests: float64(b.Requests-a.Requests) / seconds, Added: float64(b.Added-min(a.Added, b.Added)) / seconds,
			Commits: float64(b.Commits-a.Commits) / seconds, Failed: b.Failed - a.Failed, Limited: b.Limited - a.Limited, Refused: b.Refused - a.Refused,
			LoginsWrong: b.LoginsWrong - a.LoginsWrong}
		if n := b.Requests - a.Requests; n > 0 {
			row.Latency = (b.Busy - a.Busy).Seconds() * 1000 / float64(n)
		}
		v.Rows = append(v.Rows, row)
	}
	if n := len(h.Samples); n > 0 {
		v.Total, v.Open = h.Samples[n-1], h.Samples[n-1].Connections
	}
	if len(v.Rows) > 0 {
		v.Last = &v.Rows[0]
	}
	return p.show(http.StatusOK, "health", "Health", v,
		command{"Everything that is measured, for Prometheus, where the server has --ops-listen:", "curl -s http://HOST:PORT/metrics"},
		command{"What must be done:", "accord status " + p.atServer()})
}
