"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from rnncli.choices import Context, Device, EngineName

ModelOption = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="A model's name or folder. Default: $RNNCLI_MODEL, the model last trained, the starter.",
    ),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute. mps is untested.")]
EngineOption = Annotated[EngineName, typer.Option("--engine", envvar="RNNCLI_ENGINE", help="What runs the network.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Processor threads; all of them by default.")]
SkipEmptyOption = Annotated[bool, typer.Option("--skip-empty", help="Leave empty lines out.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at a line that is not in the encoding.")]
EncodingOption = Annotated[str, typer.Option("--encoding", metavar="NAME", help="Encoding of the lines.")]
ContextOption = Annotated[
    Context,
    typer.Option("--context", help="line: each line alone; file: the state is carried through a file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but errors.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show a traceback on an error.")]
