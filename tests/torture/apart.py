"""Work done in a process forked from a server that has all that a training imports, PyTorch among it.

The server is one a process, started when it is first needed. It never runs anything itself: it has one thread, and
what is forked from it, and forked again, is as good as new, without the two seconds of imports.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from tests.torture.parts import Attempts, Tried

LOADED = [
    *(
        "numpy",
        "torch",
        "torch._dynamo",
        "numpy.random",
        "onnx",
        "onnxruntime",
        "tokenizers",
        "safetensors.torch",
        "safetensors.numpy",
    ),
    *("rnncli.__main__", "rnncli.cli.app", "rnncli.cli.train", "rnncli.cli.display", "rnncli.cli.interrupts"),
    *("rnncli.cli.summary", "rnncli.api", "rnncli.training.run", "rnncli.graph.build", "rnncli.inference.sampler"),
    *("rnncli.inference.opening", "rnncli.inference.onnx_engine", "rnncli.formats.card", "rnncli.formats.events"),
    *("tests.killing", "tests.conftest", "tests.torture.forked"),
]


def apart(attempts: Attempts) -> Attempts:
    """The same attempts, made in a process forked from the server. ``attempts`` is a function of a module."""

    def made(count: int, seed: int, folder: Path) -> Iterator[Tried]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        mine, its = context.Pipe(duplex=False)
        process = context.Process(target=_tell, args=(its, attempts.__module__, attempts.__name__, count, seed, folder))
        process.start()
        its.close()
        with mine:
            yield from _told(mine)
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the process ended with {process.exitcode}")

    return made


def _told(connection: Connection) -> Iterator[Tried]:
    with contextlib.suppress(EOFError):
        while True:
            found = connection.recv()
            if isinstance(found, str):
                raise RuntimeError(found)
            yield found


def _tell(connection: Connection, module: str, name: str, count: int, seed: int, folder: Path) -> None:
    from importlib import import_module

    function: Callable[[int, int, Path], Iterator[Tried]] = getattr(import_module(module), name)
    try:
        for tried in function(count, seed, folder):
            connection.send(tried)
    except Exception:
        connection.send(traceback.format_exc())
