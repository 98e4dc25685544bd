package audit

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// DeliveryList lists the accounts that received an object's versions.
type DeliveryList struct {
	Agreement string             `json:"agreement"`
	Object    string             `json:"object"`
	Versions  []DeliveredVersion `json:"versions"`
	Lost      *delivery.Lost     `json:"lost,omitempty"` // polls that could not be noted
	Next      string             `json:"next,omitempty"` // of the following page, if there is more
}

// DeliveredVersion is one version and its receipts.
type DeliveredVersion struct {
	Position  journal.Position   `json:"position"`
	Version   string             `json:"version,omitempty"`
	DateAdded time.Time          `json:"date_added"`
	Received  []delivery.Receipt `json:"received"`

	// Acknowledged is what other servers said about the version, where it was posted to them.
	Acknowledged []Acknowledgement `json:"acknowledged,omitempty"`
}

// Acknowledgement is what another server said about a version that was posted to it: its status resource, in short.
type Acknowledgement struct {
	URL       string    `json:"url,omitempty"`
	Status    string    `json:"status"`              // id of the status resource there
	Requested string    `json:"requested,omitempty"` // its request_timestamp
	At        time.Time `json:"at"`                  // when it was received
	Refused   string    `json:"refused,omitempty"`   // why that server did not take the version
}

// ConsumerList lists the readers of an agreement, and how far each has come.
type ConsumerList struct {
	Agreement string         `json:"agreement"`
	Size      uint64         `json:"size"` // entries in the journal
	Consumers []Consumer     `json:"consumers"`
	Lost      *delivery.Lost `json:"lost,omitempty"`
	Next      string         `json:"next,omitempty"` // of the following page, if there is more
}

// Consumer is a reader and what it has not been given yet.
type Consumer struct {
	delivery.Consumer
	Behind      uint64    `json:"behind"` // versions added after the newest it was given, whatever its filter
	BehindMore  bool      `json:"behind_more,omitempty"`
	BehindSince time.Time `json:"behind_since,omitzero"` // date_added of the first of them
}

// ErrNotNoted is the error of a server that notes no deliveries.
var ErrNotNoted = errors.New("deliveries are not noted here")

// Consumers lists at most limit readers of the agreement, and how far each has come. next is empty for the first page.
func (v *View) Consumers(next string, limit int) (ConsumerList, error) {
	if err := v.All("the list of consumers"); err != nil {
		return ConsumerList{}, err
	}
	after, err := parseDeliveryCursor(next)
	if err != nil {
		return ConsumerList{}, err
	}
	consumers, lost, err := v.consumers()
	if err != nil {
		return ConsumerList{}, err
	}
	answer := ConsumerList{Agreement: string(v.Agreement()), Consumers: []Consumer{}, Lost: lost}
	if answer.Size, err = v.Size(); err != nil {
		return ConsumerList{}, err
	}
	for _, c := range consumers {
		at := deliveryCursor{Account: c.Account, Party: c.Party, Way: c.Way, Filter: c.Filter}
		if after != nil && at.compare(*after) <= 0 {
			continue
		}
		if len(answer.Consumers) == limit {
			answer.Next = answer.Consumers[limit-1].cursor().String()
			break
		}
		behind := Consumer{Consumer: c}
		if err := behind.measure(v.col); err != nil {
			return ConsumerList{}, err
		}
		answer.Consumers = append(answer.Consumers, behind)
	}
	return answer, nil
}

func (c *Consumer) cursor() deliveryCursor {
	return deliveryCursor{Account: c.Account, Party: c.Party, Way: c.Way, Filter: c.Filter}
}

// deliveryCursor is a place in a list of deliveries: the last row of a page. New deliveries do not move it.
type deliveryCursor struct {
	Position journal.Position `json:"position,omitempty"`
	Account  string           `json:"account,omitempty"`
	Party    string           `json:"party,omitempty"`
	Way      delivery.Way     `json:"way,omitempty"`
	Filter   string           `json:"filter,omitempty"`
}

func (c deliveryCursor) compare(d deliveryCursor) int {
	return cmp.Or(cmp.Compare(c.Position, d.Position), cmp.Compare(c.Account, d.Account), cmp.Compare(c.Party, d.Party),
		cmp.Compare(c.Way, d.Way), cmp.Compare(c.Filter, d.Filter))
}

// String returns the cursor as a caller sends it back.
func (c deliveryCursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has texts and a number
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseDeliveryCursor returns nil for the beginning.
func parseDeliveryCursor(next string) (*deliveryCursor, error) {
	if next == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(next)
	var c deliveryCursor
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return nil, badQuery("the parameter next is not one that a page gave")
	}
	return &c, nil
}

