# make demo: install, train on real text for a minute, sample the model, score a sentence with it
# make test: install, then every check there is
# make help: write down what --help shows, after a change of a command or an option
# make starter: train the model that comes with the program
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
HOSTS  := $(VENV)/.hosts
PROSE  := corpora/stories-en.txt corpora/dialogue-en.txt corpora/howto-en.txt

.PHONY: demo test check unit help starter clean

demo: $(READY)
	$(BIN)/rnncli train $(PROSE) --minutes 1 --name demo --overwrite
	@echo
	$(BIN)/rnncli sample -m demo -n 120 --seed 1 "The old woman"
	@echo
	echo "The old woman opened the door and looked at the sea." | $(BIN)/rnncli score -m demo
	echo "Door the woman old looked sea the opened at and the." | $(BIN)/rnncli score -m demo --no-header

test: check unit

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# pytest fails where a test was skipped or is expected to fail, and prints how many: tests/conftest.py.
unit: $(HOSTS)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

help: $(READY)
	$(BIN)/python -m rnncli.cli.write_help

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q rnncli
	touch $@

# The programs that a model can run in, for the tests of rnncli/integrations: 0.7 GB that nothing else needs.
$(HOSTS): $(READY)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[lm-eval,llm]'
	touch $@

# The model that ships with the program, from what anyone can rebuild: the texts in the box and Python's own documentation.
starter: $(READY)
	mkdir -p build
	$(BIN)/rnncli corpora make python-docs --out build/python-docs.txt --overwrite
	$(BIN)/rnncli train $(PROSE) corpora/verse-en.txt build/python-docs.txt --out build/starter --overwrite \
	  --minutes 10 --vocab-size 4000 --hidden-size 384 --embedding-size 192
	rm -rf build/starter/training models/starter
	mkdir -p models
	mv build/starter models/starter

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
