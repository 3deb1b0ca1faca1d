# make demo        the whole house on simulated wearables   make demo ARGS="--seconds 60"
# make test        all tests, with the servers that they need
# make test-bluez  of these, the gateway on a real Linux Bluetooth stack, in QEMU
# make check       what must be green before a commit: three to four minutes on two cores
# make bench       the measurements: a table, and benchmarks/results.json   make bench ARGS=--quick
# make soak        nightly-sized runs, and properties with examples at random
# make lock        new locks/ from pyproject.toml (needs uv)

PYTHON ?= python3
BIN := .venv/bin
# Many tests wait more than they compute: more workers than cores (two).
SHARED := -n $(or $(WORKERS),5) --dist loadfile --no-loadscope-reorder
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo test test-bluez lint check fmt bench soak lock servers kernels clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: .venv/.demo
	@$(BIN)/vitals demo $(ARGS)

# The virtual machine goes first and alone: its Linux crashes the less, the quieter it is.
test: .venv/.test servers kernels
	$(BIN)/python -m pytest -q -m bluez tests/bluez
	$(BIN)/python -m pytest -m "not soak and not bluez" $(SHARED) $(ARGS)

test-bluez: .venv/.test servers
	$(BIN)/python -m pytest -m bluez tests/bluez $(ARGS)

lint: .venv/.test
	$(BIN)/python -m ruff format --check -q .
	$(BIN)/python -m ruff check -q .
	$(BIN)/python -m mypy

check: lint kernels
	$(BIN)/python -m pytest -q -m "not slow and not soak" $(SHARED) $(ARGS)

fmt: .venv/.test
	$(BIN)/python -m ruff format -q .
	$(BIN)/python -m ruff check -q --fix .

bench: .venv/.test servers
	$(BIN)/python -m benchmarks $(ARGS)

soak: .venv/.test servers
	$(BIN)/python -m pytest -m soak --hypothesis-profile=searching $(ARGS)
	$(BIN)/python -m pytest -m "hypothesis and not soak" --hypothesis-profile=searching $(ARGS)

servers:
	@sh tests/servers.sh
	@PYTHON=$(PYTHON) sh tests/validators/install.sh

# Compiled once, 20 s, and kept beside their sources; else each worker would do it.
kernels: .venv/.test
	@$(BIN)/python -c "import dsp.kernels"

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra all -o locks/demo.txt pyproject.toml
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra test -c locks/demo.txt -o locks/test.txt pyproject.toml

# A stamp each: what is installed stays installed until the lock changes.
.venv/.demo: locks/demo.txt pyproject.toml | .venv/bin/python
	$(call install,locks/demo.txt)
	@touch $@

.venv/.test: locks/test.txt pyproject.toml | .venv/bin/python
	$(call install,locks/test.txt)
	@touch $@ .venv/.demo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "vitals needs Python 3.11 or newer; this is $$($(PYTHON) -V). Try: make PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv"; exit 1; }

define install
@echo "installing into .venv; the first time this takes a minute"
@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1)
@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endef

clean:
	rm -rf .venv .cache build dist
