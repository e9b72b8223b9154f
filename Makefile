# Each target does the set-up it needs, and is quick the second time.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
CARGO := cargo --locked
NATIVE := sfu/native
RUST_SOURCES := $(shell find $(NATIVE)/crates bench/load -name '*.rs' -o -name Cargo.toml) $(NATIVE)/Cargo.toml $(NATIVE)/Cargo.lock
WEB_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -name types -prune -o \( -name '*.js' -o -name '*.mjs' \) -print) web/package.json
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup serve test test-long check check-python check-rust check-web bench fuzz clean \
        test-rust test-python test-web test-e2e browsers

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMPS)/native web/sdk/dist/mediaserver.js ## build everything that `serve` needs

$(STAMPS)/venv:
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(PY) || python3 -m venv $(VENV)
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python: $(STAMPS)/venv pyproject.toml constraints.txt
	@command -v cargo >/dev/null || { echo 'Rust is needed to build the media core: install rustup (stable), then run this again.'; exit 1; }
	$(PY) -m pip install --quiet --constraint constraints.txt maturin
	$(PY) scripts/requirements.py | xargs $(PY) -m pip install --quiet --constraint constraints.txt
	touch $@

$(STAMPS)/python-dev: $(STAMPS)/python
	$(PY) scripts/requirements.py dev | xargs $(PY) -m pip install --quiet --constraint constraints.txt
	touch $@

# The media core as a release build inside an editable install.
$(STAMPS)/native: $(STAMPS)/python $(RUST_SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(PY) -m maturin develop --release --locked --quiet
	touch $@

$(STAMPS)/node: web/package.json web/package-lock.json | $(STAMPS)/venv
	@command -v npm >/dev/null || { echo 'Node.js 20 or newer with npm is needed to build the SDK.'; exit 1; }
	npm install --prefix web --no-save --no-audit --no-fund --silent
	touch $@

web/sdk/dist/mediaserver.js: $(STAMPS)/node $(WEB_SOURCES)
	npm run --prefix web --silent build
	touch $@

browsers: ## install what the tests drive: Chromium, Firefox (Debian, as root)
	scripts/test-setup

serve: setup ## start the server for development and print two links
	$(PY) -m mediaserver serve --dev $(ARGS)

check-python: $(STAMPS)/python-dev $(STAMPS)/native
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

check-rust:
	cd $(NATIVE) && $(CARGO) fmt --all --check
	cd $(NATIVE) && $(CARGO) clippy --quiet --workspace --all-targets -- -D warnings

check-web: $(STAMPS)/node
	npm run --prefix web --silent check

check: check-python check-rust check-web ## linters, types, formats, import contracts

test-rust:
	cd $(NATIVE) && $(CARGO) test --quiet --workspace --exclude sfu-py

test-web: setup
	npm test --prefix web --silent

test-python: setup $(STAMPS)/python-dev
	$(PY) -m pytest -q -n 2 --dist loadfile tests --ignore=tests/e2e -m 'not long'

test-e2e: setup $(STAMPS)/python-dev browsers
	$(PY) -m pytest -q tests/e2e/media -m 'not long' # judges the media: nothing may run beside it
	$(PY) -m pytest -q -n 2 tests/e2e/pages -m 'not long'

test: setup $(STAMPS)/python-dev browsers check test-rust test-web test-python test-e2e ## everything CI runs

test-long: test ## also the suites that take long
	$(PY) -m pytest -q tests -m long --timeout 1200

bench: setup $(STAMPS)/python-dev ## forwarding cost, loss and latency (docs/performance.md)
	$(PY) -m bench forward --publishers 10 --subscribers 20 --seconds 10 --json

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every parser and state machine, FUZZ_SECONDS each
	scripts/fuzz $(FUZZ_SECONDS)

clean: ## remove what was built
	rm -rf $(VENV) $(NATIVE)/target web/node_modules web/*/dist web/sdk/types sfu/*.so tests/output
