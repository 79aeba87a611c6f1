# The whole house in a few words: `make run` to try it, `make check` while writing, `make test` before handing over.

HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= python3
WORKERS ?= 3

BIN := .venv/bin
CHECKED := tests/rules tests/project tests/web/bedside tests/test_tokens.py tests/test_verify.py
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
UV := 0.13.8

# Python keeps what it compiled, whatever is set around: tests and benches start hundreds of processes.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: run test check lint needs bench docs lock vendor clean help

run: .venv/run.stamp ## start the practice station on http://HOST:PORT (127.0.0.1:8000)
	$(BIN)/kazasu serve --host $(HOST) --port $(PORT)

check: lint ## format, lint, types, import contracts, tests of rules, of the bedside and of the sources: a minute
	$(BIN)/python -m pytest $(CHECKED) -m "not browser and not slow" -n $(WORKERS)

test: needs lint node_modules/.package-lock.json ## everything, tests in a browser included; installs what it needs
	$(BIN)/python -m pytest -n $(WORKERS)

bench: needs .venv/dev.stamp ## every bench in its short form; fails below a floor
	$(BIN)/python -m bench all --profile ci

docs: .venv/dev.stamp ## write anew the pages that are made from the code
	$(BIN)/python -m scripts.docs
	$(BIN)/python -m scripts.catalogues

lint: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djhtml --check --tabwidth 2 templates

# Pins stay as they are unless told otherwise: make lock UPGRADE=--upgrade
lock: build/lock/bin/uv ## lock requirements/*.txt and package-lock.json, with the hash of every file
	$(COMPILE) --group build --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --group dev --constraints requirements/run.txt --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --group dev --group mutation --constraints requirements/dev.txt --output-file requirements/mutation.txt
	npm install --package-lock-only --ignore-scripts

# One lock for every Linux and every Python from 3.11 on, without the address it was made from
COMPILE = build/lock/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

build/lock/bin/uv:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check uv==$(UV)

vendor: .venv/run.stamp node_modules/.package-lock.json ## fill static/vendor from the packages in package-lock.json
	$(BIN)/python -m scripts.vendor

clean: ## remove what make made; databases and keys stay
	rm -rf .venv node_modules build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The product alone: enough for `make run`
.venv/run.stamp: requirements/build.txt requirements/run.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The tools beside it: for check, test and bench
.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# axe and an OpenID provider, for the tests; nothing of it is served
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --ignore-scripts
	@touch $@

# What the tests need from the system: installed where that is allowed, else named in one command.
# Debian's postgresql may start a cluster of its own: the tests start another, in a folder of theirs, and leave it alone.
needs:
	@missing=; need() { missing="$$missing $$*"; }; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || need python3-venv; \
	$(PYTHON) -c 'import ctypes; ctypes.CDLL("libatomic.so.1")' 2>/dev/null || need libatomic1; \
	$(PYTHON) -c 'import ctypes; ctypes.CDLL("libzbar.so.0")' 2>/dev/null || need libzbar0; \
	command -v chromium >/dev/null || need chromium; \
	command -v chromium-headless-shell >/dev/null || need chromium-headless-shell; \
	command -v firefox-esr >/dev/null || need firefox-esr; \
	command -v WebKitWebDriver >/dev/null || need webkit2gtk-driver; \
	/usr/bin/python3 -c 'import gi; gi.require_version("WebKit2", "4.1")' 2>/dev/null \
		|| need python3-gi gir1.2-gtk-3.0 gir1.2-webkit2-4.1; \
	command -v Xvfb >/dev/null || need xvfb; \
	command -v pdftoppm >/dev/null || need poppler-utils; \
	command -v npm >/dev/null || need npm; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || need postgresql; \
	fc-list : family 2>/dev/null | grep -q 'Noto Sans CJK' || need fontconfig fonts-noto-cjk; \
	test -n "$$missing" || exit 0; \
	install="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends$$missing"; \
	if command -v apt-get >/dev/null && test "$$(id -u)" = 0; then sh -c "$$install"; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then sudo sh -c "$$install"; \
	else echo "The tests need$$missing. Please run once:"; echo "  sudo sh -c '$$install'"; exit 1; fi
