# Each target does its own set-up; nothing has to be installed by hand.
.DEFAULT_GOAL := help
RUN := .venv/bin/
PYTEST := $(RUN)python -m pytest -q
TWO := -n 2 --dist loadfile --no-loadscope-reorder
# The tests start hundreds of processes. Without bytecode each would compile all of hullo again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check peers soak fuzz bench clean

help: ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## a real call between two processes: a caller, the agent's phone line, and a gateway that answers
	@scripts/bootstrap python
	@$(RUN)hullo demo

test: ## the quick tests, no root needed
	@scripts/bootstrap python node
	$(PYTEST) $(TWO) -m "not peer and not net and not soak"

check: ## style, types, architecture
	@scripts/bootstrap python
	$(RUN)ruff check
	$(RUN)ruff format --check
	$(RUN)mypy
	$(RUN)lint-imports

peers: ## calls with programs that nobody here wrote: Chromium, NTgCalls, coturn, Redis and plain aiortc (root, for a network namespace)
	@scripts/bootstrap python node chromium net redis sound voices terminal window
	$(PYTEST) $(TWO) --durations=20 -m "peer or net" tests

soak: ## a thousand calls, twenty at once, an hour with clocks that drift
	@scripts/bootstrap python sound
	$(PYTEST) $(TWO) --durations=10 -m soak tests

fuzz: ## parsers against random input, longer than `make test` does
	@scripts/bootstrap python
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) $(TWO) -m hypothesis tests

bench: ## every benchmark, side by side with its peer
	@scripts/bootstrap python chromium net redis sound voices
	$(RUN)python -m bench

clean: ## remove what the targets above made
	rm -rf .venv demo node_modules .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find bench examples src tests -name __pycache__ -prune -exec rm -r {} +
