package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
)

// The text of an object that leaves for an audit, evidence or a comparison is a delivery like any other.
func TestContentIsADelivery(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 2)...)
	ctx, agency := context.Background(), auditorAs(t, s, accordtest.Agency)
	h, err := agency.History(ctx, accordtest.Programme, accordtest.IndicatorID(1), 0)
	if err != nil || len(h.Entries) != 1 {
		t.Fatalf("got %+v, %v", h, err)
	}
	if _, err := agency.Content(ctx, accordtest.Programme, h.Entries[0].Position); err != nil {
		t.Fatal(err)
	}
	list, err := agency.Deliveries(ctx, accordtest.Programme, accordtest.IndicatorID(1))
	if err != nil || len(list.Versions) != 1 || len(list.Versions[0].Received) != 1 {
		t.Fatalf("got %+v, %v, want one receipt", list, err)
	}
	if r := list.Versions[0].Received[0]; r.Account != accordtest.Agency || r.Way != delivery.Content || r.Times != 1 || r.Unfinished != 0 {
		t.Errorf("got %+v, want the agency and content", r)
	}
}

// Whatever the size of pages, they have the same rows.
func TestDeliveriesComeInPages(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path(accordtest.Programme)
	for v := range 5 {
		s.Post(accordtest.Vendor, path, accordtest.Indicator(0, v))
		if v == 2 {
			continue // readers do not take it for the last one
		}
		s.Get(accordtest.Agency, path+"objects/")
		s.Get(accordtest.Vendor, path+"objects/?match[type]=indicator")
	}
	ctx, operator := context.Background(), auditorAs(t, s, accordtest.Operator)
	want, err := operator.Deliveries(ctx, accordtest.Programme, accordtest.IndicatorID(0))
	if err != nil || len(want.Versions) != 5 || len(want.Versions[2].Received) != 0 || len(want.Versions[4].Received) != 2 {
		t.Fatalf("got %+v, %v", want, err)
	}
	rows := 0
	for _, v := range want.Versions {
		rows += max(1, len(v.Received))
	}
	got, pages := audit.DeliveryList{Versions: []audit.DeliveredVersion{}}, 0
	for next := ""; pages == 0 || next != ""; pages++ {
		body, err := operator.Fetch(ctx, fmt.Sprintf("agreements/%s/deliveries/?limit=2&object=%s&next=%s", accordtest.Programme, accordtest.IndicatorID(0), url.QueryEscape(next)))
		if err != nil {
			t.Fatal(err)
		}
		var page audit.DeliveryList
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			if n := len(got.Versions); n > 0 && got.Versions[n-1].Position == v.Position {
				got.Versions[n-1].Received = append(got.Versions[n-1].Received, v.Received...)
			} else {
				got.Versions = append(got.Versions, v)
			}
		}
		next = page.Next
	}
	if g, w := fmt.Sprint(got.Versions), fmt.Sprint(want.Versions); g != w || pages != (rows+1)/2 {
		t.Errorf("in %d pages: got %s\nwant %s", pages, g, w)
	}
	body, err := operator.Fetch(ctx, fmt.Sprintf("agreements/%s/deliveries/?limit=1", accordtest.Programme))
	if err != nil {
		t.Fatal(err)
	}
	var first audit.ConsumerList
	if err := json.Unmarshal(body, &first); err != nil || len(first.Consumers) != 1 || first.Next == "" {
		t.Errorf("got %s, %v, want one consumer and a next page", body, err)
	}
	if all, err := operator.Consumers(ctx, accordtest.Programme); err != nil || len(all.Consumers) != 2 {
		t.Errorf("got %+v, %v, want two consumers", all, err)
	}
	if _, err := operator.Fetch(ctx, fmt.Sprintf("agreements/%s/deliveries/?next=x", accordtest.Programme)); err == nil {
		t.Error("a next that no page gave: got no error")
	}
}
