# Everything that is done with this repository, each in one command; `make help` lists them.
# The first command makes a virtual environment in .venv with the exact versions of envs/requirements.lock.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
PIP_FLAGS ?=
JOBS ?= 2
CONFIG ?=
PROFILE ?= profiles/local

LOCK := envs/requirements.lock
ENV := .venv
BIN := $(ENV)/bin/python
LIGHT := build/workflow-env
CONFIGFILES := $(if $(strip $(CONFIG)),--configfile $(CONFIG))
EXPERIMENT = $(shell awk '/^experiment:/ {name = $$2} END {print name}' config.yaml $(CONFIG))
SNAKEMAKE := $(BIN) -m snakemake

export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The bundle of a run, if it is whole, as cubefocus/models/<name>.
define into-package
@$(BIN) -c "from cubefocus.learn.bundle import Bundle; Bundle.load('$(1)')"
@rm -rf cubefocus/models/$(2) && mkdir -p cubefocus/models && cp -r $(1) cubefocus/models/$(2)
@rm -f cubefocus/models/$(2)/.snakemake_timestamp
endef

# An environment that was moved or copied points to the old place: make it again.
ifneq ($(shell cat $(ENV)/place 2>/dev/null),$(CURDIR))
$(ENV)/complete: moved
endif

.PHONY: help env docs wheel demo run report paper-tables publish ship ship-denoiser schema test test-slow test-wheel check image test-gpu test-slurm test-faults bench bench-gpu lint format dag paper-dry-run lock clean distclean moved

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  CONFIG="experiments/paper.yaml"   overlays on config.yaml, for run, report, paper-tables and dag'
	@echo '  PROFILE=profiles/slurm            how to run; JOBS=2: workers of the tests; PYTHON=python3.11'

env: $(ENV)/package  ## the virtual environment, which every other command makes when it needs it

# The last file written: an install that was interrupted has none, and starts from nothing the next time.
$(ENV)/complete: $(LOCK) envs/install.sh
	@bash envs/install.sh "$(PYTHON)" $(ENV) --requirement $(LOCK) $(PIP_FLAGS)
	@pwd -P > $(ENV)/place
	@touch $@

$(ENV)/package: $(ENV)/complete pyproject.toml cubefocus/__init__.py
	@$(BIN) -m pip install -qq --no-deps --no-build-isolation --no-index -e .
	@touch $@

# What an earlier build left in build/lib would be packed, too.
wheel: env  ## dist/cubefocus-*.whl, with the bundles of cubefocus/models
	@rm -rf build/lib build/bdist.*
	@$(BIN) -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

test-wheel: wheel  ## the wheel in an environment of its own: its commands without CASA and Snakemake
	@$(BIN) -m pytest -m slow tests/wheel

demo: run report  ## the default experiment from end to end, with its report

run: env  ## the experiment of config.yaml and CONFIG, without the report
	@$(SNAKEMAKE) --profile $(PROFILE) $(CONFIGFILES)

report: env  ## results/<experiment>/report.html, readable without a server
	@$(SNAKEMAKE) --report results/$(EXPERIMENT)/report.html $(CONFIGFILES)

paper-tables: env  ## the papers' tables with a run's figures beside them: results/<experiment>/paper-tables.html
	@$(BIN) scripts/paper_tables.py results/$(EXPERIMENT)

publish: env  ## tables, figures, settings and times of a run into docs/results/<experiment>, to be committed
	@$(BIN) scripts/publish.py results/$(EXPERIMENT) docs/results/$(EXPERIMENT)

ship: env  ## the network that a run of experiments/general.yaml made, into the package
	$(call into-package,results/general/bundle,general)

ship-denoiser: env  ## the networks that a run of experiments/lofar-mini.yaml made, into the package
	$(call into-package,results/lofar-mini/bundle,lofar)

test: env  ## all tests but the slow ones
	@OMP_NUM_THREADS=1 $(BIN) -m pytest -n $(JOBS) --dist loadfile -m "not slow and not slurm and not faults and not gpu"

test-slow: env  ## the tests that take minutes each
	@$(BIN) -m pytest -m slow

test-gpu: env  ## what only a machine with a GPU can show, in a minute
	@$(BIN) -m pytest -m gpu

test-slurm: env  ## the small experiment on a Slurm of one node, which is installed and started (root; Debian, Ubuntu)
	@scripts/local-slurm install
	@$(BIN) -m pytest -m slurm

