"""Reading, on multi-answer items, which options free prose affirms and which it excludes, clause by clause.

Always holds: what is said of an option is taken from its own clause; a sentence that asks or only announces says nothing;
where a clause leaves an option open, or a later one contradicts what was concluded, nothing is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from orchestrator.grading import lexicon
from orchestrator.grading.claims import is_question
from orchestrator.grading.listing import STOP, Listed, own_text, read_list, read_text
from orchestrator.grading.reading import Found, Reading, found

MOST = 120
"""Sentences of an output, and options named in one of them, that are looked at."""
NEAR = 160
"""Characters before an option in which its clause is looked for."""

_STOP = re.compile(r"[.!?](?<!\be\.g[.!?])(?<!\bi\.e[.!?])[\"')\]]{0,2}(?=\s|\Z)|[。\n]")
_LINE = re.compile(r"\s{0,6}(?:[-+>•]\s?|\(?\d{1,2}[.)]\s|\|)")
_COMMA = re.compile(r"(?s:.*), ")
_BOUNDARY = re.compile(
    r"[;()]|\s-\s|,? (?=(?:and |but |with )?(?:the |all |all the )?(?:others?|rest|remaining|nothing)\b)|, (?=(?:and|but|while|so|which|where|with|because|since|as|though|although)\b)"
    r"|\b(?=(?:but|while|whereas|although|though|however|unlike|yet|rather than|instead of|because|since|except"
    r"|other than|apart from|excluding)\b)|(?=(?:,|\b(?:and|but)\b)?\s?\bnot (?:options? |at |in )?\Z)"
)
_ASIDE = re.compile(r",? (?:although|though|while|which|however|despite)\b[^,;.\n]{1,80},|, however,")
_SPLIT = re.compile(r",\s|\s(?=and\s)")
_HEADING = re.compile(
    r"[\s\d.)]{0,5}(?:my |the )?(?:final |overall )?(?:conclusions?|answers?|impression|summary|decision|verdict|results?"
    r"|assessment|diagnos[ie]s|selection|choices?)(?: in words)?\s?:?\s{0,2}\Z"
)
_ONLY = re.compile(r"\b(?:only|just|solely|exclusively)\b[^,]{0,30}\Z")
_ALONE = re.compile(r"[\s)]{0,2}(?:only|alone|and nothing else)\b")
_LEADS = re.compile(r"\s?(?:[.;:!\n(-]|,? (?:since|because|as|due|given|but|not)\b)")
_SET_APART = re.compile(r"(?:[:：\n>]\s?|\A)\Z")
_LAST_WORD = re.compile(r"([a-z]+)[ :]{1,2}\Z")
_BEFORE_LETTERS = re.compile(
    r"options?|choices?|answers?|letters?|statements?|and|or|plus|also|both|only|just|is|are|was|were|be|stays?|remains?"
    r"|select(?:ed)?|choos(?:e|ing)|chosen|pick|tick|mark|check|include|includes|with|to|as|us|me|for|than|not|no|nor|so|but"
    r"|neither|either|except|that|this|levels?|therefore|thus|hence|then|of|at|by|makes|rejected?|excluded?|eliminate[ds]?"
    r"|drop|out|while|whereas|because|since|final|go|say"
)
_OPERATOR = re.compile(r"[=+*/^√≈<>∠×÷≡|]")
_LEFT_BEHIND = re.compile(
    r"\b(?:they|these|those|it|this|that|both) [^.;]{0,40}?(?:not|n't) [^.;]{0,20}?"
    r"(?:belong|count|apply|qualify|answer|select|choos|chosen|includ)"
)
_ARTICLE = re.compile(
    r"A (?!(?:is|are|was|and|or|because|as|since|only|both|for|in|at|on|with|seems|appears|holds)\b)[a-z]{2}"
)
_ALL = re.compile(r"\b(?:all|every|each|multilevel)\b")
_OPTIONS = re.compile(r"(?:option|choice|level)s?")
_EDGES = " .)]"
_RELATIVE = re.compile(
    r"\b(?:without|with no|lacking|that (?:do|does|are|is|have|has)(?: not|n't| no))\b[^,;]{1,50}(?=\b(?:are|is|include)\b)"
)
_SENTENCE_END = re.compile(r"\.?(?:\s|\Z)(?!\Z)")
_LABELLED = re.compile(r"[^:\n]{1,60}:\s")
_DENIES = re.compile(r"\s*(?:it |this |that |so )?(?:does|is|do|are|was|were|has|have|can)?(?:n't| ?not\b|no\b)")


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause says of the options it names."""

    letters: tuple[str, ...]
    right: bool | None
    """None where it leaves them open."""
    start: int
    end: int
    by_letter: bool
    only: bool
    """Whether it says that there are no others."""


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
    if not reading.multi:
        return None
    blocks = _blocks(reading)
    only = [one for block in blocks for one in block.clauses if one.only and one.right]
    if only and (len(only) == 1 or not reading.offered.levels):
        return Found(only[-1].letters, only[-1].start, only[-1].end)
    if blocks and (opening := _opens(reading, blocks[0])):
        return opening
    chosen = [block for block in blocks if block.right or block.open]
    final = next((block for block in reversed(chosen) if block.decisive), None)
    if final is not None:
        return None if _gainsaid(final, blocks[blocks.index(final) + 1 :]) else _found(reading, [final])
    told = [block for block in chosen if block.telling] or chosen
    return _found(reading, told) if told and (len(told) == 1 or reading.offered.levels) else None


