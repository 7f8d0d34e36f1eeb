# All targets run in .venv, which is made from the locked requirements. They need only Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo has its own environment, without the tools of the tests.
DEMO := $(VENV)-demo
# WORKERS is the number of test processes; ARGS goes to pytest: make test WORKERS=4 ARGS="tests/verification -x".
WORKERS ?= 3
ARGS ?=
# Bytecode of the tests is kept: compiling them takes as long as running a thousand tests.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# The marks of the tests that make soak repeats in full, in one process, because races need the whole machine.
SOAK := soak or hypothesis
# Mutation testing has its own environment, with cosmic-ray: make mutants MODULES="limits rules/dlt"; without, all four packages.
MUTANTS := $(VENV)-mutants
MODULES ?=
JOBS ?= 2
LOCK := requirements/dev.txt
DEMO_LOCK := requirements/demo.txt
MUTANTS_LOCK := requirements/mutants.txt
PIP_INSTALL = -m pip install --disable-pip-version-check
ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "trialdomain needs Python 3.11 or later: make PYTHON=python3.11 ..." >&2; exit 2; }
# Print the package that pip is processing, and exit with the status of pip.
SAY_PACKAGES = awk '/^(Collecting|Processing)/ { n = split($$2, parts, "/"); print "    " parts[n]; fflush() } /^ERROR/ { print } /^ended/ { status = $$2 } END { exit status }'
SOURCES := $(shell find src -name '*.py' -o -name '*.pyi' -o -name 'py.typed' -o -name '*.tsv' -o -name '*.json' -o -name '*.toml' -o -name '*.txt' -o -name '*.sql' -o -name '*.story')

.PHONY: help setup install demo test unit test-all soak check bench scale mutants docs format lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/locked: $(LOCK)
	@$(ENOUGH)
	@echo "making the environment $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "installing the $$(grep -c '^[a-z]' $(LOCK)) locked packages that the tests and tools need"
	@{ $(BIN)/python $(PIP_INSTALL) --require-hashes --no-deps -r $(LOCK) 2>&1; echo "ended $$?"; } | $(SAY_PACKAGES)
	@touch $@

$(VENV)/installed: $(VENV)/locked $(SOURCES) pyproject.toml README.md LICENSE
	@echo "building and installing trialdomain into $(VENV)"
	@rm -rf $(VENV)/dist
	@$(BIN)/python -m build --wheel --no-isolation --outdir $(VENV)/dist . > $(VENV)/build.log 2>&1 \
		|| { cat $(VENV)/build.log >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall $(VENV)/dist/*.whl
	@touch $@

setup: $(VENV)/locked  ## install the locked tools in .venv

install: $(VENV)/installed  ## build the wheel and install it in .venv
	@echo "trialdomain is $(BIN)/trialdomain"

$(DEMO)/installed: $(DEMO_LOCK) $(SOURCES) pyproject.toml README.md LICENSE
	@$(ENOUGH)
	@echo "1 of 3: making the environment $(DEMO)"
	@$(PYTHON) -m venv --clear $(DEMO)
	@echo "2 of 3: installing the $$(grep -c '^[a-z]' $(DEMO_LOCK)) locked packages that the demo needs"
	@{ $(DEMO)/bin/python $(PIP_INSTALL) --require-hashes --no-deps -r $(DEMO_LOCK) 2>&1; echo "ended $$?"; } | $(SAY_PACKAGES)
	@echo "3 of 3: building and installing trialdomain"
	@$(DEMO)/bin/python $(PIP_INSTALL) --quiet --no-deps --no-index --no-build-isolation .
	@touch $@

demo: $(DEMO)/installed  ## simulate, record and replay a trial, in an own environment
	@echo "simulating, recording, replaying and auditing a trial: this takes some seconds"
	@echo
	@$(DEMO)/bin/trialdomain demo
	@echo
	@echo "trialdomain is $(DEMO)/bin/trialdomain"

test: $(VENV)/installed  ## run all tests against the installed wheel
	@$(PYTEST) $(ARGS)

unit: $(VENV)/installed  ## run the tests that start no processes: faster; also for newer Pythons
	@$(PYTEST) -m "not processes" $(ARGS)

test-all:  ## run all tests on every installed Python from 3.11 to 3.14, on the path or under pyenv
	@.ci/test-all

soak: $(VENV)/installed  ## run every repeating test in full: kills, races, properties
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -m "$(SOAK)" --rounds 100 $(ARGS)

check: setup  ## check style, types and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports

bench: $(VENV)/installed  ## measure speed as ratios against peers in one run; ARGS=--postgres: on PostgreSQL
	@$(BIN)/python benchmarks/bench.py $(ARGS)

scale: $(VENV)/installed  ## compare a log of ten million entries with one of ten thousand: half an hour, 8 GB
	@$(BIN)/python benchmarks/scale.py $(ARGS)

$(MUTANTS)/locked: $(MUTANTS_LOCK)
	@$(ENOUGH)
	@echo "making the environment $(MUTANTS)"
	@$(PYTHON) -m venv --clear $(MUTANTS)
	@echo "installing the $$(grep -c '^[a-z]' $(MUTANTS_LOCK)) locked packages that mutation testing needs"
	@{ $(MUTANTS)/bin/python $(PIP_INSTALL) --require-hashes --no-deps -r $(MUTANTS_LOCK) 2>&1; echo "ended $$?"; } | $(SAY_PACKAGES)
	@touch $@

mutants: $(MUTANTS)/locked  ## change the rules place by place, and see whether tests notice: hours
	@PYTHONPATH=tests/support $(MUTANTS)/bin/python -m mutants.run --jobs $(JOBS) $(ARGS) $(MODULES)

docs: $(VENV)/installed  ## generate the pages that are written from the code
	@$(BIN)/python tests/support/event_catalogue.py
	@$(BIN)/python tests/support/endpoint_pages.py
	@$(BIN)/python tests/support/audit_trail_page.py
	@$(BIN)/python tests/support/findings_page.py
	@$(BIN)/python tests/support/results_page.py
	@$(BIN)/python tests/support/names_page.py
	@$(BIN)/python tests/support/errors_page.py
	@$(BIN)/python tests/support/criteria_page.py
	@$(BIN)/python tests/support/protocol_page.py
	@$(BIN)/python tests/support/history_page.py
	@$(BIN)/python tests/support/stories_page.py
	@$(BIN)/python tests/support/options_page.py
	@$(BIN)/python tests/support/views_page.py

format: setup  ## format the code and fix style with ruff
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## resolve the locked requirements again (needs uv on the path)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--all-extras --group dev --custom-compile-command 'make lock' --output-file $(LOCK) pyproject.toml
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--extra cli --group demo --constraint $(LOCK) --custom-compile-command 'make lock' --output-file $(DEMO_LOCK) \
		pyproject.toml
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--extra stats --group mutants --constraint $(LOCK) --custom-compile-command 'make lock' --output-file $(MUTANTS_LOCK) pyproject.toml

clean:  ## remove all generated files
	@rm -rf .venv .venv-demo .venv-mutants .venv-3.* .mutants build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
