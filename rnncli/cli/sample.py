"""``rnncli sample``: text from a model, as it comes."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncli.cli.copies import Copies
from rnncli.cli.fields import config_options
from rnncli.cli.options import (
    DebugOption,
    DeviceOption,
    EngineOption,
    ModelOption,
    QuietOption,
    ThreadsOption,
)
from rnncli.cli.terminal import flush, is_terminal, read_stdin, say, write, write_bytes
from rnncli.config import SampleConfig, validate
from rnncli.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from rnncli.analysis.copying import Passage
    from rnncli.api import Model
    from rnncli.records import Sample


@config_options(SampleConfig, defaults=True)
def sample(
    prompt: Annotated[str | None, typer.Argument(metavar="[PROMPT]", help="How the text begins; - is stdin.")] = None,
    model: ModelOption = None,
    echo: Annotated[bool, typer.Option("--echo/--no-echo", help="Print the prompt first.")] = True,
    prompts: Annotated[
        str | None, typer.Option("--prompts", metavar="FILE", help="Prompts, one a line; - is stdin.")
    ] = None,
    check_copy: Annotated[
        str | None,
        typer.Option(
            "--check-copy", metavar="CORPUS", help="Tell the longest passage that stands in this text word for word."
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One object a sample.")] = False,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    *,
    given: Mapping[str, Any],
) -> None:
    """Write text that begins with PROMPT, as the model would go on."""
    if prompt is not None and prompts is not None:
        raise ConfigError("PROMPT and --prompts cannot be given together")
    config = validate(SampleConfig(**given))
    texts = [_one_prompt(prompt, quiet)] if prompts is None else list(_many_prompts(prompts, quiet))

    from rnncli.api import load

    loaded = load(model, device=device, engine=engine, threads=threads)
    if loaded.choice.notable:
        say(f"{loaded.choice.why}: PyTorch runs the model", quiet=quiet)
    copies = None if check_copy is None else Copies(check_copy)
    if json_:
        _write_json(loaded, texts, config, copies)
        return
    if len(texts) == 1 and config.count == 1:
        written = [_stream(loaded, texts[0], config, echo=echo)]
    else:
        written = _write_all(loaded, texts, config, echo=echo)
    if copies is not None:
        copies.report(written)


def _one_prompt(prompt: str | None, quiet: bool) -> str:
    if prompt != "-":
        return prompt or ""
    data = read_stdin("a prompt", quiet=quiet).replace(b"\r\n", b"\n")
    return data.removesuffix(b"\n").decode("utf-8", errors="surrogateescape")


def _many_prompts(path: str, quiet: bool) -> Iterator[str]:
    if path == "-":
        data = read_stdin("prompts, one a line,", quiet=quiet)
    else:
        try:
            data = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
    for line in data.removesuffix(b"\n").split(b"\n") if data else ():
        yield line.removesuffix(b"\r").decode("utf-8", errors="surrogateescape")


def _write_json(model: Model, prompts: list[str], config: SampleConfig, copies: Copies | None) -> None:
    from rnncli.formats import json

    samples: Iterable[Sample] = model.sampler.samples(prompts, config)
    found: Iterable[Passage | None] = repeat(None)
    if copies is not None:
        samples = list(samples)
        found = copies.of([sample.data for sample in samples])
    for sample, passage in zip(samples, found, strict=False):
        write(json.sample(sample, passage) + "\n")
        flush()


def _stream(model: Model, prompt: str, config: SampleConfig, *, echo: bool) -> bytes:
    """One sample, token by token: glyphs on a terminal, raw bytes into a pipe. It is returned."""
    screen = is_terminal(sys.stdout)
    last, data, done = "", b"", False
    if echo and prompt:
        write(prompt)
        flush()
        last = prompt
    try:
        for chunk in model.sampler.stream(prompt, config):
            if screen:
                write(chunk.text)
            else:
                write_bytes(chunk.data)
            flush()
            last = chunk.text or last
            data += chunk.data
        done = True
    finally:  # an error, or the shell's prompt after Ctrl-C, begins a line
        if (done or last) and not last.endswith("\n"):
            write("\n")
            flush()
    return data


def _write_all(model: Model, prompts: list[str], config: SampleConfig, *, echo: bool) -> list[bytes]:
    """Many samples: one a line from a model of lines, else with an empty line between them. They are returned."""
    written = []
    between = b"\n" if model.unit == "stream" and config.until != "line" else b""
    for number, sample in enumerate(model.sampler.samples(prompts, config)):
        head = sample.prompt.encode("utf-8", errors="surrogateescape") if echo else b""
        text = (head + sample.data).removesuffix(b"\n") + b"\n"
        if number:
            write_bytes(between)
        write_bytes(text)
        flush()
        written.append(sample.data)
    return written
