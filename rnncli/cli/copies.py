"""``sample --check-copy``: what of samples stands in a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnncli.cli.terminal import one_line, say

if TYPE_CHECKING:
    from rnncli.analysis.copying import Passage


class Copies:
    """What of samples stands in a corpus. It is looked for at once, so that a wrong name costs no samples."""

    def __init__(self, corpus: str) -> None:
        from rnncli.text.read import find_sources

        self.corpus, self.sources = corpus, find_sources([corpus])

    def of(self, texts: list[bytes]) -> list[Passage]:
        """Of each text the longest passage."""
        from rnncli.analysis.copying import longest_copies
        from rnncli.text.read import ended, read_blocks

        return longest_copies(texts, (block for one in self.sources for block in ended(read_blocks(one))))

    def report(self, texts: list[bytes]) -> None:
        """Tell of it beside the samples, which are on standard output."""
        for number, (text, found) in enumerate(zip(texts, self.of(texts), strict=True), start=1):
            which = f"sample {number}: " if len(texts) > 1 else ""
            chars = len(text.decode("utf-8", errors="surrogateescape"))
            if found.text:
                told = f"the longest passage in {self.corpus} is {len(found.text):,} of {chars:,} characters:"
                say(f'{which}{told} "{one_line(found.text)}"')
            else:
                say(f"{which}no passage of eight bytes stands in {self.corpus}")
