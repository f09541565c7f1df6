# Everything a newcomer needs: `make demo` and `make test`. Both set up what they use.
.PHONY: setup demo test check bench soak evaluate services lock help
SHELL := /bin/bash
RUN := .venv/bin/

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

setup: ## make .venv with the pinned dependencies and the `gateway` command
	@scripts/setup.sh

demo: setup ## the gateway on embedded defaults with a simulated field; FOR=60 ends by itself, SPEED=60 is time's factor
	@$(RUN)gateway demo $(if $(FOR),--seconds $(FOR)) $(if $(SPEED),--speed $(SPEED))

services: setup ## install and build what the tests need: Mosquitto, a TimescaleDB root folder
	@scripts/services.sh

test: services ## all tests, with real servers
	$(RUN)pytest -n 3 --dist worksteal

check: setup ## ruff, mypy --strict, import contracts
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports

bench: services ## benchmarks; prints, asserts nothing
	$(RUN)python -m tests.bench

soak: services ## twenty minutes of load with random faults
	$(RUN)python -m tests.soak

evaluate: setup ## falsification figures, written into docs/evaluation.md
	$(RUN)python -m tests.evaluation

lock: setup ## pin the dependencies anew
	@scripts/lock.sh
