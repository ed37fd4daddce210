"""One output as whatever reads labels sees it: its text beside what was offered, and the labels that stand free in it.

Always holds: of very many labels only those nearest to the two ends are looked at, since an answer stands at an end;
what takes work is done when first asked for, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from orchestrator.grading.offered import Offered

MOST = 100
"""Labels, and other places, examined at either end of one output."""
STOP = re.compile(r"\s{0,2}(?:[.)\],;:!\n\"⟧]|(?:only|alone|as well|too)\b|\Z)")
"""What may follow a declaration that ends there."""
BULLET = re.compile(r"\s{0,6}(?:[-+>]\s|\d{1,2}[.)]\s)")
"""What begins a line of a list."""

_TOUCHING = frozenset("_'\\^/=+-∠△°√#")

_Value = TypeVar("_Value")
_Place = TypeVar("_Place")


class Lazy(Generic[_Value]):
    """A property worked out when first asked for and kept; `functools.cached_property` without its lock."""

    def __init__(self, work: Callable[[Any], _Value]) -> None:
        self._work = work
        self._name = work.__name__
        self.__doc__ = work.__doc__

    def __get__(self, instance: object, owner: type) -> _Value:
        value = self._work(instance)
        setattr(instance, self._name, value)
        return value


class Listed(NamedTuple):
    """Labels as they stand at one place."""

    letters: tuple[str, ...]
    """Sorted; empty where a letter that was not offered is declared."""
    start: int
    end: int
    hedged: bool = False
    """Whether they are alternatives ("B or C")."""
    clash: tuple[str, ...] = ()
    """Labels of another option whose text stands beside the letter."""
    owned: bool = False
    """Whether the last letter's own option text follows it."""
    by_text: bool = False
    """Whether the option's text, not its letter, was given."""


@dataclass(eq=False)
class Page:
    """The text of one output beside what was offered, and the labels that stand in it.

    There is one for every output, and a frozen dataclass takes three times as long to make: the fields are final
    instead, for the type checker, and a page is equal to itself alone.
    """

    text: Final[str]
    """The passage's text."""
    lower: Final[str]
    """The same in lower case, of the same length."""
    seam: Final[int]
    """Where the beginning of a long output ends and its end begins, what lies between left out; 0 if nothing was."""
    offered: Final[Offered]
    """What the question offered."""
    multi: Final[bool]
    """Whether several letters may be right."""

    @Lazy
    def marks(self) -> list[re.Match[str]]:
        """Every label that stands free of any word, number or symbol, at either end of the text.

        On a multi-answer item labels written together are one.
        """
        text = self.text
        pattern = self.offered.patterns.run if self.multi else self.offered.patterns.mark

        def free(mark: re.Match[str]) -> bool:
            at = mark.start() - (text[mark.start() - 1 : mark.start()] in {"(", "["})
            before = text[at - 1 : at]
            return before not in _TOUCHING and not (before.isascii() and before.isalnum())

        return ends([mark for mark in pattern.finditer(text) if free(mark)])


def ends(places: list[_Place]) -> list[_Place]:
    """Return the first `MOST` and the last `MOST` places: an answer stands at an end."""
    return places if len(places) <= 2 * MOST else places[:MOST] + places[-MOST:]
