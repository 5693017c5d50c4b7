# Every target explains itself: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What `make demo` makes: transition, composition, script or model.
KIND ?= transition
STUBS := clients/python/src/segue/v1
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help

.PHONY: help
help: ## Explain every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: install
install: $(STAMP) ## Create .venv from the lock file (hashes checked), with everything demo and tests need

$(STAMP): requirements-dev.lock pyproject.toml clients/python/pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python -e .
	@touch $(STAMP)

.PHONY: lock
lock: ## Renew the lock files from pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	grep -v '"segue-client",' pyproject.toml > $(VENV)/pyproject.toml
	$(LOCK) $(VENV)/pyproject.toml --extra emulator --extra folder --extra s3 -o requirements.lock
	$(LOCK) $(VENV)/pyproject.toml --extra emulator --extra folder --extra s3 --group $(VENV)/pyproject.toml:devstack --group $(VENV)/pyproject.toml:dev -c requirements.lock -o requirements-dev.lock
	echo hatchling | $(LOCK) - -c requirements-dev.lock -o deploy/build.lock

.PHONY: proto
proto: $(STAMP) ## Regenerate the stubs in clients/python/src/segue/v1
	@rm -rf $(VENV)/stubs && mkdir -p $(VENV)/stubs $(STUBS)
	$(BIN)/python -m grpc_tools.protoc -Iprotos -Iprotos/third_party \
	  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --python_out=$(VENV)/stubs --mypy_out=quiet:$(VENV)/stubs \
	  --grpc_python_out=$(VENV)/stubs --mypy_grpc_out=quiet:$(VENV)/stubs \
	  $$(cd protos && ls segue/v1/*.proto)
	@# What is as it was stays untouched: it may be in use.
	@for old in $(STUBS)/*_pb2*.py $(STUBS)/*_pb2*.pyi; do test -e $(VENV)/stubs/segue/v1/$${old##*/} || rm -f $$old; done
	@for new in $(VENV)/stubs/segue/v1/*; do cmp -s $$new $(STUBS)/$${new##*/} || cp $$new $(STUBS)/; done

.PHONY: proto-check
proto-check: $(STAMP) ## Lint the protos and fail if the committed stubs differ from them
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	@$(MAKE) --no-print-directory proto >/dev/null
	@git diff --exit-code --stat -- $(STUBS) && test -z "$$(git ls-files --others --exclude-standard -- $(STUBS))" \
	  || { echo 'The stubs differ from the protos: commit what `make proto` wrote.'; exit 1; }

.PHONY: demo
demo: $(STAMP) ## Make one transition between two photographs, from submit to mp4 (or KIND=composition, script, model); then stop all
	@$(BIN)/python -m devstack.demo --kind $(KIND)

.PHONY: run
run: $(STAMP) ## Keep the whole stack up on this machine and print the calls to try; Ctrl-C ends it
	@$(BIN)/python -m devstack.run

.PHONY: test
test: $(STAMP) ## Run all tests but the long chaos form and those that cost money, in two halves side by side
	@$(MAKE) --no-print-directory -j2 test-stack test-rooms

# The whole stack and the workers mostly wait (for leases, for models), the other rooms compute: together they take little
# longer than one.
.PHONY: test-stack
test-stack: $(STAMP)
	$(BIN)/pytest -q -p no:cacheprovider -m "not chaos and not live" tests/chaos tests/e2e tests/integration/workers

.PHONY: test-rooms
test-rooms: $(STAMP)
	$(BIN)/pytest -q -p no:cacheprovider -m "not chaos and not live" --ignore tests/integration/workers tests/unit tests/integration

.PHONY: check
check: lint proto-check ## What must hold before a commit: format, lint, types, layers, protos, compose file, fast tests
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/pytest -q tests/unit

.PHONY: lint
lint: $(STAMP) ## Look at format, style, types and layers; change nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## Bring all Python files into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: e2e
e2e: $(STAMP) ## Run the end-to-end tests: real server, worker, emulator and Redis as processes
	$(BIN)/pytest tests/e2e

.PHONY: chaos
chaos: $(STAMP) ## Kill processes again and again and look for lost or doubled work; takes minutes
	$(BIN)/pytest -m chaos

.PHONY: bench
bench: $(STAMP) ## Measure SubmitJob beside a bare echo and a bare EVALSHA on this machine
	$(BIN)/python -m benchmarks.submit

.PHONY: clean
clean: ## Remove all that the other targets made: the environment, caches, and the data under var
	rm -rf $(VENV) var dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
