"""The text as the rules read it: one spelling for what means the same, and a map back to what the model wrote.

Always holds: at most `HEAD` + `TAIL` characters are rewritten whatever the length of the output, thought that the
model marked as such and what follows its end-of-answer token are left out, every character knows where it stood in the
original text, and the lower-case text has the same length as the text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

HEAD = 4_000
"""Characters read from the beginning of a long output."""
TAIL = 8_000
"""Characters read from its end."""

WIDEST = 3
"""Characters that one becomes at most; what would become more stands for a phrase and names no option."""

OPEN_BOX, CLOSE_BOX = "⟦", "⟧"
r"""What `\boxed{` and its closing brace become."""
TICK, CROSS = "✓", "✗"
"""What the many marks for chosen and not chosen become, ticked and empty boxes of a list among them."""

_GAP = "\n\n"
_THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
)
_ENDS = (
    "</s>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<eoa>",
    "<|user|>",
    "[INST]",
)
"""Tokens with which a model ends its answer; what it goes on to write is not part of it."""

_ROLE = re.compile(r"\s{0,8}(?:assistant|Assistant|ASSISTANT)(?: ?: ?|\s?\n)\s{0,8}")
"""The name of the speaker with which a reply of some chat templates begins."""

_STEADY = (
    # ideographs, kana, hangul, the stops and brackets of their texts
    "\\u4e00-\\u9fff\\u3040-\\u30ff\\u3001\\u3002\\u3010\\u3011\\uac00-\\ud7a3"
    # letters beyond ASCII, the sign of degrees
    "\\xb0\\xc0-\\xd6\\xd8-\\xf7\\xf8-\\u012f\\u0131-\\u017e\\u0386-\\u03ce\\u0410-\\u044f"
    # arrows, operators, the triangle, numbers in circles
    "\\u2190-\\u2211\\u2213\\u2214\\u2216-\\u222b\\u2234-\\u22ff\\u25b3\\u2460-\\u2473"
)
"""Ranges of characters that already are as they should be."""
_SUSPECT = re.compile(rf"[^ !\"%&'()+,./0-9:;=?@A-Z^a-z|\n\-\]{_STEADY}](?:(?<!\[)|(?=[ xXI/]))")
"""A character at which something may have to be rewritten; all others stand as they are, and most brackets."""

_EDIT = re.compile(
    r"(?P<box>\\f?boxed\s{0,3}\{)"
    r"|(?P<wrap>(?<= )\\text(?:rm)?\{ {1,2}"
    r"|\\(?:text(?:bf|it|rm|tt|sf|normal)?|math(?:rm|bf|it|sf|tt|bb|cal)|mbox|operatorname|bm|boldsymbol|bf|rm)"
    r"(?![A-Za-z])\s{0,3}\{?)"
    r"|(?P<open>\{)|(?P<close>\})"
    r"|~~[^~\n]{1,200}~~"
    r"|(?<![*\w])(?:\*{2,3}|__)\s?[(\[]?(?P<letter>[A-Za-z0-9])[)\]]?\s?(?:\*{2,3}|__)(?![*\w])"
    r"|(?P<tick>(?:(?<=[-*+] )|(?<![^\n]))\[[xX]\](?= )|\[x\](?= [A-Z(]))|(?P<cross>\[ \](?= ))"
    r"|(?P<bullet>(?:(?<![^\n])|(?<=\n )|(?<=\n  )|(?<=\n   )|(?<=\n    ))\*(?=[ \t]))"
    r"|(?P<drop>[*`$]+|\\[()\[\],;!]|__+|(?<![A-Za-z])\#{1,6}[ \t]"
    r"|</?(?:s|b|i|u|em|strong|p|span|div|code|mark|center|eo[a-z]|end_of_turn|start_of_turn|pad|unk|bos|eos)/?>"
    r"|<\|?(?:im_end|im_start|endoftext|eot_id|end_of_text|begin_of_text|end|eom_id|assistant|system)\|?>|\[INST\])"
    r"|(?P<newline><br\s?/?>|\[/INST\]|\r\n?|[\x0b\x0c\x85\u2028\u2029])"
    r"|(?P<space>\t+|\\(?:quad|qquad|hspace\{[^}\n]{0,12}\}|[ ~]))"
    rf"|(?P<odd>[^\n\x20-\x7e{_STEADY}])"
)

_ODD = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2043", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u300c\u300d\u300e\u300f\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2022\u2023\u25e6\u25aa\u2219", "-"),
    **dict.fromkeys("\u2714\u2705\u2611\U0001f5f8", TICK),
    **dict.fromkeys("\u2718\u274c\u274e\u2612\u2716\u2715\u2610\u25a1", CROSS),
    "\u0130": "I",
    "\u27a1": "\u2192",
    "\u00d7": "x",
    "\u2215": "/",
    "\u2044": "/",
}


class Passage(NamedTuple):
    """The rewritten text and the way back."""

    text: str
    lower: str
    marks: tuple[int, ...]
    """Positions in `text` where a new stretch of the original begins; ascending, the first is 0."""
    origins: tuple[int, ...]
    """Where each stretch begins in the original text."""
    seam: int
    """Where in `text` the head of a long output ends and its tail begins; 0 where nothing was left out."""
    thinking: bool
    """Whether the output ends inside a thought that never closed."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text that became `text[start:end]` (end > start)."""
        return self._back(start), self._back(end - 1) + 1

    def _back(self, index: int) -> int:
        stretch = bisect_right(self.marks, index) - 1
        return self.origins[stretch] + index - self.marks[stretch]