test-faults: env  ## runs that are killed, starved, truncated and cut off, each with the tables of an undisturbed one
	@scripts/local-slurm install
	@$(BIN) -m pytest -m faults

bench: env  ## time, memory and their growth, of all that is measured in minutes, into benchmarks/results/ (half an idle hour)
	@for name in dryrun casa simulation inference finding finders sofia detect denoise training memory growth; do $(BIN) benchmarks/$$name.py; done

bench-gpu: env  ## the benchmarks that measure a GPU beside the processor, where there is one (ten minutes)
	@$(BIN) -c "import sys, torch; sys.exit(None if torch.cuda.is_available() else 'make bench-gpu: torch sees no GPU here')"
	@$(BIN) benchmarks/simulation.py
	@$(BIN) benchmarks/inference.py
	@$(BIN) benchmarks/training.py --device cuda

lint: env  ## style, types, spelling, and Snakemake's own checks
	@$(BIN) -m ruff check .
	@$(BIN) -m ruff format --check .
	@$(BIN) -m mypy
	@$(BIN) -m codespell_lib
	@$(BIN) -m snakefmt.snakefmt --check Snakefile workflow
	@$(SNAKEMAKE) --lint

# The parts that need root, and a Debian to install Slurm on, are left out where they cannot be.
check: lint test test-wheel docs  ## all that continuous integration runs, as far as it can be done here
	@if [ "$$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then $(MAKE) --no-print-directory test-slurm; \
	    else echo "make check: test-slurm needs root on Debian or Ubuntu, left out"; fi

image:  ## a container image, cubefocus, with what `make env` installs (docker or podman)
	@program=$$(command -v docker || command -v podman) || \
	    { echo "make image: neither docker nor podman is there: apt install podman" >&2; exit 1; }; \
	    "$$program" build --build-arg PIP_FLAGS="$(PIP_FLAGS)" --tag cubefocus .

format: env  ## put the code into its style
	@$(BIN) -m ruff check --fix .
	@$(BIN) -m ruff format .
	@$(BIN) -m snakefmt.snakefmt Snakefile workflow

schema: env  ## workflow/schemas/ and docs/reference/config.md, from the models of cubefocus/settings/
	@$(BIN) scripts/schema.py

# Every warning is an error: a link, an anchor or a picture that is not there, a name that nothing defines.
docs: env  ## the documentation, readable without a server: build/docs/html/index.html
	@rm -rf docs/reference/api
	@$(BIN) -m sphinx --builder html --jobs auto --fail-on-warning --keep-going --quiet \
	    --doctree-dir build/docs/doctrees docs build/docs/html
	@echo build/docs/html/index.html

dag: env  ## graph of the rules: build/rulegraph.mmd, and .svg where graphviz is installed
	@mkdir -p build
	@$(SNAKEMAKE) --quiet all --forceall --rulegraph mermaid-js $(CONFIGFILES) > build/rulegraph.mmd
	@if command -v dot > /dev/null; then \
	    $(SNAKEMAKE) --quiet all --forceall --rulegraph dot $(CONFIGFILES) | dot -Tsvg > build/rulegraph.svg; fi
	@ls build/rulegraph.*

# What a login node needs: Snakemake alone, neither CASA nor torch.
$(LIGHT)/complete: $(LOCK) envs/install.sh
	@bash envs/install.sh "$(PYTHON)" $(LIGHT) --constraint $(LOCK) snakemake pyyaml $(PIP_FLAGS)
	@touch $@

paper-dry-run: $(LIGHT)/complete  ## what the paper's experiment would run, with Snakemake alone
	@$(LIGHT)/bin/python -m snakemake --dry-run --quiet rules --configfile $(or $(strip $(CONFIG)),experiments/paper.yaml)

lock:  ## newest versions of everything that pyproject.toml names, into the lock file
	@bash envs/install.sh "$(PYTHON)" build/lock-env ".[casa,finders,lofar,mpi,resolve,workflow,slurm,docs,dev]" $(PIP_FLAGS)
	@bash envs/lock.sh build/lock-env/bin/python $(LOCK) envs/cubefocus.yaml

clean:  ## remove the results of this experiment, caches and builds
	rm -rf "results/$(or $(notdir $(EXPERIMENT)),none)" build dist docs/benchmarks docs/reference/api .pytest_cache .ruff_cache .mypy_cache
	find cubefocus scripts tests workflow -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove the virtual environment and Snakemake's records
	rm -rf $(ENV) .snakemake cubefocus.egg-info
