"""From a corpus to ids on the disk. No torch.

training/valid.txt      the validation text
training/train.ids      memory-mapped while training; valid.ids too
training/backward.ids   train.ids as a backward model reads them, where there is one
training/prepared.json  their counts; written last, so that a killed preparation is seen
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnncli.config import Direction, typed
from rnncli.errors import CorpusError, ModelError
from rnncli.guarded import told
from rnncli.records import Tally
from rnncli.store import TOKENIZER, TRAINING, read_json, write_json
from rnncli.text.escapes import bytes_of
from rnncli.text.files import naming, replacing
from rnncli.text.ids import IdsInfo, are_turned, line_starts, open_ids, write_ids, write_turned
from rnncli.text.read import ended, read_blocks
from rnncli.text.resemblance import MOST_TOKENS, Resemblance, resemblance
from rnncli.text.sources import Source, find_sources, without
from rnncli.text.split import Parts, Split, parse_split, split_blocks
from rnncli.text.survey import CorpusFacts, survey
from rnncli.text.tokenizers import BESIDE, TOKENIZERS, train_tokenizer
from rnncli.text.tokenizers.base import Tokenizer
from rnncli.text.units import count
from rnncli.training.baseline import MOST_BYTES, ngram_bits_per_byte
from rnncli.training.plan import Plan
from rnncli.training.runfile import RunConfig

PREPARED, VALID_TEXT = "prepared.json", "valid.txt"
TRAIN_IDS, VALID_IDS = "train.ids", "valid.ids"
TURNED_IDS = "backward.ids"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run's texts as ids, with their counts."""

    tokenizer: Tokenizer
    train: IdsInfo
    valid: IdsInfo
    ids: NDArray[np.unsignedinteger]
    valid_ids: NDArray[np.unsignedinteger]
    how: str
    ngram_bits_per_byte: float | None
    direction: Direction = "forward"
    """Which way ``ids`` and ``valid_ids`` are to be read: backward ones come from the text's last to its first."""

    @property
    def chars_per_token(self) -> float | None:
        """Of the training text; None where the tokenizer loses some of it."""
        chars = self.train.chars + self.train.lines
        return chars / self.train.count if self.tokenizer.lossless else None

    def starts(self, ids: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
        """Where each line begins."""
        return line_starts(ids, self.tokenizer.newline_id)

    def resemblance(self) -> Resemblance:
        """What the vocabulary's tokens have in common in writing."""
        tokens = self.tokenizer.vocab_size
        texts = [self.tokenizer.decode([token]) for token in range(min(tokens, MOST_TOKENS))]
        return resemblance(texts + [""] * (tokens - len(texts)))

    def count_text(self, ids: NDArray[np.unsignedinteger]) -> Tally:
        """Words, characters, bytes and line ends of the text of ids."""
        text = self.tokenizer.decode((ids if self.direction == "forward" else ids[::-1]).astype(np.int64))
        words, chars, size = count(text)
        lines = text.count("\n")
        return Tally(
            words=words,
            chars=chars - lines,
            bytes=size - lines,
            lines=lines,
            lossless=self.tokenizer.lossless,
        )


def prepare(
    folder: Path,
    run: RunConfig,
    parts: Parts,
    *,
    tokenizer: Tokenizer | None,
    check: Callable[[], None],
) -> Prepared:
    """Make the tokenizer, unless one is given, and the ids. ``check`` is called now and then, and may raise."""
    inner = folder / TRAINING
    for name in (PREPARED, TURNED_IDS):
        with naming(inner / name):
            (inner / name).unlink(missing_ok=True)
    with replacing(inner / VALID_TEXT) as file:
        for block in _checked(parts.valid(), check):
            file.write(bytes_of(block))
    made = tokenizer or train_tokenizer(_checked(parts.train(), check), run.plan.tokenizer)
    made.save(folder / TOKENIZER)
    train = write_ids(_checked(parts.train(), check), made, inner / TRAIN_IDS)
    kept = ended(read_blocks(Source(VALID_TEXT, 0, inner / VALID_TEXT, own=True)))
    valid = write_ids(_checked(kept, check), made, inner / VALID_IDS)
    baseline = _baseline(made, open_ids(inner / TRAIN_IDS, train), open_ids(inner / VALID_IDS, valid))
    values = {"train": dataclasses.asdict(train), "valid": dataclasses.asdict(valid)}
    write_json(inner / PREPARED, {**values, "how": parts.how, "ngram_bits_per_byte": baseline})
    return load_prepared(folder, run)


def find_corpus(corpora: Sequence[str], valid: str | None) -> tuple[list[Source], tuple[str, ...]]:
    """The texts to train on, a validation text among them left out, and what to tell of what was left out."""
    skipped: list[str] = []
    sources, notices = find_sources(corpora, skipped), list[str]()
    if skipped:
        more = f" and {len(skipped) - 5:,} more" if len(skipped) > 5 else ""
        notices.append(f"left out of the folder (models, hidden files, no text): {', '.join(skipped[:5])}{more}")
    split = parse_split(valid)
    if split.valid:
        sources, dropped = without(sources, split.valid)
        notices += [f"{name} is the validation text, and not trained on" for name in dropped]
    return sources, tuple(notices)


def part_corpus(sources: Sequence[Source], plan: Plan, facts: CorpusFacts) -> Parts:
    """The training and the validation part that a plan asks for; a CorpusError where there is too little for both."""
    split = parse_split(plan.corpus.valid)
    split = split if split.valid else Split(plan.valid_fraction)
    return split_blocks(sources, plan.corpus.encoding, plan.unit, split, facts=facts, share=plan.share)


def read_again(run: RunConfig) -> Parts:
    """The parts of the corpus of a run that died before it had them as ids; a CorpusError where it has changed."""
    if "-" in run.corpora:
        raise CorpusError("the corpus came from standard input and was not kept", hint="Train again with --overwrite.")
    sources, _ = find_corpus(run.corpora, run.plan.corpus.valid)
    facts = survey(sources, run.plan.corpus.encoding)
    if facts.fingerprint != run.facts.fingerprint:
        raise CorpusError("the corpus has changed since the run was started", hint="Train again with --overwrite.")
    return part_corpus(sources, run.plan, run.facts)


def corpus_now(run: RunConfig) -> str:
    """What has become of the corpus of a run that has it as ids, in words; nothing where it is as it was.

    Files that seem to be the same are not read; others are, and their text may be the same after all.
    """
    if not run.changed_files():
        return ""
    try:
        read_again(run)
        return ""
    except CorpusError as error:
        return f"{error.message}: the run goes on with the text that it has"


def load_prepared(folder: Path, run: RunConfig) -> Prepared:
    """What ``prepare`` wrote."""
    inner = folder / TRAINING
    values = read_json(inner / PREPARED)
    try:
        train, valid = (typed(IdsInfo, values[name]) for name in ("train", "valid"))
        how, baseline = str(values["how"])[:200], values["ngram_bits_per_byte"]
        if not (baseline is None or isinstance(baseline, float)) or min(train.count, valid.count) < 1:
            raise TypeError("it counts what cannot be")
    except (KeyError, TypeError, AttributeError) as error:
        message = f"{inner / PREPARED} is altered: {told(error)}"
        raise ModelError(message, hint="Train again with --overwrite.") from error
    asked = run.plan.tokenizer
    tokenizer: Tokenizer = TOKENIZERS[asked.kind].load(folder / TOKENIZER, asked.vocab_size + BESIDE[asked.kind])
    return Prepared(
        tokenizer=tokenizer,
        train=train,
        valid=valid,
        ids=open_ids(inner / TRAIN_IDS, train, tokenizer.vocab_size),
        valid_ids=open_ids(inner / VALID_IDS, valid, tokenizer.vocab_size),
        how=how,
        ngram_bits_per_byte=baseline,
    )


def turned(prepared: Prepared, folder: Path) -> Prepared:
    """The same texts for a backward model: their ids from the last to the first, a newline still at the end."""
    path, turned_info = folder / TRAINING / TURNED_IDS, dataclasses.replace(prepared.train, checksum=None)
    if not path.exists():
        write_turned(prepared.ids, path)
    ids = open_ids(path, turned_info)
    if not are_turned(ids, prepared.ids):
        raise ModelError(f"{path} is not {TRAIN_IDS} backward", hint="Delete it: it is made anew.")
    valid_ids = np.concatenate([prepared.valid_ids[-2::-1], prepared.valid_ids[-1:]])
    return dataclasses.replace(prepared, ids=ids, valid_ids=valid_ids, direction="backward")


def is_prepared(folder: Path) -> bool:
    """Whether a preparation came to its end here, and all is there that it made."""
    inner = folder / TRAINING
    return all(path.exists() for path in (inner / PREPARED, inner / TRAIN_IDS, inner / VALID_IDS, folder / TOKENIZER))


def _checked(blocks: Iterator[str], check: Callable[[], None]) -> Iterator[str]:
    for block in blocks:
        check()
        yield block


def _baseline(
    tokenizer: Tokenizer, ids: NDArray[np.unsignedinteger], valid_ids: NDArray[np.unsignedinteger]
) -> float | None:
    """An n-gram model's figure on (the beginning of) the validation text; None where the text cannot be had back."""
    if not tokenizer.lossless:
        return None
    train, valid = ids[-MOST_BYTES // 2 :].astype(np.int64), valid_ids[: MOST_BYTES // 8].astype(np.int64)
    return ngram_bits_per_byte(tokenizer.decode_bytes(train), tokenizer.decode_bytes(valid))
