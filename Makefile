# Works with GNU make 3.81 (macOS) and later. `make help` lists the targets.
PYTHON ?= python3
# One process of tests more than two cores, since tests wait for browsers, servers and kills.
WORKERS ?= 3
VENV   := .venv
BENCH  := .venv-bench
SCAN   := .venv-checkov
AUDIT  := .venv-audit
BIN    := $(VENV)/bin
PINS   := constraints.txt
PYTEST  = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# A comma in the text of a call would end the argument; one in a variable does not.
DEMO   := train,yahoo
EXTRAS := aws,sql,train,research,yahoo,notify,calendars,docs,dev
PEERS  := $(EXTRAS),bench
PROSE  := Makefile Dockerfile docs src tests benchmarks notebooks network services delivery deploy .github

# Hundreds of processes of the tests import the same modules, which are compiled once, whatever the environment says.
test check quick lint kernels: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check quick lint kernels site audit locked bench nightly terraform-apply aws-local try-image deploy constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## real market data through the whole pipeline, with the page on 127.0.0.1:8000 (ARGS="--port 8001")
	@$(BIN)/tapeline demo $(ARGS)

test: $(VENV)/.dev ## every check: format, lint, types, import layers, spelling, tests (ARGS="-k bars")
	@$(MAKE) -j3 kernels lint $(if $(shell command -v terraform),$(SCAN)/.checkov)
	$(PYTEST) $(ARGS)

check: $(VENV)/.dev ## what to run before a commit, in a minute: lint, and the unit tests that are not slow (ARGS="-k bars")
	@$(MAKE) -j2 lint quick

# Without the tests of prose, which lint runs.
quick: WORKERS = 2
quick: $(VENV)/.dev
	$(PYTEST) -m 'not slow' --ignore tests/unit/test_prose.py tests/unit $(ARGS)

