"""What the processes of a run do that are not its first: each step with it, and no more.

    torchrun --nproc-per-node 2 --no-python rnncli train corpus.txt

The first process plans, prepares, decides, evaluates and writes. The others hear from it where the run lies and which
network is trained, read the prepared text there, and follow its orders until it has no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from rnncli.device import Machine
from rnncli.errors import RnncliError
from rnncli.training.leg import Leg, Setup
from rnncli.training.prepare import load_prepared, turned
from rnncli.training.process import set_for_training
from rnncli.training.ranks import Order, Ranks, together
from rnncli.training.runfile import RunConfig
from rnncli.training.trainer import Trainer


@contextmanager
def followed(leg: Leg) -> Iterator[None]:
    """In the first process: the others train this network with it."""
    ranks = leg.setup.ranks
    ranks.tell({"folder": str(leg.setup.folder.absolute()), "direction": leg.direction})
    try:
        yield
    finally:
        with suppress(RuntimeError):  # they have gone: what went wrong is on its way already
            ranks.order(Order.END)


def dismiss(ranks: Ranks) -> None:
    """In the first process: there is nothing more for the others to do."""
    ranks.tell({})


def follow(machine: Machine, at_work: AbstractContextManager[None]) -> None:
    """In another process: take part from the beginning to the end, ``at_work`` from when the first one has begun.

    An error where that one is lost.
    """
    with set_for_training(machine.threads), together(machine.kind) as ranks:
        try:
            told = ranks.tell({})
            with at_work:
                while told:
                    _obey(_trainer(Path(told["folder"]), told["direction"], machine, ranks))
                    told = ranks.tell({})
        except RuntimeError as error:
            raise RnncliError("the first process of this run has ended") from error


def _trainer(folder: Path, direction: str, machine: Machine, ranks: Ranks) -> Trainer:
    """The same as in the first process, of the same prepared text."""
    config = RunConfig.load(folder)
    prepared = load_prepared(folder, config)
    setup = Setup(folder=folder, config=config, machine=machine, resume=False, started=0.0, ranks=ranks)
    return Leg(setup, prepared if direction == "forward" else turned(prepared, folder)).trainer


def _obey(trainer: Trainer) -> None:
    while True:
        what, step, rate = trainer.ranks.ordered()
        match what:
            case Order.STEP:
                trainer.learn(step, rate)()
            case Order.SAVE:
                trainer.learner.tensors()
            case Order.RESTORE:
                trainer.load()
            case Order.BACK:
                trainer.load_again()
            case Order.AVERAGE:
                trainer.learner.average.trigger()
            case Order.END:
                return
