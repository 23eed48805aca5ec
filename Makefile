# The project's own commands; .ci/run takes them from here, and README.md shows the one of `test`.
FAST = not slow and not servers and not browser and not clients

.PHONY: setup lint format check test mutants

# Everything that is needed to work on the project.
setup:
	python3 -m venv .venv
	.venv/bin/pip install --quiet -e '.[test,lint,benchmark,packages]'

lint:
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy
	.venv/bin/lint-imports

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Before each commit: what takes under a minute.
check: lint
	.venv/bin/python -m pytest -q --no-header -m "$(FAST)"

# All tests.
test:
	python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[test]' && .venv/bin/python -m pytest

# Small changes of the code that no test notices. It goes on where it was stopped.
mutants:
	.venv/bin/pip install --quiet -e '.[mutants]'
	.venv/bin/mutmut run
	.venv/bin/mutmut results
