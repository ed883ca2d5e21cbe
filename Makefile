# What a person types. `make demo` and `make test` need python3 (3.11 or newer), python3-venv and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Thousands of processes of the tests read what the first of them compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint fix schema docs package clean

demo: $(VENV)/.demo  ## Train, save, build, serve, predict: the whole story in a minute.
	@$(BIN)/python examples/demo.py

test: $(VENV)/.dev  ## Every test; those that need an engine or a GPU say why they skip.
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p modelbundle
	$(BIN)/lint-imports

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev  ## Rewrite bundlefile.schema.json and the generated pages of docs/.
	$(BIN)/python -m modelbundle.bundler.project.schema
	$(BIN)/python -m modelbundle.bundler.project.reference
	$(BIN)/python -m modelbundle.cli.reference

package: $(VENV)/.dev  ## Wheel and sdist into dist/.
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: modelbundle needs Python 3.11 or newer; $(PYTHON) is older." >&2; \
	    echo "hint: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: this Python cannot make environments." >&2; \
	    echo "hint: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable '.[sklearn]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo
