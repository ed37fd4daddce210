"""Which options free prose affirms on multi-answer items, where no line or declaration lists them.

Always holds: a sentence that concludes stands above those that only tell; where a clause leaves an option open, or a
later one contradicts what was concluded, nothing is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator.grading import lexicon
from orchestrator.grading.clauses import NEAR, Clause, clauses_of, sentences
from orchestrator.grading.listing import own_text, read_list
from orchestrator.grading.reading import Found, Head, Reading, found

_LINE = re.compile(r"\s{0,6}(?:[-+>•]\s?|\(?\d{1,2}[.)]\s|\|)")
_HEADING = re.compile(
    r"[\s\d.)]{0,5}(?:my |the )?(?:final |overall )?(?:conclusions?|answers?|impression|summary|decision|verdict"
    r"|results?"
    r"|assessment|diagnos[ie]s|selection|choices?)(?: in words)?\s?:?\s{0,2}\Z"
)
_LEADS = re.compile(r"\s?(?:[.;:!\n(-]|,? (?:since|because|as|due|given|but|not)\b)")
_ALL = re.compile(r"\b(?:all|every|each|multilevel)\b")
_OPTIONS = re.compile(r"(?:option|choice|level)s?")
_ARE_THE = re.compile(r"[\s)]{1,2}(?:is|are) the\b")
_EDGES = " .)]"
_SENTENCE_END = re.compile(r"\.(?=\s|\Z)|\n")
_DENIES = re.compile(
    r"\s*(?:(?:it|this|that|so) )?(?:does|is|do|are|was|were|has|have|can)(?:n't| not\b)|\s*not [^.\n]{1,30}\."
)


@dataclass(frozen=True, slots=True)
class Block:
    """A sentence, or the lines of one list with the line that announces it."""

    clauses: tuple[Clause, ...]
    decisive: bool
    """Whether it says that it concludes."""
    telling: bool
    """Whether the options are what it says of something, and not what it says something of."""

    @property
    def right(self) -> frozenset[str]:
        """The options affirmed."""
        return frozenset(letter for one in self.clauses if one.right for letter in one.letters)

    @property
    def wrong(self) -> frozenset[str]:
        """The options excluded."""
        return frozenset(letter for one in self.clauses if one.right is False for letter in one.letters)

    @property
    def open(self) -> bool:
        """Whether a clause leaves an option open."""
        return any(one.right is None for one in self.clauses)

    @property
    def by_letter(self) -> bool:
        """Whether letters, not only texts, are affirmed."""
        return any(one.right and one.by_letter for one in self.clauses)


def affirmed(reading: Reading) -> Found | None:
    """Find what the last block that concludes affirms, or else what the only one that affirms anything does.

    Where the options are levels, every block that affirms some counts, if none excludes what another affirms.
    """
    if not reading.multi or not reading.named:
        return None
    blocks = _blocks(reading)
    only = [one for block in blocks for one in block.clauses if one.only and one.right]
    if only and (len(only) == 1 or not reading.offered.levels):
        return Found(only[-1].letters, only[-1].start, only[-1].end)
    if blocks and (opening := _opens(reading, blocks[0])):
        return opening if not any(block.wrong & {*opening.letters} for block in blocks[1:]) else None
    chosen = [block for block in blocks if block.right or block.open]
    final = next((block for block in reversed(chosen) if block.decisive), None)
    if final is not None:
        return None if _gainsaid(final, blocks[blocks.index(final) + 1 :]) else _found(reading, [final])
    lettered = [block for block in chosen if block.by_letter and len(block.right) > 1]
    if len(lettered) == 1 and not any(block.by_letter for block in chosen[chosen.index(lettered[0]) + 1 :]):
        return _found(reading, lettered)
    told = [block for block in chosen if block.telling] or chosen
    return _found(reading, told) if told and (len(told) == 1 or reading.offered.levels) else None


def _opens(reading: Reading, block: Block) -> Found | None:
    """Return the options with which the output begins, if it then goes on to something else."""
    if len(reading.heads) == 1 and reading.heads[0].start <= reading.start:
        return _of_head(reading, reading.heads[0])
    first = block.clauses[0]
    begins = first.right and first.start - reading.start < len("options ")
    ends = (_LEADS if len(first.letters) > 1 else _SENTENCE_END).match(reading.lower, first.end)
    return Found(first.letters, first.start, first.end) if begins and ends else None


def _of_head(reading: Reading, head: Head) -> Found | None:
    """Return the labels of the one labelled line, none of them if they are all that was offered."""
    listed = read_list(reading, head.start, multi=True)
    if listed and len(listed.letters) > 1:
        return found(listed, listed.start, listed.end) if len(listed.letters) < len(reading.offered.labels) else None
    end, clash = own_text(reading, head.end - 1, head.label)
    return Found((head.label,), head.start, max(head.end, end), clash=clash)


def _gainsaid(block: Block, later: list[Block]) -> bool:
    """Return whether later blocks exclude what a block affirms, or affirm something else."""
    added = any(other.by_letter and other.decisive and other.right - block.right for other in later)
    return added or any(block.right & other.wrong for other in later)


def _found(reading: Reading, blocks: list[Block]) -> Found | None:
    """Return what the blocks affirm together, if they leave nothing open and do not contradict each other."""
    right = frozenset[str]().union(*(block.right for block in blocks))
    wrong = frozenset[str]().union(*(block.wrong for block in blocks))
    if not right or right & wrong or any(block.open for block in blocks):
        return None
    clauses = [one for block in blocks for one in block.clauses if one.right]
    if len(right) == len(reading.offered.labels) and not _all(reading, clauses[0].start):
        return None
    worded = not reading.offered.levels and not any(one.by_letter for one in clauses)
    if worded and len(right) == 1 and not (blocks[0].telling or blocks[0].wrong or _alone(reading, clauses[0])):
        return None
    return Found(tuple(sorted(right)), clauses[0].start, clauses[-1].end)


def _all(reading: Reading, at: int) -> bool:
    """Return whether the sentence says before `at` that all are meant."""
    start = next(start for start, _ in reversed(sentences(reading)) if start <= at)
    return _ALL.search(reading.lower, start, at) is not None


def _alone(reading: Reading, clause: Clause) -> bool:
    """Return whether a single option's text stands in the only sentence, or in one that concludes."""
    start = next(start for start, end in reversed(sentences(reading)) if start <= clause.start)
    whole = not reading.lower[:start].strip() and not reading.lower[clause.end : reading.end].strip(" .!\"')\n")
    return whole or lexicon.CONCLUDING.match(reading.lower, start) is not None


