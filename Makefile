# Two commands do everything: `make run` and `make test`. All paths are relative, so the folder may have spaces.

VENV := .venv
PY := $(VENV)/bin/python
# The first interpreter that is new enough.
FIND_PYTHON = for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done

# What Python compiled is kept, whatever the surroundings say: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

# Short in `make test`; in a soak two people act at once thousands of times, and a million points are routed.
LONG := tests/test_workflow_pairs.py tests/test_routing_everywhere.py

.PHONY: help setup setup-dev run test alone checked soak lint bench planted lock

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/ready  ## Make the environment (.venv) with what the service needs
setup-dev: $(VENV)/ready-dev

$(VENV)/ready: requirements.txt
	@p=$$($(FIND_PYTHON)); \
	if [ -z "$$p" ]; then echo "Cần Python 3.11 trở lên. / Python 3.11 or newer is needed."; exit 1; fi; \
	if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python "$$(command -v $$p)" $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.txt; \
	else \
	  $$p -c 'import venv, ensurepip' 2>/dev/null || { echo "Thiếu gói python3-venv, hãy cài bằng: apt install python3-venv / The package python3-venv is missing."; exit 1; }; \
	  echo "Đang chuẩn bị môi trường (.venv) …"; \
	  $$p -m venv $(VENV) && \
	  $(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt; \
	fi
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready pyproject.toml
	@echo "Đang cài công cụ kiểm thử …"
	@$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['dev'], sep='\n')" > $(VENV)/dev.txt
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --compile-bytecode --python $(PY) -r $(VENV)/dev.txt; \
	else $(PY) -m pip install -qq --disable-pip-version-check -r $(VENV)/dev.txt; fi
	@touch $@

run: $(VENV)/ready  ## Start the server with demo data (settings: PORT, HOST, GIAP_RANH_HOME, DATABASE_URL, DEMO)
	@exec $(PY) -m flask serve

test: $(VENV)/ready-dev  ## Check style and types, then run every test on SQLite and PostgreSQL
	@$(MAKE) --no-print-directory -j 2 checked alone
	@$(PY) -m pytest -n 4 --dist worksteal -m "not alone"

# What mostly waits, and the checks behind it whenever it does. Python compiles the tests once here, before four of them
# would each do it.
alone: $(VENV)/ready-dev
	@$(PY) -m pytest tests/damage -m alone

checked: $(VENV)/ready-dev
	@nice -n 19 $(MAKE) --no-print-directory lint
	@nice -n 19 $(PY) -m pytest --collect-only -qq > /dev/null

soak: $(VENV)/ready-dev  ## Kill, fill and slow down the real server for hours (KILLS=10000), and tell what was seen
	@export KILLS=$${KILLS:-10000}; $(PY) -m pytest tests/damage $(LONG) -n 2 --dist worksteal -m "not alone" -rP && \
	$(PY) -m pytest tests/damage -m alone -rP

lint: $(VENV)/ready-dev  ## Style (ruff) and types (mypy) alone
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: $(VENV)/ready-dev  ## Measure speed and memory into bench/results.json
	@$(PY) -m bench

planted: $(VENV)/ready-dev  ## Break a copy in some twenty ways and see the tests notice each (ONLY=name for one)
	@$(PY) -m tests.planted $(ONLY)

lock: $(VENV)/ready-dev  ## Write requirements.txt anew from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --quiet -o requirements.txt
