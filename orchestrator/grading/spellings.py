"""Other ways to write an option's text: article, number, numerals, hyphen, side, units, levels, British spelling.

Always holds: what comes of a text means the same as it; texts are compared as strings, so no pattern is compiled.
"""

from __future__ import annotations

import re

_LEVEL = re.compile(r"([clts])(\d{1,2})\s?[-/]\s?([clts]?)(\d{1,2})")
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[a-z])")
_NUMBERED = re.compile(r"(?<=\b[a-z]{3})-?(?=\d\b)|(?<=\b[a-z]{4})-?(?=\d\b)")
_COMPOUND = re.compile(r"\A([a-z]{2,20}) ([a-z]{2,20}(?: [a-z]{2,20}){0,2})\Z")
_SINGULAR = re.compile(r"[b-df-hj-np-tv-z]y\Z")
_HISSING = re.compile(r"(?:[xo]|ss|[cs]h)(?P<plural>es)?\Z")
_EPONYM = re.compile(
    r"([a-z]{3,20})(?P<own>'s)?"
    r" ((?:disease|syndrome|deformity|kyphosis|sign|nodes?|fracture|hernia|tumou?r|cysts?)\b.*)"
)
_GRADED = re.compile(r"\b(grade|type|stage|class|phase) (\d|[ivx]{1,4})\b")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii")
_NUMERALS = dict(zip("12345678", _ROMAN, strict=True)) | dict(zip(_ROMAN, "12345678", strict=True))
_SIDED = re.compile(
    r"(?:(?P<first>left|right)(?:[- ]sided)? )?(?P<what>[a-z0-9/ -]{3,40}?)(?: \(?(?P<last>left|right)\)?)?"
)
_THERE = re.compile(r"there (?:is|are) (?:an? |some )?(?=\w+ \w)")
_STATED = re.compile(r"(?:the )?(?P<what>(?:[a-z0-9/-]+ ){1,4})(?:is|are) (?P<how>.+)")
_DONE = re.compile(r"(?P<what>(?:[a-z0-9/-]+ ){1,4})(?P<how>(?:[a-z]{3,}ed|open|visible|present)\b.*)")
_MEASURE = re.compile(r"([-+]?\d+(?:\.\d+)?) ?(°|%|[a-z]{1,3})")
_SYNONYMS = {"true": "yes", "false": "no", "yes": "true", "no": "false"}
_SPELLINGS = (
    *(("hem", "haem"), ("nemi", "naemi"), ("edema", "oedema"), ("esoph", "oesoph"), ("ped", "paed")),
    *(("tumor", "tumour"), ("color", "colour"), ("fiber", "fibre"), ("center", "centre"), ("gray", "grey")),
)
"""Parts of words as spelled in America and in Britain."""
_SOUND = {"healthy": "normal", "normal": "healthy"}
_WHOLE = (
    *("{} spine", "{} study", "{} lumbar spine", "{} cervical spine", "{} thoracic spine"),
    *("spine is {}", "spine looks {}", "spine appears {}"),
)
"""What is as it should be as a whole, and not only in a part."""
_UNITS = {"°": "degrees", "%": "percent", "m": "meters"}
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,6})?|\d{1,9}(?:\.\d{1,6})?")
_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
"""Numbers in words; "one" is also a pronoun, and never stands for 1."""


def variants(text: str, label: str) -> set[str]:
    """Return other ways to write an option's text (lower case, as rewritten), whose label may stand at its end."""
    found = set()
    if text.startswith(("a ", "an ", "the ")):
        found.add(text.split(" ", 1)[1])
    found |= _hyphens(text)
    if text.startswith("it "):
        found.add(text[3:])
    if there := _THERE.match(text):
        found.add(text[there.end() :])
    if text.endswith(" only"):
        found.add(text[:-5])
    if written := _NUMBER.fullmatch(text):
        found |= _numbers(written[0])
    if text in _WORDS:
        found.add(str(_WORDS.index(text)))
    if sound := _SOUND.get(text):
        found |= {f"{text} spine", *(words.format(sound) for words in _WHOLE)}
    if text in _SYNONYMS:
        found.add(_SYNONYMS[text])
    if len(text) > 3 and text.replace(" ", "").isalpha():
        found |= _other_number(text)
    found |= _spellings(text) | _of_level(text) | _named_after(text) | _graded(text) | _sided(text) | _stated(text)
    if measure := _MEASURE.fullmatch(text):
        number, unit = measure.groups()
        word = _UNITS.get(unit, unit)
        found |= {f"{one}{gap}{name}" for one in (number, f"{number}.0") for gap in ("", " ") for name in (unit, word)}
    if text.endswith(f" {label.lower()}"):
        stem = text[: -len(label)]
        found |= {f'{stem}"{label.lower()}"', f"{stem}({label.lower()})", f"{stem}[{label.lower()}]"}
    found.discard(text)
    return found