def _opens(reading: Reading, block: Block) -> Found | None:
    """Return the list of several letters with which the output begins, if its sentence ends there."""
    first = block.clauses[0]
    if len(reading.heads) == 1 and reading.heads[0].start <= reading.start:
        head = reading.heads[0]
        listed = read_list(reading, head.start, multi=True)
        if listed and len(listed.letters) > 1:
            return (
                found(listed, listed.start, listed.end) if len(listed.letters) < len(reading.offered.labels) else None
            )
        end, clash = own_text(reading, head.end - 1, head.label)
        return Found((head.label,), head.start, max(head.end, end), clash=clash)
    begins = first.start - reading.start < len("options ")
    if begins and len(first.letters) == 1 and not _SENTENCE_END.match(reading.text, first.end):
        return None
    if not begins or not first.right or not _LEADS.match(reading.lower, first.end):
        return None
    return Found(first.letters, first.start, first.end)


def _gainsaid(block: Block, later: list[Block]) -> bool:
    """Return whether later blocks exclude what a block affirms, or affirm something else."""
    for other in later:
        if block.right & other.wrong or (other.by_letter and other.right - block.right):
            return True
    return False


def _found(reading: Reading, blocks: list[Block]) -> Found | None:
    """Return what the blocks affirm together, if they leave nothing open and do not contradict each other."""
    right = frozenset[str]().union(*(block.right for block in blocks))
    wrong = frozenset[str]().union(*(block.wrong for block in blocks))
    if not right or right & wrong or any(block.open for block in blocks):
        return None
    clauses = [one for block in blocks for one in block.clauses if one.right]
    if len(right) == len(reading.offered.labels) and not _ALL.search(reading.lower, 0, clauses[0].start):
        return None
    worded = not reading.offered.levels and not any(one.by_letter for one in clauses)
    if worded and len(right) == 1 and not (blocks[0].telling or blocks[0].wrong or _alone(reading, clauses[0])):
        return None
    return Found(tuple(sorted(right)), clauses[0].start, clauses[-1].end)


def _alone(reading: Reading, clause: Clause) -> bool:
    """Return whether a single option's text stands in the only sentence, or in one that concludes."""
    start = next(start for start, end in reversed(_sentences(reading)) if start <= clause.start)
    whole = not reading.lower[:start].strip() and not reading.lower[clause.end : reading.end].strip(" .!\"')\n")
    return whole or lexicon.CONCLUDING.match(reading.lower, start) is not None


# --- sentences and lists ---------------------------------------------------------------------------------------------


def _blocks(reading: Reading) -> list[Block]:
    """Return the sentences, those that are lines of a list together with the line before the list."""
    blocks: list[Block] = []
    block = Block((), decisive=False, telling=False)
    headed = listing = announced = echoed = False
    heads = {head.start for head in reading.heads if head.listed}
    for start, end in _sentences(reading):
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
        if block.clauses and _DENIES.match(line):
            block = replace(block, clauses=(*block.clauses[:-1], replace(block.clauses[-1], right=None)))
        clauses = [] if echoed else _clauses(reading, start, end)
        listed = any(one.right and _announced(reading, one) for one in clauses)
        concludes = listed or _is_list(line, clauses, start) or lexicon.DECISIVE.search(line) is not None
        block = Block(
            (*block.clauses, *clauses),
            block.decisive or announced or concludes,
            block.telling or any(one.right and _told(reading, start, one) for one in clauses),
        )
    if echoed or (listing and announced and _cut_off(reading, block)):
        block = replace(block, clauses=())
    return [block for block in [*blocks, block] if block.clauses]


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
    return place or lexicon.PREDICATE.search(before) is not None


def _announced(reading: Reading, clause: Clause) -> bool:
    """Return whether several letters stand right after a colon."""
    return len(clause.letters) > 1 and clause.by_letter and reading.text[: clause.start].rstrip(" ([").endswith(":")


def _sentences(reading: Reading) -> list[tuple[int, int]]:
    """Return start and end of each sentence; the stop after a label before its text ends none."""
    found: list[tuple[int, int]] = []
    start = reading.start
    for stop in _STOP.finditer(reading.lower, reading.start, reading.end):
        label = reading.text[stop.start() - 1 : stop.start()]
        if label in reading.offered.patterns.by_spelling and reading.offered.text_at(reading.lower, stop.end() + 1):
            continue
        found.append((start, stop.end()))
        start = stop.end()
    return [*found, (start, reading.end)][-MOST:]


