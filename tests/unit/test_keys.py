"""The key: what makes two requests one purchase. The golden values may never change: they are what people paid for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paid_fixtures import item, model, picture, provider, request

from orchestrator.inference import prompt
from orchestrator.records import ImagePolicy, ImageRef, Json, Message, Request, Text, canonical

FIRST = ImageRef("/first.png", "a" * 64, 10, 20)
SECOND = ImageRef("/second.tsv", "b" * 64, 30, 40, offset=5, length=6)
SYSTEM = '{"content":[{"text":"Answer.","type":"text"}],"role":"system"}'
PICTURED = '{"text":"Which?\\nA. one\\nB. two\\nMy final option: [X]","type":"text"}'

GOLDEN = [
    pytest.param(
        request("Wo? Ü"),
        '{"endpoint":"simulator-openai","image":null,"messages":['
        + SYSTEM
        + ',{"content":[{"text":"Wo? Ü","type":"text"}]'
        ',"role":"user"}],"model":"openai/sim-spine-large","params":{"max_tokens":64},"sample":0,"v":1}',
        "a7b35bbdcf66c29be129206f11b64b9fdd7d79202f572ca68c1975e36391284b",
        id="text only",
    ),
    pytest.param(
        request(images=(FIRST,), policy=ImagePolicy(1024, "high")),
        '{"endpoint":"simulator-openai","image":{"detail":"high","format":"jpeg","max_side":1024,"quality":90,"v":1},'
        '"messages":['
        + SYSTEM
        + ',{"content":[{"sha256":"'
        + "a" * 64
        + '","type":"image"},'
        + PICTURED
        + '],"role":"user"'
        '}],"model":"openai/sim-spine-large","params":{"max_tokens":64},"sample":0,"v":1}',
        "2a49c889552cc33e9b3d81c2a50b26eeada8f37196233d8490dacd309c7ac3d0",
        id="one picture",
    ),
    pytest.param(
        request(images=(FIRST, SECOND), policy=ImagePolicy(format="png", quality=77)),
        '{"endpoint":"simulator-openai","image":{"detail":null,"format":"png","max_side":null,"quality":null,"v":1},'
        '"messages":['
        + SYSTEM
        + ',{"content":[{"sha256":"'
        + "a" * 64
        + '","type":"image"},{"sha256":"'
        + "b" * 64
        + '",'
        '"type":"image"},' + PICTURED + '],"role":"user"}],"model":"openai/sim-spine-large","params":{"max_tokens":64},'
        '"sample":0,"v":1}',
        "2c492cc00856c00248e8243a79f71b18ae9bd1881ecf9e7b72659e8f7545d2cb",
        id="two pictures, PNG",
    ),
    pytest.param(
        request(
            params={
                "temperature": 0.0,
                "top_p": 0.5,
                "stop": ["a", "b"],
                "extra_body": {"x": {"z": 1, "a": True}},
                "seed": None,
            }
        ),
        '{"endpoint":"simulator-openai","image":null,"messages":['
        + SYSTEM
        + ',{"content":['
        + PICTURED
        + '],"role":"user"}],'
        '"model":"openai/sim-spine-large","params":{"extra_body":{"x":{"a":true,"z":1}},"seed":null,"stop":["a","b"],'
        '"temperature":0,"top_p":0.5},"sample":0,"v":1}',
        "f1db4cc5f4d25322b921f0a290ac8046ccc1cd27ab5b01c981c4a4901e1e43d2",
        id="parameters",
    ),
    pytest.param(
        request(sample=3),
        '{"endpoint":"simulator-openai","image":null,"messages":['
        + SYSTEM
        + ',{"content":['
        + PICTURED
        + '],"role":"user"}],'
        '"model":"openai/sim-spine-large","params":{"max_tokens":64},"sample":3,"v":1}',
        "c01082c10407ec955c42786bf56f6a7d8133956f164c20bae49622f7ba6b9309",
        id="fourth sample",
    ),
]

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
params = st.dictionaries(st.text(max_size=6), values, max_size=5)


@pytest.mark.parametrize(("asked", "text", "key"), GOLDEN)
def test_the_canonical_form_and_its_digest_never_change(asked: Request, text: str, key: str) -> None:
    """Replies paid for under these keys must be found by every later version."""
    assert canonical(asked) == text
    assert asked.key == key
    assert hashlib.sha256(text.encode()).hexdigest() == key


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_equal_numbers_are_one_purchase(zero: float) -> None:
    """`temperature = 0`, `0.0` and `-0.0` ask the same thing."""
    assert request(params={"temperature": zero}).key == request(params={"temperature": 0}).key


@given(whole=st.integers(-(2**53), 2**53))
def test_a_whole_float_is_its_integer(whole: int) -> None:
    """Whole floats and integers are one parameter value at any depth."""
    nested: dict[str, Json] = {"extra_body": {"a": [float(whole)]}, "seed": float(whole)}
    assert request(params=nested).key == request(params={"extra_body": {"a": [whole]}, "seed": whole}).key


def test_true_is_not_one() -> None:
    """JSON tells `true` from `1`, and so does a provider."""
    assert request(params={"logprobs": True}).key != request(params={"logprobs": 1}).key


@given(given_params=params, random=st.randoms())
def test_the_order_of_parameters_does_not_matter(given_params: dict[str, Any], random: Random) -> None:
    """A reordered table in providers.toml is the same purchase."""
    shuffled = list(given_params.items())
    random.shuffle(shuffled)
    assert request(params=dict(shuffled)).key == request(params=given_params).key


@given(first=params, name=st.text(max_size=2), before=values, after=values)
def test_any_change_of_a_parameter_is_another_purchase(
    first: dict[str, Any], name: str, before: Json, after: Json
) -> None:
    """Keys agree exactly when the JSON bodies would, with equal numbers taken as one."""
    one, other = {**first, name: before}, {**first, name: after}
    assert (request(params=one).key == request(params=other).key) == (_typed(before) == _typed(after))
    assert request(params=first).key != request(params={**first, "further": before}).key


def _typed(value: object) -> object:
    """Return a value that compares equal only where JSON's values do, numbers by their value."""
    match value:
        case bool():
            return ("bool", value)
        case dict():
            return ("object", {name: _typed(one) for name, one in value.items()})
        case list():
            return ("array", [_typed(one) for one in value])
        case int() | float():
            return ("number", value)
        case _:
            return value


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "openai/sim-spine-small"},
        {"endpoint": "elsewhere"},
        {"messages": (Message("user", (Text("Which"),)),)},
        {"images": (replace(FIRST, digest="c" * 64),)},
        {"image_policy": ImagePolicy(max_side=512)},
        {"image_policy": ImagePolicy(detail="low")},
        {"image_policy": ImagePolicy(format="png")},
        {"image_policy": ImagePolicy(quality=91)},
        {"image_policy": ImagePolicy(version=2)},
        {"params": {"max_tokens": 65}},
        {"sample": 1},
    ],
)
def test_whatever_reaches_the_model_is_in_the_key(changed: dict[str, Any]) -> None:
    """Each thing that shapes the body, or the meaning of a sample, makes another purchase."""
    asked = request(images=(FIRST,))
    assert replace(asked, **changed).key != asked.key


