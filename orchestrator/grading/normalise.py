"""The text as the rules read it: one spelling for what means the same, and a map back to what the model wrote.

Always holds: at most `HEAD` + `TAIL` characters are rewritten whatever the length of the output, thought that the
model marked as such is left out, every rewritten character knows where it stood in the original text, and the lower
case text has the same length as the text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

HEAD = 6_000
"""Characters read from the beginning of a long output."""
TAIL = 12_000
"""Characters read from its end."""

OPEN_BOX, CLOSE_BOX = "\u27e6", "\u27e7"
r"""What `\boxed{` and its closing brace become."""
TICK, CROSS = "\u2713", "\u2717"
GAP = "\n\n"

_THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
)

_EDIT = re.compile(
    r"(?P<box>\\f?boxed\s{0,3}\{)"
    r"|(?P<wrap>\\(?:text(?:bf|it|rm|tt|sf|normal)?|math(?:rm|bf|it|sf|tt|bb|cal)|mbox|operatorname|bm|boldsymbol|bf|rm)"
    r"(?![A-Za-z])\s{0,3}\{?)"
    r"|(?P<open>\{)|(?P<close>\})"
    r"|(?P<struck>~~[^~\n]{1,200}~~)"
    r"|(?P<letter>(?<![*\w])\*{2,3}\s?[\(\[]?(?P<bold>[A-Za-z0-9])[\)\]]?\s?\*{2,3}(?![*\w]))"
    r"|(?P<drop>[*`$]+|\\[()\[\],;!]|__+|^[ \t]{0,8}(?:\#{1,6}|>)+[ \t]"
    r"|</?(?:s|b|i|u|em|strong|p|span|div|code|mark|center|eo[a-z]|end_of_turn|start_of_turn|pad|unk|bos|eos)/?>"
    r"|<\|?(?:im_end|im_start|endoftext|eot_id|end_of_text|begin_of_text|end|eom_id)\|?>|\[/?INST\])"
    r"|(?P<break><br\s?/?>|\r\n?|[\x0b\x0c\x85\u2028\u2029])"
    r"|(?P<space>[ \t]{2,}|\\(?:quad|qquad|hspace\{[^}\n]{0,12}\}|[ ~])|&nbsp;)"
    r"|(?P<odd>[^\n\x20-\x7e\u4e00-\u9fff])",
    re.MULTILINE,
)

_ODD = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2043", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u300c\u300d\u300e\u300f\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2714\u2705\u2611\u1f5f8", TICK),
    **dict.fromkeys("\u2718\u274c\u274e\u2612\u2716\u2715", CROSS),
    "\u0130": "I",
    "\u3002": "\u3002",
    "\u00d7": "x",
    "\u2215": "/",
    "\u2044": "/",
    TICK: TICK,
    CROSS: CROSS,
}


@dataclass(frozen=True, slots=True)
class Passage:
    """The rewritten text and the way back."""

    text: str
    lower: str
    marks: tuple[int, ...]
    """Positions in `text` where a new stretch of the original begins; ascending, the first is 0."""
    origins: tuple[int, ...]
    """Where each stretch begins in the original text."""
    whole: bool
    """Whether nothing was left out between head and tail."""
    thinking: bool
    """Whether the output ends inside a thought that never closed."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text that became `text[start:end]` (end > start)."""
        return self._back(start), self._back(end - 1) + 1

    def _back(self, index: int) -> int:
        stretch = bisect_right(self.marks, index) - 1
        return self.origins[stretch] + index - self.marks[stretch]


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    known = _ODD.get(char)
    if known is not None:
        return known
    if "\U0001f170" <= char <= "\U0001f189":
        return chr(ord("A") + ord(char) - 0x1F170)
    match unicodedata.category(char):
        case "Cc" | "Cs" | "Zs":
            return " "
        case "Cf" | "Mn" | "Me":
            return ""
        case _:
            return unicodedata.normalize("NFKC", char)


def normalise(output: str) -> Passage:
    """Return the part of an output that may hold its answer, rewritten for matching."""
    start, thinking = _after_thought(output)
    length = len(output) - start
    if length <= HEAD + TAIL:
        return _rewrite(output, ((start, len(output)),), thinking=thinking)
    spans = ((start, start + HEAD), (len(output) - TAIL, len(output)))
    return _rewrite(output, spans, thinking=thinking)


def plain(text: str) -> str:
    """Return a short text (an option's) rewritten as outputs are, on one line and trimmed."""
    return " ".join(_rewrite(text, ((0, len(text)),), thinking=False).text.split())


def _after_thought(output: str) -> tuple[int, bool]:
    """Return where the text after the last closed thought begins, and whether a thought is still open there."""
    start = 0
    for _, close in _THOUGHTS:
        found = output.rfind(close)
        if found >= 0:
            start = max(start, found + len(close))
    for opening, _ in _THOUGHTS:
        if output.find(opening, start) >= 0:
            return start, True
    return start, False


def _rewrite(output: str, spans: tuple[tuple[int, int], ...], *, thinking: bool) -> Passage:
    pieces: list[str] = []
    marks: list[int] = []
    origins: list[int] = []
    size = 0

    def keep(piece: str, origin: int) -> None:
        nonlocal size
        if piece:
            pieces.append(piece)
            marks.append(size)
            origins.append(origin)
            size += len(piece)

    for number, (start, end) in enumerate(spans):
        if number:
            keep(GAP, start)
        done = start
        depth = 0
        for edit in _EDIT.finditer(output, start, end):
            kind = edit.lastgroup
            at = edit.start()
            if at > done:
                keep(output[done:at], done)
            done = edit.end()
            match kind:
                case "box":
                    keep(OPEN_BOX, at)
                    depth = 1
                case "open" | "wrap":
                    depth += depth > 0 and output[done - 1] == "{"
                case "close":
                    if depth == 1:
                        keep(CLOSE_BOX, at)
                    depth -= depth > 0
                case "letter":
                    keep("[", at)
                    keep(edit["bold"], edit.start("bold"))
                    keep("]", edit.end("bold"))
                case "break":
                    keep("\n", at)
                case "space":
                    keep(" ", at)
                case "odd":
                    for char in _fold(output[at]):
                        keep(char, at)
                case _:
                    pass
        if done < end:
            keep(output[done:end], done)
    text = "".join(pieces)
    return Passage(text, text.lower(), tuple(marks) or (0,), tuple(origins) or (0,), len(spans) == 1, thinking)
