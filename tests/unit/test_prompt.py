"""From an item to the request that asks it, in the shipped words or a user's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.inference import prompt
from orchestrator.records import ImagePolicy, ImageRef, Item, Model, Picture, Price, Provider, Text

PROVIDER = Provider("p", "http://127.0.0.1:1", "the endpoint", None, None, 60, 60_000, 1, 10.0, 1, 60.0)
MODEL = Model(
    "alias",
    PROVIDER,
    "openai/m",
    {"max_tokens": 50},
    ImagePolicy(max_side=512),
    Price(1, 1, 1, "2026-01-01"),
    "unknown",
)
OPTIONS = (("A", "Healthy"), ("B", "Osteophytes"), ("C", "Collapse {now}"))
GOOD = 'single = "{question}|{options}|{letters}|{task}|{final_line}"\nmulti = "{question} {options} {final_line}"\n'


def item(*, multi: bool = False, pictures: int = 1) -> Item:
    """Return an item with that many pictures."""
    images = tuple(ImageRef(f"{number}.png", f"{number}" * 64, 10, 10) for number in range(pictures))
    return Item("q1", "SDD", "Which {finding}?", OPTIONS, ("B",), multi, images, "g")


def text_of(parts: tuple[Text | Picture, ...]) -> str:
    """Return the one text among a message's parts."""
    [text] = [part.text for part in parts if isinstance(part, Text)]
    return text


def template(folder: Path, text: str) -> Path:
    """Write a template file."""
    path = folder / "prompt.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_pictures_come_first_then_the_question_with_an_option_a_line() -> None:
    """Braces in a benchmark's own text are left as they are."""
    request = prompt.build(item(pictures=2), MODEL)
    system, user = request.messages
    assert (system.role, user.role) == ("system", "user")
    assert user.parts[:2] == (Picture(0), Picture(1))
    assert "Question: Which {finding}?\n" in text_of(user.parts)
    assert "\nA. Healthy\nB. Osteophytes\nC. Collapse {now}\n" in text_of(user.parts)


@pytest.mark.parametrize(("multi", "line"), [(False, prompt.SINGLE_LINE), (True, prompt.MULTI_LINE)])
def test_the_last_line_asked_for_is_that_of_the_questions_kind(multi: bool, line: str) -> None:
    """One letter, or a list of them."""
    assert text_of(prompt.build(item(multi=multi), MODEL).messages[1].parts).endswith(line)


def test_the_request_carries_the_models_side_and_the_sample() -> None:
    """The LiteLLM name and the endpoint's identity, never the alias."""
    request = prompt.build(item(), MODEL, sample=3)
    assert (request.model, request.endpoint, request.sample) == ("openai/m", "the endpoint", 3)
    assert (request.params, request.image_policy) == (MODEL.params, MODEL.image)


def test_a_question_to_one_model_is_readdressed_to_another() -> None:
    """Nothing of the first model is left in it: it is the very request that is built for the second."""
    provider = replace(PROVIDER, identity="elsewhere")
    other = replace(MODEL, provider=provider, litellm_model="x/y", params={"max_tokens": 7}, image=ImagePolicy())
    assert prompt.addressed(prompt.build(item(), MODEL, sample=2), other) == prompt.build(item(), other, sample=2)


def test_a_rotation_moves_the_texts_and_not_the_letters() -> None:
    """And makes another request of it."""
    turned = prompt.build(item(), MODEL, rotation=1)
    assert "\nA. Osteophytes\nB. Collapse {now}\nC. Healthy\n" in text_of(turned.messages[1].parts)
    assert turned.key != prompt.build(item(), MODEL).key


def test_a_users_template_replaces_the_words(tmp_path: Path) -> None:
    """Every placeholder is filled; an empty system text sends no system message."""
    own = prompt.load_template(template(tmp_path, GOOD + 'system = ""\n'))
    [user] = prompt.build(item(), MODEL, own).messages
    expected = f"Which {{finding}}?|A. Healthy\nB. Osteophytes\nC. Collapse {{now}}|A, B, C|SDD|{prompt.SINGLE_LINE}"
    assert text_of(user.parts) == expected


def test_a_template_without_a_system_text_keeps_the_shipped_one(tmp_path: Path) -> None:
    """Its digest differs all the same, and is the same each time."""
    own = prompt.load_template(template(tmp_path, GOOD))
    assert own.system == prompt.SHIPPED.system
    assert own.digest == prompt.load_template(template(tmp_path, GOOD)).digest != prompt.SHIPPED.digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("single = ", "cannot be read"),
        ('single = "x"\nmulti = "x"', "{question} is missing"),
        (GOOD + 'other = "x"', "unknown text 'other'"),
        ("single = 1\nmulti = 2", "single: a text is needed"),
        ('single = "{question}{options}{final_line}"', "multi: a text is needed"),
        (GOOD.replace("{task}", "{gold}"), "'gold' is no placeholder"),
        (GOOD.replace("{task}", "{}"), "'' is no placeholder"),
        (GOOD.replace("{task}", "{question!r}"), "a format after a placeholder"),
        (GOOD.replace("{task}", "{question:>9999999999}"), "a format after a placeholder"),
        (GOOD.replace("{task}", "{question.__class__}"), "'question.__class__' is no placeholder"),
        (GOOD.replace("{task}", "{"), "written twice"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    """Before anything is paid, naming the file."""
    path = template(tmp_path, text)
    with pytest.raises(ConfigError) as refusal:
        prompt.load_template(path)
    assert words in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Like any other file."""
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        prompt.load_template(tmp_path / "gone.toml")
