"""Which options free prose affirms on multi-answer items, where no line or declaration lists them.

Always holds: a sentence that concludes stands above those that only tell; where one of the sentences
that count leaves an option open, or a later one contradicts what was concluded, nothing is read.
"""

from __future__ import annotations

import re
from itertools import islice

from orchestrator.grading import abstaining, lexicon, phrases
from orchestrator.grading.clauses import Clause, sentences
from orchestrator.grading.label import own_text
from orchestrator.grading.listing import read_list
from orchestrator.grading.mentions import NEAR
from orchestrator.grading.outline import Block, outline
from orchestrator.grading.reading import Found, Head, Reading, found

_LEADS = re.compile(r"\s?(?:[.;:!\n(-]|,? (?:since|because|as|due|given|but|not)\b)")
_ALL = re.compile(r"\b(?:all|every|each (?:of|one|option|level|dis[ck])|multilevel)\b")
_EACH = re.compile(r"\)? (?:all|each) (?!(?:need|have to|must|should|could|may|might|can)\b)[a-z]+")
_SUBJECT = re.compile(
    r"(?:[.;:!?,\n]|\b(?:and|whereas|while|but))\W*(?:the |an? |both |whereas |while |but |and |in |at |on )*\Z"
)
SHORT = 400
"""Characters of an output that begins with its answer."""
MOST = 20
"""Places looked at that may say that nothing else is the case, or how many are."""
_DASH = re.compile(r"\s?-\s")
_SENTENCE_END = re.compile(r"\.(?=\s|\Z)|\n")


def affirmed(reading: Reading) -> Found | None:
    """Find what is said to be the only answer, or what the output begins with, or what its blocks affirm."""
    if not reading.named:
        return None
    blocks = outline(reading)
    if only := _only(reading, blocks):
        return Found(only.letters, only.start, only.end)
    more = any(block.states or (block.adds and (block.telling or block.by_letter)) for block in blocks[1:])
    if blocks and not more and (opening := _opens(reading, blocks)):
        return opening if not any(block.wrong & {*opening.letters} for block in blocks[1:]) else None
    counted = _counted(reading, blocks)
    seen = _found(reading, counted) if counted else None
    return seen or _told_apart(reading, blocks) or _labelled(reading, blocks)


def concluded_text(reading: Reading) -> Found | None:
    """Find the one option of a single-answer item whose text the last sentence that concludes affirms."""
    if not reading.texts:
        return None
    blocks = outline(reading)
    place = next((at for at in reversed(range(len(blocks))) if blocks[at].decisive and _says(blocks[at])), None)
    if place is None or len(blocks[place].right) != 1 or blocks[place].open or blocks[place].by_letter:
        return None
    right = blocks[place].right
    if any(block.right - right or block.wrong & right or block.open for block in blocks[place + 1 :]):
        return None
    clauses = [one for one in blocks[place].clauses if one.right]
    end = clauses[-1].end
    numbers = any(map(str.isdigit, reading.lower[clauses[0].start : end]))
    if numbers or lexicon.CONTRAST.search(reading.lower, end) or abstaining.UNTELLABLE.search(reading.lower):
        return None
    return Found(tuple(right), clauses[0].start, end)


def _says(block: Block) -> bool:
    return bool(block.right) or block.open


def _only(reading: Reading, blocks: list[Block]) -> Clause | None:
    """Return the clause that names the only answer, if nothing said of other options speaks against it."""
    settled = max((at for at, block in enumerate(blocks) if block.chooses and block.right), default=0)
    only = [one for block in blocks[settled:] for one in block.clauses if one.only and one.right]
    only = [] if any(one.by_letter and not only[-1].by_letter for one in _beside(blocks, only)) else only
    if not only or (reading.offered.levels and len(only) > 1):
        return None
    place = next(at for at, block in enumerate(blocks) if only[-1] in block.clauses)
    others = blocks[place + 1 :]
    telling = [block for block in others if block.telling or block.by_letter or block.chooses or block.adds]
    more = not reading.offered.levels and any(block.right.difference(only[-1].letters) for block in telling)
    return None if more else only[-1]


def _single(block: Block) -> bool:
    """Return whether a block concludes on a single letter, as each of several may: "so A applies"."""
    return block.decisive and block.by_letter and len(block.right) == 1 and not block.open


