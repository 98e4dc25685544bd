package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// The types of messages.
const (
	TypeChanged = "accord.objects.changed"
	TypeTest    = "accord.test"
)

// Message is the body of a message.
type Message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is what a message tells.
type Data struct {
	Agreement agreement.Name   `json:"agreement"`
	From      journal.Position `json:"from,omitempty"` // the first entry that it tells of
	To        journal.Position `json:"to,omitempty"`   // the last
	Count     int              `json:"count"`          // entries among them that add or remove a version
	Head      string           `json:"head,omitempty"` // the signed head of the journal up to the last entry (C2SP tlog-checkpoint)
}

// mostRange is how many entries one message tells of.
const mostRange = 10_000

// messageID returns the id of the message about a range: the same for each attempt, and after a crash.
func messageID(webhook string, round uint64, from, to journal.Position) string {
	b := append([]byte(webhook), 0)
	for _, n := range []uint64{round, uint64(from), uint64(to)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	sum := sha256.Sum256(b)
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// next returns the message about what follows the cursor: nil if nothing does that is about objects. Entries up to scanned were
// looked at before. to is how far it looked.
func (s *Service) next(col *store.Collection, id string, st *state, scanned journal.Position) (p *pending, to journal.Position, err error) {
	from := st.cursor + 1
	to = min(st.length, st.cursor+mostRange)
	if to <= max(scanned, st.cursor) {
		return nil, to, nil
	}
	count := 0
	err = col.Entries(max(from, scanned+1), int(to-max(st.cursor, scanned)), func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Added || e.Kind == journal.Deleted || e.Kind == journal.Withdrawn {
			count++
		}
		return true
	})
	if err != nil || count == 0 {
		return nil, to, err
	}
	keys, err := s.config.Store.Keys("")
	if err != nil {
		return nil, 0, err
	}
	head, err := keys.CheckpointAt(col, uint64(to))
	if err != nil {
		return nil, 0, err
	}
	body := mustJSON(Message{Type: TypeChanged, Timestamp: s.config.Now().UTC().Truncate(time.Millisecond),
		Data: Data{Agreement: col.Agreement().Name, From: from, To: to, Count: count, Head: string(head)}})
	return &pending{ID: messageID(id, st.Round, from, to), From: from, To: to, Body: string(body)}, to, nil
}
