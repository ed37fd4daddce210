"""Foreign text made safe for a terminal and for the one line it is printed on.

Benchmark text, model output, names and paths may carry escape sequences, line breaks or characters that turn the
direction of what follows. Whatever passes through here is printable, on one line and in reading order.
"""

from __future__ import annotations

import re
import unicodedata

from rich.text import Text

_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    "|\x1b[ -/]*[0-~]?"  # everything shorter
)
_DROPPED = frozenset({"Cc", "Cf"})
_REPLACED = frozenset({"Cs", "Co", "Cn"})


def safe(text: str) -> str:
    """Return the text on one line without control sequences, control characters and direction marks.

    Line breaks and tabs become spaces; what no terminal can show (lone surrogates, unassigned) becomes U+FFFD.
    """
    return "".join(_shown(character) for character in _SEQUENCE.sub("", text)).strip()


def label(text: str, style: str = "") -> Text:
    """Return safe text that rich prints as it stands: no markup, no emoji codes."""
    return Text(safe(text), style=style)


def _shown(character: str) -> str:
    """Return what stands for one character."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in _DROPPED:
        return ""
    return "\N{REPLACEMENT CHARACTER}" if category in _REPLACED else character