def _beside(blocks: list[Block], only: list[Clause]) -> list[Clause]:
    """Return the clauses after one that names the only answer, in the same block."""
    block = next((block for block in blocks if only and only[-1] in block.clauses), None)
    return [one for one in block.clauses if one.right and one.start > only[-1].start] if block else []


def _counted(reading: Reading, blocks: list[Block]) -> list[Block]:
    """Return the blocks that say together what is affirmed: the last that concludes, or else those that tell."""
    every = len(reading.offered.labels)
    chosen = [block for block in blocks if block.right or block.open]
    # One clause after another that affirms all that is offered only goes through it.
    chosen = [block for block in chosen if len(block.right) < every or len(block.clauses) == 1] or chosen
    final = next((block for block in reversed(chosen) if block.decisive), None)
    if final and not (_weak(reading, final) and any(block.right - final.right for block in chosen)):
        place, among = blocks.index(final), chosen.index(final)
        before = chosen[:among] if final.adds else []
        if not before and _single(final):
            before = [block for block in chosen[:among] if _single(block)]
        after = [
            block
            for block in chosen[among + 1 :]
            if block.adds and (block.telling or block.decisive) and not block.open
        ]
        return [] if _gainsaid(final, blocks[place + 1 :]) else [*before, final, *after]
    lettered = [block for block in chosen if block.by_letter and len(block.right) > 1]
    if len(lettered) == 1 and not any(block.by_letter for block in chosen if block is not lettered[0]):
        return lettered
    told = [block for block in chosen if block.telling] or chosen
    alone = len(told) == 1 and (len(told[0].right) > 1 or not any(block.right - told[0].right for block in chosen))
    if reading.offered.levels:
        return told if all(block.telling or block.right <= chosen[-1].right for block in chosen if block.adds) else []
    if alone:
        return told
    together = (
        _judges_all(reading, blocks)
        or _closes(reading)
        or _counts(reading, chosen)
        or any(block.adds and block.right for block in chosen[1:])
        or all(block.states for block in chosen)
    )
    return chosen if together else []


def _told_apart(reading: Reading, blocks: list[Block]) -> Found | None:
    """Return the options with which a short output begins, if it then says something else of all others."""
    if (
        reading.offered.levels
        or not blocks
        or reading.end - reading.start > SHORT
        or any(block.decisive for block in blocks)
    ):
        return None
    clauses = [one for block in blocks for one in block.clauses]
    for count in dict.fromkeys((1, len(blocks[0].clauses))):
        first, later = clauses[:count], clauses[count:]
        chosen = frozenset(letter for one in first for letter in one.letters)
        plain = all(one.right for one in first) and not any(one.right and one.told for one in later)
        several = len(chosen) > 1 or all(one.told for one in first)
        if plain and several and _all_others(reading, chosen, first[-1].end, later):
            return Found(tuple(sorted(chosen)), first[0].start, first[-1].end)
    return None


def _labelled(reading: Reading, blocks: list[Block]) -> Found | None:
    """Return the options named in words that alone get their letter in brackets, none of them in doubt."""
    clauses = [one for block in blocks for one in block.clauses]
    marks = [mark.start() for mark in reading.marks if reading.text[mark.start() - 1 : mark.start()] == "("]
    named = [one for one in clauses if any(one.start < at < one.end for at in marks)]
    letters = frozenset(letter for one in named for letter in one.letters)
    plain = frozenset(letter for one in clauses for letter in one.letters) - letters
    if not plain or not all(one.right for one in named) or any(one.by_letter for one in clauses):
        return None
    return Found(tuple(sorted(letters)), named[0].start, named[-1].end) if named else None


def _all_others(reading: Reading, chosen: frozenset[str], at: int, later: list[Clause]) -> bool:
    """Return whether clauses after a place say something of all options but the chosen, and of those only."""
    others: set[str] = set()
    for one in later:
        again = others.issuperset(one.letters)
        if not again and not _SUBJECT.search(reading.lower[at : one.start]):
            return False
        others.update(one.letters)
        at = one.end
    return bool(others) and others == {*reading.offered.labels} - chosen


def _closes(reading: Reading) -> bool:
    """Return whether a text says that nothing else is the case."""
    return any(
        rest[0].startswith(("nothing", "n't")) or phrases.EXCLUDED_AFTER.search(rest[0])
        for rest in islice(phrases.OF_THE_REST.finditer(reading.lower), MOST)
    )


