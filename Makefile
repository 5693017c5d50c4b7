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

.PHONY: proto
proto: $(STAMP) ## Regenerate the stubs in clients/python/src/segue/v1
	@rm -f $(STUBS)/*_pb2*.py $(STUBS)/*_pb2*.pyi
	@mkdir -p $(STUBS)
	$(BIN)/python -m grpc_tools.protoc -Iprotos -Iprotos/third_party \
	  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --python_out=clients/python/src --mypy_out=quiet:clients/python/src \
	  --grpc_python_out=clients/python/src --mypy_grpc_out=quiet:clients/python/src \
	  $$(cd protos && ls segue/v1/*.proto)

.PHONY: proto-check
proto-check: $(STAMP) ## Lint the protos and fail if the committed stubs differ from them
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	@$(MAKE) --no-print-directory proto >/dev/null
	@git diff --exit-code --stat -- $(STUBS) && test -z "$$(git ls-files --others --exclude-standard -- $(STUBS))" \
	  || { echo 'The stubs differ from the protos: commit what `make proto` wrote.'; exit 1; }
