"""The standard streams, of which a caller may have closed any (`>&-`).

Always holds once `stand_in` was called: no file that is opened takes the number of a standard stream.
"""

from __future__ import annotations

import os
import sys


def stand_in() -> None:
    """Put something in the place of closed streams: a stdout that nobody reads, a stderr that nobody sees.

    `sys.stdin` stays None, so that whoever would read it can say so.
    """
    if sys.stdin is None:
        _place(os.open(os.devnull, os.O_RDONLY), 0)
    if sys.stdout is None:
        unread, end = os.pipe()
        os.close(unread)
        _place(end, 1)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the program runs
    if sys.stderr is None:
        _place(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _place(descriptor: int, number: int) -> None:
    if descriptor == number:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(descriptor, number)
        os.close(descriptor)
