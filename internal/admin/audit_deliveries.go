package admin

import (
	"net/http"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// DeliveryList says who was given an object's versions.
type DeliveryList struct {
	Agreement string             `json:"agreement"`
	Object    string             `json:"object"`
	Versions  []DeliveredVersion `json:"versions"`
	Lost      *store.Lost        `json:"lost,omitempty"` // polls that could not be noted
}

// DeliveredVersion is one version and who was given it.
type DeliveredVersion struct {
	Position  journal.Position `json:"position"`
	Version   string           `json:"version,omitempty"`
	DateAdded time.Time        `json:"date_added"`
	Received  []store.Receipt  `json:"received"`
}

// ConsumerList says who reads an agreement, and how far each has come.
type ConsumerList struct {
	Agreement string      `json:"agreement"`
	Size      uint64      `json:"size"` // entries in the journal
	Consumers []Consumer  `json:"consumers"`
	Lost      *store.Lost `json:"lost,omitempty"`
}

// Consumer is a reader and what it has not been given yet.
type Consumer struct {
	store.Consumer
	Behind      uint64    `json:"behind"` // versions added after the newest it was given, whatever its filter
	BehindMore  bool      `json:"behind_more,omitempty"`
	BehindSince time.Time `json:"behind_since,omitzero"` // date_added of the first of them
}

// deliveries serves who was given an object (object), or who reads and how far each has come.
func (a *API) deliveries(r *http.Request) (any, error) {
	u, err := a.audit(r)
	if err != nil {
		return nil, err
	}
	values, err := parameters(r, "object")
	if err != nil {
		return nil, err
	}
	if a.Deliveries == nil {
		return nil, refuse("deliveries are not noted here")
	}
	consumers, lost, err := a.Deliveries.Consumers(u.col.ID())
	if err != nil {
		return nil, err
	}
	if id := values.Get("object"); id != "" {
		return a.deliveriesOf(u, id, someLost(lost))
	}
	if err := u.all("the list of consumers"); err != nil {
		return nil, err
	}
	answer := ConsumerList{Agreement: string(u.col.Agreement().Name), Consumers: []Consumer{}, Lost: someLost(lost)}
	if answer.Size, _, err = u.col.Head(); err != nil {
		return nil, err
	}
	for _, c := range consumers {
		behind := Consumer{Consumer: c}
		if err := behind.measure(u.col); err != nil {
			return nil, err
		}
		answer.Consumers = append(answer.Consumers, behind)
	}
	return answer, nil
}

func someLost(l store.Lost) *store.Lost {
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

func (a *API) deliveriesOf(u audited, id string, lost *store.Lost) (any, error) {
	if _, err := stix.ParseID(id); err != nil {
		return nil, badQuery("the parameter object: %v", err)
	}
	h := &telling{API: a, audited: u}
	entries, err := h.entriesOf(stix.ID(id))
	if err != nil {
		return nil, err
	}
	answer := DeliveryList{Agreement: string(u.col.Agreement().Name), Object: id, Versions: []DeliveredVersion{}, Lost: lost}
	var added []journal.Position
	for _, one := range entries {
		if one.e.Kind == journal.Added {
			added = append(added, one.p)
			answer.Versions = append(answer.Versions, DeliveredVersion{one.p, one.e.Version, one.e.At, []store.Receipt{}})
		}
	}
	if len(added) == 0 {
		return nil, notFound("the agreement %s never had an object %s", answer.Agreement, id)
	}
	receipts, err := a.Deliveries.Received(u.col.ID(), added)
	if err != nil {
		return nil, err
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
