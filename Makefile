# Everything a newcomer types. `make check` is all that CI checks before its whole suite. Only fix, lock, bench and parity change files that are kept.

PYTHON ?= python3
BIN := .venv/bin
FAST := not sockets and not postgresql
OURS := $(wildcard gateway mock_c06 portal demo examples migrations tests tools benchmarks)

export PYTHONUTF8 := 1
# Programs load twice as fast with their bytecode, which is kept inside this folder.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check lint fuzz mutants audit sbom bench parity fix lock

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## make .venv with every locked package and the console scripts
	@$(PYTHON) tools/install.py

demo: install ## run the main job once over real sockets, and say what each step showed
	@$(BIN)/python -m demo run

serve: install ## keep mock and gateway up on the default ports; Ctrl-C ends all
	@$(BIN)/python -m demo serve

# A test takes twice its time under coverage, which therefore counts a third of the fast ones, by name: a lower bound. The rest
# waits for programs as often as for the processor: three at once.
test: install ## run the whole suite; print line and branch coverage of a third of its fast tests
	$(BIN)/python -m pytest -n 2 -m counted --cov --cov-report=term:skip-covered --cov-fail-under=90
	$(BIN)/python -m pytest -n 3 -m "not counted"

check: lint ## run every checker and the fast tests
	$(BIN)/python -m pytest -n 2 -m "$(FAST)"

lint: install ## run every checker, and no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(OURS)
	$(BIN)/lint-imports

fuzz: install ## run the property tests on 2,000 new examples each; a failure prints how to repeat it
	$(BIN)/python -m pytest -n 2 -m "not sockets and not postgresql" --hypothesis-profile=fuzz \
	  $$(grep -rlE "^from hypothesis" tests --include="test_*.py")

mutants: install ## plant known defects one at a time; each must make a test fail (minutes)
	@$(BIN)/python tools/mutants.py

audit: install ## look the locked packages up for known vulnerabilities; exit 0 only if all were looked up
	@$(BIN)/python tools/audit.py

sbom: install ## write what each program is made of (CycloneDX) into .cache/sbom/
	@$(BIN)/python tools/sbom.py

bench: install ## measure side by side, print ratios, keep them in benchmarks/results/
	@$(BIN)/python -m benchmarks.verifications
	@$(BIN)/python -m benchmarks.population
	@$(BIN)/python -m benchmarks.mock
	@$(BIN)/python -m benchmarks.switching
	@$(BIN)/python -m benchmarks.flood

parity: install ## play the main job against every pair of readings of C06; write docs/parity.md
	@$(BIN)/python -m benchmarks.parity

fix: install ## format, mend what ruff can, write what is generated anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/threats.py
	$(BIN)/gateway openapi > .cache/gateway.json && mv .cache/gateway.json openapi/gateway.json
	$(BIN)/python tools/contract_coverage.py

lock: install ## resolve the dependencies anew; LOCK="--upgrade-package NAME" moves one
	@export UV_CACHE_DIR=.cache/uv UV_PYTHON_DOWNLOADS=never; uv=$$(ls .uv/bin/uv .uv/lib/bin/uv 2>/dev/null | head -n 1); \
	lock() { $$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate $(LOCK) "$$@" > /dev/null; }; \
	lock pyproject.toml --extra gateway --output-file requirements.lock && \
	lock pyproject.toml --extra mock --output-file requirements-mock.lock --constraints requirements.lock && \
	lock pyproject.toml --extra gateway --extra mock --group dev --output-file requirements-dev.lock && \
	lock --output-file requirements-uv.lock requirements-uv.in
