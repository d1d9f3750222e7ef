# `make help` lists the targets. Each sets up by itself what it needs; what is there already costs a moment.

VENV := .venv
LABCTL := $(VENV)/bin/labctl
PYTHON ?=
ARGS ?=
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup scenario matrix controls bench test endurance pythons check fix lock clean distclean venv engine image

help:  ## show this
	@sed -n 's/^\([a-z]*\):.*##\( *\)/  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo
	@echo '  PYTHON=python3.12 chooses the Python, ARGS="…" passes more options on, JOBS=1 has tests wait for each other.'

setup: engine image  ## everything that a run needs: Python packages, a Docker Engine, the image

scenario: engine  ## run one scenario: make scenario NAME=loopback-bind
	@test -n "$(NAME)" || { $(LABCTL) list; echo 'Choose one: make scenario NAME=…' >&2; exit 2; }
	@$(LABCTL) run $(NAME) $(ARGS)

matrix: engine  ## run every scenario
	@$(LABCTL) matrix $(ARGS)

controls: engine  ## show that each fault is the cause and each fix the cure
	@$(LABCTL) controls $(ARGS)

bench: engine image  ## measure labctl against the bare Docker calls and what people use instead
	@$(VENV)/bin/python tests/bench $(ARGS)

test: engine image  ## all tests, those on the engine too
	@LABCTL_TEST_ENGINE=required $(VENV)/bin/pytest -n $(JOBS) --dist loadfile $(ARGS)

endurance: engine image  ## an hour: kills at 100 moments, 1,000 runs, engines that die, hostile input at length
	@LABCTL_ENDURANCE=1 LABCTL_TEST_ENGINE=required $(VENV)/bin/pytest tests/endurance tests/unit/test_fuzz_parsers.py $(ARGS)

pythons: engine image  ## the unit tests and one scenario on Python 3.12 and 3.13, where they are
	@JOBS=$(JOBS) .ci/pythons

check: venv  ## what needs no engine: style, types, unit tests
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/pytest -n $(JOBS) --dist loadfile -m 'not engine' $(ARGS)

fix: venv  ## let ruff mend and format what it can
	@$(VENV)/bin/ruff check --fix
	@$(VENV)/bin/ruff format

lock: venv  ## choose the newest versions of all Python packages, here and in the image
	@.ci/lock $(VENV)/bin/uv $(ARGS)

clean:  ## remove what killed runs left, and caches
	@if test -x $(LABCTL) && $(LABCTL) engine status > /dev/null 2>&1; then $(LABCTL) clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	@find . -path './$(VENV)*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## also stop labctl's own engine, and remove the Python environment
	@if test -x $(LABCTL); then $(LABCTL) engine stop; fi
	@rm -rf $(VENV) $(VENV)-3.*

venv:
	@PYTHON='$(PYTHON)' .ci/venv $(VENV)

engine: venv
	@$(LABCTL) engine start --quiet

image: engine
	@$(LABCTL) image build --quiet
