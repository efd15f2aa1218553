# SPDX-License-Identifier: Apache-2.0
# `make serve` runs the scanner, `make test` all checks; each sets up what it needs.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .make/setup
SOURCES := src tests bench scripts

.PHONY: help setup serve test test-fast lint fix bench corpus servers docs clean

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## the virtual environment with Gatepost and what its checks need

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: needs Python 3.11 or newer (PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: needs Python 3.11 or newer, found $$($(PYTHON) -V); try PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@mkdir -p .make && touch $(STAMP)

serve: setup ## the scanner on loopback: milter 11332, scan port 11333
	@scripts/serve

test: setup servers lint ## all checks, with real servers where they can be installed
	$(BIN)/pytest -n 2 --dist loadgroup --durations 15

test-fast: setup ## the tests that need no server and no patience
	$(BIN)/pytest -n 2 -m "not server and not slow"

lint: setup ## format, lint, types
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

fix: setup ## formats the code and mends what can be mended by itself
	$(BIN)/ruff check --fix $(SOURCES) || true
	$(BIN)/ruff format $(SOURCES)

bench: setup ## what a message costs, and where it goes
	$(BIN)/python -m bench

corpus: setup ## the SpamAssassin public corpus, unpacked under corpus/
	@scripts/fetch-corpus

servers: ## the real servers that the tests talk to (apt, when root)
	@scripts/install-test-servers

docs: setup ## the generated tables of docs/
	$(BIN)/python scripts/write_docs.py

clean: ## everything that was made here
	rm -rf .venv .make run build .mypy_cache .ruff_cache .pytest_cache .hypothesis
