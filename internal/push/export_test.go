package push

import (
	"context"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
)

// Run pushes from an outbox once; step is called before and after each request and transaction.
func Run(ctx context.Context, col *store.Collection, secret string, deliveries *delivery.Log, step func(string)) error {
	terms := col.Agreement().Push
	client, closer, err := connect(&terms.Remote, secret)
	if err != nil {
		return err
	}
	defer closer()
	return (&pusher{col: col, terms: terms, client: client, deliveries: deliveries, now: time.Now, step: step}).run(ctx)
}
