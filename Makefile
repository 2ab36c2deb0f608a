# `make demo` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
VIT    := keras-hub kagglehub kagglesdk regex safetensors sentencepiece tokenizers tqdm
# uv installs in a tenth of pip's time. Where it does not find its way to the packages (a mirror that pip alone is set up
# for, say), pip does the same.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt $(1) \
	|| $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt $(1)
NOTEBOOKS ?= force
# `tests/conftest.py` says how tests are shared out. More processes than the two cores that this is made for: much of what
# they do is waiting.
PYTEST  = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder --durations 15

# Tests start hundreds of processes. Where the environment forbids to keep what Python compiled, each compiles all anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fast test-all torture lint types audit bench docs clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	-$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(call INSTALL,-e '.[dev$(,)docs$(,)s3$(,)slurm$(,)tensorflow]')
	# The extra "vit" without the second TensorFlow that pip would bring along with it (docs/how-to/install.md).
	$(call INSTALL,--no-deps $(VIT))
	touch $@
, := ,

demo: $(VENV)/.ready  ## the main job, end to end
	PATH="$(abspath $(BIN)):$$PATH" bash jobs/demo.sh

test:  ## what every change must pass: lint, types, and the tests that are not slow, side by side
	@$(MAKE) --no-print-directory --jobs 3 lint types fast

fast: $(VENV)/.ready  ## the tests that are not slow
	$(PYTEST) --numprocesses 4 --timeout 600 -m "not slow"

test-all: $(VENV)/.ready  ## the slow tests, which `make test` leaves out
	$(PYTEST) --numprocesses 6 -m slow

torture: $(VENV)/.ready  ## kills, disks, connections, damaged files, many runs, for hours; MINUTES=20 for each of the three, SCENARIOS="client output" for a part of the first
	$(BIN)/python -m tests.torture --minutes $(or $(MINUTES),120) $(SCENARIOS)
	$(if $(SCENARIOS),,$(PYTEST) -m hypothesis --hypothesis-profile search)
	$(if $(SCENARIOS),,$(BIN)/python -m tests.torture.fuzz --runs 1000000 --seconds $$((60 * $(or $(MINUTES),60))))
	$(if $(SCENARIOS),,$(BIN)/python -m tests.torture.soak --minutes $(or $(MINUTES),120))

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

# It asks the package index, which a test must not need, so neither `make test` nor `.ci/run` calls it. --strict: what could not be
# looked up is a failure too.
audit: $(VENV)/.ready  ## known vulnerabilities of the versions in constraints.txt
	$(call INSTALL,pip-audit)
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement constraints.txt

bench: $(VENV)/.ready  ## the speed of every path against its floor in the same run, in ten minutes; ARGS="--json new.json --against old.json" compares versions
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.ready  ## the documentation, in build/docs; NOTEBOOKS=off shows tutorials as they were saved
	SURVEY_BATCH_NOTEBOOKS=$(NOTEBOOKS) $(BIN)/python -m sphinx --builder html -W --keep-going -n --fresh-env docs build/docs

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .pytest_cache .ruff_cache
