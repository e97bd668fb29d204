"""Every mistake a user can mend.

RnncliError            something failed                                (exit code 1)
├── WriteError         a file that cannot be written                   (1)
├── DivergedError      a training that has no finite loss any more     (1)
├── ConfigError        an option or a combination of options           (2)
├── DeviceError        a device, or memory, that is not there          (2)
├── ModelError         a model folder: missing, broken, too new        (3)
└── CorpusError        a corpus or an input text                       (4)
    └── StoryError     a saved story, damaged or of another model      (4)

The front ends print ``message`` and ``hint``, one line each; exit codes are their business.
"""

from __future__ import annotations


class RnncliError(Exception):
    """What went wrong, in one line, and in ``hint`` what to do about it, in one more."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(RnncliError):
    """An option that cannot be, or two that cannot be together."""


class WriteError(RnncliError):
    """A file that cannot be written: no space, a limit, no permission, a disk that fails."""


class DivergedError(RnncliError):
    """A training whose loss is no longer finite, and will not be again."""


class DeviceError(RnncliError):
    """A device that is not there, or a plan that does not fit its memory."""


class ModelError(RnncliError):
    """A model folder that is missing, truncated, altered or from a newer format."""


class CorpusError(RnncliError):
    """A corpus or an input text that cannot be read or is too small."""


class StoryError(CorpusError):
    """A saved story that is damaged, from a newer version, or of another model."""
