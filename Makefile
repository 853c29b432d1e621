# make run | test | bench | check: each sets up .venv first if it is missing or out of date, and says so.
# Needs: make, Python 3.11 or newer; for the real components of the tests, root with apt. PYTHON=python3.13 chooses another.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# Named after the interpreter: another PYTHON, or an upgraded one, makes another environment.
READY := $(VENV)/.ready-$(VERSION)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
APT := DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --option=Dpkg::Use-Pty=0
POLICY := /usr/sbin/policy-rc.d

# What the tests run for real, as command:Debian package.
COMPONENTS := prometheus:prometheus promtool:prometheus prometheus-alertmanager:prometheus-alertmanager kubectl:kubernetes-client

.PHONY: run test bench check format components constraints clean

run: $(READY)
	@$(BIN)/watchdog demo

test: $(READY) components
	@$(BIN)/pytest --numprocesses=auto --dist=loadgroup

bench: $(READY) components
	@$(BIN)/python -m tests.benchmarks

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 or newer is needed; '$(PYTHON)' is $(if $(VERSION),Python $(VERSION),not found). Try: make $(or $(MAKECMDGOALS),run) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing python$(VERSION)-venv with apt: this Python cannot make virtual environments yet."; \
	        $(APT) update && $(APT) install --no-install-recommends python$(VERSION)-venv >/dev/null; \
	    else echo "This Python cannot make virtual environments: install its 'venv' module (on Debian and Ubuntu: apt install python$(VERSION)-venv)." >&2; exit 1; fi; }
	@[ "$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$(VERSION)" ] || \
	    { echo "Making $(VENV) with Python $(VERSION)."; rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@echo "Installing the pinned dependencies into $(VENV), each checked against its hash."
	@$(PIP) install --require-hashes --requirement constraints.txt
	@echo "Installing watchdog itself: $(BIN)/watchdog."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.ready-* && touch $@

# Debian starts what it installs; a policy that lasts as long as the installation keeps the daemons of these packages down.
components:
	@missing=; for component in $(COMPONENTS); do \
	    command -v "$${component%%:*}" >/dev/null || missing="$$missing $${component##*:}"; done; \
	[ -n "$$missing" ] || exit 0; \
	missing=$$(printf '%s\n' $$missing | sort -u | paste -sd' ' -); \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "Missing for the tests with real components: $$missing (root with apt would install them); going on without."; exit 0; fi; \
	echo "Installing with apt, without starting them: $$missing."; \
	[ -e $(POLICY) ] || { trap 'rm -f $(POLICY)' EXIT INT TERM; printf '#!/bin/sh\nexit 101\n' >$(POLICY); chmod +x $(POLICY); }; \
	$(APT) update && $(APT) install --no-install-recommends $$missing >/dev/null 2>&1 || \
	    echo "apt could not install $$missing; going on without."

constraints:
	@echo "Resolving pyproject.toml into constraints.txt, with pip-tools in an environment of its own."
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv "$$tools" && "$$tools/bin/pip" --quiet --disable-pip-version-check install pip-tools && \
	"$$tools/bin/pip-compile" --quiet $(if $(UPGRADE),--upgrade) --extra dev --generate-hashes --allow-unsafe --strip-extras --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