# --- sentences and lists ---------------------------------------------------------------------------------------------


def _blocks(reading: Reading) -> list[Block]:
    """Return the sentences, those that are lines of a list together with the line before the list."""
    blocks: list[Block] = []
    block = Block((), decisive=False, telling=False)
    headed = listing = announced = echoed = False
    heads = {head.start for head in reading.heads if head.listed}
    for start, end in sentences(reading):
        line = reading.lower[start:end]
        if _HEADING.match(line):
            headed = True
            continue
        if not line.strip():
            continue
        if start == 0 or line.startswith("\n") or reading.lower[start - 1] == "\n":
            head = start + len(line) - len(line.lstrip("\n")) in heads
            listing = _LINE.match(line) is not None or (head and announced)
            echoed = head and not announced
        if not listing:
            blocks.append(block)
            block = Block((), decisive=headed, telling=False)
            announced = line.rstrip().endswith(":") and lexicon.ANNOUNCING.search(line) is None
            headed = False
        if _DENIES.match(line):
            block, blocks = _denied(block), blocks if listing else [*blocks[:-1], *map(_denied, blocks[-1:])]
        clauses = [] if echoed else clauses_of(reading, start, end)
        told = any(one.right and _told(reading, start, one) for one in clauses)
        listed = any(one.right and one.by_letter and len(one.letters) > 1 for one in clauses) and (
            told or any(_announced(reading, one) for one in clauses)
        )
        concludes = listed or _is_list(line, clauses, start) or lexicon.DECISIVE.search(line) is not None
        block = Block(
            (*block.clauses, *clauses),
            block.decisive or announced or concludes,
            block.telling or told,
        )
    if echoed or (listing and announced and _cut_off(reading, block)):
        block = replace(block, clauses=())
    return [block for block in [*blocks, block] if block.clauses]


def _denied(block: Block) -> Block:
    """Return a block whose last clause is left open, since what follows denies something of it."""
    if not block.clauses:
        return block
    return replace(block, clauses=(*block.clauses[:-1], replace(block.clauses[-1], right=None)))


def _is_list(line: str, clauses: list[Clause], start: int) -> bool:
    """Return whether a sentence is nothing but a list of letters."""
    if len(clauses) != 1 or not clauses[0].by_letter:
        return False
    before, after = line[: clauses[0].start - start], line[clauses[0].end - start :]
    return not _OPTIONS.sub("", before).strip(" \n(") and not after.strip(" \n).")


def _cut_off(reading: Reading, block: Block) -> bool:
    """Return whether a list ends in a label without what stands after the labels before it."""
    last = block.clauses[-1] if block.clauses else None
    rest = reading.lower[last.end : reading.end] if last else ""
    return rest.endswith(":") or (
        last is not None and len(block.clauses) > 1 and not rest.strip(_EDGES) and last.end - last.start < 2
    )


def _told(reading: Reading, start: int, clause: Clause) -> bool:
    """Return whether the options are what a sentence says of something: "the lesions are at L4/L5"."""
    before = reading.lower[max(start, clause.start - NEAR) : clause.start]
    place = bool(reading.offered.levels) and lexicon.PLACE.search(before) is not None
    return (
        place or _ARE_THE.match(reading.lower, clause.end) is not None or lexicon.PREDICATE.search(before) is not None
    )


def _announced(reading: Reading, clause: Clause) -> bool:
    """Return whether several letters stand right after a colon."""
    return len(clause.letters) > 1 and clause.by_letter and reading.text[: clause.start].rstrip(" ([").endswith(":")
