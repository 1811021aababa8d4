# Everything a day's work needs. Nothing but Python 3.11+ and make has to be on the machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# What Python has compiled is kept: where the environment forbids it, each of the hundreds of processes that a test run starts
# would compile the whole product again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup setup-dev check format test test-each test-loaded demo bench mutants crash browser clean help

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("Annex needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	@echo "setting up $(VENV) from requirements.lock"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "setting up the tools from requirements-dev.lock"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.dev ## the environment with everything

format: $(VENV)/.dev ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

check: $(VENV)/.dev ## format, lint, types, imports
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

browser: ## Debian's Chromium, through the system's package manager where that may be done
	@sh tests/browser/install_chromium.sh

test: $(VENV)/.dev browser ## all tests, on SQLite and on PostgreSQL
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-each: $(VENV)/.dev browser ## every test file in a process of its own; ARGS="plugins/exchange --jobs 4" for some
	@$(BIN)/python -m tests.harness.each $(ARGS)

test-loaded: $(VENV)/.dev browser ## all tests beside a load that keeps every core busy
	@$(BIN)/python -m tests.harness.loaded $(ARGS)

demo: $(VENV)/.run ## two trading days on an emulated Planfix; ARGS="--once" leaves at the end
	@$(BIN)/annex demo $(ARGS)

bench: $(VENV)/.dev ## measures, as ratios inside one run
	@$(BIN)/python -m tests.bench $(ARGS)

mutants: $(VENV)/.dev ## plants faults in a copy and counts which the tests notice; ARGS="--only ID" for some
	@$(BIN)/python -m tests.mutants $(ARGS)

crash: $(VENV)/.dev ## a hundred bursts of each kind with kill -9 of any process; ARGS="--runs N --seed N --kind sqlite"
	@$(BIN)/python -m tests.crash $(ARGS)

clean: ## take away what was made here
	rm -rf $(VENV) var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
