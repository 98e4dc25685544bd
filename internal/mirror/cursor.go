package mirror

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// cursor is how far a mirror has come. It is kept in the transaction of what was taken.
type cursor struct {
	URL   string    `json:"url"`             // of the collection that it is about
	After time.Time `json:"after,omitzero"`  // everything added up to here was taken
	Next  string    `json:"next,omitempty"`  // of the page that follows, of those after After
	Last  time.Time `json:"last,omitzero"`   // of the newest object on the pages since After
	Form  timeForm  `json:"form,omitempty"`  // of added_after that the server takes
	Plain bool      `json:"plain,omitempty"` // the server does not take match[version]
	Old   bool      `json:"old,omitempty"`   // the server speaks TAXII 2.0
	Clock time.Time `json:"clock,omitzero"`  // what the server's clock said; kept with the rest
	Back  bool      `json:"back,omitempty"`  // that clock went back, and has yet to pass Last

	Counts
}

// Counts are what a mirror has done since it began.
type Counts struct {
	Taken     uint64 `json:"taken"`     // objects that came, each time they did
	Added     uint64 `json:"added"`     // of them, added
	Refused   uint64 `json:"refused"`   // of them, refused
	Withdrawn uint64 `json:"withdrawn"` // versions that were withdrawn since the remote collection no longer has them
}

// timeForm is how a server wants added_after.
type timeForm uint8

const (
	microseconds timeForm = iota
	milliseconds
	seconds
)

// text writes a time, cut where the server does not take the rest: what is asked for again is here already.
func (f timeForm) text(t time.Time) string {
	switch f {
	case milliseconds:
		return t.UTC().Truncate(time.Millisecond).Format(stix.TimestampLayout)
	case seconds:
		return t.UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	return t.UTC().Format(taxii.TimeFormat)
}

// follower is the name under which mirrors keep their state in the file of their agreement.
const follower = "mirror"

// Keys of that state.
const (
	keyCursor = "cursor"
	keyPaused = "paused"
)

// Source is the collection that entries name as the source of what came from a remote collection. It is made of the URL, so
// that a remote server cannot give a collection of this one as its own.
func Source(url string) uuid.UUID { return uuid.NewHash(sha1.New(), uuid.NameSpaceURL, []byte(url), 5) }

// readCursor reads how far the mirror of a collection has come; one of another URL begins again.
func readCursor(s *store.Snapshot, url string) (c cursor, turn uint64, err error) {
	turn = s.Turn(follower)
	if text := s.State(follower, keyCursor); text != nil {
		if err := json.Unmarshal(text, &c); err != nil {
			return cursor{}, 0, fmt.Errorf("read the cursor of the mirror: %w", err)
		}
	}
	if c.URL != url {
		c = cursor{URL: url, Counts: c.Counts}
	}
	return c, turn, nil
}

// update keeps a cursor, and what it is planned on.
func (c cursor) update(turn uint64) *store.FollowerUpdate {
	text, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("write a cursor: %v", err)) // its times came from RFC 3339
	}
	return &store.FollowerUpdate{Name: follower, Turn: turn, Position: c.Taken, Set: []store.KeyValue{{Key: []byte(keyCursor), Value: text}}}
}
