"""What one question offers, prepared once for all its answers: its labels, its texts, and how to recognise them.

Always holds: a label is matched as written (never upper-cased, never inside a word), only offered labels match, and an
option's text matches only as whole words, the longest first. Patterns depend on the labels alone, which few benchmarks
vary; texts are compared as strings, so a question seen for the first time costs no compilation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.grading.normalise import plain
from orchestrator.grading.spellings import variants

_PLACE = re.compile(r"([clts])(\d{1,2})(?:\s?[-/]\s?[clts]?\d{1,2})?\Z")
_ESCAPES = re.compile(
    r"\bnone\b|\bneither\b|\bnot (?:listed|given|here|enough|determin)|\bno (?:correct|right|answer|enough)|cannot"
    r"|can't"
    r"|\brefuse|\bdo(?:es)? not know|\bdon't know|\binsufficient|\bunknown|\bunable|impossible|undetermin"
    r"|以上[都皆均]|无法|不能确定|不知道|拒绝"
)
_TOO_COMMON = frozenset({"no", "yes", "is", "it", "in", "on", "not", "all", "none", "one", "same", "true", "false"})
"""Option texts that running prose holds without naming the option."""
LONGEST = 2_000
"""Characters of an option's text that are compared."""
_EDGES = " .,;:!?。\"'"
_LEAD = r"[\s\"'(\[⟦]{0,4}"
_CLOSE = r"[\"')\]⟧]{0,3}"
_AFTER = r"(?![A-Za-z0-9_]|'[A-Za-z]|-[A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class Labels:
    """Patterns of a set of labels."""

    by_spelling: dict[str, str]
    """Label as rewritten -> label as offered."""
    item: re.Pattern[str]
    """A label where one is expected: brackets, and "option" before it, allowed."""
    joined: re.Pattern[str]
    """Labels written together, as in ABD."""
    several: re.Pattern[str]
    """One label, or a list of them."""
    mark: re.Pattern[str]
    """A label standing free anywhere (what stands before it is for the caller to check)."""
    run: re.Pattern[str]
    """The same, or several written together, each once."""
    marked: re.Pattern[str]
    """A label that is marked as one: by "option" before it, or by brackets around it."""
    span: re.Pattern[str]
    """From one label to another, as in "A through D" or A-D."""
    head: re.Pattern[str]
    """A label set off by a bracket or punctuation, as at the beginning of a line."""

    def of(self, run: str) -> set[str]:
        """Return the labels of a match of `run`."""
        return {self.by_spelling.get(one, "") for one in ([run] if run in self.by_spelling else run)}


