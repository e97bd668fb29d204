"""The PyTorch engine: GPUs, models in training, and the reference that other engines are held to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rnncli.device import Machine
from rnncli.inference.engine import Ids, Prediction, State, Targets, Want, check_finite
from rnncli.inference.plan import tokens_at_once
from rnncli.nn.likelihood import all_logprobs, chunks
from rnncli.nn.model import LanguageModel, flat, unflat
from rnncli.nn.weights import from_arrays
from rnncli.store import Stored


class TorchEngine:
    """Runs a stored model in float32 with PyTorch; weights in fewer bits are restored first."""

    alike = 8

    def __init__(self, stored: Stored, machine: Machine) -> None:
        self.device = torch.device(machine.kind)
        self.vocab_size, self._folder = stored.model.vocab_size, stored.folder
        self.definition = {"engine": "torch", "weights": stored.precision}
        self.cells = tokens_at_once(self.vocab_size)
        model = from_arrays(LanguageModel(stored.model), stored.arrays)
        self.model = model.to(self.device).eval().requires_grad_(False)
        torch.set_num_threads(machine.threads)

    def workers(self) -> Sequence[TorchEngine]:
        """Itself: its products use all threads."""
        return [self]

    def start(self, rows: int) -> State:
        """Zeros."""
        return tuple(array.cpu().numpy() for array in flat(self.model.start(rows)))

    def advance(
        self, ids_BT: Ids, lengths_B: Ids, state: State, *, want: Want, targets: Targets | None = None
    ) -> tuple[Prediction, State]:
        """See Engine.advance."""
        lengths = torch.from_numpy(np.asarray(lengths_B, np.int64))
        before = unflat(tuple(torch.from_numpy(a).to(self.device) for a in state), self.model.config.layers)
        ragged = bool((lengths < ids_BT.shape[1]).any())
        with torch.inference_mode():
            ids = torch.from_numpy(np.ascontiguousarray(ids_BT, np.int64)).to(self.device)
            features_BTD, after = self.model(ids, before, lengths_B=lengths if ragged else None)
            if want == "last":
                last = (lengths - 1).to(self.device)
                rows = features_BTD[torch.arange(len(last), device=self.device), last]
                logits = torch.addmm(self.model.bias, rows, self.model.head.t())
                found = Prediction(all_logprobs(logits).cpu().numpy())
            else:
                assert targets is not None
                found = self._targets(features_BTD.flatten(0, 1), targets, details=want == "details")
        check_finite(found.logprob, self._folder)
        return found, tuple(array.float().cpu().numpy() for array in flat(after))

    def _targets(self, features_ND: torch.Tensor, targets: Targets, *, details: bool) -> Prediction:
        """Log-probabilities of the targets, ranks and entropies if asked for; a chunk of places at a time."""
        head, bias = self.model.head, self.model.bias
        logprob = np.zeros(len(targets.ids_M), np.float32)
        rank = np.zeros(len(logprob), np.int64)
        entropy, mass = np.zeros(len(logprob), np.float32), np.zeros(len(logprob), np.float32)
        nothing = np.zeros(self.vocab_size, np.float32)
        group_V = torch.from_numpy(nothing if targets.group_V is None else targets.group_V).to(self.device)
        places = torch.from_numpy(np.ascontiguousarray(targets.places_P)).to(self.device)
        for span in chunks(len(places), self.vocab_size):
            mine_M = np.flatnonzero((targets.rows_M >= span.start) & (targets.rows_M < span.stop))
            rows = torch.from_numpy(targets.rows_M[mine_M] - span.start).to(self.device)
            ids = torch.from_numpy(targets.ids_M[mine_M]).to(self.device)
            full_NV = all_logprobs(torch.addmm(bias, features_ND[places[span]], head.t()))
            found = full_NV[rows, ids]
            logprob[mine_M] = found.cpu().numpy()
            if details:
                rank[mine_M] = ((full_NV[rows] > found.unsqueeze(1)).sum(1) + 1).cpu().numpy()
                chances_NV = full_NV.exp()
                entropy[mine_M] = -torch.special.xlogy(chances_NV, chances_NV).sum(1)[rows].cpu().numpy()
                group_N = (chances_NV * group_V).sum(1).clamp(torch.finfo(torch.float32).tiny, 1)
                mass[mine_M] = group_N.log()[rows].cpu().numpy()
        return Prediction(logprob, rank, entropy, mass) if details else Prediction(logprob)
