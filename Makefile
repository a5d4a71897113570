# Everything that a fresh machine needs is set up by the targets themselves, and only once.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
PYTEST := $(PY) -m pytest -q --durations=20 --durations-min=20
PIP_INSTALL := .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
WORKFLOWS := .github/workflows/*.yml examples/github-actions/*.yml
IN_SANDBOX := eval "$$($(PY) -m sandbox env)" &&
.NOTPARALLEL: # groups of tests use the same clusters, also with `make -j`

comma := ,
# The sandbox of tests that run beside others.
SECOND = ISTIO_MESH_SANDBOX="$${ISTIO_MESH_SANDBOX-$(CURDIR)/.sandbox/test}-2"
# $(call beside,name,command,other command): both at once; what the first one prints is shown after the other.
# Tests that wait for clusters leave a core most of the time.
beside = mkdir -p .sandbox; ( $(2) ) > .sandbox/$(1).txt 2>&1 & ( $(3) ) || failed=1; \
  wait $$! || failed=1; cat .sandbox/$(1).txt; [ -z "$${failed-}" ]
# $(call each,command,command): one after the other, also after one that failed.
each = failed=; $(1) || failed=1; $(2) || failed=1; [ -z "$$failed" ]

# $(call step,what it is,command)
define step
	@echo "==> $(1)"; SECONDS=0; ( $(2) ); echo "    $(1): done in $$SECONDS s"
endef

.PHONY: help
help: ## Show the targets.
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.venv/installed: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: expected Python 3.11 or later; name one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	$(call step,Python packages,$(PYTHON) -m venv .venv && $(PIP_INSTALL) -r requirements-dev.lock)
	@touch $@

policy/.venv/installed: policy/requirements.lock
	$(call step,Packages of the policies,$(PYTHON) -m venv policy/.venv && policy/$(PIP_INSTALL) -r policy/requirements.lock)
	@touch $@

.PHONY: policy
policy: policy/.venv/installed ## Make the environment of the policy pack in policy/.

.PHONY: setup
setup: .venv/installed ## Get tools, images, charts and plugins (first time: up to half an hour where they must be built).
	$(call step,Tools and plugins,$(PY) -m sandbox setup)

.PHONY: up
up: setup ## Build the mesh of Pulumi.dev.yaml on local clusters and call across them.
	$(call step,Clusters,$(PY) -m sandbox stack)
	$(call step,Mesh,$(IN_SANDBOX) pulumi up --yes --skip-preview --suppress-progress)
	$(call step,Calls,$(IN_SANDBOX) $(PY) -m mesh verify)
	@printf '%s\n' '' 'Next:' '  eval "$$($(PY) -m sandbox env)"' '  pulumi preview' '  kubectl --context east get pods --all-namespaces' '  istioctl --context east remote-clusters' '  make down'

.PHONY: preview
preview: setup ## Show what `make up` would change.
	$(call step,Clusters,$(PY) -m sandbox stack)
	@$(IN_SANDBOX) pulumi preview --diff

.PHONY: down
down: .venv/installed ## Remove the local clusters and the state of their stack.
	$(call step,Removal,$(PY) -m sandbox stop --all)

.PHONY: lint
lint: .venv/bench policy/.venv/installed ## Check code and workflows.
	$(call step,ruff,.venv/bin/ruff check . && .venv/bin/ruff format --check .)
	$(call step,pyright,.venv/bin/pyright && .venv/bin/pyright --project policy)
	$(call step,import-linter,.venv/bin/lint-imports --no-logo --no-cache)
	$(call step,zizmor,.venv/bin/zizmor --quiet --offline --persona pedantic $(WORKFLOWS))
	$(call step,actionlint,$(ACTIONLINT) -shellcheck= -pyflakes= $(WORKFLOWS)) # without tools that a machine may lack

.PHONY: unit
unit: .venv/installed ## Run the tests that need no cluster.
	$(call step,Unit and program tests,$(PYTEST) tests/unit tests/program)

.PHONY: test
test: lint unit setup ## Run the tests, on real clusters too (an hour and a quarter); a group that fails does not keep the others from running.
	@$(MAKE) --no-print-directory --keep-going test-sandbox test-mesh test-breaking test-trust

.PHONY: test-sandbox
test-sandbox: setup
	$(call step,Tools that only tests need,$(PY) -m sandbox.tools prometheus promtool pulumi-language-yaml)
	$(call step,Tests of the sandbox$(comma) and beside them those of the stand-ins and of ambient clusters,$(call beside,standins,$(call each,$(PYTEST) tests/standins,$(SECOND) $(PYTEST) tests/e2e -m ambient),$(PYTEST) tests/sandbox))

.PHONY: test-mesh
test-mesh: setup
	$(call step,Tests of the mesh$(comma) and beside them those of who sees whom,$(call beside,sight,$(SECOND) $(PYTEST) tests/e2e -m sight,$(PYTEST) tests/e2e -m mesh))

.PHONY: test-breaking
test-breaking: setup
	$(call step,Tests that break the mesh$(comma) and beside them those of reach and load,$(call beside,reach,$(call each,$(SECOND) $(PYTEST) tests/e2e -m reach,$(SECOND) $(PYTEST) tests/e2e -m load),$(PYTEST) tests/e2e -m breaking))

.PHONY: test-trust
test-trust: setup
	$(call step,Tests of trust$(comma) and beside them Istio's own of several clusters,$(call beside,istio,$(SECOND) $(PYTEST) tests/istio -m multicluster,$(PYTEST) tests/e2e -m trust))

.PHONY: upgrade-tests
upgrade-tests: setup ## Upgrade from one line of Istio to the next, and back (builds the earlier line).
	$(call step,Tests of upgrades between two lines of Istio,$(PYTEST) tests/e2e -m upgrade)

.PHONY: istio-tests
istio-tests: setup ## Run all of Istio's own integration tests that can run here (docs/istio-tests.md has times).
	$(call step,Istio's own tests,$(PYTEST) tests/istio)

.PHONY: adoption-tests
adoption-tests: setup ## Take over meshes that Helm and istioctl have built (ten minutes).
	$(call step,Meshes of others,$(PYTEST) tests/e2e -m adoption)

.venv/bench: .venv/installed requirements-bench.lock
	$(call step,Packages of the benchmarks,$(PIP_INSTALL) -r requirements-bench.lock)
	@touch $@

.PHONY: bench
bench: setup .venv/bench ## Compare the mesh with the documented way; continues after an interruption (two hours).
	$(call step,Mesh and documented way,$(PY) -m benchmarks mesh --resume)
	$(call step,Table and picture,$(PY) -m benchmarks plot --data .sandbox/bench/mesh.jsonl)

.PHONY: reference
reference: .venv/installed ## Write docs/configuration.md, docs/stack-file.schema.json and mesh/package/args.py from the models.
	@$(PY) -m docs.reference > docs/configuration.md
	@$(PY) -m docs.stack_file_schema > docs/stack-file.schema.json
	@$(PY) -m docs.package_args > mesh/package/args.new && mv mesh/package/args.new mesh/package/args.py

.PHONY: dashboard
dashboard: .venv/installed ## Write the Grafana dashboard from docs/dashboard.py.
	@$(PY) -m docs.dashboard > mesh/observability/dashboard.json

.PHONY: mesh-config
mesh-config: ## Renew mesh/istio/mesh_config.json, Istio's definition of a mesh configuration.
	@go -C sandbox/tools/modules/istio-api run . > mesh/istio/mesh_config.json

.PHONY: lock
lock: .venv/installed ## Renew the lock of each requirements*.txt: all packages, by version and hash.
	@for file in requirements*.txt policy/requirements.txt; do \
	  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --custom-compile-command 'make lock' --output-file "$${file%.txt}.lock" "$$file"; \
	done
