"""What a network begins with: fresh weights, and what is counted of its text."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rnncli.config import ModelConfig
from rnncli.device import Machine
from rnncli.nn.company import Company
from rnncli.nn.model import LanguageModel
from rnncli.nn.resembling import Resembling
from rnncli.nn.sampled import chances
from rnncli.nn.weights import from_arrays
from rnncli.text.ids import spread
from rnncli.training.company import company_vectors
from rnncli.training.job import Job
from rnncli.training.learner import Learner
from rnncli.training.ranks import ALONE, Ranks

MOST_COUNTED, COUNTED_AT_ONCE = 1 << 24, 1 << 16
"""Tokens that are counted for the first biases, of a text with more in parts of so many."""


def new_learner(job: Job, machine: Machine, ranks: Ranks = ALONE) -> Learner:
    """What a run begins to train: of fresh weights, or of those that it is to start from."""
    model = new_model(job.model, job.train.seed, job.ids)
    if job.start_from is not None:
        from_arrays(model, job.start_from)
    return Learner(
        model,
        job.train,
        machine,
        ranks,
        resembling=new_resembling(job),
        company=new_company(job),
        chance_V=new_chances(job),
    )


def new_model(config: ModelConfig, seed: int, ids: NDArray[np.unsignedinteger] | None = None) -> LanguageModel:
    """Fresh weights. With the ``ids`` of a text, its first predictions are how often each token comes there."""
    model = LanguageModel(config).reset(seed)
    if ids is not None:
        with torch.no_grad():
            model.bias.copy_(torch.from_numpy(log_frequencies(ids, config.vocab_size)))
    return model


def new_resembling(job: Job) -> Resembling | None:
    """Fresh vectors that tokens share, where the job wants them."""
    found = job.resemblance
    return Resembling(found, job.model.embedding_size) if found is not None and found.features_count else None


def new_company(job: Job) -> Company | None:
    """Fresh vectors of the tokens' company, where the job wants them."""
    if not job.train.share_company:
        return None
    vectors = company_vectors(job.ids, job.model.vocab_size, job.model.embedding_size, job.train.seed)
    return Company(vectors, known=job.start_from is not None)


def new_chances(job: Job) -> NDArray[np.float64] | None:
    """With what chance each token is in a step's softmax, where not all of them are."""
    samples = job.train.softmax_samples
    return chances(counts_of(job.ids, job.model.vocab_size), samples) if samples else None


def counts_of(ids: NDArray[np.unsignedinteger], vocab_size: int) -> NDArray[np.int64]:
    """How often each token comes in a text, (V,). Of a long one some hundreds of parts are read."""
    if len(ids) > MOST_COUNTED:
        ids = spread(ids, MOST_COUNTED // COUNTED_AT_ONCE, COUNTED_AT_ONCE)
    return np.bincount(ids, minlength=vocab_size)


def log_frequencies(ids: NDArray[np.unsignedinteger], vocab_size: int) -> NDArray[np.float32]:
    """The logarithm of each token's frequency, up to a constant: their mean over the text is 0.

    So the numbers of tokens that come often are small, which is where half precision is exact. What never comes counts
    half.
    """
    counts = counts_of(ids, vocab_size)
    logs = np.log(np.maximum(counts, 0.5))
    around: NDArray[np.float32] = (logs - (logs * counts).sum() / max(1, counts.sum())).astype(np.float32)
    return around
