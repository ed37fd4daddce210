"""What the rules see of one output: its passage beside what was offered, and views of it made when first asked for."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.grading import abstaining, cues
from orchestrator.grading.claims import Claim, scan
from orchestrator.grading.listing import read_list
from orchestrator.grading.page import BULLET, Lazy, Listed, Page

_BREAK = re.compile(r"[.!?。\n](?:(?<=[。\n])|(?<!\be\.g.)(?<!\bi\.e.)\s)")
_AROUND = " .,;:)]}⟧\"'!。\n"
AFTERWORDS = 4
"""Sentences at the end that are looked at for words that take leave."""
RUN_ONS = 20
"""Lines that may begin an invented question, looked at until one stands after an answer."""
REFUSED_WITHIN = 400
"""Characters of an output within which it declines to answer, if it does."""
INTRODUCTION = 40
"""Characters that may stand before a list with which an output begins."""
OPENING, CLOSING = 600, 400
"""Longest first and last sentence, in characters."""


class Found(NamedTuple):
    """What a rule found, and where in the passage."""

    letters: tuple[str, ...]
    """Sorted; empty where a letter that was not offered is declared."""
    start: int
    end: int
    hedged: bool = False
    """Whether the letters are alternatives."""
    clash: tuple[str, ...] = ()
    """Labels of another option whose text stands beside the letter."""


def found(listed: Listed, start: int, end: int) -> Found:
    """Return what a list of labels says, relied on from `start` to `end`."""
    return Found(listed.letters, start, end, listed.hedged, listed.clash)


class Head(NamedTuple):
    """A line that begins with a label."""

    start: int
    label: str
    end: int
    """Where the label, with its punctuation, ends."""
    listed: bool
    """Whether the line before or after begins with another label: then it is a list and no choice."""


@dataclass(eq=False)
class Reading(Page):
    """One output beside what was offered, with all that the rules ask of it."""

    @Lazy
    def start(self) -> int:
        """Where the first word stands."""
        return len(self.text) - len(self.text.lstrip(" \n\"'"))

    @Lazy
    def end(self) -> int:
        """Where the model's own answer ends: before the next question it invents, if it does."""
        cut = cues.RUN_ON.search(self.lower, self.start)
        for _ in range(RUN_ONS):
            if cut is None:
                break
            if self._answered(cut.start()):
                return self._before_afterword(len(self.text[: cut.start()].rstrip()))
            cut = cues.RUN_ON.search(self.lower, cut.end())
        return self._before_afterword(len(self.text.rstrip()))

    def _before_afterword(self, end: int) -> int:
        """Return where the text ends without the sentences at its end that take leave or warn, and name no option."""
        lower = self.lower
        for _ in range(0 if lower.endswith("]", 0, end) else AFTERWORDS):
            last = max(lower.rfind(". ", 0, end), lower.rfind("\n", 0, end)) + 1
            if last == 0 or not cues.AFTERWORD.match(lower, last, end):
                break
            texts = self.offered.texts.values()
            if cues.ANSWER.search(lower, last, end) or any(lower.find(text, last, end) >= 0 for text in texts):
                break
            end = len(self.text[:last].rstrip())
        return end

    def excerpt(self, start: int, end: int) -> Reading:
        """Return a reading of a part of the text."""
        return Reading(self.text[start:end], self.lower[start:end], 0, self.offered, self.multi)

    def _answered(self, at: int) -> bool:
        """Return whether something was declared before `at`, so that a question there is the model's own."""
        if self.offered.patterns.head.match(self.text, self.start) or self.offered.text_at(self.lower, self.start):
            return True
        listed = read_list(self, self.start, multi=True)
        if listed and not self.text[listed.end : at].strip(_AROUND):
            return True
        named = next(self.offered.texts_in(self.lower, self.start, at), None)
        return named is not None or self._declines(REFUSED_WITHIN) or any(one.start < at for one in self._scanned)

    def _declines(self, within: int) -> bool:
        refusal = abstaining.REFUSAL.search(self.lower, 0, within)
        return refusal is not None and abstaining.GOES_ON.match(self.lower, refusal.end()) is None

    @Lazy
    def _scanned(self) -> tuple[Claim, ...]:
        return scan(self)

    @Lazy
    def claims(self) -> tuple[Claim, ...]:
        """Every declaration before the model ran on, in order; those that are lines of a list left out."""
        claims = [claim for claim in self._scanned if claim.start < self.end]
        if not claims or self.multi or "\n" not in self.text:
            return tuple(claims)
        lines = [head.start for head in self.heads if head.listed]

        def in_list(claim: Claim) -> bool:
            after = bisect_left(lines, claim.listed.start - 8)
            return after < len(lines) and lines[after] <= claim.listed.end

        return tuple([claim for claim in claims if not in_list(claim)] if lines else claims)

    @Lazy
    def heads(self) -> tuple[Head, ...]:
        """Every line of the answer that begins with a label."""
        lines: list[tuple[int, str, int]] = []
        at = 0
        while 0 <= at < self.end:
            if self.text[at] != "\n":
                head = self.offered.patterns.head.match(self.text, at)
                spelling = head and (head["a"] or head["b"] or head["c"] or head["d"])
                label = self.offered.patterns.by_spelling[spelling] if spelling else ""
                lines.append((at, label, head.end() if head else at))
            at = self.text.find("\n", at, self.end) + 1 or -1
        heads = []
        for number, (start, label, end) in enumerate(lines):
            if label:
                beside = {lines[one][1] for one in (number - 1, number + 1) if 0 <= one < len(lines)}
                heads.append(Head(start, label, end, bool(beside - {"", label})))
        return tuple(heads)

    @Lazy
    def opens_with_list(self) -> bool:
        """Whether the output begins with a list of labels, which mostly echoes what was offered."""
        return bool(self.heads) and self.heads[0].listed and self.heads[0].start < INTRODUCTION

    @Lazy
    def named(self) -> list[tuple[int, bool]]:
        """Where an option is named, in order, and whether by its letter."""
        places = [(mark.start(), True) for mark in self.marks if mark.start() < self.end]
        return sorted([*places, *((start, False) for start, *_ in self.texts)])

    @Lazy
    def texts(self) -> list[tuple[int, int, tuple[str, ...]]]:
        """Start, end and owners of each option's text in the answer, as `Offered.texts_in` finds them."""
        return list(self.offered.texts_in(self.lower, self.start, self.end))

    def texts_between(self, start: int, end: int) -> list[tuple[int, int, tuple[str, ...]]]:
        """Return those that stand in a part of the answer."""
        return [text for text in self.texts if start <= text[0] and text[1] <= end]

    @Lazy
    def opening(self) -> tuple[int, int]:
        """Start and end of the first sentence."""
        stop = _BREAK.search(self.text, self.start, min(self.end, self.start + OPENING))
        return self.start, stop.start() + 1 if stop else min(self.end, self.start + OPENING)

    @Lazy
    def closing(self) -> tuple[int, int]:
        """Start and end of the last sentence."""
        first, text = max(self.start, self.end - CLOSING), self.text
        at = self.end - 1
        while at >= first:
            at = max(
                text.rfind(". ", first, at), text.rfind("\n", first, at), text.rfind("! ", first, at),
                text.rfind("? ", first, at), text.rfind("。", first, at),
            )  # fmt: skip
            if at >= 0 and (stop := _BREAK.match(text, at)):
                return stop.end(), self.end
        return first, self.end

    def bulleted(self, at: int) -> bool:
        """Return whether a place is in a line that begins with a bullet."""
        return BULLET.match(self.lower, self.lower.rfind("\n", 0, at) + 1) is not None

    def sentence(self, at: int) -> tuple[int, int]:
        """Return start and end of the sentence in which a place of the answer lies."""
        start = self.start
        for stop in _BREAK.finditer(self.text, self.start, self.end):
            if stop.end() > at:
                return start, stop.end()
            start = stop.end()
        return start, self.end

    @Lazy
    def none(self) -> bool:
        """Whether the text says that no option is right, where no option says so itself."""
        return not self.offered.escape and abstaining.NONE.search(self.lower, 0, self.end) is not None

    @Lazy
    def refused(self) -> bool:
        """Whether the text begins by declining to answer."""
        return self._declines(min(self.end, REFUSED_WITHIN))

    @Lazy
    def unsure(self) -> bool:
        """Whether the text declines to answer, or says that no option is right or that the answer cannot be told."""
        return self.refused or self.none or abstaining.UNKNOWN.search(self.lower, 0, self.end) is not None