def _spellings(text: str) -> set[str]:
    """Return a text as it is spelled in Britain or America, word by word and as a whole."""
    found = {text}
    for american, british in _SPELLINGS:
        found |= {one.replace(british, american) if british in one else one.replace(american, british) for one in found}
    return found


def _named_after(text: str) -> set[str]:
    """Return a disease or sign by the name of its discoverer with or without an apostrophe: Paget's disease."""
    name = _EPONYM.fullmatch(text)
    return {f"{name[1]} {name[3]}" if name["own"] else f"{name[1]}'s {name[3]}"} if name else set()


def _graded(text: str) -> set[str]:
    """Return a text with the other numerals for its grade or type: grade II, grade 2."""
    graded = _GRADED.search(text)
    other = _NUMERALS.get(graded[2]) if graded else None
    return {f"{text[: graded.start(2)]}{other}{text[graded.end(2) :]}"} if graded and other else set()


def _sided(text: str) -> set[str]:
    """Return a text that begins or ends with its side with the side at the other end: "left foraminal"."""
    sided = _SIDED.fullmatch(text)
    sides = {sided["first"], sided["last"]} - {None} if sided else set()
    if sided is None or len(sides) != 1:
        return set()
    (side,), what = sides, sided["what"]
    return {f"{side} {what}", f"{side}-sided {what}", f"{what} {side}"}


def _stated(text: str) -> set[str]:
    """Return a statement without its "is", or one with it: "sink full of dishes", "disc space is narrowed"."""
    if stated := _STATED.fullmatch(text):
        return {f"{stated['what']}{stated['how']}"}
    done = _DONE.fullmatch(text)
    return {f"{done['what']}{verb} {done['how']}" for verb in ("is", "are")} if done else set()


def _of_level(text: str) -> set[str]:
    """Return other ways to write a level: L4-L5, L4-5, between L4 and L5."""
    level = _LEVEL.fullmatch(text)
    if level is None:
        return set()
    one, first, other, second = level.groups()
    found = {f"{one}{first}{sign}{side}{second}" for sign in "-/" for side in (other or one, "")}
    found.add(f"{one}{first}{other or one}{second}")
    below = {f"{other or one}{second}", *(("the sacrum",) if (other, second) == ("s", "1") else ())}
    found |= {f"between {one}{first} and {end}" for end in below}
    return found


def _other_number(text: str) -> set[str]:
    """Return a text of words in the plural, or in the singular."""
    found = {text[:-1] if text.endswith("s") and not text.endswith("ss") else f"{text}s"}
    if _SINGULAR.search(text):
        found.add(f"{text[:-1]}ies")
    if hissing := _HISSING.search(text):
        found.add(text[: hissing.start("plural")] if hissing["plural"] else f"{text}es")
    return found | ({text[:-1]} if text.endswith("vertebrae") else set())


def _hyphens(text: str) -> set[str]:
    """Return a text with spaces for its hyphens, or one of few words with a hyphen after the first."""
    if _NUMBERED.search(text):
        return {_NUMBERED.sub(lambda place: "" if place[0] else "-", text)}
    if "-" in text:
        return {_HYPHEN.sub(" ", text)}
    compound = _COMPOUND.fullmatch(text)
    return {f"{compound[1]}-{compound[2]}"} if compound else set()


def _numbers(number: str) -> set[str]:
    """Return other ways to write a number: in a word, with or without a thousands separator, with a decimal."""
    bare = number.replace(",", "")
    if "." in bare:
        return {bare, bare.rstrip("0").rstrip("."), f"{bare}0"}
    value = int(bare)
    found = {bare, f"{bare}.0", f"{value:,}"}
    return found | {_WORDS[value]} if value < len(_WORDS) and value != 1 else found
