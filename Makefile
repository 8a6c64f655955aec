# Two commands do: `make run` starts the chat, `make test` runs every test. `make` alone lists the rest.
# PYTHON names the Python to use (3.11 or newer), VENV the folder it installs into, ARGS is passed on to pytest and bench.

VENV ?= .venv
ARGS ?=
MINUTES ?= 5
python := $(VENV)/bin/python
# mypy refuses a folder without Python files.
typed := $(foreach folder,quart_chat tests bench tools,$(if $(wildcard $(folder)/*.py),$(folder)))

.DEFAULT_GOAL := help
.PHONY: help run run-two test check format screenshots bench soak attack autobahn clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

run: export DATA_DIR ?= data
run: $(VENV)/.installed ## start the chat; HOST, PORT and DATA_DIR choose the address and the folder
	@$(python) -m quart_chat

run-two: $(VENV)/.installed ## start two processes on a Redis of their own, behind a balancer
	@$(python) -m tools.run_two

test: $(VENV)/.installed-for-tests ## install what tests need, then run them all
	@$(python) tools/install_test_programs.py
	@$(python) -m pytest $(ARGS)

check: $(VENV)/.installed-for-tests ## style, types, and the rules on templates and imports
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy $(typed)
	@tools/check_javascript.sh
	@$(python) -m pytest -q tests/test_architecture.py tests/test_templates.py

format: $(VENV)/.installed-for-tests ## format the code and mend what ruff can mend
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

screenshots: $(VENV)/.installed-for-tests ## take the pictures of the README anew
	@$(python) tools/install_test_programs.py
	@$(python) -m tools.screenshots

bench: $(VENV)/.installed-for-bench ## measure this chat beside others, and write docs/performance.md
	@$(python) -m bench $(ARGS)

soak: $(VENV)/.installed-for-tests ## let people come and go for MINUTES, then look whether anything is left of them
	@$(python) -m tools.soak $(MINUTES)

attack: $(VENV)/.installed-for-tests ## attack a chat of one's own for MINUTES, while neighbours talk there
	@$(python) -m tools.attack $(MINUTES)

autobahn: $(VENV)/.installed-for-tests ## run the Autobahn suite against the socket, where there is a Python 2.7
	@$(python) -m tools.autobahn

clean: ## remove what these commands made, the virtual environments too
	rm -rf .bench .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are touched after a complete install only, so an interrupted one is taken up again.
$(VENV)/.installed: requirements.txt $(python)
	@tools/install_requirements.sh $(VENV) $<
	@touch $@

$(VENV)/.installed-for-tests: requirements-dev.txt $(VENV)/.installed
	@tools/install_requirements.sh $(VENV) $<
	@touch $@

$(VENV)/.installed-for-bench: requirements-bench.txt $(VENV)/.installed-for-tests
	@tools/install_requirements.sh $(VENV) $<
	@touch $@

# Without a recipe on purpose: a Python that is gone makes the stamps old, and the script above makes it anew.
$(python):
