package live

import (
	"testing"
	"time"
)

// One event for a thousand streams needs no rest. While a journal grows all the time, what streams take stays within their share, and a
// journal that rests leaves them everything.
func TestStreamsKeepToTheirShareWhileJournalsGrow(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := newPace()
	p.now, p.share = func() time.Time { return now }, 0.24
	p.grew()
	for range 1000 {
		if rest := p.sent(250); rest > 0 {
			t.Fatalf("one event: a rest of %v", rest)
		}
	}
	const bytes = 64 << 10
	const span = 20 * time.Second
	var took time.Duration
	for began := now; now.Sub(began) < span; {
		p.grew()
		took += paceStep + bytes*paceByte
		now = now.Add(max(p.sent(bytes), 10*time.Microsecond))
	}
	if most := span*24/100 + 2*paceBurst; took > most || took < most/2 {
		t.Errorf("in %v streams took %v of a processor, want at most %v", span, took, most)
	}
	now = now.Add(2 * paceBusy)
	for range 1000 {
		if rest := p.sent(bytes); rest > 0 {
			t.Fatalf("while no journal grows: a rest of %v", rest)
		}
	}
}
