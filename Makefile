# Two commands do all the set-up: `make demo` and `make test`. Python 3.11 or newer and make are all they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := .lock/requirements.txt
READY := $(VENV)/.installed
# The test files of the pure modules, by the beginnings of their names.
PURE := agreement analysis compare confusion errors estimate extract grad headroom judge keys levels limits measure \
	parse position pricing prompt records regrading results retry score scoring stats tables tokens

.DEFAULT_GOAL := help
.PHONY: help demo test nightly lint typecheck layers coverage bench answers lock clean

help:
	@echo "make demo       install, then run the built-in benchmark against the simulator (no key, no network)"
	@echo "make test       install, then run every test but the nightly ones"
	@echo "make nightly    run the full-size acceptance tests"
	@echo "make lint | typecheck | layers | coverage | bench | answers FILE=answers.jsonl | lock | clean"

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "python3-venv is missing. Install it with: sudo apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	$(BIN)/orchestrator demo

test: $(READY)
	$(BIN)/python -m pytest -m "not nightly" -n auto --dist loadfile

nightly: $(READY)
	$(BIN)/python -m pytest -m nightly

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

coverage: $(READY)
	$(BIN)/python -m coverage run -m pytest $(wildcard $(PURE:%=tests/unit/test_%*.py))
	$(BIN)/python -m coverage report

bench: $(READY)
	$(BIN)/python tests/bench.py

answers: $(READY)
	$(BIN)/python -m orchestrator.grading.measure $(FILE) $(ARGS)

lock:
	uv pip compile pyproject.toml .lock/build.in -c .lock/constraints.txt --extra test --universal \
		--python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --quiet -o $(LOCK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
