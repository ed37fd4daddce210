"""Gradings as files: what was read from every reply, by which rule and under which version of the parser.

JSON Lines: a header, then a line for every question at every model, in the benchmark's order. `letters` are those of
the options as they were shown, `own_letters` the benchmark's. An earlier grading is held in some 100 bytes a line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from orchestrator.commands.grades import Graded
from orchestrator.errors import ConfigError
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.regrading import Said
from orchestrator.records import Grade, Json, Outcome

FORMAT = "orchestrator-grading"
VERSION = 1
_FIELDS = ("item_id", "model", "sample", "rotation", "letters", "rule", "outcome", "parser_version")
"""What every line holds; of `reply` those of before do not tell."""
_REPLIES = 2**33
_PLACES = 10_000
"""More samples or rotations than any run asks for."""


# --- writing ---------------------------------------------------------------------------------------------------------


def saver(file: TextIO, benchmark: str, runs: Sequence[str]) -> Callable[[Graded], None]:
    """Write the header of a grading, and return what writes the lines of each item that goes by."""
    header: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "parser_version": PARSER_VERSION,
        "benchmark": benchmark,
        "runs": list(runs),
    }
    file.write(json.dumps(header) + "\n")

    def write(graded: Graded) -> None:
        file.writelines(_line(graded.model, grade) for grade in graded.grades)

    return write


def _line(model: str, grade: Grade) -> str:
    body: dict[str, Json] = {
        "item_id": grade.item_id,
        "model": model,
        "sample": grade.sample,
        "rotation": grade.rotation,
        "letters": list(grade.letters),
        "own_letters": list(_own(grade)),
        "rule": grade.rule,
        "outcome": str(grade.outcome),
        "reply": grade.reply,
        "parser_version": PARSER_VERSION,
    }
    return json.dumps(body) + "\n"


def _own(grade: Grade) -> tuple[str, ...]:
    """Return the letters that the options chosen have in the benchmark, whatever order they were shown in."""
    places = (grade.options.index(letter) + grade.rotation for letter in grade.letters)
    return tuple(sorted(grade.options[place % len(grade.options)] for place in places))


# --- reading ---------------------------------------------------------------------------------------------------------


class Earlier:
    """A grading made before, by question and model."""

    def __init__(self, path: Path) -> None:
        """Read a grading; raises ConfigError for a file that is none."""
        self.versions: tuple[str, ...] = ()
        """The parser versions it was made under."""
        self.runs: tuple[str, ...] = ()
        """The runs it was made of."""
        self.tells_replies = True
        """Whether it tells every reply from another to the same question."""
        self._said: dict[Said, int] = {}
        self._by_question: dict[int, int] = {}
        """Which of these, and which reply (0: not told), in one number to save memory."""
        self._models: Counter[str] = Counter()
        try:
            with path.open(encoding="utf-8") as file:
                self.runs = _runs(path, file.readline())
                for number, line in enumerate(file, start=2):
                    self._add(path, number, line)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text, so it is no grading") from error
        if not self._said:
            raise ConfigError(f"{path}: is an empty grading: it holds the header alone")
        self._kinds = tuple(self._said)
        self.versions = tuple(dict.fromkeys(said.parser_version for said in self._kinds))

    def said(self, model: str, grade: Grade) -> tuple[Said | None, bool]:
        """Return what was read then of the question that is graded now, None if it was not there.

        Then whether it was read from the same reply, as far as the file tells.
        """
        packed = self._by_question.get(_digest(model, grade.item_id, grade.sample, grade.rotation))
        if packed is None:
            return None, True
        kind, reply = divmod(packed, _REPLIES)
        return self._kinds[kind], reply in (0, _number(grade.reply))

    def held(self, models: Sequence[str]) -> int:
        """Return how many questions to these models it holds."""
        return sum(self._models[model] for model in models)

    def _add(self, path: Path, number: int, line: str) -> None:
        match _json(line):
            case {
                "item_id": str(item_id),
                "model": str(model),
                "sample": int(sample),
                "rotation": int(rotation),
                "letters": list(letters),
                "rule": str(rule),
                "outcome": str(outcome),
                "parser_version": str(version),
                **rest,
            } if _numbers(sample, rotation) and outcome in set(Outcome) and _fits(letters, outcome) and _told(rest):
                reply = _number(rest.get("reply"))
                said = Said(tuple(sorted(letters)), rule, Outcome(outcome), version)
            case _:
                raise ConfigError(f"{path}:{number}: {_fault(line)}; `score --save FILE` writes a whole one")
        digest = _digest(model, item_id, sample, rotation)
        if digest in self._by_question:
            raise ConfigError(f"{path}:{number}: {item_id!r} at {model!r} is there twice")
        self.tells_replies = self.tells_replies and reply > 0
        self._by_question[digest] = self._said.setdefault(said, len(self._said)) * _REPLIES + reply
        self._models[model] += 1


def _runs(path: Path, line: str) -> tuple[str, ...]:
    """Return the runs that the header names, if it is the header of a grading that can be read."""
    match _json(line):
        case {"format": "orchestrator-grading", "version": 1, "runs": list(runs)}:
            return tuple(map(str, runs))
        case {"format": "orchestrator-grading", "version": int(version)} if version > VERSION:
            raise ConfigError(f"{path}: was written by a newer version of orchestrator; upgrade to read it")
        case _:
            raise ConfigError(f"{path}: is no grading; `score --save FILE` writes one")


def _fault(line: str) -> str:
    """Return what is wrong with a line that is no line of a grading."""
    found = _json(line)
    if not isinstance(found, dict):
        return "is no line of a grading" if line.endswith("\n") else "is cut, so the grading is not complete"
    missing = [name for name in _FIELDS if name not in found]
    return f"is no line of a grading: without {', '.join(missing)}" if missing else "is no line of a grading"


def _numbers(*places: int) -> bool:
    """Whether these can be the numbers of a sample and a rotation; `true` is none."""
    return all(type(one) is int and 0 <= one < _PLACES for one in places)


def _fits(letters: list[Any], outcome: str) -> bool:
    """Whether these are letters, none of them twice, and there are some exactly where the outcome is an answer."""
    if not all(isinstance(one, str) and one for one in letters):
        return False
    return len(set(letters)) == len(letters) and bool(letters) == (outcome == Outcome.ANSWERED)


def _told(rest: dict[Any, Any]) -> bool:
    """Whether a line says of what reply it is, as it should; those of before did not."""
    return "reply" not in rest or _number(rest["reply"]) > 0


def _number(reply: object) -> int:
    """Return a reply's digest as a number below `_REPLIES`, none as 1, and 0 for what is neither."""
    if not isinstance(reply, str) or not re.fullmatch(r"([0-9a-f]{8})?", reply):
        return 0
    return int(reply, 16) + 2 if reply else 1


def _json(line: str) -> object:
    """Return what a line holds; None where it is no JSON, or holds half a surrogate pair, which nothing can print."""
    try:
        found = json.loads(line)
        if "\\ud" in line.lower():
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):
        return None


def _digest(model: str, item_id: str, sample: int, rotation: int) -> int:
    body = json.dumps([model, item_id, sample, rotation])
    return int.from_bytes(hashlib.blake2b(body.encode(), digest_size=8).digest())
