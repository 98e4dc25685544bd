# What people type: run, test, check, bench, build. Needs Go (the version go.mod names) and make, nothing else.

GO      ?= go
FUZZTIME ?= 5s
BENCH   ?= .
COUNT   ?= 1
PACKAGES = ./...

.PHONY: run test check bench build fuzz fmt bench-run torture attack clean

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

# Every fuzz target of every package, FUZZTIME each.
fuzz:
	@set -e; for package in $$($(GO) list $(PACKAGES)); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package; \
	  done; \
	done

# Benchmarks, in the form that benchstat reads: make bench BENCH=Page COUNT=6 > new.txt
bench:
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PACKAGES)

# The real program under load, beside a bare handler and nginx: the tables of doc/performance.md. Some ten minutes; for less,
# make bench-run BENCH_FLAGS='-only reads -turns 3 -turn 1s'.
bench-run: build
	$(GO) run ./internal/bench -accord bin/accord $(BENCH_FLAGS)

# Kills a server that is at work, ROUNDS times, and looks whether anything was lost.
ROUNDS ?= 200
torture: build
	$(GO) run ./internal/torture -accord bin/accord -rounds $(ROUNDS)

# Answers a second to honest clients, and the server's memory, during attacks of several kinds.
attack: build
	$(GO) run ./internal/torture -accord bin/accord -attack 5s

clean:
	rm -rf bin demo-data
