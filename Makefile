# `make help` lists the targets. Everything is installed into .venv from hashed locks.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What a gateway needs; and with it what tests and tools need.
RUN    := $(VENV)/requirements.installed
DEV    := $(VENV)/requirements-dev.installed
# Of `make crashloop`: so many crashes.
LOOPS  ?= 200
# Of `make test`: so many processes share the tests (tests/conftest.py says how).
LANES  ?= 2

.DEFAULT_GOAL := help
.PHONY: help install run test check bench test-vllm crashloop lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/%.installed: %.lock setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "KScope needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(RUN) ## what a gateway needs, into .venv

run: $(RUN) ## start the gateway here: SQLite, local jobs, a simulated model, a demo key
	@$(BIN)/kscope demo

test: $(DEV) ## every test this machine can run (CI=true: nothing may be skipped)
	$(BIN)/python -m pytest -n $(LANES)

check: $(DEV) ## format, lint, types, import laws, sizes, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: $(DEV) ## measure the gateway beside its peers, in one run (installs them, nginx and wrk)
	$(BIN)/python -m bench

test-vllm: $(DEV) ## the whole path against real vLLM on CPU, over real SSH and Slurm
	KSCOPE_TEST_VLLM=1 $(BIN)/python -m pytest -m vllm tests

crashloop: $(DEV) ## kill the gateway at LOOPS named moments on real Slurm: one line of JSON
	@$(BIN)/python -m tests.crashloop --loops $(LOOPS)

LOCK := uv pip compile setup.cfg --universal --python-version 3.11 --generate-hashes --upgrade -q \
  --no-emit-index-url --no-emit-find-links --no-header
lock: ## renew both locks (needs uv)
	$(LOCK) $(addprefix --extra ,build htpasswd ldap postgres redis) -o requirements.lock
	$(LOCK) --all-extras --constraint requirements.lock -o requirements-dev.lock

clean: ## remove what was built here (your data in var/ stays)
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