@lru_cache(maxsize=512)
def labels(offered: tuple[str, ...]) -> Labels:
    """Return the patterns of the labels."""
    by_spelling: dict[str, str] = {}
    alike: set[str] = set()
    for label in offered:
        spelling = plain(label[:LONGEST]).strip("()[]. ")
        alike |= {spelling} & by_spelling.keys()
        by_spelling[spelling] = label
    by_spelling = {spelling: label for spelling, label in by_spelling.items() if spelling and spelling not in alike}
    ordered = sorted(by_spelling, key=len, reverse=True)
    short = all(len(spelling) == 1 for spelling in ordered)
    one = f"[{''.join(map(re.escape, ordered))}]" if short else f"(?:{'|'.join(map(re.escape, ordered))})"
    one = one if ordered else "(?!)"
    noun = r"(?:(?i:option|choice|answer|letter|image|statement)s?|选项|答案)"
    return Labels(
        by_spelling=by_spelling,
        item=re.compile(rf"{_LEAD}(?:{noun}[\s:]{{0,3}})?{_LEAD}(?P<label>{one})(?P<close> ?{_CLOSE}){_AFTER}"),
        # Labels of several characters could be put together in more than one way, and cost exponential time.
        joined=re.compile(rf"{_LEAD}(?P<labels>{one}{{2,26}}){_CLOSE}{_AFTER}" if short else "(?!)"),
        several=re.compile(rf"{one}(?:(?:,? ?(?:and|&)? |,|/){one})*"),
        mark=re.compile(rf"{one}{_AFTER}"),
        run=re.compile(rf"{one}{{1,26}}{_AFTER}" if short else rf"{one}{_AFTER}"),
        marked=re.compile(
            rf"(?<![A-Za-z0-9])(?:(?:(?i:option|choice|answer)s?|选项|答案)\s?:?\s?[\"'(\[]{{0,2}}(?P<a>{one}){_AFTER}"
            rf"|\((?P<b>{one})\)|\[(?P<c>{one})\])"
        ),
        span=re.compile(
            rf"{_LEAD}(?P<from>{one})(?: ?- ?| (?i:through|thru|to) |至)(?P<to>{one}){_CLOSE}{_AFTER}"
            if short
            else "(?!)"
        ),
        head=re.compile(
            rf"[ \t\"'>+|-]{{0,6}}(?:(?i:option|choice|answer|letter)\s|选项\s?)?"
            rf"(?:\((?P<a>{one})\)|\[(?P<b>{one})\]|(?P<c>{one})(?: -(?= )|\s?(?:选?项)?[).:|])|(?<=选项)(?P<d>{one}),)"
            rf"(?![A-Za-z0-9]{{2}}|\d)"
        ),
    )


