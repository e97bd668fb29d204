"""The PyTorch engine: GPUs, models in training, and the reference that other engines are held to."""

from __future__ import annotations

import numpy as np
import torch

from rnncli.device import Machine
from rnncli.inference.engine import Ids, Prediction, State, Want
from rnncli.nn.likelihood import all_logprobs, chunks, token_logprobs
from rnncli.nn.model import LanguageModel, flat, unflat
from rnncli.nn.weights import from_arrays
from rnncli.store import Stored


class TorchEngine:
    """Runs a stored model in float32 with PyTorch."""

    name = "torch"

    def __init__(self, stored: Stored, machine: Machine) -> None:
        self.device = torch.device(machine.kind)
        self.vocab_size = stored.model.vocab_size
        model = from_arrays(LanguageModel(stored.model), stored.arrays)
        self.model = model.to(self.device).eval().requires_grad_(False)
        torch.set_num_threads(machine.threads)

    def start(self, rows: int) -> State:
        """Zeros."""
        return tuple(array.cpu().numpy() for array in flat(self.model.start(rows)))

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets_BT: Ids | None = None
    ) -> tuple[Prediction, State]:
        """See Engine.advance."""
        lengths = torch.from_numpy(np.asarray(lengths_B, np.int64))
        before = unflat(tuple(torch.from_numpy(a).to(self.device) for a in state), self.model.config.layers)
        ragged = bool((lengths < ids_BT.shape[1]).any())
        with torch.inference_mode():
            ids = torch.from_numpy(np.ascontiguousarray(ids_BT, np.int64)).to(self.device)
            features_BTD, after = self.model(ids, before, lengths_B=lengths if ragged else None)
            if want == "last":
                last = (lengths.clamp(min=1) - 1).to(self.device)
                rows = features_BTD[torch.arange(len(last), device=self.device), last]
                logits = torch.addmm(self.model.bias, rows, self.model.head.t())
                found = Prediction(all_logprobs(logits).cpu().numpy())
            else:
                assert targets_BT is not None
                found = self._targets(features_BTD, targets_BT, lengths, details=want == "details")
        return found, tuple(array.float().cpu().numpy() for array in flat(after))

    def _targets(
        self, features_BTD: torch.Tensor, targets_BT: Ids, lengths: torch.Tensor, *, details: bool
    ) -> Prediction:
        """Log-probabilities at the real places only; ranks and entropies if asked for."""
        shape = targets_BT.shape
        real_BT = np.arange(shape[1]) < lengths.numpy()[:, None]
        mask = torch.from_numpy(real_BT).to(self.device)
        features_ND = features_BTD[mask]
        targets_N = torch.from_numpy(np.ascontiguousarray(targets_BT[real_BT], np.int64)).to(self.device)
        logprob = np.zeros(shape, np.float32)
        head, bias = self.model.head, self.model.bias
        if not details:
            logprob[real_BT] = token_logprobs(features_ND, head, bias, targets_N).cpu().numpy()
            return Prediction(logprob)
        rank, entropy = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        places = np.flatnonzero(real_BT)
        for span in chunks(len(features_ND), self.vocab_size):
            full = all_logprobs(torch.addmm(bias, features_ND[span], head.t()))
            mine = full.gather(1, targets_N[span].unsqueeze(1))
            logprob.flat[places[span]] = mine.squeeze(1).cpu().numpy()
            rank.flat[places[span]] = ((full > mine).sum(1) + 1).cpu().numpy()
            entropy.flat[places[span]] = -(full.exp() * full).sum(1).cpu().numpy()
        return Prediction(logprob, rank, entropy)
