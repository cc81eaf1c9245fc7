# Narrows: `make demo` and `make test` are all that a new machine needs (Python 3.11 and make).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # else every interpreter that a test starts compiles all of ours again

.DEFAULT_GOAL := help
.PHONY: help demo test test-full test-lowest lint types bench verbs docs man pages pictures gallery tour studio clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile torch==2.13.0
	$(BIN)/pip install --quiet --no-compile --editable '.[dev]'
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true  # by all processors; pip takes one
	@touch $@

demo: .venv/ready ## install, train a small model offline, and say where to look
	$(BIN)/narrows demo
	@echo
	@echo "(once in this shell, before them: . .venv/bin/activate)"

test: .venv/ready ## install, then the tests (minutes)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" --numprocesses auto --dist worksteal

test-full: .venv/ready ## all the tests, the long ones too
	$(BIN)/pytest

test-lowest: ## the fast tests with the lowest versions that pyproject.toml allows (a venv of its own; needs an index)
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet 'uv>=0.13,<1'
	.venv-lowest/bin/uv pip compile --quiet --no-header --resolution lowest-direct --extra dev \
		--python .venv-lowest/bin/python pyproject.toml -o .venv-lowest/lowest.txt
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --torch-backend=cpu -r .venv-lowest/lowest.txt
	PYTHONPATH=src OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -m "not slow" --numprocesses auto --dist worksteal

lint: .venv/ready ## ruff
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs

types: .venv/ready ## mypy, strict on src
	$(BIN)/mypy

verbs: .venv/ready ## judges every verb beside its free alternative, writes docs/verbs.md (an hour; needs the data sets)
	-$(BIN)/python tests/verbs/run.py -o docs/verbs.json
	$(BIN)/python docs/verbs.py

bench: .venv/ready ## both sides in turn, ratios (half an hour; needs the data sets)
	$(BIN)/pip install --quiet '.[bench]'
	$(BIN)/python benchmarks/run_all.py

docs: .venv/ready ## the site: docs/ and every public name in site/, each link looked at (a minute)
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/python docs/site.py

man: .venv/ready ## docs/narrows.1, the man page
	$(BIN)/python docs/man.py

pages: .venv/ready ## docs/recipes.md, verbs.md, papers/ and performance.md, from what is there
	$(BIN)/python docs/recipes.py
	$(BIN)/python docs/verbs.py
	$(BIN)/python docs/papers.py
	$(BIN)/python benchmarks/run_all.py --page-only

pictures: .venv/ready ## the README's picture (a minute or two)
	$(BIN)/python docs/pictures/make.py

gallery: .venv/ready ## docs/applications.md, collections.md, studio.md: runs all of them, makes their pictures (needs the data sets)
	$(BIN)/python docs/gallery.py

tour: .venv/ready ## docs/tour.ipynb: runs its cells and stores what they show
	$(BIN)/python docs/tour.py

studio: ## the studio's page, of web/ (needs node and npm; what it makes is committed)
	cd web && npm ci --ignore-scripts --silent && npm run --silent build

clean: ## remove the environment and caches
	rm -rf .venv .venv-lowest .mypy_cache .pytest_cache .ruff_cache site
