# Each target is one command, and needs Go alone. The tools are pinned in tools/go.mod:
# staticcheck rather than golangci-lint, since a fresh machine with two cores compiles it
# in under a minute, and its checks with go vet's are what is kept clean here.

GO      ?= go
CYCLES  ?= 1000
FUZZ    ?= 30s
COUNT   ?= 6
TOOL     = $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help demo run build test race avx512 lint fuzz crash bench bench-loop bench-peers compare clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## watch a served model learn, be killed, come back, and be rolled back
	bin/learner demo

run: build ## start log, learner and server in one process
	bin/learner up

build: ## compile bin/learner
	$(GO) build -o bin/learner ./cmd/learner

test: ## run every test, the architecture's among them
	$(GO) test -timeout 10m ./...

race: ## run every test with the race detector
	$(GO) test -race -timeout 20m ./...

avx512: ## test the kernels of AVX-512 on an emulated processor (Debian packages; an hour)
	$(GO) run ./internal/emulate ./compute/internal/kernel ./compute ./internal/pixel ./internal/lanes

lint: ## check format, go vet and staticcheck
	@unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

# Without its bound, shortening the first find of a long input takes all of the time.
fuzz: ## fuzz every decoder for FUZZ each (default 30s)
	@targets=$$($(GO) test -run '^$$' -list '^Fuzz' ./...) || { echo "$$targets"; exit 1; }; \
	echo "$$targets" | awk '/^Fuzz/ { name[n++] = $$1 } /^(ok|\?)/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) -fuzzminimizetime 10x "$$package" </dev/null || exit 1; \
	done

crash: ## kill a learner CYCLES times (default 1000): lost 0, doubled 0, same state
	$(GO) run ./bench/crash -cycles $(CYCLES)

bench: ## run the micro-benchmarks COUNT times (default 6), as benchstat reads them
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) -timeout 60m ./...

bench-loop: ## measure the loop: accepted and learned per second, freshness, memory
	$(GO) run ./bench/loop

bench-peers: ## measure models beside PyTorch and Gorgonia's TapeMachine; PLOTS=folder draws how cost grows
	$(GO) run ./bench/peers $(if $(PLOTS),-plots $(PLOTS))

compare: ## compare two saved outputs of make bench: OLD=file NEW=file
	$(TOOL) benchstat $(OLD) $(NEW)

clean: ## remove what the targets made
	rm -rf bin demo-data
