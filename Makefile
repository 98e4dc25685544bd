# What people type: run, test, check, bench, build. Needs Go (go.mod says which; the go command fetches it) and make.

GO      ?= go
FUZZTIME ?= 5s
BENCH   ?= .
COUNT   ?= 1
PACKAGES = ./...
LDFLAGS  = -s -w

# Everything is compiled as the program is, once. The race detector needs cgo.
export CGO_ENABLED = 0
export GOFLAGS    ?= -trimpath

# Tools that are not part of the build. Change a version here, and nowhere else.
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
NFPM        = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
CYCLONEDX   = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

.PHONY: cluster simulate run vendor-js shots browser test check race faults staticcheck vulncheck bench bench-quick bench-layers build fips release packages images packages-test site fuzz fmt torture attack clean

# A server with two agreements and made-up objects, on 127.0.0.1:6100. It prints what to try.
run: build
	./bin/accord demo

# One static binary, bin/accord, and beside it the licences of what is in it. The same sources give the same bytes.
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/accord ./cmd/accord
	$(GO) run ./internal/notices ./cmd/accord > bin/THIRD-PARTY-NOTICES.txt

# The same program with Go's FIPS 140-3 module, in FIPS mode from its start.
fips:
	GOFIPS140=v1.0.0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/accord-fips ./cmd/accord

# What is published, in release/: the program for each system, packages, images, the licences, a bill of materials (CycloneDX) and
# checksums. Nothing is sent anywhere. doc/packages.md says how a release is signed.
VERSION  ?= 0.0.0
RELEASES = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
release:
	rm -rf release && mkdir -p release
	@set -e; for target in $(RELEASES); do os=$${target%/*}; arch=$${target#*/}; end=; [ $$os != windows ] || end=.exe; \
	  echo "release/accord-$$os-$$arch$$end"; \
	  GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o release/accord-$$os-$$arch$$end ./cmd/accord; done
	$(GO) run ./internal/notices ./cmd/accord > release/THIRD-PARTY-NOTICES.txt
	$(MAKE) packages images
	$(GO) run $(CYCLONEDX) app -json -licenses -std -main cmd/accord -output release/accord.cdx.json .
	rm -rf release/tree
	cd release && sha256sum * > SHA256SUMS

# deb and rpm of the programs in release/, for each architecture.
ARCHES = amd64 arm64
packages: release/tree
	@set -e; for arch in $(ARCHES); do [ -f release/accord-linux-$$arch ] || continue; cp release/accord-linux-$$arch release/tree/; \
	  for kind in deb rpm; do VERSION=$(VERSION) ARCH=$$arch $(GO) run $(NFPM) package --config packaging/nfpm.yaml --packager $$kind --target release/; done; done

