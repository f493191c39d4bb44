# Sandhi: every command of the project. `make help` lists them.
SHELL := /bin/bash
VENV  := .venv
PY    := $(VENV)/bin/python
# the first interpreter of a supported version (3.11 to 3.13)
BASE_PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)

PEOPLE ?= 2000
SEED   ?= 7
DATE   ?= 2026-10-31
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
PORT   ?= 8080
export PEOPLE SEED DATE PORT DATA DB JSON WITHOUT KEEP SCALE
# what is started again and again is compiled once, whatever the shell says
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev demo test test-nightly check bench format lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo
	@echo "demo takes PEOPLE=2000 SEED=7 DATE=2026-10-31 PORT=8080 DATA=dir DB=url JSON=report.json WITHOUT=tax,... KEEP=1"

setup: $(VENV)/.ready ## make .venv with what running needs

setup-dev: $(VENV)/.ready-dev ## add what checks and tests need

$(VENV)/bin/python:
	@test -n "$(BASE_PYTHON)" || { echo "Python 3.11 to 3.13 is missing. Install it:  apt-get install -y python3"; exit 1; }
	@$(BASE_PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "The venv module is missing. Install it:  apt-get install -y python3-venv"; exit 1; }
	@command -v git >/dev/null || { echo "git is missing. Install it:  apt-get install -y git"; exit 1; }
	$(BASE_PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.lock pyproject.toml sdk/pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) (a minute the first time)"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e sdk -e .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock $(VENV)/.ready
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: setup ## run the whole of seed A on a laptop, in front of your eyes
	@exec $(VENV)/bin/sandhi demo

check: setup-dev ## lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: setup-dev ## everything: unit, contract, property, flow, PostgreSQL, outside checks
	@bash scripts/system-parts.sh
	$(PY) -m pytest -m "not nightly" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-nightly: setup-dev ## the same code with bigger numbers, and proofs that need npm packages
	@bash scripts/system-parts.sh nightly
	SANDHI_NIGHTLY=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

bench: setup-dev ## measure, beside a bare forwarder and nginx; writes bench/results.json
	@bash scripts/system-parts.sh bench
	$(VENV)/bin/sandhi bench

format: setup-dev ## put the code into shape
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

LOCK = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --no-emit-package sandhi-client -q
lock: ## write the lock files anew (needs uv)
	$(LOCK) --group pyproject.toml:build -o requirements.lock
	$(LOCK) --group pyproject.toml:build --group pyproject.toml:dev -o requirements-dev.lock

clean: ## remove what can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
