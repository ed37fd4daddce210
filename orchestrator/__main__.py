"""The `orchestrator` command, also as `python -m orchestrator`, from its first moment to its last.

Always holds: Ctrl-C while the program is still being loaded, or when it is through, ends it at once with 130 and one
word; in between the command decides what it means. Where it is ignored (`nohup`, a shell's `&`) it stays so.
"""

import os
import signal
from contextlib import suppress

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, _end_at_once)
    # Loading takes some tenths of a second, in which a KeyboardInterrupt would rise out of any import.
    from orchestrator import cli

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cli.main()
    finally:
        if usual:
            signal.signal(signal.SIGINT, _end_at_once)


def _end_at_once(*_: object) -> None:
    with suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
