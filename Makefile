# make demo: install, train the starter on real text for a minute, sample the model, score a sentence with it
# make test: install, then every check there is
# make test-tui: the terminal app in more sizes, with longer texts and walks
# make torture: kills, harmed files, hostile text and numbers, many thousand times (SECURITY.md), in under 25 minutes
# make snapshots: take the screens anew with which the tests compare them
# make help: write down what --help shows, after a change of a command or an option
# make starter BOOKS=FOLDER: train the model that comes with the program (MINUTES=60 or more without a GPU)
# make locks: write anew which versions are installed, and the hashes of their files
# make pictures: draw the pictures in the README anew
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
HOSTS  := $(VENV)/.hosts
FUZZ   := $(VENV)/.fuzz
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PROSE  := corpora/stories-en.txt corpora/dialogue-en.txt corpora/howto-en.txt

.PHONY: demo test test-tui torture check unit snapshots help starter pictures locks clean

demo: $(READY)
	$(BIN)/rnncli train $(PROSE) --from starter --minutes 1 --name demo --overwrite
	@echo
	$(BIN)/rnncli sample -m demo -n 120 --seed 1 --temperature 0.7 "The old woman"
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

# Not among the others: pyproject.toml leaves their folder out where it is not asked for.
test-tui: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist load tests/tui_more

# RECORD=--record writes the table into SECURITY.md and tests/bench/RESULTS.md.
torture: $(FUZZ)
	$(BIN)/python -m tests.torture $(RECORD)

snapshots: $(READY)
	RNNCLI_SNAPSHOTS=write $(BIN)/python -m pytest -q tests/tui/test_snapshots.py

help: $(READY)
	$(BIN)/python -m rnncli.cli.write_help

# Each file that is installed is one whose hash stands in a lock, but torch's (torch.lock says why). A lock is whole:
# pip has nothing to look for (it would look for extras that a lock does not name).
$(READY): pyproject.toml requirements.lock torch.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps -r requirements.lock
	$(PIP) -r torch.lock
	$(PIP) --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -q rnncli
	touch $@

# The programs that a model can run in, for the tests of rnncli/integrations: 0.7 GB that nothing else needs.
$(HOSTS): $(READY) hosts.lock
	$(PIP) --require-hashes --no-deps -r hosts.lock
	touch $@

$(FUZZ): $(READY) fuzz.lock
	$(PIP) --require-hashes --no-deps -r fuzz.lock
	touch $@

# After a change of what pyproject.toml asks for; UPGRADE=--upgrade takes the newest of everything but torch.
locks: $(READY)
	$(BIN)/python -m tests.supply.locks $(UPGRADE)

# The model that ships with the program, from the public-domain books in BOOKS (train.txt.xz and valid.txt.xz), in the
# time that it took on an H100.
MINUTES ?= 2.7
starter: $(READY)
	$(BIN)/rnncli train $(BOOKS)/train.txt.xz --valid $(BOOKS)/valid.txt.xz --out build/starter --overwrite \
	  --minutes $(MINUTES) --vocab-size 10000 --layers 2 --hidden-size 768 --embedding-size 512 --dropout 0.1
	$(BIN)/rnncli export build/starter --quantize int8 --text $(BOOKS)/valid.txt.xz --out models/starter --overwrite

# What the README shows of the program's screens.
pictures: $(READY)
	$(BIN)/python docs/picture.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
