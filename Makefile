# `make serve` and `make test` are all a newcomer needs: they build .venv from requirements.lock by themselves.
PYTHON ?= python3
VENV := .venv
LOCK := requirements.lock
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONFIG ?= examples/langgraph.json

.DEFAULT_GOAL := help
.PHONY: help install lock serve demo generate spec-update spec-report generate-check format lint types test endurance memory postgres lowest install-lowest js pyright document contract planted fuzz conformance chaos client-matrix \
	bench bench-growth bench-distributed bench-peers charts check ci wheel clean
# What is imported is compiled once, and not by each of the many processes that tests start.
export PYTHONDONTWRITEBYTECODE :=
# Tests wait a good deal, for servers and for what these promise: more processes than cores.
PYTEST := $(BIN)/python -m pytest --numprocesses 5 --dist loadscope --no-loadscope-reorder

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Installing into $(VENV): about a minute, once'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.failed
	@{ $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r $(LOCK) || \
		touch $(VENV)/.failed; } | awk '/^Collecting/ {printf "\r  %d packages", ++n; fflush()} END {print ""}'
	@test ! -e $(VENV)/.failed
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(INSTALLED) ## Build .venv from the lock

# Only what make is told counts: HOST is a variable of some shells as well.
told = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))

serve: $(INSTALLED) ## Serve the examples (CONFIG=…, PORT=…, HOST=…, ARGS="--reload …")
	@$(BIN)/treadle serve $(CONFIG) $(if $(call told,HOST),--host $(HOST)) $(if $(call told,PORT),--port $(PORT)) $(ARGS)

demo: $(INSTALLED) ## Wait, stream and join runs through the generated client, and check what comes back
	@$(BIN)/python examples/demo.py

# What `make ALLOW_MISSING=1` is told, the commands are told: an operation that the contract lacks is left unserved.
export ALLOW_MISSING

generate: $(INSTALLED) ## Regenerate generated/ and its reports from the contract (ALLOW_MISSING=1)
	@$(BIN)/python -m codegen
	@$(BIN)/python -m tests.coverage

spec-update: $(INSTALLED) ## Put another edition in the contract's place, generate, and report what changed (FILE=…, ALLOW_MISSING=1)
	@test -n "$(FILE)" || { echo 'name a document: make spec-update FILE=openapi.json' >&2; exit 1; }
	@$(BIN)/python -m codegen update "$(FILE)"
	@$(BIN)/python -m tests.coverage

spec-report: $(INSTALLED) ## What changed between two documents (OLD=…, by default the committed contract; NEW=…; ARGS="--json")
	@old="$(OLD)"; trap 'rm -f "$$committed"' EXIT; \
	if [ -z "$$old" ]; then committed=$$(mktemp) && git show HEAD:agent-server-openapi.json >"$$committed" && old=$$committed; fi; \
	$(BIN)/python -m codegen report "$$old" "$(or $(NEW),agent-server-openapi.json)" $(ARGS)

generate-check: $(INSTALLED) ## Fail if generated/ differs from what the contract gives, and test the generator
	@$(BIN)/python -m codegen --check
	@$(BIN)/python -m tests.coverage --check
	@$(PYTEST) tests/codegen

format: $(INSTALLED) ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lint: $(INSTALLED) ## Style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(INSTALLED) ## mypy --strict, on what services write with the client also for the oldest and the newest Python
	@$(BIN)/mypy
	@$(BIN)/python -m tests.typing mypy

# Suites of their own: the tests that take long by their nature, and those of the generator.
ENDURANCE := tests/durability tests/endurance
# What takes minutes on PostgreSQL: `make chaos DATABASE=postgres`.
CHAOS := tests/chaos

test: $(INSTALLED) ## Run the tests of the server and the clients
	@$(PYTEST) $(patsubst %,--ignore %,$(ENDURANCE) $(CHAOS) tests/codegen)

endurance: $(INSTALLED) ## Run the tests with many clients, large answers, killed processes and slow networks
	@$(PYTEST) $(ENDURANCE)

memory: $(INSTALLED) ## Run the tests of the HTTP edge on the memory store; `make test` has them on SQLite
	@TEST_STORE=memory $(PYTEST) tests/web tests/sdk

postgres: $(INSTALLED) ## Run the tests of the HTTP edge, and those that kill processes, on PostgreSQL (PART=tests/sdk; minutes)
	@TEST_STORE=postgresql $(PYTEST) $(or $(call told,PART),tests/web tests/sdk tests/durability)

# What the lowest versions need is in a .venv-lowest of its own.
LOWEST := $(MAKE) --no-print-directory VENV=.venv-lowest LOCK=requirements-lowest.lock

install-lowest:
	@$(LOWEST) install

lowest: install-lowest ## What depends on stores and graphs, with the lowest versions of all that a user's project may have
	@PYTEST_ADDOPTS='-o filterwarnings=default -m "not edge"' $(LOWEST) memory

js: $(INSTALLED) ## Run the JavaScript SDK against the server (needs Node 20)
	@cd tests/js && npm ci --silent --no-audit --no-fund && npm test --silent