lint: $(VENV)/.dev ## the checks that run nothing: ruff, mypy, import-linter, spelling, workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell *.md $(PROSE)
	$(BIN)/zizmor --quiet --offline .github
	$(BIN)/actionlint .github/workflows/*.yml
	$(BIN)/python -m pytest -q --noconftest tests/unit/test_prose.py

site: $(VENV)/.dev ## the documentation site, into build/site
	$(BIN)/python -m mkdocs build --strict

audit: $(VENV)/.dev ## advisories about the pinned libraries (asks their index, or ADVISORIES=CLONE), and build/sbom.json
	@$(call install,$(AUDIT),,pip-audit==2.10.1 cyclonedx-bom==7.5.0)
	@mkdir -p build
	$(AUDIT)/bin/cyclonedx-py environment $(BIN)/python --output-reproducible --output-file build/sbom.json
ifdef ADVISORIES
	$(BIN)/python deploy/advisories.py $(ADVISORIES)
else
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --requirement $(PINS)
endif

LOCK    = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url

locked: ## what the image installs on every system and is built with, by hashes (deploy/locked.txt, build.txt; needs uv)
	$(LOCK) --constraint $(PINS) --extra aws --extra train --extra yahoo --extra notify \
		--output-file deploy/locked.txt pyproject.toml
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(LOCK) --constraint $(PINS) --output-file deploy/build.txt -

bench: $(BENCH)/.bench ## every benchmark beside its peers, one after the other (ARGS go to each)
	@for script in benchmarks/[!_]*.py; do echo "== $$script" && $(BENCH)/bin/python "$$script" $(ARGS) || exit 1; done

nightly: $(VENV)/.dev ## hours of trouble: faults, kills, damage, hostile inputs and clients, 30 sessions (docs/guarantees.md)
	@failed=; for each in "-m tests.faults" "-m tests.faults.flips" "-m tests.fuzz" benchmarks/hostile_data.py \
		benchmarks/hostile_clients.py "benchmarks/live_sessions.py --nightly"; do \
		echo "== python $$each"; $(BIN)/python $$each || failed="$$failed, $$each"; done; \
	[ -z "$$failed" ] || { echo "failed: $${failed#, }" >&2; exit 1; }

kernels: $(VENV)/.dev  # on the core that lint leaves free
	@$(BIN)/python -m tests.kernels

terraform-apply: $(VENV)/.dev ## both stacks applied to a local imitation of AWS, planned again and destroyed
	@$(BIN)/python -m tests.terraform.apply

aws-local: $(VENV)/.dev ## the AWS path without an account: collector, Kinesis, Lambda, SageMaker, DynamoDB, page (ARGS=--exit)
	@$(BIN)/python -m tests.aws.local.run $(ARGS)

try-image: $(VENV)/.dev ## the Dockerfile's install and every command of the image, without Docker (a few minutes)
	@$(BIN)/python -m tests.image.try_image

deploy: ## the steps to AWS one by one, each shown and confirmed before it runs (ARGS="set NAME=VALUE" changes one thing)
	@$(PYTHON) deploy/steps.py $(ARGS)

clean: ## removes the virtual environments and every cache, not data
	rm -rf $(VENV) $(VENV)-constraints $(BENCH) $(SCAN) $(AUDIT) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# -- virtual environments ----------------------------------------------------------------------------------------------
# A stamp is written after an install, so that an unchanged pyproject.toml and pin list install nothing again. What only
# tests use is compiled when it is imported, which most of it never is.

$(VENV)/.core: pyproject.toml $(PINS)
	@$(call install,$(VENV),-c $(PINS),-e '.[$(DEMO)]')
	@touch $@

$(VENV)/.dev: pyproject.toml $(PINS)
	@$(call install,$(VENV),--no-compile -c $(PINS),-e '.[$(EXTRAS)]')
	@touch $(VENV)/.core $@

$(BENCH)/.bench: pyproject.toml benchmarks/$(PINS)
	@$(call install,$(BENCH),-c benchmarks/$(PINS),-e '.[$(PEERS)]')
	@touch $@

# A scanner of Terraform, whose pins conflict with all others; used only where there is Terraform.
$(SCAN)/.checkov: tests/terraform/checkov-constraints.txt
	@$(call install,$(SCAN),--no-compile -c tests/terraform/checkov-constraints.txt,checkov)
	@touch $@

constraints: ## installs the newest versions of everything into fresh environments and pins them
	@rm -rf $(VENV)-constraints
	@$(call install,$(VENV)-constraints,,-e '.[$(EXTRAS)]')
	@$(call freeze,$(PINS))
	@$(call install,$(VENV)-constraints,,-e '.[$(PEERS)]')
	@$(call freeze,benchmarks/$(PINS))
	@rm -rf $(VENV)-constraints

define freeze
$(VENV)-constraints/bin/python -m pip --disable-pip-version-check freeze --exclude-editable --exclude pip --exclude setuptools > $(1)
endef

# install,FOLDER,OPTIONS,WHAT: makes the environment if it is missing, with the first Python of 3.11 to 3.14 it finds, and
# installs WHAT into it. It uses uv if there is one.
define install
set -e; \
ok='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'; \
if ! $(1)/bin/python -c "$$ok" 2>/dev/null; then \
	python=; \
	for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3.14; do \
		if $$candidate -c "$$ok" >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	rm -rf $(1); \
	if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --seed --python "$${python:-3.13}" $(1); \
	elif [ -z "$$python" ]; then \
		echo "tapeline needs Python 3.11 to 3.14; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing). Install one, or say: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; \
	elif ! $$python -c 'import venv, ensurepip' >/dev/null 2>&1; then \
		echo "$$python cannot make virtual environments. Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	else \
		$$python -m venv $(1); \
	fi; \
fi; \
echo "installing into $(1) (once; a few minutes)" >&2; \
if command -v uv >/dev/null 2>&1; then \
	uv pip install --quiet --python $(1)/bin/python $(2) $(3); \
else \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2) $(3); \
fi
endef
