# `make serve` and `make test` are all a newcomer needs: they build .venv from requirements.lock by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONFIG ?= examples/langgraph.json

.DEFAULT_GOAL := help
.PHONY: help install lock serve demo generate generate-check format lint types test stores js contract chaos check ci wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Installing into $(VENV): about a minute, once'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.failed
	@{ $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.lock || \
		touch $(VENV)/.failed; } | awk '/^Collecting/ {printf "\r  %d packages", ++n; fflush()} END {print ""}'
	@test ! -e $(VENV)/.failed
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(INSTALLED) ## Build .venv from the lock

serve: $(INSTALLED) ## Serve the examples (CONFIG=… for other graphs)
	@$(BIN)/treadle serve $(CONFIG)

demo: $(INSTALLED) ## Wait, stream and join runs through the generated client, and check what comes back
	@$(BIN)/python examples/demo.py

generate: $(INSTALLED) ## Regenerate generated/ and its reports from the contract
	@$(BIN)/python -m codegen
	@$(BIN)/python -m tests.coverage

generate-check: $(INSTALLED) ## Fail if generated/ differs from what the contract gives
	@$(BIN)/python -m codegen --check
	@$(BIN)/python -m tests.coverage --check

format: $(INSTALLED) ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lint: $(INSTALLED) ## Style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(INSTALLED) ## mypy --strict
	@$(BIN)/mypy

test: $(INSTALLED) ## Run the tests
	@$(BIN)/python -m pytest

stores: $(INSTALLED) ## Run the tests of the HTTP edge on the SQLite store; `make test` has them on the memory store
	@TEST_STORE=sqlite $(BIN)/python -m pytest tests/web tests/sdk

js: $(INSTALLED) ## Run the JavaScript SDK against the server (needs Node 20)
	@cd tests/js && npm ci --silent --no-audit --no-fund && npm test --silent

contract: $(INSTALLED) ## Fuzz a running server against the contract (about a minute)
	@$(BIN)/python -m tests.contract

check: lint types generate-check test ## What to run before a commit

chaos: $(INSTALLED) ## Kill servers under load, 20 times, and see that nothing accepted is lost
	@$(BIN)/python -m tests.durability.chaos

wheel: $(INSTALLED) ## Build the wheel and try its client in a clean environment
	@rm -rf dist build
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null && ls dist
	@$(PYTHON) -m venv build/clean
	@build/clean/bin/python -m pip install --disable-pip-version-check --quiet dist/*.whl
	@build/clean/bin/python tests/wheel/try_client.py

ci: lint types generate-check wheel js contract stores test ## Everything CI runs; the tests last

lock: ## Resolve requirements.lock anew, for every Python from 3.11 on (needs uv)
	uv pip compile pyproject.toml --extra server --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock

clean: ## Remove what was built
	@rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