# --- clauses ---------------------------------------------------------------------------------------------------------


def _clauses(reading: Reading, start: int, end: int) -> list[Clause]:
    """Return what a sentence says of each list of options it names."""
    lower = reading.lower
    named = _named(reading, start, end)
    if not named or is_question(reading.text, start) or reading.text[start:end].lstrip().startswith("|"):
        return []
    clauses = []
    left = start
    heading = _LABELLED.match(lower, start, named[0].start)
    excluded = heading is not None and lexicon.EXCLUDING.search(heading[0]) is not None
    excluded = excluded or _LEFT_BEHIND.search(lower, named[-1].end, end) is not None
    for listed, following in zip(named, [*(one.start for one in named[1:]), end], strict=True):
        cut = _cut(lower, listed.end, following, last=following == end)
        before = _from_boundary(lower[max(left, listed.start - NEAR) : listed.start])
        after = lower[listed.end : cut]
        right = False if excluded else _verdict(before, after, hedged=listed.hedged or bool(listed.clash))
        silent = lexicon.ANNOUNCING.search(before) is not None
        if silent and listed is named[0]:
            return []
        if not silent and not lexicon.ANNOUNCING.search(after):
            only = _ONLY.search(before) is not None or _ALONE.match(after) is not None
            clauses.append(Clause(listed.letters, right, listed.start, listed.end, not listed.by_text, only))
        left = cut if cut < following else listed.end
    return clauses


def _named(reading: Reading, start: int, end: int) -> list[Listed]:
    """Return the lists of letters or texts in a sentence, in order, none inside another."""
    places = [(mark.start(), True) for mark in reading.marks if start <= mark.start() < end]
    places += [(at, False) for at, _, _ in reading.offered.texts_in(reading.lower, start, end)]
    named: list[Listed] = []
    done = start
    for at, by_letter in sorted(places)[:MOST]:
        if at < done:
            continue
        listed = _letters(reading, at) if by_letter else _texts(reading, at)
        if listed is not None and listed.letters:
            named.append(listed)
            done = listed.end
    return named


def _letters(reading: Reading, at: int) -> Listed | None:
    """Return the letters listed at `at`, unless a letter there is an article, or the name or symbol of something."""
    begin = at - (reading.text[at - 1 : at] in {"(", "["})
    listed = read_list(reading, begin, multi=True)
    if listed is None or listed.owned:
        return listed
    joined = len(listed.letters) == listed.end - listed.start > 1
    if _ARTICLE.match(reading.text, at) or (joined and not _set_apart(reading, at, listed.end)):
        return None
    if len(listed.letters) > 1:
        return listed
    bracketed = begin < at and reading.text[begin - 1 : begin] in {"", " ", "\n"}
    word = _LAST_WORD.search(reading.lower, max(0, begin - NEAR), begin)
    return listed if bracketed or word is None or _BEFORE_LETTERS.fullmatch(word[1]) else None


def _set_apart(reading: Reading, start: int, end: int) -> bool:
    """Return whether letters written together stand alone after a colon or on their line."""
    before = _SET_APART.search(reading.text, max(0, start - 3), start)
    return before is not None and STOP.match(reading.text, end) is not None


def _texts(reading: Reading, at: int) -> Listed | None:
    """Return the option texts listed at `at`, unless a number there is one of a calculation."""
    listed = read_text(reading, at, multi=True, ends=False)
    if listed is None or not reading.lower[at].isdigit():
        return listed
    around = reading.lower[max(0, at - 2) : at] + reading.lower[listed.end : listed.end + 2]
    return None if _OPERATOR.search(around) else listed


def _cut(lower: str, at: int, following: int, *, last: bool) -> int:
    """Return where the clause that goes on at `at` ends, before the next option or the end of the sentence."""
    at += lower.startswith((")", "]"), at)
    aside = _ASIDE.match(lower, at, following)
    bound = _BOUNDARY.search(lower[:following], aside.end() if aside else at)
    if bound is not None:
        return bound.start()
    splits = [] if last else [split.start() for split in _SPLIT.finditer(lower, at, following)]
    return splits[-1] if splits else following


def _from_boundary(before: str) -> str:
    """Return the end of a stretch from its last boundary on."""
    before = _RELATIVE.sub("", before.rstrip(" (["))
    bounds = [bound.start() for bound in _BOUNDARY.finditer(before)]
    before = before[bounds[-1] :] if bounds else before
    comma = _COMMA.match(before)
    return before[comma.end() :] if comma else before


def _verdict(before: str, after: str, *, hedged: bool) -> bool | None:
    """Return whether a clause affirms the options between two stretches; None where it leaves it open."""
    if lexicon.EXCLUDING.search(before) or lexicon.EXCLUDED_AFTER.search(after):
        return False
    return None if hedged or lexicon.DOUBTING.search(before) or lexicon.DOUBTING.search(after) else True
