# The newcomer's words: install, run, test, check, bench, docs, pictures. Each sets up what it needs; bench-gpu alone
# takes the Python that is there, since a machine with a GPU has its own torch and often no network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
READY_5 := .venv-5/.installed
NODE_MODULES := tests/interop/node_modules

.PHONY: install run test test-5 test-fast check bench bench-gpu docs pictures clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgetext needs Python 3.11 or newer: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

run: install
	$(BIN)/edgetext run

# On all cores at once, the tests of a file by one process, so that what they share is made once.
PARALLEL := --numprocesses logical --dist loadfile

test: install $(NODE_MODULES)
	$(BIN)/python -m pytest $(PARALLEL)

# transformers.js, to see that it opens our bundles. Its processor's library comes inside the package, so that the
# install scripts, which download others, are not needed. Without npm or a network that test is skipped, and says so.
$(NODE_MODULES): tests/interop/package-lock.json
	@if command -v npm >/dev/null; then \
	  (cd tests/interop && npm ci --no-audit --no-fund --ignore-scripts && touch node_modules) \
	    || echo "npm could not install transformers.js: its test will be skipped" >&2; \
	else \
	  echo "npm is not installed: the test with transformers.js will be skipped" >&2; \
	fi

test-fast: install
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

# What touches transformers, once more beside the newest of everything: transformers 5, where torch exports.
TESTS_5 := tests/train tests/hub tests/runtime/test_hub.py \
  tests/export/test_architectures.py tests/export/test_exporters.py tests/export/test_graph.py \
  tests/export/test_export_first_stage.py \
  tests/bench/test_bench_tasks.py tests/bench/test_backends.py::test_the_command_for_a_gpu_runs_where_there_is_none

# But for three tests in which nobody answers: its huggingface_hub tries again for some 20 seconds each time.
test-5: $(READY_5)
	.venv-5/bin/python -m pytest $(PARALLEL) $(TESTS_5) -k "not preupload and not lfs and not fetched_at_its_revision"

$(READY_5): pyproject.toml constraints-5.txt
	$(PYTHON) -m venv .venv-5
	.venv-5/bin/python -m pip install --quiet --no-compile --constraint constraints-5.txt --editable ".[train,export,bench,test]"
	touch $(READY_5)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/edgetext bench runs/food_not_food/bundle --baseline runs/food_not_food/checkpoint --output runs/food_not_food/bench --overwrite

CHECKPOINT ?= runs/food_not_food/checkpoint
OUTPUT ?= runs/gpu.json

bench-gpu:
	PYTHONPATH=src $(if $(wildcard $(READY)),$(BIN)/python,$(PYTHON)) benchmarks/gpu.py $(CHECKPOINT) $(if $(DATA),--data $(DATA)) --output $(OUTPUT) --overwrite

docs: install
	$(BIN)/python docs/build.py

pictures: install
	$(BIN)/python docs/pictures.py

clean:
	rm -rf $(VENV) .venv-5 $(NODE_MODULES) runs .pytest_cache .mypy_cache .ruff_cache