@pytest.mark.parametrize(
    "moved",
    [
        replace(FIRST, path="/elsewhere.png"),
        replace(FIRST, width=1, height=1),
        replace(FIRST, offset=9, length=9),
    ],
)
def test_where_a_picture_lies_is_not_in_the_key(moved: ImageRef) -> None:
    """Only a picture's bytes count: moving the benchmark costs nothing."""
    assert request(images=(moved,)).key == request(images=(FIRST,)).key


def test_nothing_else_of_the_configuration_is_in_the_key() -> None:
    """Alias, address, key, limits, deadlines, budget, prices, item id, task and metadata change no purchase."""
    at = provider("http://127.0.0.1:1")
    one = prompt.build(item(1, (FIRST,)), model(at)).key
    other = replace(
        at,
        name="other",
        api_base="http://elsewhere",
        api_key_env="OTHER",
        rpm=1,
        tpm=1,
        max_concurrency=1,
        timeout_s=1.0,
        max_attempts=1,
        deadline_s=1.0,
        budget_nanousd=5,
    )
    dearer = replace(model(other), alias="other", price=replace(model(at).price, input=9), image_tokens="claude")
    asked = item(1, (replace(FIRST, path="/x"),))
    renamed = replace(asked, id="other", group="g", metadata={"a": 1}, task="XYZ", line=9)
    assert prompt.build(renamed, dearer).key == one


def test_the_picture_policy_counts_only_where_there_is_a_picture() -> None:
    """A text question asked with another picture setting is the same purchase."""
    assert request(policy=ImagePolicy(512, "low")).key == request(policy=ImagePolicy()).key


def test_the_quality_of_a_lossless_picture_does_not_matter() -> None:
    """PNG has no quality."""
    low, high = (request(images=(FIRST,), policy=ImagePolicy(format="png", quality=q)) for q in (1, 100))
    assert low.key == high.key


def test_the_order_of_pictures_matters() -> None:
    """`first, second` and `second, first` show the model different things."""
    assert request(images=(FIRST, SECOND)).key != request(images=(SECOND, FIRST)).key


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), {1, 2}, b"x", object()])
def test_a_value_that_no_body_can_carry_is_refused(value: object) -> None:
    """A parameter without a JSON form has no key, at any depth."""
    bad: Any
    for bad in ({"p": value}, {"p": [value]}, {"p": {"q": value}}):
        with pytest.raises(ValueError, match="parameter"):
            canonical(request(params=bad))


def test_a_tuple_is_a_list() -> None:
    """TOML arrays and Python tuples are one thing on the wire."""
    as_tuple: Any = {"stop": ("a", "b")}
    assert request(params=as_tuple).key == request(params={"stop": ["a", "b"]}).key


def test_the_canonical_form_is_json(tmp_path: Path) -> None:
    """Whoever reads the cache in ten years needs nothing but a JSON parser."""
    asked = prompt.build(item(images=(picture(tmp_path),)), model(provider()))
    read = json.loads(canonical(asked))
    assert set(read) == {"v", "model", "endpoint", "messages", "image", "params", "sample"}
    assert json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == canonical(asked)
