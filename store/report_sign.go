package store

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/store/journal"
)

// SignReport signs what is claimed of a report.
func (k *Keyring) SignReport(c journal.ReportClaim) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	signed, err := note.Sign(&note.Note{Text: c.Text()}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the report: %w", err)
	}
	return signed, nil
}
