# make reproduce and make test are all that a fresh machine needs.
PYTHON ?= python3
SCALE ?= laptop
CORES ?= all
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PYTEST := python -m pytest -n auto --dist loadfile --no-loadscope-reorder
# What is given on the command line reaches the shell as text, whatever it holds: unexpanded, in quotes.
unexport SCALE CORES CELL SUITES SEEDS MERGE QUICK
quoted = '$(subst ','\'',$(value $(1)))'
SNAKEMAKE = snakemake --quiet=rules --cores $(call quoted,CORES)
FAULTS := PYTHONPATH=$(CURDIR)/tests:$(CURDIR) python -m faults
BENCHMARKS := PYTHONPATH=$(CURDIR)/tests:$(CURDIR) python -m benchmarks

.PHONY: reproduce tour help report plan check test test-journeys test-field-cases test-faults test-slurm smoke-paper lint
.PHONY: bench docs figures cell release tune
.DEFAULT_GOAL := reproduce

# The locked environment, by uv because it installs torch in under a minute; rebuilt only when the lock changes.
# Compiled to bytecode once: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each job would compile it anew.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "uv>=0.5"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

reproduce: .venv/ready  ## environment, then every table and figure at SCALE; the first table as soon as it is there
	atbench watch --scale $(call quoted,SCALE) -- $(SNAKEMAKE) --prioritize scratch --config scale=$(call quoted,SCALE)

tour: .venv/ready  ## three minutes on two cores: released weights sampled, scored, drawn, and what that shows in four lines
	atbench watch --scale tour -- $(SNAKEMAKE) --config scale=tour
	@echo && atbench tour

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

report: .venv/ready  ## a page of all results at SCALE, or of the released ones: results/SCALE/report.html; MERGE=FOLDER beside it
	@scale=$(call quoted,SCALE); ls -d results/"$$scale"/*/ >/dev/null 2>&1 || released=--released; \
	atbench report --scale "$$scale" $$released --html $(if $(value MERGE),--merge $(call quoted,MERGE))

plan: .venv/ready  ## what would run at SCALE, by rule, and what it amounts to, by suite
	@planned=$$($(SNAKEMAKE) --dry-run --config scale=$(call quoted,SCALE) 2>&1) || { echo "$$planned"; exit 1; }; \
	echo "$$planned" | awk '/^Job stats:/, /^total/ {if (!seen[$$0]++) print} /^Nothing to be done/'
	@echo && atbench jobs --scale $(call quoted,SCALE)

check: lint  ## for every save: lint, types and the unit tests, in under two minutes
	$(PYTEST) -m "not slow and not workflow and not journey and not field_case"

test: .venv/ready  ## all tests but journeys and field cases, the whole workflow at the ci scale among them
	$(PYTEST) -m "not journey and not field_case"

test-journeys: .venv/ready  ## what a stranger does from a fresh clone: every command of the README, own images, additions
	$(PYTEST) -m journey

test-field-cases: .venv/ready  ## thirty faults that people met in code of this sort, tried here: five minutes on two cores
	python -m pytest -m field_case tests/field_cases

test-faults: .venv/ready  ## kills, cut writes, full disks, mutated and hostile files; goes on where it was stopped
	$(FAULTS).kills --seed 0 --runs 6 --kills 10 --signal KILL
	$(FAULTS).kills --seed 0 --runs 2 --kills 10 --signal TERM
	$(FAULTS).prefixes
	$(FAULTS).full_disk --seed 0 --sizes 8
	$(FAULTS).records --seed 0 --tried 10000
	$(FAULTS).experiments --seed 0 --tried 10000 --planned 100
	$(FAULTS).hostile
	$(FAULTS).report

bench: .venv/ready  ## ours beside its peers, about 20 minutes on two idle cores: docs/speed.md anew; QUICK=1 for two minutes
	$(BENCHMARKS) $(if $(value QUICK),--quick)

test-slurm: .venv/ready  ## the ci scale through SLURM against a local run, bit for bit: installs SLURM (Debian), needs root
	python -m pytest -q -s tests/workflow/smoke_slurm.py

smoke-paper: .venv/ready  ## both networks of the paper for pixels on small files of the real formats: an hour on two cores
	python -m pytest -q -s tests/workflow/smoke_paper.py tests/workflow/smoke_workflow.py

lint: .venv/ready  ## formatting, lint and types of Python and Snakemake files
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile experiments/rules
	snakemake --lint

docs: .venv/ready  ## the documentation as a site in build/site; a link or page that is not there stops it
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict  # not --quiet: what it does not print does not stop it

figures: .venv/ready  ## redraw the released tables and figures from their JSON, without training: all, or those of SCALE
	@given=$(if $(filter file,$(origin SCALE)),,$(call quoted,SCALE)); \
	test -z "$$given" || test -e "results/released/$$given/manifest.json" || \
	  { echo "make figures: results/released/$$given: no such release"; exit 2; }; \
	for manifest in results/released/*/manifest.json; do \
	  scale=$${manifest#results/released/}; scale=$${scale%/manifest.json}; \
	  test "$${given:-$$scale}" = "$$scale" || continue; \
	  $(SNAKEMAKE) --forceall tables figures --config scale="$$scale" cached=1 || exit 1; \
	done

cell: .venv/ready  ## make one cell again, then draw the reports of the cells that are there: make cell CELL=results/laptop/...json
	@test -n $(call quoted,CELL) || { echo "make cell: give CELL=results/<scale>/<suite>/<method>/seed<S>/<step>/<sampler>-nfe<N>.json"; exit 2; }
	@cell=$(call quoted,CELL); scale=$${cell#results/}; scale=$${scale%%/*}; \
	$(SNAKEMAKE) --force "$$cell" --config scale="$$scale" && atbench report --scale "$$scale"

release: .venv/ready  ## copy the finished suites of SCALE into results/released: make release SUITES="scratch finetune"
	atbench release --scale $(call quoted,SCALE) \
	  $(if $(value SUITES),--suites $(foreach suite,$(value SUITES),$(call quoted,suite))) \
	  $(if $(value SEEDS),--seeds $(foreach seed,$(value SEEDS),$(call quoted,seed)))

tune: .venv/ready  ## the search behind the `tuned:` block of SCALE
	$(SNAKEMAKE) tune --config scale=$(call quoted,SCALE)
