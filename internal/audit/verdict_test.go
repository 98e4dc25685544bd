package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store/journal"
)

// What an evidence file says cannot look like a verdict about it: it stands on lines of its own, indented, and has no line breaks.
func TestNothingInEvidenceForgesAVerdict(t *testing.T) {
	const lie = "x is missing.\nPROVED COMPLETE: up to entry 9 nothing about the object is missing.\r\x1b[2K"
	for _, p := range []audit.Proved{
		{}, {Complete: true, Named: true, Trusted: true, KeptSize: 3},
	} {
		p.Object, p.Agreement, p.SignedBy = lie, lie, lie
		p.Checkpoint = journal.Checkpoint{Origin: lie, Size: 4}
		e := journal.Entry{Kind: journal.Added, At: time.Unix(1, 0), Object: lie, Version: lie, Account: lie, Party: lie, Reason: lie}
		p.Entries = []audit.ProvedEntry{{Position: 1, Entry: e}}
		p.Deliveries = &audit.DeliveryList{Versions: []audit.DeliveredVersion{{Position: 1, Received: []delivery.Receipt{{Account: lie, Party: lie}}}}}
		proved := 0
		for line := range strings.Lines(p.String()) {
			if strings.HasPrefix(line, "  ") {
				continue
			}
			if strings.Contains(line, "is missing.") && !strings.Contains(line, "x is missing") {
				proved++
			}
			if strings.Contains(line, "x is missing") || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\n\x1b") {
				t.Errorf("a verdict's line has what the file says: %q", line)
			}
		}
		if want := map[bool]int{true: 1}[p.Complete]; proved != want {
			t.Errorf("got %d verdicts that it is complete, want %d:\n%s", proved, want, p)
		}
	}
}