@dataclass(frozen=True, slots=True)
class Offered:
    """The offered labels and texts of one question."""

    labels: tuple[str, ...]
    patterns: Labels
    texts: dict[str, str]
    """Label -> text as rewritten, lower case, without closing punctuation."""
    owners: dict[str, tuple[str, ...]]
    """Every spelling of an option's text -> the labels that carry it (several where options repeat)."""
    telling: tuple[tuple[str, tuple[str, ...]], ...]
    """Spellings that name their option wherever they stand, and whose they are.

    Those that running prose holds without meaning the option (a single letter, "no", "it") are left out.
    """
    by_first: dict[str, tuple[str, ...]]
    """First character -> the spellings that begin with it, the longest first."""
    escape: bool
    """Whether an option itself says none, cannot be told, or refused."""
    verdicts: frozenset[str]
    """What most options combine, as in "True, False" and "False, True"; empty where they are no combinations."""
    levels: tuple[str, ...]
    """The labels from the uppermost spinal level to the lowest where all are levels, as L4/L5 or L4; else empty."""
    yes_no: tuple[str, str] | None
    """The labels of "yes" and "no" (or true and false) where nothing else is offered."""

    def is_escape(self, label: str) -> bool:
        """Return whether the label's option says none, cannot be told, or refused."""
        return _ESCAPES.search(self.texts[label]) is not None

    def text_at(self, lower: str, at: int) -> tuple[int, tuple[str, ...]] | None:
        """Return where the option text that stands at `at` ends, and whose it is."""
        for spelling in self.by_first.get(lower[at : at + 1], ()):
            if lower.startswith(spelling, at) and whole(lower, at, at + len(spelling)):
                return at + len(spelling), self.owners[spelling]
        return None

    def rest_at(self, lower: str, at: int, label: str) -> tuple[int, tuple[str, ...]] | None:
        """Return where another option's text ends of which only what tells it from the label's stands at `at`.

        So of "contains cheese" and "contains tomatoes" in "it contains cheese and tomatoes".
        """
        words = self.texts[label].split(" ")
        for other, text in self.texts.items():
            parts = text.split(" ")
            shared = next((n for n, pair in enumerate(zip(words, parts, strict=False)) if pair[0] != pair[1]), 0)
            rest = " ".join(parts[shared:])
            if shared and other != label and lower.startswith(rest, at) and whole(lower, at, at + len(rest)):
                return at + len(rest), self.owners[text]
        return None

    def texts_in(self, lower: str, start: int, end: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """Yield start, end and owners of each telling option text in `lower[start:end]`, none inside another."""
        found = []
        for spelling, owners in self.telling:
            at = lower.find(spelling, start, end)
            while at >= 0:
                if whole(lower, at, at + len(spelling)):
                    found.append((at, -len(spelling), owners))
                at = lower.find(spelling, at + len(spelling), end)
        done = start
        for at, size, owners in sorted(found):
            if at >= done:
                done = at - size
                yield at, done, owners


@lru_cache(maxsize=4096)
def offered(options: tuple[tuple[str, str], ...]) -> Offered:
    """Return the prepared options of (label, text) pairs."""
    texts = {label: plain(text[:LONGEST]).lower().strip(_EDGES) for label, text in options}
    owners: dict[str, tuple[str, ...]] = {}
    for label, text in texts.items():
        if text:
            owners[text] = (*owners.get(text, ()), label)
    exact = frozenset(owners)
    for label, text in texts.items():
        for spelling in variants(text, label):
            if spelling not in exact:
                owners[spelling] = (*owners.get(spelling, ()), label)
    by_first: dict[str, tuple[str, ...]] = {}
    for spelling in sorted(owners, key=len, reverse=True):
        by_first[spelling[0]] = (*by_first.get(spelling[0], ()), spelling)
    telling = tuple(
        (spelling, of)
        for spelling, of in owners.items()
        if spelling not in _TOO_COMMON and (len(spelling) > 1 or spelling.isdigit())
    )
    names = tuple(label for label, _ in options)
    escape = any(map(_ESCAPES.search, texts.values()))
    verdicts, levels = _verdicts(texts), _levels(texts)
    return Offered(names, labels(names), texts, owners, telling, by_first, escape, verdicts, levels, _yes_no(texts))


def _levels(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels of spinal levels or vertebrae, from the neck down, if nothing else is offered but an escape."""
    heights = {
        label: ("ctls".index(place[1]), int(place[2])) for label in texts if (place := _PLACE.match(texts[label]))
    }
    others = [text for label, text in texts.items() if label not in heights]
    return tuple(sorted(heights, key=heights.__getitem__)) if all(map(_ESCAPES.search, others)) else ()


def _verdicts(texts: Mapping[str, str]) -> frozenset[str]:
    """Return the parts of option texts that are combinations of fewer parts than there are such texts."""
    combined = [text.split(", ") for text in texts.values() if ", " in text]
    parts = frozenset(part for one in combined for part in one)
    return parts if len(parts) < len(combined) else frozenset()


def _yes_no(texts: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the labels of the option that affirms and the one that denies, if these two are all."""
    label = {text: one for one, text in texts.items()}
    for yes, no in (("yes", "no"), ("true", "false")):
        if len(texts) == len(label) == 2 and yes in label and no in label:
            return label[yes], label[no]
    return None


def whole(text: str, start: int, end: int) -> bool:
    """Return whether `text[start:end]` is not part of a longer word, number, level or fraction."""
    return _begins(text, start) and _ends(text, end)


def _begins(text: str, start: int) -> bool:
    before = text[start - 1 : start]
    if before in {"", " "} or not (text[start].isascii() and text[start].isalnum()):
        return True
    if before.isascii() and (before.isalnum() or before in "_\\"):
        return False
    earlier = text[start - 2 : start - 1]
    if before in ".,:/^-" and earlier.isascii() and (earlier.isdigit() or (before in "-/" and earlier.isalpha())):
        return False
    return not (before == "-" and text[start].isdigit() and earlier in {"", " ", "(", "=", "\n"})


def _ends(text: str, end: int) -> bool:
    after = text[end : end + 1]
    if after in {"", " "} or not (text[end - 1].isascii() and text[end - 1].isalnum()):
        return True
    if after.isascii() and (after.isalnum() or after == "_"):
        return False
    later = text[end + 1 : end + 2]
    return not (after in ".,:/^-" and later.isascii() and (later.isdigit() or (after in "-/" and later.isalpha())))
