"""The ordered table of rules: first sound version."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.grading.normalise import Passage
from orchestrator.grading.offered import Offered
from orchestrator.records import Abstained


@dataclass(frozen=True, slots=True)
class Reading:
    """One output beside what was offered."""

    passage: Passage
    offered: Offered
    multi: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Letters at a place of the passage."""

    letters: tuple[str, ...]
    start: int
    end: int
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A way in which an answer appears."""

    name: str
    confidence: float
    firm: bool
    """Whether it holds even in an output that was cut."""
    find: Callable[[Reading], Found | Abstained | None]


@lru_cache(maxsize=4096)
def _patterns(label: str) -> dict[str, re.Pattern[str]]:
    item = rf"[\(\[]?\s?(?:(?i:option|choice)\s)?{label}\s?[\)\]]?(?![A-Za-z0-9'_])"
    many = rf"(?P<list>{item}(?:\s?(?:,|;|/|&|\+|、|\band\b|\bor\b|和|与|或|\s)\s?(?:and\s|or\s)?{item}){{0,25}}|{label}{{2,26}}(?![A-Za-z0-9]))"
    return {
        "final": re.compile(
            rf"(?i:final\s+(?:option|answer|choice)(?:\(s\)|s)?\s?(?:is|are)?\s?[:=-]?\s?){many}(?!\s[a-z])"
        ),
        "box": re.compile(rf"⟦\s?{many}"),
        "tag": re.compile(rf"(?:【答案】\s?[:：]?\s?|<answer>\s?|\"answer\"\s?:\s?\"?){many}"),
        "bare": re.compile(rf"\s*[\(\[]?{many}[\)\]]?\s*[.,:)]?\s*\Z"),
        "lead": re.compile(rf"\s*[\(\[]?(?P<list>{label})[\)\]]?\s?[.):]\s"),
        "phrase": re.compile(
            rf"(?i:\b(?:answer|option|choice)\s*(?:is|:|would be|should be)\s*(?:(?:the|option|choice|letter)\s)?)"
            rf"{many}(?!\s[a-z])|答案(?:应该|应当)?(?:是|为|选|选择)?\s?:?\s?(?P<zh>{label}+)"
        ),
        "one": re.compile(label),
    }


def _letters(reading: Reading, listed: str) -> tuple[str, ...] | Abstained:
    found = _patterns(reading.offered.label)["one"].findall(re.sub(r"(?i)option|choice|\band\b|\bor\b", " ", listed))
    letters = {reading.offered.by_spelling[one] for one in found}
    if len(letters) > 1 and (not reading.multi or re.search(r"\bor\b|或", listed)):
        return Abstained.HEDGED
    return tuple(sorted(letters))


def _last(name: str) -> Callable[[Reading], Found | Abstained | None]:
    def find(reading: Reading) -> Found | Abstained | None:
        hits = list(_patterns(reading.offered.label)[name].finditer(reading.passage.text))
        if not hits:
            return None
        hit = hits[-1]
        group = "list" if hit["list"] else "zh"
        letters = _letters(reading, hit[group])
        if isinstance(letters, Abstained):
            return letters
        return Found(letters, hit.start(), hit.end())

    return find


def _bare(reading: Reading) -> Found | Abstained | None:
    hit = _patterns(reading.offered.label)["bare"].match(reading.passage.text)
    if hit is None:
        return None
    letters = _letters(reading, hit["list"])
    return letters if isinstance(letters, Abstained) else Found(letters, hit.start("list"), hit.end("list"))


def _last_line(reading: Reading) -> Found | Abstained | None:
    text = reading.passage.text.rstrip()
    start = text.rfind("\n") + 1
    hit = _patterns(reading.offered.label)["bare"].match(text, start)
    if hit is None or start == 0:
        return None
    letters = _letters(reading, hit["list"])
    return letters if isinstance(letters, Abstained) else Found(letters, hit.start("list"), hit.end("list"))


def _lead(reading: Reading) -> Found | Abstained | None:
    hit = _patterns(reading.offered.label)["lead"].match(reading.passage.text)
    if hit is None:
        return None
    letters = _letters(reading, hit["list"])
    return letters if isinstance(letters, Abstained) else Found(letters, hit.start("list"), hit.end("list"))


RULES: tuple[Rule, ...] = (
    Rule("final-option", 0.999, True, _last("final")),
    Rule("tag", 0.998, True, _last("tag")),
    Rule("boxed", 0.998, True, _last("box")),
    Rule("bare", 0.99, False, _bare),
    Rule("last-line", 0.99, False, _last_line),
    Rule("phrase", 0.985, False, _last("phrase")),
    Rule("lead", 0.98, False, _lead),
)
