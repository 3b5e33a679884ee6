# make run    a desk to try out on this machine: RUN_DIR (run), XMPP_PORT (5222), HTTP_PORT (8080)
# make test   everything that is tested; installs what is missing
# make bench  figures of the relay, of rooms and of memory, beside others in the same run
# make soak   an hour (SOAKTIME) at half of what desk and a real Prosody can take: heap, goroutines, times by the minute
# make year   a simulated year of a shop for every strategy: waiting times, shares
# make kill   100 kills while 100,000 messages go through a real server: KILLFLAGS="-kills 100 -messages 100000 -seed 1 -server prosody -faults desk"
# make fuzz   every fuzzer for FUZZTIME (30s); for a night's millions of inputs each, FUZZTIME=30m or FUZZTIME=5000000x
# make build  ./frontdesk

# Where Go's own installation lies, if nobody has put it on the PATH.
export PATH := $(PATH):/usr/local/go/bin

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
# These start real servers and browsers: under the race detector they would only be slow.
REAL = ^frontdesk/(deploy|e2e)(/|$$)
# What runs without the race detector: those, and the store with the damage that it cannot follow.
PLAIN = ^frontdesk/(deploy|e2e|store)(/|$$)
TESTFLAGS =
BENCHFLAGS =
SOAKTIME = 1h
KILLFLAGS = -kills 100 -messages 100000
FUZZTIME = 30s

.PHONY: build run test deps lint test-race test-real bench soak year kill fuzz clean

build:
	CGO_ENABLED=0 go build -trimpath -o frontdesk .

run:
	@deploy/install.sh run
	@$(MAKE) --no-print-directory build
	@go build -o bin/trial ./deploy/trial
	@exec bin/trial -frontdesk ./frontdesk

test: deps lint test-race test-real

deps: web/browser/node_modules/.package-lock.json
	deploy/install.sh test

web/browser/node_modules/.package-lock.json: web/browser/package.json web/browser/package-lock.json
	deploy/install.sh test
	cd web/browser && npm ci --no-audit --no-fund
	touch $@

# staticcheck comes through Go's module proxy; where that is out of reach, the rest still counts.
lint: | deps
	@unformatted=$$(gofmt -l $$(go list -f '{{.Dir}}' ./...)); \
		test -z "$$unformatted" || { echo "gofmt -w these:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	@if $(STATICCHECK) -version >/dev/null 2>&1; then echo '$(STATICCHECK) ./...'; $(STATICCHECK) ./...; \
		else echo 'staticcheck left out: it cannot be fetched'; fi
	deploy/vulncheck.sh
	cd web && browser/node_modules/.bin/tsc -p browser
	cd web && browser/node_modules/.bin/oxlint --deny-warnings chat/*.js widget browser/*.mjs
	node web/browser/strophe.mjs -check

test-race: | deps
	go test -race -timeout 10m $(TESTFLAGS) $$(go list ./... | grep -Ev '$(REAL)')

test-real: | deps
	go test -count=1 -timeout 12m $(TESTFLAGS) $$(go list ./... | grep -E '$(PLAIN)')
	go test -count=1 $(TESTFLAGS) -run '^TestWhoMayWhat$$' ./relay

bench:
	go run ./e2e/bench $(BENCHFLAGS)

soak:
	go run ./e2e/bench -parts soak -customers 60 -agents 12 -window 16 -soak $(SOAKTIME)

year:
	go test ./dispatch -count=1 -run '^TestYear$$' -v -year

kill: | deps
	go test ./e2e -count=1 -run '^TestKilled$$' -v -timeout 24h $(KILLFLAGS)

fuzz:
	@set -e; for package in $$(go list ./...); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$package; \
		done; \
	done

# The run folder with its log is data and stays.
clean:
	rm -rf frontdesk bin web/browser/node_modules
