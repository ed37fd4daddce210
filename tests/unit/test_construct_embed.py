"""Embeddings: three encoders, unit vectors on a grid, and a cache that is whole or absent."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from orchestrator.construct.embed import (
    GRID,
    PACKAGED,
    EmbeddingCache,
    OnnxEmbedder,
    SiglipEmbedder,
    packaged_embedder,
    pooled,
    unit,
)
from orchestrator.construct.extras import load
from orchestrator.errors import ConfigError, OrchestratorError


def picture(seed: int, size: tuple[int, int] = (40, 60)) -> Image.Image:
    """Return a smooth random RGB picture."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


# --- a writer for the few ONNX files needed, so that the tests need no onnx package ----------------------------------


def _field(number: int, value: int | str | bytes) -> bytes:
    """Return one protobuf field: a varint, or anything with a length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def _tensor(name: str, shape: Sequence[int | str], kind: int = 1) -> bytes:
    dims = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def onnx_file(path: Path, shape: Sequence[int | str], operator: str, axes: Sequence[int] = (), kind: int = 1) -> Path:
    """Write a model of one node; `axes` makes it a ReduceMean over them."""
    node = _field(1, "x") + _field(2, "y") + _field(4, operator)
    if axes:
        node += _field(5, _field(1, "axes") + b"".join(_field(8, axis) for axis in axes) + _field(20, 7))
        node += _field(5, _field(1, "keepdims") + _field(3, 0) + _field(20, 2))
    rank = 2 if operator == "Flatten" else len(shape) - len(axes)
    output = _tensor("y", [f"d{i}" for i in range(rank)], kind)
    graph = _field(1, node) + _field(2, "g") + _field(11, _tensor("x", shape, kind)) + _field(12, output)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
    return path


def test_the_packaged_encoder_gives_features_that_tell_pictures_apart() -> None:
    """1280 numbers; the same picture gives the same, from any thread; a brighter copy is nearer than another one."""
    embedder = packaged_embedder()
    first = unit(embedder.features(picture(1)))
    assert first.shape == (1280,)
    from_threads: list[NDArray[np.float32]] = []
    threads = [
        threading.Thread(target=lambda: from_threads.append(unit(embedder.features(picture(1))))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((one == first).all() for one in from_threads)
    brighter = unit(embedder.features(picture(1).point(lambda value: min(255, value + 20))))
    assert first @ brighter > first @ unit(embedder.features(picture(2)))


def test_the_packaged_encoder_is_the_file_its_notice_speaks_of() -> None:
    """The weights cannot change unnoticed: the digest is part of every published benchmark."""
    expected = "c79ac4361e259b1ada3fd3b2da943f72ac058924f0cd8d4592cf0e000fdaf392"
    assert hashlib.sha256(PACKAGED.read_bytes()).hexdigest() == expected
    assert PACKAGED.with_name("NOTICE").is_file()


def test_an_onnx_file_may_take_channels_first_or_last_and_give_any_shape(tmp_path: Path) -> None:
    """Vector, tokens or map: one vector comes out, of the picture as prepared."""
    red = Image.new("RGB", (30, 50), (255, 0, 51))
    mean, std = (0.0, 0.0, 0.1), (1.0, 1.0, 0.5)
    first = onnx_file(tmp_path / "map.onnx", ("n", 3, 4, 8), "Identity")
    assert OnnxEmbedder(first, mean, std).features(red) == pytest.approx([1.0, 0.0, 0.2])
    vector = onnx_file(tmp_path / "vector.onnx", (1, 3, 4, 8), "Flatten")
    assert OnnxEmbedder(vector, mean, std).features(red).shape == (96,)
    tokens = onnx_file(tmp_path / "tokens.onnx", ("n", 3, "h", "w"), "ReduceMean", (2,))
    assert OnnxEmbedder(tokens, mean, std, side=6).features(red) == pytest.approx([0.4] * 6)
    last = onnx_file(tmp_path / "last.onnx", (1, 4, 8, 3), "Flatten")
    assert OnnxEmbedder(last, mean, std).features(red)[:3] == pytest.approx([1.0, 0.0, 0.2])


def test_an_onnx_file_that_is_no_picture_encoder_is_refused(tmp_path: Path) -> None:
    """Not a model, not RGB, not 32-bit, or an output that is no vector."""
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(ConfigError, match="cannot be loaded as an ONNX model"):
        OnnxEmbedder(tmp_path / "bad.onnx", (0,) * 3, (1,) * 3)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        OnnxEmbedder(tmp_path / "absent.onnx", (0,) * 3, (1,) * 3)
    with pytest.raises(ConfigError, match="no 32-bit RGB picture"):
        OnnxEmbedder(onnx_file(tmp_path / "grey.onnx", (1, 1, 8, 8), "Identity"), (0,) * 3, (1,) * 3)
    with pytest.raises(ConfigError, match="no 32-bit RGB picture"):
        OnnxEmbedder(onnx_file(tmp_path / "half.onnx", (1, 3, 8, 8), "Identity", kind=11), (0,) * 3, (1,) * 3)
    scalar = onnx_file(tmp_path / "scalar.onnx", (1, 3, 8, 8), "ReduceMean", (1, 2, 3))
    with pytest.raises(ConfigError, match="is no vector"):
        OnnxEmbedder(scalar, (0,) * 3, (1,) * 3).features(picture(1))


def test_what_the_vectors_depend_on_is_in_the_digest(tmp_path: Path) -> None:
    """Other weights, size or scaling never share a cache."""
    small = onnx_file(tmp_path / "a.onnx", ("n", 3, "h", "w"), "Identity")
    tall = onnx_file(tmp_path / "b.onnx", ("n", 3, 8, "w"), "Identity")
    made = [
        OnnxEmbedder(small, (0,) * 3, (1,) * 3),
        OnnxEmbedder(small, (0.5,) * 3, (1,) * 3),
        OnnxEmbedder(small, (0,) * 3, (2,) * 3),
        OnnxEmbedder(small, (0,) * 3, (1,) * 3, side=100),
        OnnxEmbedder(tall, (0,) * 3, (1,) * 3),
    ]
    assert len({one.digest for one in made}) == 5


def test_siglip_gives_the_same_features_from_both_output_forms(tmp_path: Path) -> None:
    """A tiny random model, saved and loaded again; a tensor (transformers 4) and an output object (5) are one."""
    torch = pytest.importorskip("torch", reason="the extra siglip is not installed")
    transformers = pytest.importorskip("transformers", reason="the extra siglip is not installed")
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.SiglipConfig(
        text_config={**shape, "vocab_size": 50, "max_position_embeddings": 8},
        vision_config={**shape, "image_size": 32, "patch_size": 16},
    )
    torch.manual_seed(0)
    made = transformers.SiglipModel(config).eval()
    made.save_pretrained(tmp_path / "tiny")
    embedder = SiglipEmbedder(str(tmp_path / "tiny"))
    found = embedder.features(picture(3))
    small = picture(3).resize((32, 32), Image.Resampling.BILINEAR)
    pixels = torch.tensor(np.asarray(small, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = made.vision_model(pixel_values=pixels).pooler_output
    assert found == pytest.approx(expected[0].numpy(), abs=1e-5)
    assert (found == embedder.features(picture(3))).all()

    class Form:
        pooler_output = expected

    assert (pooled(expected) == pooled(Form())).all()
    assert embedder.digest == SiglipEmbedder(str(tmp_path / "tiny")).digest
    made.vision_model.post_layernorm.bias.data += 1
    made.save_pretrained(tmp_path / "other")
    assert embedder.digest != SiglipEmbedder(str(tmp_path / "other")).digest
    transformers.BertModel(transformers.BertConfig(vocab_size=20, **shape)).save_pretrained(tmp_path / "bert")
    with pytest.raises(ConfigError, match="is a bert model"):
        SiglipEmbedder(str(tmp_path / "bert"))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        SiglipEmbedder(str(tmp_path / "nothing"))


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    """No traceback for an optional package."""
    with pytest.raises(ConfigError, match=r"package surely_absent.*pip install 'mcq-orchestrator\[siglip\]'"):
        load("surely_absent.inner", "siglip")


@given(hnp.arrays(np.float32, 12, elements=st.floats(-100, 100, width=32)), st.integers(0, 2**32 - 1))
def test_products_of_unit_vectors_are_exact_in_any_order(features: NDArray[np.float32], seed: int) -> None:
    """Length 1, on the grid; a permuted sum is the same to the last bit."""
    one = unit(features)
    other = unit(np.random.default_rng(seed).standard_normal(12))
    assert ((one * GRID) % 1 == 0).all()
    if features.any():
        assert np.linalg.norm(one.astype(np.float64)) == pytest.approx(1, abs=1e-5)
    order = np.random.default_rng(seed).permutation(12)
    exact = one.astype(np.float64), other.astype(np.float64)
    assert exact[0] @ exact[1] == sum((exact[0] * exact[1])[order].tolist())


def test_a_vector_that_is_not_finite_stops_the_build() -> None:
    """An encoder that overflows must not choose wrong answers."""
    with pytest.raises(OrchestratorError, match="not finite"):
        unit(np.array([1.0, np.inf]))


def test_the_cache_returns_what_was_kept_and_nothing_else(tmp_path: Path) -> None:
    """Two shards, another encoder, a shard left half-written: each digest has its own vector or none."""
    cache = EmbeddingCache(tmp_path, "encoder")
    vectors = {name: unit(np.random.default_rng(i).standard_normal(5)) for i, name in enumerate("abc")}
    cache.keep({"a": vectors["a"], "b": vectors["b"]})
    cache.keep({"c": vectors["c"]})
    EmbeddingCache(tmp_path, "other").keep({"d": vectors["a"]})
    (tmp_path / "encoder" / "torn.partial").write_bytes(b"half")
    found = cache.fetch(["c", "a", "d"])
    assert sorted(found) == ["a", "c"]
    assert (found["a"] == vectors["a"]).all()
    assert (found["c"] == vectors["c"]).all()
    assert cache.fetch([]) == {}


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    """It cost nothing and may be deleted, but is not passed over in silence."""
    cache = EmbeddingCache(tmp_path, "encoder")
    cache.keep({"a": unit(np.ones(5))})
    shard = next((tmp_path / "encoder").glob("*.npz"))
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(OrchestratorError, match="delete it"):
        cache.fetch(["a"])
