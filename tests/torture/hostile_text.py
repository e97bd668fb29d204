"""Text that means harm, or is merely rare: every Unicode plane, broken bytes, control sequences, very long runs.

Each text comes of a ``random.Random``, so that a seed and a number make it again.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from rnncli.text.escapes import has_lone, text_of

PLAIN = (
    "The old woman opened the door, and didn't look at the sea. 12,345 of them -- or 0.5 %?\n"
    "春眠不覺曉，處處聞啼鳥。 夜來風雨聲，花落知多少。\nかな カナ ガ が ｶﾞ ไม่เป็นไร กี่ ខ្មែរ မြန်မာ\n"
    "ça va, naïve façade; İstanbul ıssız ŐŰ ſtraße ǅ ﬁ K Å\nשָׁלוֹם עולם  السَّلَامُ عَلَيْكُم  क्षत्रिय नमस्ते  தமிழ்\n"
    "<unk> <0x41> <0x0A> </s> [MASK] Ġword ▁word ##ing \\n \\x1b &amp; ${HOME} %s {0}\t\ttab\r\nCRLF\rCR\n"
)
"""Of many scripts, with what tokenizers write for tokens of their own."""
EMOJI = "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ❤️ 🧑🏿‍🚀 1️⃣ 👨‍⚕️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☺︎ "
SEQUENCES = (
    *("\x1b[2J", "\x1b[31;1m", "\x1b[1;1H", "\x1b[?1049h", "\x1b[6n", "\x1b[5i", "\x1b[200~", "\x1b[20t", "\x1b["),
    *("\x1b]0;owned\x07", "\x1b]8;;http://x\x1b\\link", "\x1b]52;c;cm0gLXJm\x07", "\x1b]4;1;?\x1b\\", "\x1b]"),
    *("\x1bP$q\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_apc\x1b\\", "\x1b^pm\x1b\\", "\x1bX", "\x1bP"),
    *("\x1bc", "\x1b#8", "\x1b%G", "\x1b(0", "\x1b=", "\x1bM", "\x1bZ", "\x1b", "\x1b\x1b"),
    *("\x9b2J", "\x9b31m", "\x9d0;owned\x9c", "\x90q\x9c", "\x85", "\x84", "\x8d", "\x9f"),
    *("\x00", "\x05", "\x07", "\x08", "\x0b", "\x0c", "\x0e", "\x0f", "\x18", "\x1a", "\x1c", "\x1f", "\x7f", "\r"),
    *("\u202e", "\u202d", "\u202a\u202b\u202c", "\u2066\u2067\u2068\u2069", "\u200e\u200f\u061c"),
    *("\u2028", "\u2029", "\ufeff", "\ufff9\ufffa\ufffb", "\u00ad", "\u034f", "\u180e", "\U000e0041"),
)
"""What steers a terminal: CSI, OSC, DCS, APC, single functions, their one-byte forms, C0, DEL, bidi, ends of lines."""
BYTES = (
    *(b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80"),
    *(b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xed\xa0\x80", b"\xed\xb2\x80", b"\xed\xa0"),
    *(b"\xed\xa0\xbd\xed\xb8\x80", b"\xef\xbb\xbf", b"\xe0\x80\x80", b"\xef\xbf\xbf", b"\x9b2J", b"\x1b[\xff"),
)
"""No UTF-8, in the ways that there are: overlong, cut off, too high, surrogates written out, marks of other codings."""
MARKS = "\u0300\u0301\u0327\u0345\u20dd\ufe0f\u200d\u200c\u3099\u0e35\u0f71\U0001d165\u05b8\u0651"
BLANKS = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000\u200b"
REPEATED = (
    "a",
    " ",
    "\n",
    "0",
    "中",
    "!",
    "\u0301",
    "\t",
    "🙂",
    "'",
    "\ud800",
    "\udcff",
    "e\u0301",
    "a ",
    "\r\n",
    " \n",
)


def _planes(r: random.Random) -> str:
    """Code points of any of the seventeen planes, surrogates and what is no character among them."""
    return "".join(chr(r.randrange(17) << 16 | r.randrange(0x10000)) for _ in range(r.randint(1, 8)))


def _latin(r: random.Random) -> str:
    return "".join(chr(r.randrange(0x250)) for _ in range(r.randint(1, 12)))


def _real(r: random.Random) -> str:
    start = r.randrange(len(PLAIN))
    return PLAIN[start : start + r.randint(1, 40)]


def _emoji(r: random.Random) -> str:
    start = r.randrange(len(EMOJI))
    return EMOJI[start : start + r.randint(1, 8)]


def _marked(r: random.Random) -> str:
    base = r.choice("aéİg中가ي") if r.random() < 0.8 else ""
    return base + "".join(r.choices(MARKS, k=r.randint(1, 20)))


def _rtl(r: random.Random) -> str:
    return "".join(chr(r.randint(0x590, 0x8FF)) for _ in range(r.randint(1, 8)))


def _lone(r: random.Random) -> str:
    return "".join(chr(r.randrange(0xD800, 0xE000)) for _ in range(r.randint(1, 4)))


def _bytes(r: random.Random) -> str:
    if r.random() < 0.5:
        return text_of(r.randbytes(r.randint(1, 12)))
    return text_of(b"".join(r.choices(BYTES, k=r.randint(1, 4))))


def _blank(r: random.Random) -> str:
    return "".join(r.choices(BLANKS, k=r.randint(1, 6)))


def _steering(r: random.Random) -> str:
    return "".join(r.choices(SEQUENCES, k=r.randint(1, 3)))


def _run(r: random.Random) -> str:
    return r.choice(REPEATED) * r.choice((2, 15, 16, 17, 47, 48, 49, 64, 65, 257))


MAKERS: tuple[Callable[[random.Random], str], ...] = (
    *(_real, _planes, _latin, _emoji, _marked, _rtl, _lone, _bytes, _blank, _steering, _run),
)
STEERING: tuple[Callable[[random.Random], str], ...] = (_steering, _bytes, _lone, _latin, _real, _blank)


def hostile(r: random.Random, makers: tuple[Callable[[random.Random], str], ...] = MAKERS) -> str:
    """A text of some pieces, of no more than about a thousand code points."""
    return "".join(r.choice(makers)(r) for _ in range(r.choice((1, 1, 2, 3, 5))))


def long_text(r: random.Random) -> str:
    """One of up to 130,000 code points and more, which takes the ways that long texts take."""
    piece = hostile(r) if r.random() < 0.7 else r.choice(REPEATED)
    size = r.choice((3_000, 20_000) if has_lone(piece) else (20_000, 65_536, 131_073))
    return piece * (size // len(piece) + 1) + hostile(r)


def word(r: random.Random) -> str:
    """Something that a command line, a file name or a cell can be: no NUL, no surrogate that stands for no byte."""
    text = hostile(r, STEERING).replace("\0", "")
    return "".join(char for char in text if not "\ud800" <= char < "\udc80" and not "\udcff" < char < "\ue000")