def normalise(output: str) -> Passage:
    """Return the part of an output that may hold its answer, rewritten for matching."""
    start, thinking = after_thought(output)
    if role := _ROLE.match(output, start):
        start = role.end()
    end = _before_token(output, start)
    stretches: list[tuple[int, str]] = []
    head = 0
    if end - start <= HEAD + TAIL:
        _rewrite(output, start, end, stretches)
    else:
        _rewrite(output, start, start + HEAD, stretches)
        head = len(stretches)
        stretches.append((end - TAIL, _GAP))
        _rewrite(output, end - TAIL, end, stretches)
    if len(stretches) == 1:
        origin, text = stretches[0]
        return Passage(text, text.lower(), (0,), (origin,), 0, thinking)
    marks: list[int] = []
    size = 0
    for _, piece in stretches:
        marks.append(size)
        size += len(piece)
    text = "".join([piece for _, piece in stretches])
    origins = tuple([origin for origin, _ in stretches])
    seam = marks[head] if head else 0
    return Passage(text, text.lower(), tuple(marks) or (0,), origins or (0,), seam, thinking)


def plain(text: str) -> str:
    """Return a short text (an option's) rewritten as outputs are, on one line and trimmed."""
    stretches: list[tuple[int, str]] = []
    _rewrite(text, 0, len(text), stretches)
    return " ".join("".join([piece for _, piece in stretches]).split())


def after_thought(output: str) -> tuple[int, bool]:
    """Return where the text after the last closed thought begins, and whether a thought is still open there."""
    if not (">" in output or "▷" in output):
        return 0, False
    start = 0
    for _, close in _THOUGHTS:
        found = output.rfind(close)
        if found >= 0:
            start = max(start, found + len(close))
    return start, any(output.find(opening, start) >= 0 for opening, _ in _THOUGHTS)


def _before_token(output: str, start: int) -> int:
    """Return where the first end-of-answer token after any text stands, or the output's last word ends."""
    end = len(output.rstrip())
    if "<" not in output and "[INST]" not in output:
        return end
    for token in _ENDS:
        found = output.find(token, start, end)
        if found >= 0 and output[start:found].strip():
            end = found
    return end


def _rewrite(output: str, start: int, end: int, stretches: list[tuple[int, str]]) -> None:
    """Append, for `output[start:end]`, where each stretch begins and what it becomes."""
    done = at = start
    depth = 0
    while suspect := _SUSPECT.search(output, at, end):
        edit = _EDIT.match(output, suspect.start(), end)
        if edit is None:
            at = suspect.end()
            continue
        begin, at = edit.span()
        if begin > done:
            stretches.append((done, output[done:begin]))
        done = at
        kind = edit.lastgroup
        if kind in _BRACES:
            depth, piece = _brace(kind, depth, edit[0])
            if piece:
                stretches.append((begin, piece))
        elif kind != "drop":
            stretches.extend(_replacement(edit, kind))
    if done < end:
        stretches.append((done, output[done:end]))


_SET_OFF = re.compile(r"[A-Za-z]\u2014[A-Za-z0-9]|[0-9]\u2014(?![A-Za-z]?[0-9])[A-Za-z]")
"""A dash between words, as it is set where no spaces stand around it."""
_BRACES = frozenset({"open", "close", "wrap", "box"})
_BECOMES = {"bullet": "-", "tick": TICK, "cross": CROSS, "newline": "\n", "space": " "}


def _brace(kind: str | None, depth: int, written: str) -> tuple[int, str]:
    """Return how deep inside a box the text is after a brace, and what the brace becomes."""
    if kind == "box":
        return 1, OPEN_BOX
    if depth == 0:
        return 0, ""
    if kind == "close":
        return depth - 1, CLOSE_BOX if depth == 1 else ""
    return depth + written.endswith("{"), ""


def _replacement(edit: re.Match[str], kind: str | None) -> list[tuple[int, str]]:
    """Return what an edit that is neither brace nor markup becomes; struck text becomes nothing."""
    at = edit.start()
    if kind == "letter":
        return [(at, "["), (edit.start("letter"), edit["letter"]), (edit.end("letter"), "]")]
    if kind == "odd" and _SET_OFF.match(edit.string, at - 1):
        return [(at, char) for char in " - "]
    if kind == "odd":
        return [(at, char) for char in _fold(edit[0])]
    return [(at, _BECOMES[kind])] if kind in _BECOMES else []


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """Return what a character outside printable ASCII and the common ideographs becomes."""
    known = _ODD.get(char)
    if known is not None:
        return known
    if "\U0001f300" <= char <= "\U0001f6ff" or "\U0001f900" <= char <= "\U0001faff":
        return ""
    if "\U0001f170" <= char <= "\U0001f189":
        return chr(ord("A") + ord(char) - 0x1F170)
    match unicodedata.category(char):
        case "Cc" | "Cs" | "Zs":
            return " "
        case "Cf" | "Mn" | "Me" | "Co":
            return ""
        case _:
            folded = unicodedata.normalize("NFKC", char).replace("\u2044", "/")
            return folded if len(folded) <= WIDEST else char
