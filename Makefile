# `make help` lists the targets. Everything is installed into .venv from the hashed lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Of `make crashloop`: so many crashes.
LOOPS  ?= 200
# Of `make test`: so many processes share the tests (tests/conftest.py says how).
LANES  ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench test-vllm crashloop lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "KScope needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## start the gateway here: SQLite, local jobs, a simulated model, a demo key
	@$(BIN)/kscope demo

test: $(STAMP) ## every test this machine can run (CI=true: nothing may be skipped)
	$(BIN)/python -m pytest -n $(LANES)

check: $(STAMP) ## format, lint, types, import laws, sizes, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: $(STAMP) ## measure the gateway beside its peers, in one run (installs them, nginx and wrk)
	$(BIN)/python -m bench

test-vllm: $(STAMP) ## the whole path against real vLLM on CPU, over real SSH and Slurm
	KSCOPE_TEST_VLLM=1 $(BIN)/python -m pytest -m vllm tests

crashloop: $(STAMP) ## kill the gateway at LOOPS named moments on real Slurm: one line of JSON
	@$(BIN)/python -m tests.crashloop --loops $(LOOPS)

lock: ## renew requirements.lock (needs uv)
	uv pip compile setup.cfg --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --upgrade -q -o requirements.lock

clean: ## remove what was built here (your data in var/ stays)
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
