package serve

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	clockInterval = 10 * time.Second // between two looks at the clock
	clockJump     = 5 * time.Second  // that the clock may run ahead or behind in between
)

// clockWatch notices when the system's clock is set, by a clock that only runs: dates of terms, tokens and certificates are judged by
// the one that is set.
type clockWatch struct {
	wall    func() time.Time     // the system's clock
	elapsed func() time.Duration // since some moment, whatever the system's clock says

	lastWall    time.Time // zero: not looked at yet
	lastElapsed time.Duration
}

// look returns by how much the clock was set since the last look; 0: it was not.
func (c *clockWatch) look() time.Duration {
	wall, elapsed := c.wall().Round(0), c.elapsed()
	var jump time.Duration
	if !c.lastWall.IsZero() {
		jump = wall.Sub(c.lastWall) - (elapsed - c.lastElapsed)
	}
	c.lastWall, c.lastElapsed = wall, elapsed
	if jump.Abs() <= clockJump {
		return 0
	}
	return jump
}

// watchClock logs and counts each time that the system's clock is set.
func (s *srv) watchClock(context.Context) (stop, error) {
	began := time.Now()
	watch := clockWatch{wall: s.config.Now, elapsed: func() time.Duration { return time.Since(began) }}
	return s.every(clockInterval, func(context.Context) {
		jump := watch.look()
		if jump == 0 {
			return
		}
		s.clockJumps.Inc()
		s.config.Log.Warn().Dur("by", jump).Time("now", watch.lastWall).
			Msg("the system's clock was set, or the machine slept: terms, tokens and certificates are judged by it; date_added never goes back, and waits for a clock that did. accord status says if it is wrong")
	}), nil
}

func newClockJumps() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "accord_clock_jumps_total", Help: "Times that the system's clock was set by more than five seconds, or the machine slept."})
}
