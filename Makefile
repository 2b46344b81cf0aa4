# Everything one does with Tillbook. Needs Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHES := $(patsubst bench/%.py,%,$(filter-out bench/__init__.py bench/databases.py bench/report.py,$(wildcard bench/*.py)))
DB ?= sqlite
SMALL_pdf := 100
SMALL_messages := 5000
SMALL_customers_list := 10000
export FLASK_APP := app.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run demo test lint bench

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/ready ## Start Tillbook on http://127.0.0.1:5000 (PORT=5001 elsewhere, DEMO=0 without the demo company)
	@$(BIN)/flask start

demo: $(VENV)/ready ## Fill an empty database with the demo company
	@$(BIN)/flask db upgrade
	@$(BIN)/flask demo

# Tests start this program a hundred times: it need not be compiled anew for each.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/ready-dev ## Run all tests, on SQLite and PostgreSQL and in a browser (T=tests/billing for some)
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup $(T)

lint: $(VENV)/ready-dev ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(BENCHES:%=bench-%) ## Measure beside the bare work, in small sizes (N=100000 for more, DB=postgresql elsewhere)

bench-%: $(VENV)/ready-dev
	@$(BIN)/python -m bench.$* --n $(or $(N),$(SMALL_$*),1000) $(if $(shell grep -l '"--db"' bench/$*.py),--db $(DB))

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tillbook needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make run PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make its own folder $(VENV). On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# Installed again only when the list of requirements has changed.
$(VENV)/ready: requirements.txt | $(VENV)/bin/python
	@echo "Installing what Tillbook needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

# Of these only some are ever imported: Python compiles those itself.
$(VENV)/ready-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --no-compile -r requirements-dev.txt
	@touch $@ $(VENV)/ready
