package admin_test

import (
	"fmt"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// BenchmarkPage asks for pages over HTTP, with deliveries noted and without: the difference is what keeping account costs.
func BenchmarkPage(b *testing.B) {
	for _, objects := range []int{10, 1000} {
		for _, noted := range []bool{false, true} {
			b.Run(fmt.Sprintf("objects=%d/noted=%v", objects, noted), func(b *testing.B) {
				var deliveries *store.Deliveries
				var options []accordtest.Option
				if noted {
					options = append(options, accordtest.WithDelivered(func(d server.Delivery) {
						deliveries.Note(store.Delivery{Collection: d.Collection, Account: string(d.Account), Party: string(d.Party), Positions: d.Positions, At: d.At})
					}))
				}
				s := accordtest.New(b, append(options, accordtest.WithLimits(server.Limits{AccountRate: 1e9}))...)
				deliveries = s.Store.OpenDeliveries(func(err error) { b.Error(err) })
				defer deliveries.Close()
				s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 1000)...)
				path := fmt.Sprintf("%sobjects/?limit=%d", accordtest.Path(accordtest.Programme), objects)
				s.Get(accordtest.Agency, path)
				for b.Loop() {
					if got := s.Get(accordtest.Agency, path); got.Status != 200 {
						b.Fatalf("got %d %s", got.Status, got.Body)
					}
				}
			})
		}
	}
}