# What packages hold beside the program: manual pages, completions, the unit with a user of its own.
.PHONY: release/tree
release/tree:
	rm -rf release/tree && mkdir -p release/tree/man release/tree/completion
	cp release/THIRD-PARTY-NOTICES.txt release/tree/
	@set -e; own=release/accord-$$($(GO) env GOOS)-$$($(GO) env GOARCH); $$own man release/tree/man; gzip -9n release/tree/man/*; \
	  for shell in bash zsh fish; do $$own completion $$shell > release/tree/completion/accord.$$shell; done
	sed -e 's|^DynamicUser=yes|User=accord\nGroup=accord|' -e 's|/usr/local/bin/accord|/usr/bin/accord|' \
	  -e '/^ExecStart=/,/[^\\]$$/c ExecStart=/usr/bin/accord serve --data $${STATE_DIRECTORY} --tls-cert $${CREDENTIALS_DIRECTORY}/tls.crt --tls-key $${CREDENTIALS_DIRECTORY}/tls.key --log-format json $$ACCORD_FLAGS' \
	  -e 's|^StateDirectory=accord|EnvironmentFile=/etc/default/accord\nStateDirectory=accord|' -e '1,/^$$/d' deploy/accord.service > release/tree/accord.service

# OCI images, without an engine: docker load -i FILE, podman load -i FILE, skopeo copy oci-archive:FILE …
images:
	@set -e; for arch in $(ARCHES); do [ -f release/accord-linux-$$arch ] || continue; \
	  $(GO) run ./internal/image -program release/accord-linux-$$arch -notices release/THIRD-PARTY-NOTICES.txt -arch $$arch -version $(VERSION) -out release/accord-image-$$arch.tar; done

# The documentation as web pages, in site/: the same files, and a page for each command. Nothing is fetched.
site: build
	rm -rf site bin/commands && ./bin/accord man --markdown bin/commands > /dev/null
	$(GO) run ./internal/site -commands bin/commands -out site

# The packages installed, upgraded and removed in a folder of their own. Needs dpkg.
packages-test:
	ACCORD_PACKAGES=1 $(GO) test -count=1 -timeout 20m -v -run Package ./packaging

# Everything that must pass.
test:
	$(GO) vet $(PACKAGES)
	$(GO) test $(PACKAGES)

# What must hold before a release: formatting, vet, staticcheck, all tests (with the seeds of every fuzz target, and those that
# link the program twice), the console in a browser, the race detector where most goroutines share data, 10,000 simulated clusters
# and 40 kills. After make test, under ten minutes on two processors; make race (every package), make faults and make fuzz are for the
# night, in CI too.
RACE = $(addprefix ./,store taxii/server internal/live internal/delivery)
check: export ACCORD_LONG = 1
check: fmt staticcheck test browser
	CGO_ENABLED=1 ACCORD_LOG_SEEDS=4 $(GO) test -race -short $(RACE)
	$(MAKE) simulate
	ACCORD_KILLS=40 $(GO) test -run '^TestAServerThatMirrorsPushesAndTellsIsKilled$$' -count=1 -timeout 10m ./cmd/accord

# Every fault of a cluster once, on real processes.
faults:
	ACCORD_TORTURE=1 $(GO) test -run '^TestEveryFaultOfAClusterOnce$$' -count=1 -timeout 20m ./internal/torture

# All tests under the race detector.
race:
	CGO_ENABLED=1 ACCORD_LOG_SEEDS=20 $(GO) test -race -timeout 60m $(PACKAGES)

staticcheck:
	$(GO) tool staticcheck $(PACKAGES)

# Known vulnerabilities in what is called. Needs https://vuln.go.dev.
vulncheck:
	$(GO) run $(GOVULNCHECK) $(PACKAGES)

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

# Every measurement: the Go benchmarks of every package (into bench-out/layers.txt, for benchstat), then, written into
# doc/performance/, the real program under load, beside bare handlers, nginx, itself without validation and bbolt
# alone. Half an hour. For less: make bench-quick, or make bench BENCH_FLAGS='-only reads -turns 3 -turn 1s'.
bench: build bin/bench
	@mkdir -p bench-out
	$(MAKE) -s bench-layers | tee bench-out/layers.txt
	./bin/bench -accord bin/accord -write doc/performance $(BENCH_FLAGS)

# A few minutes of short turns on small collections, printed only.
bench-quick: build bin/bench
	./bin/bench -accord bin/accord -quick $(BENCH_FLAGS)

# The Go benchmarks alone, in the form that benchstat reads: make bench-layers BENCH=Page COUNT=6 > new.txt
bench-layers:
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PACKAGES)

.PHONY: bin/bench
bin/bench:
	@$(GO) build -o bin/bench ./internal/bench

# Kills a server at work ROUNDS times and checks that nothing was lost. With NODES=3 a cluster, to which one fault is done in each
# round: kills, pauses, partitions, members that change, bits flipped, full disks, failing syncs, power cuts, clocks.
# TORTURE_FLAGS='-faults killed,clock -seed 7'; go run ./internal/torture -list lists the faults.
ROUNDS ?= 200
NODES ?= 1
torture: build
	$(GO) run ./internal/torture -accord bin/accord -rounds $(ROUNDS) -nodes $(NODES) $(TORTURE_FLAGS)

# Whole clusters on a made-up clock and network, from SEEDS seeds: two processes, each with half of them.
SEEDS ?= 10000
simulate:
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; $(GO) test -c -o $$bin/cluster.test ./internal/cluster; cd internal/cluster; half=$$(($(SEEDS) / 2)); \
	  ACCORD_SEEDS=1-$$half $$bin/cluster.test -test.run '^TestSimulation$$' -test.v -test.timeout 60m & first=$$!; \
	  ACCORD_SEEDS=$$((half + 1))-$(SEEDS) $$bin/cluster.test -test.run '^TestSimulation$$' -test.v -test.timeout 60m; wait $$first

# Three nodes of a cluster on loopback, with nginx in front if it is installed, until interrupted.
cluster: build
	./deploy/cluster.sh bin/accord

# Answers a second to honest clients, and the server's memory, during attacks of several kinds.
attack: build
	$(GO) run ./internal/torture -accord bin/accord -attack 5s

# The scripts of the console from npm, by its lock file: checked in, so that this runs only to change a version.
vendor-js:
	./internal/console/js/vendor.sh

# Each screen of the console in a real browser. Needs Chromium (Debian: apt-get install chromium), or skips and says so.
browser:
	ACCORD_BROWSER=1 $(GO) test -count=1 -timeout 20m ./internal/console

# The pictures of the console in doc/console/. Needs Chromium.
shots:
	ACCORD_BROWSER=1 ACCORD_SHOTS=$(CURDIR)/doc/console $(GO) test -run '^TestShots$$' -count=1 -v ./internal/console

clean:
	rm -rf bin demo-data bench-out release site
