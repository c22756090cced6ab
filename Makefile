# Everything a user, a developer or CI does with this repository. `make help` lists it.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

# Caches live outside the tree, keyed by content; deleting them costs time and nothing else.
export ETCD_OPERATOR_CACHE ?= $(HOME)/.cache/etcd-operator
# The system's is built with profiles of what it runs: the same tests take a sixth less processor time
# than with one that pyenv has built without.
PYTHON ?= $(shell for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	echo $$python && break; done)
VENV_KEY := $(shell { cat requirements/dev.txt; $(PYTHON) --version; } 2>&1 | sha256sum | cut -c1-16)
VENV := $(ETCD_OPERATOR_CACHE)/venv-$(VENV_KEY)
PY := PYTHONPATH=src:. $(VENV)/bin/python

# What Python and pytest make of modules is kept, also where the environment asks for none of it.
COMPILED := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(ETCD_OPERATOR_CACHE)/compiled

NODES ?= 1
# With CONTEXT=name that context of your kubeconfig is used and nothing local is started.
CONTEXT ?=
OPERATOR_IMAGE ?=

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/complete: requirements/dev.txt
	@mkdir -p $(dir $(VENV))
	@flock $(VENV).lock $(MAKE) --no-print-directory $(VENV)-made

# Another tree may be making the same one at the same time.
.PHONY: $(VENV)-made
$(VENV)-made:
	@test -e $(VENV)/complete && touch $(VENV)/complete && exit 0; echo "Installing the pinned Python packages" && \
		rm -rf $(VENV) && { $(or $(PYTHON),false) -m venv $(VENV) || { \
			echo "Python 3.11 or later with its venv module is needed (Debian: apt-get install python3-venv)"; exit 1; }; } && \
		$(VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt && \
		touch $(VENV)/complete

.PHONY: venv
venv: $(VENV)/complete ## Install the pinned tools
	@ln -sfn $(VENV) .venv

LOCK = $(1)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
.PHONY: lock
lock: ## Pin the newest versions that pyproject.toml allows
	@work=$$(mktemp -d) && trap "rm -rf $$work" EXIT && $(PYTHON) -m venv $$work && \
		$$work/bin/pip install --quiet uv && \
		$(call LOCK,$$work) --upgrade pyproject.toml --output-file requirements/operator.txt && \
		$(call LOCK,$$work) --upgrade pyproject.toml --group dev \
			--constraint requirements/operator.txt --output-file requirements/dev.txt && \
		$(call LOCK,$$work) --upgrade pyproject.toml --extra cli \
			--constraint requirements/dev.txt --output-file requirements/cli.txt && \
		$(call LOCK,$$work) --upgrade --group docs --group release \
			--constraint requirements/dev.txt --output-file requirements/docs.txt

.PHONY: up down kubeconfig logs
up: venv ## Start the local Kubernetes (NODES=3 for three nodes)
	@$(PY) -m local up --nodes $(NODES)

down: venv ## Stop it and remove everything but the caches
	@$(PY) -m local down
	@test ! -e $(APART_STATE) || $(APART) $(PY) -m local down

kubeconfig: venv ## Print the path of its kubeconfig
	@$(PY) -m local kubeconfig

logs: venv ## List its logs, or show one (LOG=kube-apiserver)
	@$(PY) -m local logs $(LOG)

.PHONY: install explain demo demo-backup
install: venv ## Install the operator (CONTEXT=name and OPERATOR_IMAGE=image for your own cluster)
	@$(if $(CONTEXT),,$(PY) -m local up --nodes $(NODES))
	@$(PY) -m deploy.installer --context "$(CONTEXT)" --image "$(OPERATOR_IMAGE)"

# Members are asked at the addresses of their Pods, which few machines outside a cluster reach.
explain: venv ## What each rule says about an EtcdCluster, only reading (CLUSTER=namespace/name)
	@$(if $(CONTEXT),,KUBECONFIG=$$($(PY) -m local kubeconfig)) $(PY) -m etcd_operator explain \
		--context "$(CONTEXT)" "$(CLUSTER)"

demo: venv ## Everything from nothing: Kubernetes, operator, a cluster of three, 3 -> 5 -> 3
	@$(PY) -m demo --context "$(CONTEXT)" --image "$(OPERATOR_IMAGE)" --nodes $(NODES)

demo-backup: venv ## A cluster that is written, backed up, lost with its disks, restored and read
	@$(PY) -m demo --backup --context "$(CONTEXT)" --image "$(OPERATOR_IMAGE)" --nodes $(NODES)

.PHONY: plugin
plugin: venv ## Build the kubectl plugin as one file; with REPOSITORY=https://… for krew as well
	@$(PY) -m deploy.plugin --repository "$(REPOSITORY)"

.PHONY: generate check lint types imports generated
generate: venv ## Write the CRD, the manifests and the reference documents
	@$(PY) -m deploy
	@$(PY) -m docs.generate

lint: venv
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .

types: venv
	@$(COMPILED) $(PY) -m mypy --cache-dir=$(ETCD_OPERATOR_CACHE)/mypy

imports: venv
	@$(COMPILED) PYTHONPATH=src $(VENV)/bin/lint-imports --no-logo 2>/dev/null

generated: venv
	@$(COMPILED) $(PY) -m deploy --check
	@$(COMPILED) $(PY) -m docs.generate --check

check: lint types imports generated ## Lint, types, import contracts, generated files

# The site and the bill of materials are made with tools of their own, beside the pinned ones.
DOCS_KEY := $(shell { cat requirements/docs.txt; $(PYTHON) --version; } 2>&1 | sha256sum | cut -c1-16)
DOCS_VENV := $(ETCD_OPERATOR_CACHE)/venv-docs-$(DOCS_KEY)
$(DOCS_VENV)/complete: requirements/docs.txt
	@mkdir -p $(dir $(DOCS_VENV))
	@flock $(DOCS_VENV).lock bash -c 'test -e $@ && exit 0; echo "Installing the tools of the documentation" && \
		rm -rf $(DOCS_VENV) && $(PYTHON) -m venv $(DOCS_VENV) && $(DOCS_VENV)/bin/pip install --quiet \
		--require-hashes --requirement requirements/docs.txt && touch $@'

.PHONY: docs docs-publish sbom
docs: venv $(DOCS_VENV)/complete ## Build the documentation site, strictly: build/docs/site
	@$(PY) -m docs.site
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --quiet --strict --config-file build/docs/mkdocs.yml

# VERSION=0.1.0 becomes the latest one on the branch gh-pages.
docs-publish: docs
	@PATH=$(DOCS_VENV)/bin:$$PATH mike deploy --push --update-aliases --config-file build/docs/mkdocs.yml $(VERSION) latest
	@PATH=$(DOCS_VENV)/bin:$$PATH mike set-default --push --config-file build/docs/mkdocs.yml latest

sbom: venv $(DOCS_VENV)/complete ## Write the bill of materials of the operator's image: build/sbom.json
	@mkdir -p build
	@PYTHONWARNINGS=ignore $(DOCS_VENV)/bin/cyclonedx-py requirements requirements/operator.txt --pyproject pyproject.toml \
		--mc-type application --output-reproducible --of JSON --output-file build/sbom.json
	@$(PY) -m deploy.sbom build/sbom.json

# Members wait for the kubelet most of the time: several tests share two cores.
E2E_AT_A_TIME ?= 4
# A second local cluster, beside the usual one; with both families of IP where this machine has them.
APART_STATE = /var/lib/etcd-operator-apart
APART = ETCD_OPERATOR_STATE=$(APART_STATE) \
	ETCD_OPERATOR_DUAL_STACK=$(if $(wildcard /proc/net/if_inet6),1) \
	ETCD_OPERATOR_NETWORKS="172.30.1.0/24 10.247.0.0/16 10.99.0.0/16"
E2E_ENV = CONTEXT="$(CONTEXT)" OPERATOR_IMAGE="$(OPERATOR_IMAGE)"
E2E = $(E2E_ENV) $(PY) -m pytest -v --durations=40 \
	--reruns 1 -r fER

# A test that fails is tried once more; it is listed as flaky, so that it gets mended. By a second
# run where tests are short: forks run each of them once, without the plugins that none of them
# needs and that take a part of a millisecond of each.
.PHONY: unit model etcd-test olm krew upgrade e2e e2e-beside e2e-alone e2e-apart states test test-all test-fast
unit: venv ## Unit tests
	@$(COMPILED) $(PY) -m pytest -q -p tests.forks -p no:xdist -p no:rerunfailures -p no:logging -p no:anyio \
		--capture=sys \
		$(CHOSEN) tests/unit || $(COMPILED) SECOND_TRY=1 \
		$(PY) -m pytest -q -rA --last-failed --last-failed-no-failures none tests/unit

model: venv ## Explore the planner's state space
	@$(COMPILED) $(PY) -m pytest -q -n auto --dist worksteal tests/model

states: venv ## Every state within the bounds of every scenario, where `model` takes a part
	@ALL_STATES=1 $(PY) -m pytest -q -n auto --dist worksteal \
		-k "everything_within_the_bounds or guard_alone" tests/model/test_model.py

mutants: venv ## Break each rule and guard; every one must be noticed
	@$(PY) -m tests.model.mutants

etcd-test: venv ## Tests against real etcd processes on loopback; the model's etcd beside them
	@$(PY) -m local build
	@ETCD_BINARIES=$$($(PY) -m tests.etcd.binaries) $(PY) -m pytest -q -rPR -n 4 --reruns 1 \
		tests/etcd tests/conformance tests/chaos tests/monitoring tests/charts tests/release

olm: venv ## Have opm render and validate the bundle for the Operator Lifecycle Manager
	@$(PY) -m pytest -q tests/olm

krew: venv ## Have krew validate the manifest of the kubectl plugin, and install it
	@$(PY) -m pytest -q tests/krew

# PREVIOUS=revision names the release to come from; by default it is the newest tag.
upgrade: venv ## From the previous release of the operator to this one and back, on the local cluster
	@$(PY) -m local up --nodes $(NODES)
	@PREVIOUS="$(PREVIOUS)" $(PY) -m pytest -v -r fE tests/e2e/test_operator_upgrade.py

ifdef TEST
e2e: venv
	@$(if $(CONTEXT),,$(PY) -m local complete)
	@$(E2E_ENV) $(PY) -m pytest -v --durations=5 -r fE tests/e2e/$(TEST)
else
e2e: venv ## Tests on the real cluster, or TEST=test_scale.py::test_one_nine_one on the one that is up
	@$(MAKE) --no-print-directory e2e-beside
	@$(MAKE) --no-print-directory e2e-alone
	@$(MAKE) --no-print-directory e2e-apart

e2e-beside: venv ## Those that run beside each other
	@$(if $(CONTEXT),,$(PY) -m local up --nodes $(NODES))
	@$(PY) -m deploy.installer --context "$(CONTEXT)" --image "$(OPERATOR_IMAGE)"
	@$(E2E) -n $(E2E_AT_A_TIME) --dist load --maxschedchunk 1 \
		-m "e2e and not alone and not apart and not long" tests/e2e

# Only after those, so that every right of the operator has been used: E2E_COMPLETE says so.
e2e-alone: venv ## Those that the others would feel, and at last the rights that were used by all
	@E2E_COMPLETE=1 $(E2E) -m "e2e and alone and not long" tests/e2e

e2e-apart: venv ## Those that have a local cluster to themselves, which is gone afterwards
	@if test -n "$(CONTEXT)"; then echo "only on local clusters: there is nothing to do"; exit; fi; \
		$(APART) $(PY) -m local up && \
		$(APART) $(E2E) -m "e2e and apart and not long" tests/e2e; result=$$?; \
		$(APART) $(PY) -m local down && exit $$result
endif

# The checks run beside the unit tests; what each of them says is kept together. Those that try every
# place of a long story, or each of many cases of a kind, take nearly as long as all others, and are
# left to `make unit` and `make test`.
test-fast: venv ## The inner loop: checks and unit tests, no cluster
	@$(MAKE) --no-print-directory --jobs --output-sync=target lint types imports generated unit \
		CHOSEN='-m "not exhaustive" --hypothesis-profile=fast'

test: venv ## Every level that CI runs
	@$(PY) -m tests.levels

test-all: venv ## And the long forms: states, mutants, transitions, injection, chaos, alerts
	@$(PY) -m tests.levels --all

.PHONY: bench
bench: venv ## Measure against a hand-written StatefulSet in the same run
	@$(PY) -m local up --nodes 1
	@$(PY) -m tests.perf

.PHONY: bench-backup
bench-backup: venv ## Measure backups of 100 MiB and 2 GiB against etcd's own tools
	@$(PY) -m local build
	@$(PY) -m tests.perf.backup

.PHONY: bench-scrape
bench-scrape: venv ## Measure what a scrape of the operator costs with 500 clusters
	@$(PY) -m tests.perf.scrape --clusters 500

.PHONY: bench-passes
bench-passes: venv ## Measure what a pass over a cluster at rest costs, without calls to members
	@$(PY) -m tests.perf.passes

.PHONY: bench-image
bench-image: venv ## Measure what is in the operator's image
	@$(PY) -m tests.perf.image

.PHONY: bench-clients
bench-clients: venv ## Measure what clients of every kind feel of changes
	@$(PY) -m local up --nodes 1
	@$(PY) -m tests.perf.clients

.PHONY: bench-fleet
CLUSTERS ?= 50 200
# In a network namespace of its own: it listens where the local cluster does.
bench-fleet: venv ## Measure the operator with many clusters (CLUSTERS="50 200 500 1000")
	@$(PY) -m local build
	@unshare --net sh -c 'ip link set lo up && exec env $(PY) -m tests.perf.fleet --clusters $(CLUSTERS)'

.PHONY: performance
performance: bench bench-backup ## Measure both and write docs/performance.md from the results
	@mkdir -p docs/results
	@cp build/bench/bench.json build/bench/bench.svg docs/results/
	@cp build/bench-backup/results.json docs/results/bench-backup.json
	@$(PY) -m docs.generate

# Several nodes only where asked for, so that a cluster that is up stays as it is.
MINUTES ?= 10
SEED ?= 1
.PHONY: chaos injection transitions take-overs alerts alert-faults alert-record monitoring reliability
chaos: venv ## Faults under a recorded load, checked (MINUTES=10, SEED=1, NODES=3 for lost nodes)
	@$(PY) -m local up --nodes $(NODES)
	@$(PY) -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

injection: venv ## Kill, delay and mislead the operator at every effect it has
	@$(PY) -m local up --nodes $(NODES)
	@$(PY) -m tests.injection

transitions: venv ## Every change of a spec that the CRD allows, beside new clusters
	@$(PY) -m local up --nodes $(NODES)
	@ALL_TRANSITIONS=1 $(PY) -m pytest -v -s tests/e2e/test_transitions.py

take-overs: venv ## Take over every shape of cluster that people run today, under load and faults
	@$(PY) -m local up --nodes $(NODES)
	@ALL_SHAPES=1 $(PY) -m pytest -v -s -k under_load tests/e2e/test_take_over.py \
		tests/e2e/take_over_faults.py

REST_MINUTES ?= 120
alerts: venv ## Each fault of an alert, two hours that fire none (REST_MINUTES=120), the dashboards
	@$(PY) -m local up --nodes $(NODES)
	@$(MAKE) --no-print-directory alert-faults
	@ALL_ALERTS=1 REST_MINUTES=$(REST_MINUTES) $(PY) -m pytest -v -s \
		-k "not of_one_cluster and not others_feel" tests/e2e/test_alerts.py
	@$(PY) -m pytest -v tests/e2e/test_scraping.py

alert-faults: venv ## Each fault that an alert tells of, on the cluster that is up
	@ALL_ALERTS=1 $(PY) -m pytest -v -n $(E2E_AT_A_TIME) --dist worksteal -k of_one_cluster \
		tests/e2e/test_alerts.py
	@ALL_ALERTS=1 $(PY) -m pytest -v -s -k others_feel tests/e2e/test_alerts.py

monitoring: alerts ## Run that and write docs/monitoring.md from the results
	@$(MAKE) --no-print-directory alert-record

alert-record: venv ## Take what was seen of alerts into docs/monitoring.md; the rest stays as it was
	@$(PY) -m tests.e2e.alert_record
	@$(PY) -m docs.generate

reliability: injection chaos ## Run both and write docs/reliability.md from their results
	@mkdir -p docs/results
	@cp build/chaos/results.json docs/results/chaos.json
	@cp build/chaos/timeline.svg docs/results/chaos.svg
	@cp build/injection/results.json docs/results/injection.json
	@$(PY) -m docs.generate
