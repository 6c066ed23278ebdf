# Everything a contributor does. `make demo` and `make test` are enough to begin with: both set up what they need.

# Any Python from 3.11 on that can make a virtual environment; `make PYTHON=...` chooses another.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
    $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && echo $$candidate && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
QUESTION ?= What is a contract?

.PHONY: setup demo test fuzz lint peers bench bless build lock clean

setup: $(STAMP)

# A virtual environment as requirements.lock says, to the byte; nothing happens while neither file changed.
$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later (with venv) was found; install one, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "Installing what requirements.lock lists (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q orchestrator
	@touch $@

# The pipeline of README's first page: an answer, with its sources, out of this project's own documents.
demo: $(STAMP)
	@$(BIN)/orchestrator run pipelines/docs-answer.yaml --input question="$(QUESTION)" --tree

# A process for each core, four at most, since each may take two gigabytes; neighbours stay together, as far as it goes.
test: $(STAMP)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

# What the tests try briefly, for longer: readers, matchers and codecs with what nobody wrote. FUZZ=500 tries harder.
fuzz: $(STAMP)
	@FUZZ=$(or $(FUZZ),50) $(BIN)/python -m pytest -q --timeout 7200 tests/fuzz $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy orchestrator tests benchmarks
	@$(BIN)/lint-imports --no-logo

# What the benchmarks compare with, beside what requirements.lock lists, of which nothing changes.
peers: $(STAMP)
	@sed -e '/^ *--hash=/d' -e 's/ *\\$$//' requirements.lock > .venv/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	    --constraint .venv/constraints.txt --editable '.[peers]'
	@$(BIN)/python -m pip check --disable-pip-version-check

# Every benchmark, or `make bench NAME=startup`.
bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(or $(NAME),all)

# Writes the golden files anew from what the code says now; read the difference before committing it.
bless: $(STAMP)
	@BLESS=1 $(BIN)/python -m pytest --quiet -m "not slow" || true
	@git --no-pager diff --stat -- tests

# The wheel and the source archive, in dist/.
build: $(STAMP)
	@$(BIN)/python -m hatchling build

# requirements.lock anew, with the newest versions that pyproject.toml allows, for every Python from 3.11 on.
lock: $(STAMP)
	@$(BIN)/python -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv
	@.venv/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-annotate --custom-compile-command "make lock" --extra dev \
	    --output-file requirements.lock pyproject.toml

# What was built and cached here; .venv stays (delete it to begin anew).
clean:
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -path ./.venv -prune -o -path ./.git -prune -o -name __pycache__ -type d -print -prune | xargs -r rm -rf
