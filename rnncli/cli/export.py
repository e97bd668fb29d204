"""``rnncli export``: a model in another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rnncli.choices import Precision
from rnncli.cli.columns import human_size
from rnncli.cli.options import DebugOption, JsonOption, QuietOption
from rnncli.cli.terminal import say, write

if TYPE_CHECKING:
    from rnncli.api import Exported


def export(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A model's name or folder.")] = None,
    quantize: Annotated[
        Precision,
        typer.Option("--quantize", help="Weights: as they are, in 16 bits, or in 8 bits, which run faster too."),
    ] = "float32",
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Where to. Default: models/MODEL-int8 and the like.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="FILE", help="Measure on this text what fewer bits cost. Default: its own."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    json_: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a model to a new folder without its training: ONNX graph, weights, tokenizer, card."""
    from rnncli.api import export as export_model

    exported = export_model(model, weights=quantize, out=out, text=text, overwrite=overwrite)
    if json_:
        _write_json(exported)
        return
    write(f"{exported.folder}\n")
    say(f"{human_size(exported.bytes_before)} before, {human_size(exported.bytes_after)} now", quiet=quiet)
    if exported.cost is not None:
        say(_words(exported), quiet=quiet)


def _words(exported: Exported) -> str:
    cost = exported.cost
    assert cost is not None
    before, after = cost.before.bits_per_byte, cost.after.bits_per_byte
    if before is None or after is None:
        figure = f"{cost.bits_per_token:+.5f} bits a token"
    else:
        figure = f"{after - before:+.5f} bits per byte ({before:.4f}, {after:.4f})"
    return f"{exported.weights} weights cost {figure}, on {cost.text}"


def _write_json(exported: Exported) -> None:
    from rnncli.formats import json

    value = {
        "model": str(exported.folder),
        "weights": exported.weights,
        "bytes_before": exported.bytes_before,
        "bytes_after": exported.bytes_after,
        "cost": None if exported.cost is None else exported.cost.as_dict(),
    }
    write(json.dumps(value) + "\n")
