package accordtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/serve"
)

// Config returns the configuration of a server on a free loopback port, with plain HTTP, default limits and no log.
func Config(dataDir string) serve.Config {
	return serve.Config{
		DataDir: dataDir, Transport: serve.Transport{Listen: "127.0.0.1:0", PlainHTTP: true},
		Limits: serve.DefaultLimits(), Log: zerolog.Nop(), Now: time.Now,
		NoIndex: true, // few tests search
	}
}

// Serve runs the real server inside this process and returns once it accepts connections. It runs until stop is called
// or the test ends; an error while stopping fails the test.
func Serve(t testing.TB, c serve.Config) (running serve.Running, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan serve.Running, 1), make(chan error, 1)
	c.Started = func(r serve.Running) { started <- r }
	go func() { ended <- serve.Run(ctx, c) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	select {
	case running = <-started:
	case err := <-ended:
		cancel()
		t.Fatalf("the server ended before it accepted connections: %v", err)
	}
	t.Cleanup(stop)
	return running, stop
}
