# The newcomer's words: install, run, test, check, bench, docs. Each sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: install run test test-fast check bench docs clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgetext needs Python 3.11 or newer: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

run: install
	$(BIN)/edgetext run

test: install
	$(BIN)/python -m pytest

test-fast: install
	$(BIN)/python -m pytest -m "not slow"

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/edgetext bench runs/food_not_food/bundle --baseline runs/food_not_food/checkpoint --output runs/food_not_food/bench --overwrite

docs: install
	$(BIN)/python docs/build.py

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
