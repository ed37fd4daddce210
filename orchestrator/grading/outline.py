"""The sentences of free prose and its lists, with what their clauses say of the options they name.

Always holds: the lines of a list belong together, and to the line that announces it; a list that nothing announces is
an echo of what was offered and says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from orchestrator.grading import phrases
from orchestrator.grading.clauses import Clause, clauses_of, sentences
from orchestrator.grading.mentions import NEAR, letters_at
from orchestrator.grading.reading import Reading

_LINE = re.compile(r"\s{0,6}(?:[-+>•→]\s?|\(?\d{1,2}[.)]\s|\|)")
_OPTIONS = re.compile(r"(?:option|choice|level)s?|also")
_EDGES = " .)]"


@dataclass(frozen=True, slots=True)
class Block:
    """A sentence, or the lines of one list with the line that announces it."""

    clauses: tuple[Clause, ...]
    decisive: bool
    """Whether it says that it concludes."""
    chooses: bool
    """Whether it speaks of choosing."""
    adds: bool
    """Whether it adds to what was said before."""

    @property
    def right(self) -> frozenset[str]:
        """The options affirmed, and not excluded after all."""
        right: frozenset[str] = frozenset()
        for one in self.clauses:
            if one.right is not None:
                right = right.union(one.letters) if one.right else right.difference(one.letters)
        return right

    @property
    def wrong(self) -> frozenset[str]:
        """The options excluded."""
        return frozenset(letter for one in self.clauses if one.right is False for letter in one.letters)

    @property
    def open(self) -> bool:
        """Whether a clause leaves an option open."""
        return any(one.right is None for one in self.clauses)

    @property
    def telling(self) -> bool:
        """Whether the options affirmed are what it says of something."""
        return any(one.right and one.told for one in self.clauses)

    @property
    def states(self) -> bool:
        """Whether it is an option's text and nothing else."""
        return len(self.clauses) == 1 and self.clauses[0].whole

    @property
    def by_letter(self) -> bool:
        """Whether letters, not only texts, are affirmed."""
        return any(one.right and one.by_letter for one in self.clauses)


@dataclass(slots=True)
class _Draft:
    """A block while it is put together."""

    decisive: bool = False
    clauses: list[Clause] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def settle(self, right: bool | None) -> None:
        """Let what follows the last clause say whether it affirms; None: deny something of it, which leaves it open."""
        if self.clauses:
            self.clauses[-1] = replace(self.clauses[-1], right=right)

    def block(self) -> Block:
        """Return the block."""

        def says(pattern: re.Pattern[str]) -> bool:
            return any(map(pattern.search, self.lines))

        decisive = self.decisive or says(phrases.DECISIVE)
        clauses = [replace(one, right=True) if one.faint and decisive else one for one in self.clauses]
        return Block(tuple(clauses), decisive, says(phrases.CHOOSING), says(phrases.ALSO))


