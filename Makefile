# The template's verbs; `make help` lists them. GNU make 3.81 or newer.
# A variable that is empty counts as none.
PYTHON := $(or $(PYTHON),python3)
BIN := .venv/bin
UV := $(PYTHON) '<<cookiecutter.project>>/requirements/uv.py'

export UV_PYTHON_DOWNLOADS := never
unexport PYTHONPATH PYTHONHOME
# Where it is set, as in many images, each process compiles its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-workflows bench lock

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.venv/ready: requirements.txt
	@test -x $(BIN)/python || $(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.txt
	@touch $@

demo: .venv/ready ## bake a project with the defaults, run its pipeline, print metrics and report
	@rm -rf build/demo && mkdir -p build/demo
	$(BIN)/python -m cookiecutter . --no-input --default-config --output-dir build/demo
	@cd build/demo/* && $(MAKE) --no-print-directory run && \
		.venv/bin/python -m json.tool reports/metrics.json && \
		echo "The report: $$PWD/reports/report.html"

test: .venv/ready ## bake every option, and set up, test and run projects for real
	$(BIN)/python -m pytest

test-workflows: .venv/ready ## run each workflow's engine for real, in an environment of its own (slow)
	$(BIN)/python -m pytest tests/check_workflows.py

bench: .venv/ready ## measure a project against the bare libraries: make bench FILE=my.csv
	@rm -rf build/bench && mkdir -p build/bench
	@$(BIN)/python -m cookiecutter . --no-input --default-config --output-dir build/bench >/dev/null
	@cd build/bench/* && $(MAKE) --no-print-directory bench $(if $(FILE),FILE='$(abspath $(FILE))')

lock: ## compile requirements.txt anew from pyproject.toml
	$(UV) pip compile --quiet pyproject.toml --group test --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.txt
