package serve

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/store"
)

// A server whose node has fetched the files of another one stops in order and serves again, without what it did at its start.
func TestAServerBeginsAnew(t *testing.T) {
	fetched, started, ended := make(chan struct{}), make(chan Running), make(chan error, 1)
	prepared := 0
	c := Config{
		DataDir: t.TempDir(), Transport: Transport{Listen: "127.0.0.1:0", PlainHTTP: true}, Limits: DefaultLimits(), Log: zerolog.Nop(), Now: time.Now, NoIndex: true,
		Prepare: func(context.Context, *store.Store, *admin.Service) error { prepared++; return nil },
		Started: func(r Running) { started <- r },
		Cluster: Cluster{fetched: fetched},
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- Run(ctx, c) }()
	next := func() Running {
		t.Helper()
		select {
		case r := <-started:
			return r
		case err := <-ended:
			t.Fatalf("it ended with %v", err)
			return Running{}
		}
	}
	first := next()
	fetched <- struct{}{}
	second := next()
	if _, err := http.Get(first.URL); err == nil && first.URL != second.URL {
		t.Error("the first one still serves")
	}
	answer, err := http.Get(second.URL + "/taxii2/")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if first.Store == second.Store || prepared != 1 {
		t.Errorf("it has the same store (%t), and was prepared %d times", first.Store == second.Store, prepared)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}