pyright: $(INSTALLED) ## pyright --strict on what services write with the client (needs Node 20)
	@cd tests/typing && npm ci --silent --no-audit --no-fund
	@$(BIN)/python -m tests.typing pyright

document: $(INSTALLED) ## Let linters and generators of others read the published document (needs Node 20)
	@cd tests/document && npm ci --silent --no-audit --no-fund
	@$(BIN)/python -m tests.document

FUZZED = $(if $(call told,SEED),--seed $(SEED)) $(if $(call told,STORE),--store $(STORE))

contract: $(INSTALLED) ## Fuzz a running server against the contract (SEED=…, STORE=postgresql; two to four minutes)
	@$(BIN)/python -m tests.contract $(FUZZED)
	@$(BIN)/python -m tests.contract.stock --max-examples 5 $(FUZZED)

planted: $(INSTALLED) ## Plant bugs in the server, and see that the contract suite finds each of them (one to two minutes)
	@$(BIN)/python -m tests.contract.planting

fuzz: $(INSTALLED) ## Fuzz for longer, from a seed of its own (SEED=…, TIME=900), and write build/fuzz/contract.md and junit.xml
	@$(BIN)/python -m tests.contract --seed $(or $(call told,SEED),fresh) --max-time $(or $(call told,TIME),900) --report build/fuzz

conformance: $(INSTALLED) ## Examine Treadle as `treadle conform` examines any server, and write docs/conformance.md
	@$(BIN)/python -m tests.conformance.document

check: lint types generate-check test endurance ## What to run before a commit

chaos: $(INSTALLED) ## Kill servers under load, 20 times, and see that nothing accepted is lost (DATABASE=postgres: and more)
	@$(BIN)/python -m tests.durability.chaos $(if $(call told,DATABASE),--database $(DATABASE) --servers 2)
	@$(if $(filter postgres%,$(call told,DATABASE)),$(BIN)/python -m pytest -rs --capture=no $(CHAOS))

# What draws the charts, and the official server, each have an environment of their own: what is measured has neither.
CHARTS := .venv-charts
PEERS := .venv-peers
BENCHMARKS := $(BIN)/python -m benchmarks

charts: $(CHARTS)/.installed

$(CHARTS)/.installed: benchmarks/charts.lock
	@$(PYTHON) -m venv $(CHARTS)
	@$(CHARTS)/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	@touch $@

# Where it cannot be installed, the document says so.
$(PEERS)/.installed: benchmarks/peers.lock
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet -r $< && touch $@ || rm -rf $(PEERS)

bench: $(INSTALLED) charts ## Measure beside a bare application, and write docs/performance.md (five minutes; needs Node 20)
	@$(BENCHMARKS) speed $(ARGS)
	@$(BENCHMARKS) document

bench-growth: $(INSTALLED) charts ## Measure how cost grows, and what holds under other conditions (a quarter of an hour)
	@$(BENCHMARKS) growth
	@$(BENCHMARKS) conditions
	@$(BENCHMARKS) document

bench-distributed: $(INSTALLED) charts ## Measure several processes on PostgreSQL and on a file (ten minutes; needs PostgreSQL)
	@$(BENCHMARKS) distributed
	@$(BENCHMARKS) document

bench-peers: $(INSTALLED) charts ## Measure the official development server beside Treadle (some minutes)
	@$(MAKE) --no-print-directory $(PEERS)/.installed
	@$(BENCHMARKS) peers
	@$(BENCHMARKS) document

wheel: $(INSTALLED) ## Build the wheel, and try its client and the consumer example in a clean environment
	@rm -rf dist build
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null && ls dist
	@$(PYTHON) -m venv build/clean
	@build/clean/bin/python -m pip install --disable-pip-version-check --quiet dist/*.whl
	@build/clean/bin/python tests/wheel/try_client.py
	@$(BIN)/python tests/wheel/try_consumer.py build/clean/bin/python

client-matrix: wheel ## Run the tests of the client with the wheel on each Python from 3.11 on (minutes)
	@$(BIN)/python tests/wheel/matrix.py dist/*.whl $(LOCK)

# What leaves a core idle runs beside others; each target's output comes in one piece, if this make can do that. The tests
# with many clients and killed processes wait most of their time, so they begin first.
TOGETHER := $(MAKE) --no-print-directory --jobs 3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

ci: $(INSTALLED) ## Everything CI runs; the tests last
	@$(TOGETHER) endurance install-lowest contract lint types generate-check wheel js pyright document lowest planted
	@$(MAKE) --no-print-directory test

BARE := uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet
COMPILE := $(BARE) pyproject.toml --extra server --extra postgres

lock: ## Resolve all locks anew, for every Python from 3.11 on (needs uv)
	$(COMPILE) --group dev -o requirements.lock
	$(COMPILE) --group test --resolution lowest-direct -o requirements-lowest.lock
	for group in charts peers; do $(BARE) --group pyproject.toml:$$group -o benchmarks/$$group.lock || exit 1; done
	$(COMPILE) --constraint requirements.lock -o examples/deploy/server.lock
	$(BARE) --group pyproject.toml:image --constraint requirements.lock -o examples/deploy/build.lock

clean: ## Remove what was built
	@rm -rf $(VENV) .venv-lowest $(CHARTS) $(PEERS) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
