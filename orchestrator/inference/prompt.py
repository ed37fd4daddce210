"""From an Item to the Request that asks it.

The shipped wording follows the SpineBench protocol (a simulated clinical scenario, reasoning, no breaking of
character, a declared last line) in words of its own. A user's template replaces the two texts and keeps the rest.
Every option stands on a line of its own as `A. text`.
"""

from __future__ import annotations

import hashlib
import string
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.records import Item, Message, Model, Picture, Request, Text

FIELDS = ("question", "options", "letters", "task", "final_line")
"""Placeholders that a template may use, as `{question}`."""

SINGLE_LINE = "My final option: [X]"
MULTI_LINE = "My final options: [X, Y]"


@dataclass(frozen=True, slots=True)
class Template:
    """The words around a question: a system text, and a user text for either kind of question."""

    system: str
    single: str
    multi: str

    @property
    def digest(self) -> str:
        """Short digest, part of what a run is."""
        body = "\0".join((self.system, self.single, self.multi))
        return hashlib.sha256(body.encode()).hexdigest()[:12]


SHIPPED = Template(
    system=(
        "You take the part of a board-certified spine surgeon in a simulated case conference held for teaching and "
        "research. No real patient depends on your answer. Stay in this part throughout: do not mention that you are "
        "a language model, and do not decline because an image alone is not a full work-up. Judge from the image you "
        "are shown, commit yourself, and always finish with the last line you are asked for."
    ),
    single=(
        "Case: study the image and answer the question.\n\nQuestion: {question}\n\nOptions:\n{options}\n\n"
        "Exactly one option is right. First reason in a few sentences: which structures you see, what is abnormal "
        "about them, and why the other options fit less well. Then end with one last line in exactly this form, with "
        "the letter of your choice in place of X:\n{final_line}"
    ),
    multi=(
        "Case: study the image and answer the question.\n\nQuestion: {question}\n\nOptions:\n{options}\n\n"
        "One or more options are right; name all of them and no others. First reason in a few sentences, option by "
        "option: what you see there and whether it is abnormal. Then end with one last line in exactly this form, "
        "with the letters of your choice, however many, in place of X, Y:\n{final_line}"
    ),
)


def load_template(path: Path) -> Template:
    """Read a user's template: a TOML file with the texts `single` and `multi`, and optionally `system`.

    Raises ConfigError, naming the file and the text, for a missing text, an unknown placeholder, or one without
    `{question}`, `{options}` and `{final_line}`.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: the prompt template cannot be read: {error}") from error
    if unknown := sorted(set(found) - {"system", "single", "multi"}):
        raise ConfigError(f"{path}: unknown text {unknown[0]!r}; a template holds system, single and multi.")
    template = Template(
        system=_text(path, found, "system", SHIPPED.system),
        single=_text(path, found, "single", None),
        multi=_text(path, found, "multi", None),
    )
    for name, text in (("single", template.single), ("multi", template.multi)):
        _check_placeholders(path, name, text)
    return template


def _text(path: Path, found: dict[str, object], name: str, default: str | None) -> str:
    value = found.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {name}: a text is needed here.")
    return value


def _check_placeholders(path: Path, name: str, text: str) -> None:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"{path}: {name}: {error}; a brace that is meant as such is written twice.") from error
    used = [part[1] for part in parts if part[1] is not None]
    plain = all(not part[2] and not part[3] for part in parts if part[1] is not None)
    if not plain or not set(used) <= set(FIELDS):
        odd = next((one for one in used if one not in FIELDS), "a format after a placeholder")
        raise ConfigError(f"{path}: {name}: {odd!r} is no placeholder; there are {', '.join(FIELDS)}.")
    if missing := [one for one in ("question", "options", "final_line") if one not in used]:
        raise ConfigError(f"{path}: {name}: the placeholder {{{missing[0]}}} is missing.")


def build(item: Item, model: Model, template: Template = SHIPPED, *, sample: int = 0, rotation: int = 0) -> Request:
    """Return the request that asks `item`, its options moved up by `rotation` letters, for the given sample."""
    shown = item.rotated(rotation)
    body = (template.multi if shown.multi else template.single).format(
        question=shown.question,
        options="\n".join(f"{letter}. {text}" for letter, text in shown.options),
        letters=", ".join(shown.letters),
        task=shown.task,
        final_line=MULTI_LINE if shown.multi else SINGLE_LINE,
    )
    parts: tuple[Text | Picture, ...] = (*(Picture(index) for index in range(len(shown.images))), Text(body))
    system = (Message("system", (Text(template.system),)),) if template.system else ()
    return Request(
        model=model.litellm_model,
        endpoint=model.provider.identity,
        messages=(*system, Message("user", parts)),
        images=shown.images,
        image_policy=model.image,
        params=model.params,
        sample=sample,
    )


def addressed(request: Request, model: Model) -> Request:
    """Return the same question to another model: what `build` returns for that one."""
    return replace(
        request,
        model=model.litellm_model,
        endpoint=model.provider.identity,
        image_policy=model.image,
        params=model.params,
    )
