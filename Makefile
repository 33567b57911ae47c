# `make run` and `make test` are all a newcomer needs; the rest are their parts.
# Nothing here rebuilds what has not changed: npm packages follow the lock file, pages follow their sources,
# and cargo does the same for Rust.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
UNDEAD := target/release/undead
RUN_FLAGS ?=
# Most Rust tests wait for timers and other processes, so twice as many run at a time as there are processors.
export RUST_TEST_THREADS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/e2e -prune -o -type f -print)
NPM_STAMP := web/node_modules/.installed
DIST_STAMP := web/dist/index.html

.PHONY: help run build pages test check check-rust check-web check-compose unit test-rust test-web api e2e browsers record places fuzz bench configuration perf simulate judge control library-bench lists party jobs uploads jobs-chaos jobs-live fmt tools clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: build ## Build everything and serve it on http://localhost:5000
	$(UNDEAD) up $(RUN_FLAGS)

build: $(DIST_STAMP) ## Leave the release binary, pages embedded, at target/release/undead
	$(CARGO) build --release --locked

pages: $(DIST_STAMP) ## Build the pages alone

$(NPM_STAMP): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

$(DIST_STAMP): $(NPM_STAMP) $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

test: tools check unit api e2e fuzz ## Every check and every test
	@echo "all checks and tests passed"

check: check-rust check-web check-compose ## Formatting, lints, docs, types, unused dependencies

check-rust: tools $(DIST_STAMP)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	cargo-machete --skip-target-dir
	scripts/check-dependencies.py

check-web: $(NPM_STAMP)
	cd web && npm run check && npx tsc --noEmit -p e2e

check-compose: tools # tests/compose starts what they describe
	docker-compose config --quiet
	docker-compose -f docker-compose.cluster.yml config --quiet

unit: test-rust test-web ## Tests without a browser

test-rust: tools $(DIST_STAMP)
	scripts/test-rust.py

test-web: $(NPM_STAMP)
	cd web && npm test

api: tools build ## Check the servers against GET /api/openapi.json with schemathesis
	scripts/check-api.sh

e2e: tools build ## The browser tests, in real Chromium and Firefox against the release binary
	cd web && npm run e2e

browsers: tools build ## Firefox beside Chromium, a minute for each codec: pictures, stalls, latency (about 7 minutes)
	cd web && npm run browsers:minute

perf: build ## Forwarding speed under CPU limits: records, figures and the numbers of report/ (about 8 minutes; Linux, root)
	$(CARGO) run --release --locked -p perf-analysis -- run perf-analysis/scenarios/default.toml --report report

judge: build ## The fan-out beside the bare write loop: the tables of report/fan-out.md (about 10 minutes; Linux, root)
	$(CARGO) run --release --locked -p perf-analysis -- run perf-analysis/scenarios/judge.toml --report report --page fan-out.md

control: build ## What 10,000 nodes and their viewers cost the main server, on each store (about 5 minutes; Linux, nats-server)
	$(CARGO) run --release --locked -p perf-analysis -- control --report report

library-bench: build ## What serving the library costs beside nginx: the table and figure of report/library.md (about 12 minutes; Linux, nginx)
	$(CARGO) run --release --locked -p perf-analysis -- library --report report

lists: build ## How soon 10,000 items of the library are listed and searched, on each store: records and a table (Linux, nats-server)
	$(CARGO) run --release --locked -p perf-analysis -- lists

party: build ## How soon members of parties know what their host did: the table and figures of report/party.md (about 4 minutes; Linux)
	$(CARGO) run --release --locked -p perf-analysis -- party --report report

jobs: build ## How long a job takes by workers and crashes, and how fast the queue is: tables and figures of report/jobs.md (about 7 minutes; Linux, nats-server)
	$(CARGO) run --release --locked -p perf-analysis -- jobs --report report

simulate: ## Placement on ten thousand simulated nodes: records, tables and figure (some minutes)
	$(CARGO) run --release --locked -p perf-analysis -- simulate --report report

jobs-chaos: tools ## 20 jobs and a song of three minutes while workers, main servers and NATS servers are killed (about 15 minutes)
	CHAOS_JOBS=20 CHAOS_KILLS=30 SONG_SECONDS=180 $(CARGO) test --locked --test control jobs -- --nocapture --test-threads 1

jobs-live: build ## How late chunks of a live stream are while a job takes all processors (some minutes; a quiet machine)
	UNDEAD_BIN=$(CURDIR)/target/release/undead $(CARGO) test --locked --test control chunks_of -- --ignored --nocapture

uploads: tools ## Upload 1 GiB while the connection is cut ten times (some minutes; 3 GB of disk)
	UPLOAD_MIB=1024 $(CARGO) test --release --locked --test uploads -- --nocapture

configuration: ## Generate docs/configuration.md, docs/limits.md and docs/undead.example.toml from the code
	WRITE_CONFIGURATION=1 $(CARGO) test --locked --bin undead the_

record: ## A broadcast of ten minutes is recorded while nodes, the main server and the object store fail (needs ffmpeg)
	LONG_RECORDING=1 $(CARGO) test --locked --test recording every_frame

places: tools ## Recording, uploads and the library's commands in moto with three NATS servers, and what is left of them in s3s-fs
	$(CARGO) test --locked --test recording --test uploads --test library -- --ignored --test-threads 1

fuzz: build ## Every fuzz target for a minute (FUZZ_SECONDS, FUZZ_TARGETS; about 4 minutes and the build on two processors)
	scripts/fuzz.sh

bench: ## The criterion benches
	$(CARGO) bench --workspace --locked

tools: ## Install missing test tools: Chromium, Firefox, ffmpeg, docker-compose, nats-server, nginx, python-socketio, tuspy, cargo-machete
	scripts/install-tools.sh

fmt: ## Format everything
	$(CARGO) fmt --all
	cd web && npm run format

clean: ## Remove build results
	rm -rf target web/dist web/node_modules
