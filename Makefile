# Everyday commands. What is longer than a line or two lives in scripts/.
# Another Python than the first suitable one: make venv PYTHON=python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The environment is made again when what it is made from changes, and when it was made for another folder or its
# Python is gone (a moved clone: scripts inside know their folder by its full path).
STAMP := .venv/.made-for
ifneq ($(shell .venv/bin/python -c "" 2>/dev/null && cat $(STAMP) 2>/dev/null),$(shell pwd -P))
.PHONY: $(STAMP)
endif
ifeq ($(origin PYTHON),command line)
.PHONY: $(STAMP)
endif

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

##@ Try it

.PHONY: demo
demo: $(STAMP) ## an upgrade on a simulated manager, from the upload to two edges, in real Airflow
	@scripts/run.sh -m scripts.demo

.PHONY: up
up: $(STAMP) ## Airflow with the example DAGs and two simulated managers, until Ctrl-C (UP_PORT=8080: that port, and two more)
	@scripts/run.sh -m scripts.up

##@ Work on it

.PHONY: venv
venv: $(STAMP) ## make .venv with the pinned set (all commands below do it when needed)
	@:

$(STAMP): pyproject.toml constraints.txt airflow_provider_vmanage/__init__.py scripts/venv.sh scripts/environment.sh
	@scripts/venv.sh

.PHONY: quick
quick: $(STAMP) ## lint, types, and the tests of client and operators
	@scripts/test.sh lint types quick

.PHONY: test
test: $(STAMP) ## lint, types and the tests (PYTEST_ARGS="-k upload" to choose)
	@scripts/test.sh lint types tests

.PHONY: lint
lint: $(STAMP) ## ruff: rules and format
	@scripts/test.sh lint

.PHONY: types
types: $(STAMP) ## mypy --strict
	@scripts/test.sh types

.PHONY: format
format: $(STAMP) ## rewrite the code in the project's format, fix what ruff can fix
	@.venv/bin/ruff check --quiet --fix-only . && .venv/bin/ruff format .

.PHONY: pages
pages: $(STAMP) ## write examples, argument tables and the fault matrix into the Markdown of docs/
	@scripts/pages.sh

.PHONY: docs
docs: $(STAMP) ## build the pages of docs/ into build/docs, warnings as errors
	@scripts/docs.sh

.PHONY: screenshots
screenshots: $(STAMP) ## take the pictures of docs/images in Chromium (PICTURES=upgrade-report: that one)
	@scripts/browser.sh -m scripts.screenshots $(PICTURES)

.PHONY: clean
clean: ## delete everything that these commands made, .venv too
	rm -rf .venv .demo .up .tmp dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* coverage.xml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Prove it

.PHONY: trace
trace: $(STAMP) ## print the call paths from a poll and an upload to their requests
	@scripts/run.sh -m scripts.trace

.PHONY: coverage
coverage: $(STAMP) ## the tests with branch coverage of the package, which takes twice as long
	@scripts/test.sh coverage

.PHONY: test-live
test-live: $(STAMP) ## DAGs in a whole Airflow (airflow standalone, dags test), and an upload of 3 GB
	@scripts/test.sh live

.PHONY: test-ui
test-ui: $(STAMP) ## Airflow's pages in real Chromium: connection form, its test, a run, the link to the repository
	@scripts/browser.sh -m pytest -m ui tests/ui $(PYTEST_ARGS)

.PHONY: test-clients
test-clients: $(STAMP) ## the simulator beside clients of others, each in an environment of its own
	@scripts/test-clients.sh

.PHONY: test-matrix
test-matrix: $(STAMP) ## the suite on each supported Airflow and Python, and with the lowest dependencies (CELLS="3.1-3.10")
	@scripts/test-matrix.sh $(CELLS)

.PHONY: test-cluster
test-cluster: $(STAMP) ## fleets on CeleryExecutor whose worker is killed; needs Debian's postgresql and redis-server
	@scripts/test-cluster.sh

.PHONY: fuzz
fuzz: $(STAMP) ## ten minutes of a coverage-guided fuzzer on responses (FUZZ_SECONDS=60 is quicker)
	@scripts/fuzz.sh

.PHONY: soak
soak: $(STAMP) ## ten minutes of mixed tasks, upgrades, kills and faults (SOAK_SECONDS=60 is quicker, SOAK_SEED=2 another run)
	@scripts/soak.sh

.PHONY: fleet
fleet: $(STAMP) ## an upgrade killed at each of its moments; upgrades of 1,000 devices against a reference (FLEET_SEEDS=2)
	@scripts/fleet.sh

.PHONY: model
model: $(STAMP) ## thousands of random tasks with faults and kills against a model (MODEL_STEPS=400 is quicker, MODEL_SEED=2)
	@scripts/model.sh

.PHONY: mutation
mutation: $(STAMP) ## a seeded sample of mutants, 90 % of which the tests have to kill (MUTATION_SEED=2)
	@scripts/mutation.sh

.PHONY: bench-upload
bench-upload: $(STAMP) ## uploads beside curl, requests and the vendor's SDK (BENCH_ARGS="--rounds 1" is quicker)
	@scripts/bench-upload.sh $(BENCH_ARGS)

.PHONY: bench-copy
bench-copy: $(STAMP) ## copies from manager to manager, beside curl down and curl up
	@scripts/bench-copy.sh $(BENCH_ARGS)

.PHONY: bench-waits
bench-waits: $(STAMP) ## thousands of waits in one event loop, beside Airflow's HttpSensor
	@scripts/bench-waits.sh $(BENCH_ARGS)

.PHONY: bench-verdicts
bench-verdicts: $(STAMP) ## the verdict on a task on devices, by ours, catalystwan, sastre and python-viptela
	@scripts/bench-verdicts.sh $(BENCH_ARGS)

.PHONY: bench-cluster
bench-cluster: $(STAMP) ## tasks per minute on CeleryExecutor, with one worker and with two
	@scripts/test-cluster.sh --bench $(BENCH_ARGS)

##@ Release it

.PHONY: constraints
constraints: $(STAMP) ## resolve constraints.in into constraints.txt (UPGRADE=1: newest releases)
	@scripts/constraints.sh

.PHONY: dist
dist: $(STAMP) ## build wheel and sdist, install the wheel in a clean environment, show it to Airflow
	@scripts/dist.sh
