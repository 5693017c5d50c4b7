# Every target explains itself: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STUBS := clients/python/src/segue/v1
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help

.PHONY: help
help: ## Explain every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: install
install: $(STAMP) ## Create .venv from the lock file (hashes checked), with everything demo and tests need

$(STAMP): requirements-dev.lock pyproject.toml clients/python/pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python -e .
	@touch $(STAMP)

.PHONY: lock
lock: ## Renew both lock files from pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	grep -v '"segue-client",' pyproject.toml > $(VENV)/pyproject.toml
	$(LOCK) $(VENV)/pyproject.toml --extra emulator -o requirements.lock
	$(LOCK) $(VENV)/pyproject.toml --extra emulator --group $(VENV)/pyproject.toml:devstack --group $(VENV)/pyproject.toml:dev -c requirements.lock -o requirements-dev.lock
