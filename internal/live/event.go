package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// The names of events.
const (
	EventAdded     = "added"
	EventDeleted   = "deleted"
	EventWithdrawn = "withdrawn"
	EventTerms     = "terms"
	EventHeartbeat = "heartbeat"
	EventEnd       = "end"
)

// Change is the data of an event about an object or about terms.
type Change struct {
	Object      string           `json:"object,omitempty"`
	Version     string           `json:"version,omitempty"` // as history has it
	SpecVersion string           `json:"spec_version,omitempty"`
	Type        string           `json:"type,omitempty"`
	DateAdded   string           `json:"date_added,omitempty"`
	TLP         string           `json:"tlp,omitempty"`
	Position    journal.Position `json:"position"`     // of the entry; of what was added: where it was added
	Of          journal.Position `json:"of,omitempty"` // where what was removed had been added
	Act         string           `json:"act,omitempty"`
	State       string           `json:"state,omitempty"` // of the agreement now
}

// Cause says why a stream ended.
type Cause string

// The causes.
const (
	Ended     Cause = "ended"     // the agreement was terminated, or its term is over
	Suspended Cause = "suspended" // it is suspended, or its term has yet to begin
	Rights    Cause = "rights"    // the account's party may no longer read
	Account   Cause = "account"   // the account was changed or disabled, or its credentials are no longer good
	Slow      Cause = "slow"      // the reader is too slow
	Busy      Cause = "busy"      // the server lacks memory for the next step
	Stopping  Cause = "stopping"  // the server stops
	Failed    Cause = "failed"    // the journal could not be read
	Gone      Cause = "gone"      // the reader has gone: it is not told
)

// End is the data of the last event.
type End struct {
	Cause  Cause            `json:"cause"`
	Reason string           `json:"reason"`
	After  journal.Position `json:"after"` // where to go on
}

func (e *End) Error() string { return e.Reason }

// event is one event on its way. Without an id, the reader's position stays what it was.
type event struct {
	id       journal.Position
	name     string
	data     []byte
	position journal.Position // of the version whose text is in data; 0: no text is
}

// appendTo writes the event as a reader gets it. Its data is JSON without line breaks.
func (e *event) appendTo(b []byte) []byte {
	if e.id > 0 {
		b = append(b, "id: "...)
		b = strconv.AppendUint(b, uint64(e.id), 10)
		b = append(b, '\n')
	}
	b = append(append(append(b, "event: "...), e.name...), "\ndata: "...)
	return append(append(b, e.data...), "\n\n"...)
}

// encode is JSON without line breaks; what it is given are structs of this package, which can be encoded.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("write %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// added is the event of a version, with its text as it is stored unless text is nil.
func added(id, at journal.Position, e journal.Entry, text []byte) event {
	c := Change{Object: e.Object, Version: e.Version, SpecVersion: e.SpecVersion, Type: stix.ID(e.Object).Type(),
		DateAdded: string(taxii.AppendTime(nil, e.At)), Position: at}
	if e.TLP != 0 {
		c.TLP = stix.TLP(e.TLP).String()
	}
	made := event{id: id, name: EventAdded, data: encode(c)}
	if text != nil {
		made.position = at
		made.data = append(append(append(made.data[:len(made.data)-1], `,"content":`...), text...), '}')
	}
	return made
}

// removed is the event of a removal.
func removed(id journal.Position, e journal.Entry) event {
	name := EventDeleted
	if e.Kind == journal.Withdrawn {
		name = EventWithdrawn
	}
	c := Change{Object: e.Object, Version: e.Version, SpecVersion: e.SpecVersion, Type: stix.ID(e.Object).Type(), Position: id, Of: e.Of}
	if e.Act == journal.ActCorrect { // the other acts are not the reader's affair
		c.Act = e.Act
	}
	return event{id: id, name: name, data: encode(c)}
}

// heartbeat is the event that says that nothing happened.
func heartbeat(id journal.Position, now time.Time) event {
	return event{id: id, name: EventHeartbeat, data: encode(struct {
		At    time.Time        `json:"at"`
		After journal.Position `json:"after"`
	}{now.UTC().Truncate(time.Millisecond), id})}
}
