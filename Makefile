# make demo: install, train on real text for a minute, sample the model, score a sentence with it
# make test: install, then every check there is
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PROSE  := corpora/stories-en.txt corpora/dialogue-en.txt corpora/howto-en.txt

.PHONY: demo test check unit clean

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
unit: $(READY)
	$(BIN)/python -m pytest

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