func (v *View) consumers() ([]delivery.Consumer, *delivery.Lost, error) {
	if v.Source.Deliveries == nil {
		return nil, nil, ErrNotNoted
	}
	list, lost, err := v.Source.Deliveries.Consumers(v.col.ID())
	return list, someLost(lost), err
}

func someLost(l delivery.Lost) *delivery.Lost {
	if l.Polls == 0 && len(l.Silent) == 0 {
		return nil
	}
	return &l
}

// measure counts what was added after the newest version that a consumer was given, up to a bound.
func (c *Consumer) measure(col *store.Collection) error {
	const most = 10_000
	looked := 0
	err := col.Entries(c.Newest+1, most, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		looked++
		if e.Kind == journal.Added {
			if c.Behind == 0 {
				c.BehindSince = e.At
			}
			c.Behind++
		}
		return true
	})
	c.BehindMore = looked == most
	return err
}

// Deliveries lists at most limit receipts of an object's versions. next is empty for the first page.
func (v *View) Deliveries(id, next string, limit int) (DeliveryList, error) {
	if _, err := stix.ParseID(id); err != nil {
		return DeliveryList{}, badQuery("the parameter object: %v", err)
	}
	if err := v.Audits("the account of deliveries"); err != nil {
		return DeliveryList{}, err
	}
	after, err := parseDeliveryCursor(next)
	if err != nil {
		return DeliveryList{}, err
	}
	_, lost, err := v.consumers()
	if err != nil {
		return DeliveryList{}, err
	}
	if v.only != "" && lost != nil {
		lost = someLost(delivery.Lost{Silent: lost.Silent}) // the rest counts what others did
	}
	h := &telling{View: v}
	entries, err := h.entriesOf(stix.ID(id))
	if err != nil {
		return DeliveryList{}, err
	}
	var versions []DeliveredVersion
	var added []journal.Position
	for _, one := range entries {
		if one.e.Kind == journal.Added {
			added = append(added, one.p)
			versions = append(versions, DeliveredVersion{Position: one.p, Version: one.e.Version, DateAdded: one.e.At, Received: []delivery.Receipt{}})
		}
	}
	if len(added) == 0 {
		return DeliveryList{}, notFound("the agreement %s never had an object %s", v.Agreement(), id)
	}
	receipts, err := v.Source.Deliveries.Received(v.col.ID(), added)
	if err != nil {
		return DeliveryList{}, err
	}
	if v.only == "" {
		if err := v.acknowledge(versions, added); err != nil {
			return DeliveryList{}, err
		}
	}
	answer := DeliveryList{Agreement: string(v.Agreement()), Object: id, Lost: lost}
	answer.page(versions, v.receipts(receipts), after, limit)
	return answer, nil
}

// acknowledge adds what other servers said about versions that were posted to them.
func (v *View) acknowledge(versions []DeliveredVersion, added []journal.Position) error {
	if v.Source.Acknowledged == nil {
		return nil
	}
	said, err := v.Source.Acknowledged(v.col, added)
	for i := range versions {
		versions[i].Acknowledged = said[versions[i].Position]
	}
	return err
}

// page fills the list with the rows that come after a cursor: the receipts, and versions without one. Both are in the order
// of positions.
func (l *DeliveryList) page(versions []DeliveredVersion, receipts []delivery.Receipt, after *deliveryCursor, limit int) {
	l.Versions = []DeliveredVersion{}
	var last deliveryCursor
	rows := 0
	// add adds a row, and reports whether there was room.
	add := func(v DeliveredVersion, at deliveryCursor, r *delivery.Receipt) bool {
		if after != nil && at.compare(*after) <= 0 {
			return true
		}
		if rows == limit {
			l.Next = last.String()
			return false
		}
		if n := len(l.Versions); n == 0 || l.Versions[n-1].Position != v.Position {
			l.Versions = append(l.Versions, v)
		}
		if r != nil {
			list := &l.Versions[len(l.Versions)-1].Received
			*list = append(*list, *r)
		}
		rows++
		last = at
		return true
	}
	for _, v := range versions {
		none := true
		for len(receipts) > 0 && receipts[0].Position == v.Position {
			r := receipts[0]
			receipts, none = receipts[1:], false
			if !add(v, deliveryCursor{v.Position, r.Account, r.Party, r.Way, r.Filter}, &r) {
				return
			}
		}
		if none && !add(v, deliveryCursor{Position: v.Position}, nil) {
			return
		}
	}
}
