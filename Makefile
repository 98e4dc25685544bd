# What people type: run, test, check, bench, build. Needs Go (the version go.mod names) and make, nothing else.

GO      ?= go
FUZZTIME ?= 5s
BENCH   ?= .
COUNT   ?= 1
PACKAGES = ./...

.PHONY: run test check bench bench-quick bench-run bench-layers build fuzz fmt torture attack clean

# A server with two agreements and made-up objects, on 127.0.0.1:6100. It prints what to try.
run: build
	./bin/accord demo

# One static binary: bin/accord.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/accord ./cmd/accord

# Everything that must pass.
test:
	$(GO) vet $(PACKAGES)
	$(GO) test $(PACKAGES)

# What must hold before a release: test, and formatting, staticcheck, the race detector, a minute of every fuzz target.
check: fmt
	$(GO) vet $(PACKAGES)
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) test $(PACKAGES)
	CGO_ENABLED=1 $(GO) test -race -short $(PACKAGES)
	$(MAKE) fuzz FUZZTIME=1m

fmt:
	@unformatted=$$($$($(GO) env GOROOT)/bin/gofmt -l $$($(GO) list -f '{{.Dir}}' $(PACKAGES))); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

# Every fuzz target of every package, FUZZTIME each. Go 1.26 now and then ends a run with "context deadline exceeded" when the
# time is over and nothing was found (golang/go#75804): such a run passes.
fuzz:
	@set -e; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; for package in $$($(GO) list $(PACKAGES)); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package > "$$log" 2>&1 || \
	      { grep -q '^ *context deadline exceeded$$' "$$log" && ! grep -q 'Failing input' "$$log"; } || { cat "$$log"; exit 1; }; \
	    grep 'execs: ' "$$log" | tail -n 1; \
	  done; \
	done

# Everything of doc/performance.md, written into its tables: the Go benchmarks of every layer (their output, for benchstat,
# in bench-out/layers.txt), then the real program under load, beside bare handlers, nginx, itself without validation and bbolt
# alone. Half an hour. For less: make bench-quick, or make bench BENCH_FLAGS='-only reads -turns 3 -turn 1s'.
bench: build bin/bench
	./bin/bench -accord bin/accord -bench '$(BENCH)' -count $(COUNT) -write doc/performance.md $(BENCH_FLAGS)

# A look in a few minutes that writes nothing: short turns, small collections.
bench-quick: build bin/bench
	./bin/bench -accord bin/accord -bench '$(BENCH)' -quick $(BENCH_FLAGS)

# The real program under load, alone and printed only.
bench-run: build bin/bench
	./bin/bench -accord bin/accord -only reads,writes,scale,mixed,onward $(BENCH_FLAGS)

# The Go benchmarks alone, in the form that benchstat reads: make bench-layers BENCH=Page COUNT=6 > new.txt
bench-layers:
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PACKAGES)

.PHONY: bin/bench
bin/bench:
	@$(GO) build -o bin/bench ./internal/bench

# Kills a server that is at work, ROUNDS times, and looks whether anything was lost.
ROUNDS ?= 200
torture: build
	$(GO) run ./internal/torture -accord bin/accord -rounds $(ROUNDS)

# Answers a second to honest clients, and the server's memory, during attacks of several kinds.
attack: build
	$(GO) run ./internal/torture -accord bin/accord -attack 5s

clean:
	rm -rf bin demo-data bench-out
