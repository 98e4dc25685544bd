package audit

import (
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
}

// DeliveredVersion is one version and its receipts.
type DeliveredVersion struct {
	Position  journal.Position   `json:"position"`
	Version   string             `json:"version,omitempty"`
	DateAdded time.Time          `json:"date_added"`
	Received  []delivery.Receipt `json:"received"`
}

// ConsumerList lists the readers of an agreement, and how far each has come.
type ConsumerList struct {
	Agreement string         `json:"agreement"`
	Size      uint64         `json:"size"` // entries in the journal
	Consumers []Consumer     `json:"consumers"`
	Lost      *delivery.Lost `json:"lost,omitempty"`
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

// Consumers lists the readers of the agreement, and how far each has come.
func (v *View) Consumers() (ConsumerList, error) {
	if err := v.All("the list of consumers"); err != nil {
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
		behind := Consumer{Consumer: c}
		if err := behind.measure(v.col); err != nil {
			return ConsumerList{}, err
		}
		answer.Consumers = append(answer.Consumers, behind)
	}
	return answer, nil
}

func (v *View) consumers() ([]delivery.Consumer, *delivery.Lost, error) {
	if v.Source.Deliveries == nil {
		return nil, nil, ErrNotNoted
	}
	list, lost, err := v.Source.Deliveries.Consumers(v.col.ID())
	return list, someLost(lost), err
}

func someLost(l delivery.Lost) *delivery.Lost {
	if l.Polls == 0 {
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

// Deliveries lists the accounts that received an object.
func (v *View) Deliveries(id string) (DeliveryList, error) {
	if _, err := stix.ParseID(id); err != nil {
		return DeliveryList{}, badQuery("the parameter object: %v", err)
	}
	_, lost, err := v.consumers()
	if err != nil {
		return DeliveryList{}, err
	}
	h := &telling{View: v}
	entries, err := h.entriesOf(stix.ID(id))
	if err != nil {
		return DeliveryList{}, err
	}
	answer := DeliveryList{Agreement: string(v.Agreement()), Object: id, Versions: []DeliveredVersion{}, Lost: lost}
	var added []journal.Position
	for _, one := range entries {
		if one.e.Kind == journal.Added {
			added = append(added, one.p)
			answer.Versions = append(answer.Versions, DeliveredVersion{one.p, one.e.Version, one.e.At, []delivery.Receipt{}})
		}
	}
	if len(added) == 0 {
		return DeliveryList{}, notFound("the agreement %s never had an object %s", answer.Agreement, id)
	}
	receipts, err := v.Source.Deliveries.Received(v.col.ID(), added)
	if err != nil {
		return DeliveryList{}, err
	}
	for _, receipt := range receipts {
		for i := range answer.Versions {
			if answer.Versions[i].Position == receipt.Position {
				answer.Versions[i].Received = append(answer.Versions[i].Received, receipt)
			}
		}
	}
	return answer, nil
}
