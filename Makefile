# One line per habit; .ci/run calls the same targets. The environment is made when a target first needs it.
#   make setup PYTHON=python3.12     with that interpreter
#   make serve PORT=8080             on that port
#   make test PROCESSES=0            one test after the other, in one process

PYTHON ?=
PORT ?= 8000
FUZZ_SECONDS ?= 60
PROCESSES ?= 2
VENV ?= .venv
RUN := $(VENV)/bin/python
OPTIMISED := $(RUN) -O -m pytest -q -m "not bench" -W "ignore:assertions not in test modules:pytest.PytestConfigWarning"
MEASURED := $(RUN) -m pytest -q -m "not bench" --cov-report=term
# Half of the suite's time is waiting for a time-out, a restart, another program: two processes wait side by side.
SIDE_BY_SIDE := -n $(PROCESSES) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup serve test cover cpython test-all test-tools lint format types arch bench fuzz docs build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(VENV)/.ready ## make .venv with everything in it

$(VENV)/.ready: pyproject.toml requirements/dev.txt tools/setup.sh
	@sh tools/setup.sh $(VENV) $(PYTHON)

serve: setup ## serve examples/site on port 8000
	$(VENV)/bin/salver examples/site -p $(PORT)

test: setup test-tools ## every test; protocol and semantics under -O too, and covered entirely by their own
	$(OPTIMISED) tests/protocol tests/semantics
	$(MEASURED) tests/protocol tests/semantics --cov=salver.protocol --cov=salver.semantics --cov-fail-under=100
	$(RUN) -m pytest -m "not bench" --no-cov $(SIDE_BY_SIDE) --ignore=tests/protocol --ignore=tests/semantics

cover: setup test-tools ## which lines and branches the whole suite runs; twice as long as without
	$(RUN) -m pytest -m "not bench" --cov=salver --cov-report=term

test-tools:
	@sh tools/install-test-tools.sh

cpython: setup ## CPython's own tests of http.server and socketserver, with our names, on every interpreter found
	@sh tools/cpython-tests.sh $(RUN)

test-all: ## the suite on every interpreter found
	@sh tools/test-all.sh

lint: setup ## style and likely bugs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: setup ## rewrite the files the way lint wants them
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: setup ## mypy, strict
	$(RUN) -m mypy

arch: setup ## the layers: who may import whom
	$(VENV)/bin/lint-imports

bench: setup ## every comparison with the peers; writes benchmarks/results.md
	@sh benchmarks/setup.sh $(RUN)
	-$(RUN) -m pytest -q -m bench
	$(RUN) -m benchmarks.run $(BENCH)

fuzz: setup ## the protocol against made-up bytes, for FUZZ_SECONDS
	$(RUN) -m tests.fuzz.fuzz_protocol --seconds $(FUZZ_SECONDS)

docs: setup ## links, examples and options in the documents hold
	$(RUN) tools/check_docs.py

build: setup ## wheel and source archive in dist/
	$(RUN) -m build --no-isolation

clean: ## everything that was made here
	rm -rf .venv .venv-* benchmarks/.venv build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache
	rm -rf .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
