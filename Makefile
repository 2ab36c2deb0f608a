# `make demo` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
VIT    := keras-hub kagglehub kagglesdk regex safetensors sentencepiece tokenizers tqdm

.PHONY: demo test lint types bench clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,s3,slurm,tensorflow]'
	# The extra "vit" without the second TensorFlow that pip would bring along with it (README, Installing).
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps $(VIT)
	touch $@

demo: $(VENV)/.ready  ## the main job, end to end
	PATH="$(abspath $(BIN)):$$PATH" bash jobs/demo.sh

test: lint types  ## everything that must hold
	# Modules stay whole: their tests share what takes long to set up. `tests/conftest.py` puts them in order.
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

bench: $(VENV)/.ready  ## three rows, each against its floor in the same run
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .pytest_cache .ruff_cache
