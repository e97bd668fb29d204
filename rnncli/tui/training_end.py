"""From the start of a trainer to its end, whatever becomes of the screen. Textual comes after the trainer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence

from rnncli.errors import RnncliError
from rnncli.tui.history import History
from rnncli.tui.trainer_process import PATIENCE_S, TrainerProcess, environment

INTERRUPTED = 130


def run(command: Sequence[str], *, stdin: int | None = None) -> TrainerProcess:
    """Start a trainer and show it until it has ended and the person has left."""
    trainer = TrainerProcess(command, History(), stdin=stdin, env=environment())
    if stdin is not None:
        os.close(stdin)  # or whoever writes to it would not notice that the trainer has gone
    try:
        # The trainer first: it has its own seconds of imports, while this process has those of the screen.
        from rnncli.tui.training import TrainingApp

        app = TrainingApp(trainer)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, app.stop)
        signal.signal(signal.SIGHUP, lambda *_: _leave_without_terminal(trainer))
        app.run()
    finally:
        finish(trainer)
    if app.return_code:
        raise RnncliError("the screen failed", hint="The training was stopped and saved; it goes on with --resume.")
    return trainer


def finish(trainer: TrainerProcess) -> None:
    """See to it that a trainer ends. What it writes is read meanwhile, or it could not save."""
    if not trainer.ended and not trainer.interrupts:
        trainer.interrupt()
    if trainer.interrupts > 1 and not trainer.wait(PATIENCE_S):
        trainer.kill()
    trainer.wait()


def _leave_without_terminal(trainer: TrainerProcess) -> None:
    """The terminal is gone, and with it all that the screen could be drawn on: only the trainer is seen to."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if not trainer.interrupts:
        trainer.interrupt()

    def wait() -> None:
        trainer.wait()
        os._exit(INTERRUPTED)

    threading.Thread(target=wait, name="hang-up", daemon=False).start()
