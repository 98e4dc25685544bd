package serve

import (
	"testing"
	"time"
)

func TestAClockThatIsSetIsNoticed(t *testing.T) {
	wall, elapsed := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), time.Duration(0)
	c := clockWatch{wall: func() time.Time { return wall }, elapsed: func() time.Duration { return elapsed }}
	for i, step := range []struct{ wall, elapsed, want time.Duration }{
		{0, 0, 0}, // the first look
		{10 * time.Second, 10 * time.Second, 0},
		{12 * time.Second, 10 * time.Second, 0}, // it is slewed
		{time.Hour, 10 * time.Second, time.Hour - 10*time.Second},
		{10 * time.Second, 10 * time.Second, 0},
		{-time.Hour, 10 * time.Second, -time.Hour - 10*time.Second},
		{10 * time.Second, 10 * time.Second, 0},
		{time.Minute, time.Minute, 0}, // the process was stopped for a while
	} {
		wall, elapsed = wall.Add(step.wall), elapsed+step.elapsed
		if got := c.look(); got != step.want {
			t.Errorf("look %d: %v, want %v", i, got, step.want)
		}
	}
}