class _Outline:
    """The drafts of the blocks while the sentences are gone through, in order."""

    def __init__(self, reading: Reading, *, general: bool) -> None:
        self._reading, self._general = reading, general
        self._heads = {head.start for head in reading.heads if head.listed}
        self._drafts = [_Draft()]
        self._headed = False
        """Whether the line before is a heading such as "Conclusion"."""
        self._announced = self._denied = False
        """Whether the last line that is no line of a list announces one, and one of what is not meant."""
        self._listing = self._echoed = False
        """Whether the line is one of a list, and of one that nothing announces: an echo of what was offered."""
        self._named = False
        """Whether the line begins with an option."""
        self._blank = self._gap = 0
        """Empty lines before this line, and between the lines of a list without bullets."""

    def add(self, start: int, end: int) -> None:
        """Go on to the next sentence."""
        line = self._reading.lower[start:end]
        begins = start == 0 or line.startswith("\n") or self._reading.lower[start - 1] == "\n"
        if phrases.HEADING.match(line):
            self._headed = True
        elif not line.strip():
            self._blank += 1
        elif not begins and (settles := phrases.SETTLES.fullmatch(line)):
            # "Not selected." ends a line about an option, "I would not select it." is about what was just said.
            near = self._drafts[-1] if line.lstrip().startswith("i") else self._latest()
            near.settle(settles["right"] is not None)
        else:
            if begins:
                self._begin_line(start, line)
            if not self._listing:
                self._begin_block(line)
            if phrases.DENIES.match(line):
                self._drafts[-1 if self._listing else -2].settle(None)
            clauses = self._say(start, end, line)
            # Prose that goes on to more options is no line of a list, though it begins with one.
            self._named = self._named and (begins or not clauses)

    def _latest(self) -> _Draft:
        """Return the last draft that names options."""
        return next((draft for draft in reversed(self._drafts) if draft.clauses), self._drafts[-1])

    def _begin_line(self, start: int, line: str) -> None:
        head = start + len(line) - len(line.lstrip("\n")) in self._heads
        named = _begins(self._reading, start + len(line) - len(line.lstrip("\n ([")))
        first = self._announced and not self._drafts[-1].clauses
        listing = _LINE.match(line) is not None or (head and self._announced)
        if named and self._named and not listing:
            self._gap = self._gap if self._listing else self._blank
            listing = self._blank == self._gap
        self._listing = listing or (named and first)
        self._echoed = head and not self._announced
        self._named, self._blank = named, 0

    def _begin_block(self, line: str) -> None:
        self._drafts.append(_Draft(decisive=self._headed))
        heading = line.strip().endswith(":") or phrases.HEADED.fullmatch(line) is not None
        self._announced = heading and not (phrases.ANNOUNCING.search(line) or phrases.REVIEW.search(line))
        said = phrases.LOST.sub("", line.rpartition(", ")[2])
        self._denied = self._announced and (phrases.EXCLUDING.search(said) or phrases.REST.search(said)) is not None
        self._headed = False

    def _say(self, start: int, end: int, line: str) -> list[Clause]:
        reading = self._reading
        clauses = [] if self._echoed else clauses_of(reading, start, end, general=self._general)
        if self._listing and self._denied:
            clauses = [replace(one, right=False) for one in clauses]
        clauses = [replace(one, told=_told(reading, start, one)) for one in clauses]
        listed = any(one.right and one.by_letter and len(one.letters) > 1 for one in clauses) and any(
            (one.right and one.told) or _announced(reading, one) for one in clauses
        )
        draft = self._drafts[-1]
        draft.decisive = draft.decisive or self._announced or listed or _is_list(line, clauses, start)
        draft.clauses += clauses
        draft.lines.append(line)
        return clauses

    def blocks(self) -> list[Block]:
        """Return the blocks that name options, without a list at the end that is cut off or an echo."""
        last = self._drafts[-1]
        cut = self._listing and self._announced and _cut_off(self._reading, last.clauses)
        drafts = self._drafts[:-1] if self._echoed or cut else self._drafts
        return [draft.block() for draft in drafts if draft.clauses]


def outline(reading: Reading) -> list[Block]:
    """Return the sentences, those that are lines of a list together with the line before the list.

    What is so in general counts only where nothing else is said of options, and nothing is declined.
    """
    for general in (False, True)[: 1 if reading.refused else 2]:
        whole = _Outline(reading, general=general)
        for start, end in sentences(reading):
            whole.add(start, end)
        if blocks := whole.blocks():
            return blocks
    return []


def _begins(reading: Reading, at: int) -> bool:
    """Return whether an option is named at a place."""
    if reading.offered.text_at(reading.lower, at):
        return True
    listed = letters_at(reading, at)
    return listed is not None and bool(listed.letters)


def _is_list(line: str, clauses: list[Clause], start: int) -> bool:
    """Return whether a sentence is nothing but a list of letters, or of several texts."""
    if len(clauses) != 1 or not (clauses[0].by_letter or len(clauses[0].letters) > 1):
        return False
    before, after = line[: clauses[0].start - start], line[clauses[0].end - start :]
    return not _OPTIONS.sub("", before).strip(" \n(") and not after.strip(" \n).")


def _cut_off(reading: Reading, clauses: list[Clause]) -> bool:
    """Return whether a list ends in a label without what stands after the labels before it."""
    last = clauses[-1] if clauses else None
    rest = reading.lower[last.end : reading.end] if last else ""
    return rest.endswith(":") or (
        last is not None and len(clauses) > 1 and not rest.strip(_EDGES) and last.end - last.start < 2
    )


def _told(reading: Reading, start: int, clause: Clause) -> bool:
    """Return whether the options are what a sentence says of something: "the lesions are at L4/L5"."""
    before = reading.lower[max(start, clause.start - NEAR) : clause.start]
    place = bool(reading.offered.levels) and phrases.PLACE.search(before) is not None
    return (
        place
        or phrases.ARE_THE.match(reading.lower, clause.end) is not None
        or phrases.PREDICATE.search(before) is not None
    )


def _announced(reading: Reading, clause: Clause) -> bool:
    """Return whether several letters stand right after a colon."""
    return len(clause.letters) > 1 and clause.by_letter and reading.text[: clause.start].rstrip(" ([").endswith(":")