def _counts(reading: Reading, blocks: list[Block]) -> bool:
    """Return whether a text says that it names as many as blocks affirm, two or more: "two findings apply"."""
    right = frozenset[str]().union(*(block.right for block in blocks))
    numbers = islice(phrases.COUNT.finditer(reading.lower), MOST)
    return any(phrases.NUMBERS[number["number"]] == len(right) for number in numbers)


def _weak(reading: Reading, block: Block) -> bool:
    """Return whether a block only tells one finding, and chooses nothing."""
    return not (reading.offered.levels or block.by_letter or block.chooses) and len(block.right) == 1


def _judges_all(reading: Reading, blocks: list[Block]) -> bool:
    """Return whether every option offered is affirmed or excluded, some of them excluded."""
    wrong = frozenset[str]().union(*(block.wrong for block in blocks))
    named = wrong.union(*(block.right for block in blocks))
    mixed = any((block.wrong or len(block.right) > 1) and block.right and not block.telling for block in blocks)
    return bool(wrong) and len(named) == len(reading.offered.labels) and not mixed


def _opens(reading: Reading, blocks: list[Block]) -> Found | None:
    """Return the options with which the output begins, if it then goes on to something else."""
    if len(reading.heads) == 1 and reading.heads[0].start <= reading.start:
        return _of_head(reading, reading.heads[0])
    first = blocks[0].clauses[0]
    begins = first.right and first.start - reading.start < len("options ")
    ends = (_LEADS if len(first.letters) > 1 else _SENTENCE_END).match(reading.lower, first.end)
    alone = first.by_letter or all(block.right == {*first.letters} for block in blocks)
    ends = ends or (_DASH.match(reading.lower, first.end) if alone else None)
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
    clauses = [one for block in blocks for one in _chosen(reading, block)]
    right &= frozenset(letter for one in clauses for letter in one.letters)
    every = len(reading.offered.labels)
    whole = _all(reading, clauses[0].start) or _EACH.match(reading.lower, clauses[-1].end)
    if len(right) == every and not (whole or any(_every(reading, one) for one in clauses)):
        told = [one for one in clauses if one.told]
        right = frozenset(letter for one in told for letter in one.letters)
        if len(blocks) > 1 or not 0 < len(right) < every:
            return None
        clauses = told
    worded = not reading.offered.levels and not any(one.by_letter for one in clauses)
    sure = any(block.telling or block.wrong or block.chooses for block in blocks) or _closes(reading)
    sure = sure or all(map(reading.offered.is_escape, right))
    if worded and len(right) == 1 and not (sure or _alone(reading, clauses[0])):
        return None
    return Found(tuple(sorted(right)), clauses[0].start, clauses[-1].end)


def _chosen(reading: Reading, block: Block) -> list[Clause]:
    """Return the clauses that affirm, without those that talk of options in words beside letters that are chosen."""
    right = [one for one in block.clauses if one.right]
    letters = block.by_letter and not any(len(text) == 1 for text in reading.offered.texts.values())
    return [one for one in right if one.by_letter or one.told] if letters else right


def _every(reading: Reading, clause: Clause) -> bool:
    """Return whether the letters of all options, without their texts, are said to be chosen."""
    letters = clause.by_letter and len(clause.letters) == len(reading.offered.labels)
    chosen = phrases.CHOSEN.search(reading.lower, max(0, clause.start - NEAR), clause.start) is not None
    return letters and chosen and not reading.texts_between(clause.start, clause.end)


def _all(reading: Reading, at: int) -> bool:
    """Return whether the sentence says before `at` that all are meant."""
    start = next(start for start, _ in reversed(sentences(reading)) if start <= at)
    return _ALL.search(reading.lower, start, at) is not None


def _alone(reading: Reading, clause: Clause) -> bool:
    """Return whether a single option's text stands in the only sentence, or in one that concludes."""
    start = next(start for start, end in reversed(sentences(reading)) if start <= clause.start)
    whole = not reading.lower[:start].strip() and not reading.lower[clause.end : reading.end].strip(" .!\"')\n")
    return whole or lexicon.CONCLUDING.match(reading.lower, start) is not None
