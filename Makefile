# Everything a newcomer types. `make check` is for daily work; CI runs `make lint`, `make audit` and `make test` (.ci/run). Only fix,
# lock, bench, parity and screenshots change files under version control.

PYTHON ?= python3
BIN := .venv/bin
FAST := not sockets and not postgresql
OURS := $(wildcard gateway mock_c06 portal witness demo examples migrations tests tools benchmarks)

export PYTHONUTF8 := 1
# Programs load twice as fast with their bytecode, which is kept inside this folder.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check lint fuzz mutants audit sbom bench parity fix lock screenshots browser

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## make .venv with every locked package and the console scripts
	@$(PYTHON) tools/install.py

demo: install ## run the main job once over real sockets, and say what each step showed
	@$(BIN)/python -m demo run

serve: install ## run mock, gateway and test portal; Ctrl-C ends all; SERVE="--port 9000" chooses ports, --help names all
	@$(BIN)/python -m demo serve $(SERVE)

# A test takes twice its time under coverage, which therefore counts the cheapest tests that run nearly all that every fast
# test runs (tests/counted.txt): a lower bound. The rest waits for programs more often than for the processor: four at once on
# two cores.
test: install browser ## run the whole suite; print line and branch coverage of a part of its fast tests
	@echo "test: part 1 of 2, a tenth of the tests, with coverage; part 2 is silent for a minute while it collects its tests"
	$(BIN)/python -m pytest -n 3 --dist worksteal -m counted --cov --cov-report=term:skip-covered --cov-fail-under=90
	@echo "test: part 2 of 2, the others"
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "not counted"
	@echo "test: ok (whole suite)"

check: lint ## run every checker and the fast tests
	$(BIN)/python -m pytest -n 2 -m "$(FAST)"

lint: install ## run every checker, and no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -n 2 $(OURS)
	$(BIN)/lint-imports

fuzz: install ## run the property tests on 2,000 new examples each; a failure prints how to repeat it
	$(BIN)/python -m pytest -n 2 -m "not sockets and not postgresql" --hypothesis-profile=fuzz --timeout=3600 \
	  $$(grep -rlE "^from hypothesis" tests --include="test_*.py")

mutants: install ## plant known defects one at a time; each must make a test fail (minutes)
	@$(BIN)/python tools/mutants.py

audit: install ## look the locked packages up for known vulnerabilities; exit 0 only if all were looked up
	@$(BIN)/python tools/audit.py

sbom: install ## write the components of each program (CycloneDX) into .cache/sbom/
	@$(BIN)/python tools/sbom.py

bench: install ## measure side by side (wrk), print goals, keep them in benchmarks/results/; BENCH="--quick" or --help
	@$(BIN)/python -m benchmarks.bench $(BENCH)
	@for more in $(if $(BENCH),,population switching flood pages verify_audit); do $(BIN)/python -m benchmarks.$$more || exit 1; done

parity: install ## play the main job against every pair of readings of C06; write docs/parity.md
	@$(BIN)/python -m benchmarks.parity

browser: ## install Chromium from the system's packages where it is missing and this is root
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-core >/dev/null; } || \
	echo "browser: no Chromium here; the tests of tests/browser are skipped" >&2

screenshots: install browser ## take the pictures of the test portal into docs/images/
	@$(BIN)/python tools/screenshots.py

fix: install ## format, fix what ruff can, write the generated files again
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/threats.py
	$(BIN)/gateway openapi > .cache/gateway.json && mv .cache/gateway.json openapi/gateway.json
	$(BIN)/python tools/contract_coverage.py

lock: install ## resolve the dependencies again; LOCK="--upgrade-package NAME" moves one
	@export UV_CACHE_DIR=.cache/uv UV_PYTHON_DOWNLOADS=never; uv=$$(ls .uv/bin/uv .uv/lib/bin/uv 2>/dev/null | head -n 1); \
	lock() { $$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate $(LOCK) "$$@" > /dev/null; }; \
	lock pyproject.toml --extra gateway --output-file requirements.lock && \
	lock mock_c06/pyproject.toml --output-file requirements-mock.lock --constraints requirements.lock && \
	lock pyproject.toml --extra gateway --extra portal --group dev --output-file requirements-dev.lock && \
	lock --output-file requirements-uv.lock requirements-uv.in
