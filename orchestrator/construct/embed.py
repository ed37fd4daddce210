"""Turns pictures into unit vectors with one of three encoders, and keeps every vector so that none is made twice.

Always holds: a vector is that of one picture alone, made on one thread, so batches and cores change nothing; vectors
lie on a grid of 2**-20, so that their products, summed in 64-bit floats in any order, are exact.

The cache is a folder an encoder (named by the digest of its weights and preparation) of shards; a shard is written
under another name and renamed, so it is whole or not there. Nothing in it was paid for: any file may be deleted.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from orchestrator.construct.extras import load
from orchestrator.construct.parallel import ordered
from orchestrator.errors import ConfigError, OrchestratorError

Vectors: TypeAlias = NDArray[np.float32]
GRID = 2.0**20
SHARD = 256
"""Embeddings computed between two writes to the cache: what a kill can cost."""
PACKAGED = Path(__file__).parent / "encoder" / "efficientnet_lite0.onnx"
PACKAGED_SIDE = 224


class Embedder(Protocol):
    """Anything that turns a picture into a vector."""

    @property
    def name(self) -> str:
        """What the datasheet calls it."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything the vectors depend on: weights and preparation."""

    def features(self, picture: Image.Image) -> NDArray[np.floating[Any]]:
        """Return the vector (any length, not normalised) of an RGB picture; safe to call from several threads."""


class OnnxEmbedder:
    """An image encoder in an ONNX file with one picture input, N x 3 x H x W or N x H x W x 3.

    Pixels are scaled to 0..1, then `(x - mean) / std` a channel. An output of tokens (N x T x D) is averaged over T, a
    map (N x C x H x W) over H and W. Squeezes the picture to the input's size, as SigLIP does.
    """

    def __init__(
        self, path: Path, mean: Sequence[float], std: Sequence[float], side: int = 224, name: str | None = None
    ) -> None:
        """Raise ConfigError if the file cannot be loaded or takes no pictures; `side` is used where it states none."""
        runtime = load("onnxruntime", "build")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            weights = path.read_bytes()
            self._session = runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ConfigError(f"{path}: cannot be loaded as an ONNX model: {error}") from error
        taken = self._session.get_inputs()[0]
        shape = [size if isinstance(size, int) else None for size in taken.shape]
        if len(shape) != 4 or 3 not in (shape[1], shape[3]) or taken.type != "tensor(float)":
            raise ConfigError(f"{path}: its input {taken.name} is no 32-bit RGB picture but {taken.type} {taken.shape}")
        self._channels_first = shape[1] == 3
        height, width = shape[2:] if self._channels_first else shape[1:3]
        self._size = (width or side, height or side)
        self._input = taken.name
        self._mean, self._std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        self.name = name or path.name
        recipe = f"onnx {self._size} {tuple(map(float, mean))} {tuple(map(float, std))}"
        self.digest = hashlib.sha256(recipe.encode() + b"\0" + weights).hexdigest()

    def features(self, picture: Image.Image) -> NDArray[np.floating[Any]]:
        """Return the pooled output for one picture."""
        small = picture.convert("RGB").resize(self._size, Image.Resampling.BICUBIC)
        pixels = (np.asarray(small, np.float32) / np.float32(255) - self._mean) / self._std
        if self._channels_first:
            pixels = pixels.transpose(2, 0, 1)
        output = np.asarray(self._session.run(None, {self._input: pixels[None]})[0])[0]
        match output.ndim:
            case 1:
                return np.asarray(output)
            case 2:
                return np.asarray(output.mean(axis=0))
            case 3:
                return np.asarray(output.mean(axis=(1, 2)))
            case _:
                raise ConfigError(f"{self.name}: gives an output of shape {output.shape} a picture, which is no vector")


def packaged_embedder() -> OnnxEmbedder:
    """Return the encoder that comes with the package: EfficientNet-Lite0, no network, no torch."""
    # Its graph takes pixels in 0..255 and scales them itself.
    return OnnxEmbedder(
        PACKAGED, mean=(0, 0, 0), std=(1 / 255,) * 3, side=PACKAGED_SIDE, name="EfficientNet-Lite0 (ImageNet)"
    )


class SiglipEmbedder:
    """SigLIP or SigLIP 2 through transformers: the paper's encoder. `model` is a name on the hub or a folder."""

    def __init__(self, model: str) -> None:
        """Raise ConfigError if the model cannot be loaded, or is of another kind."""
        self._torch = load("torch", "siglip")
        transformers = load("transformers", "siglip")
        try:
            self._model = transformers.AutoModel.from_pretrained(model).eval()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{model}: cannot be loaded: {error}") from error
        if self._model.config.model_type != "siglip":
            kind = self._model.config.model_type
            raise ConfigError(
                f"{model}: is a {kind} model; use one of fixed size such as google/siglip2-base-patch16-224"
            )
        self._side = int(self._model.config.vision_config.image_size)
        self.name = model
        digest = hashlib.sha256(f"siglip {self._side}".encode())
        for name, tensor in sorted(self._model.vision_model.state_dict().items()):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
        self.digest = digest.hexdigest()

    def features(self, picture: Image.Image) -> NDArray[np.floating[Any]]:
        """Return the pooled image features, prepared as the published checkpoints are: bilinear, scaled to -1..1."""
        small = picture.convert("RGB").resize((self._side, self._side), Image.Resampling.BILINEAR)
        pixels = (np.asarray(small, np.float32) / np.float32(127.5) - np.float32(1)).transpose(2, 0, 1)
        with self._torch.inference_mode():
            output = self._model.get_image_features(pixel_values=self._torch.from_numpy(pixels[None].copy()))
        return pooled(output)


def pooled(output: Any) -> NDArray[np.floating[Any]]:  # noqa: ANN401 - a tensor or an output object of transformers
    """Return the vector of what `get_image_features` gives: a tensor in transformers 4, an output object in 5."""
    tensor = getattr(output, "pooler_output", output)
    return np.asarray(tensor[0].numpy())


def unit(features: NDArray[np.floating[Any]]) -> Vectors:
    """Return the vector at length 1, each component rounded to the grid; all zeros stay all zeros."""
    exact = features.astype(np.float64)
    length = float(np.sqrt((exact * exact).sum()))
    if not np.isfinite(length):
        raise OrchestratorError("the encoder gave a vector that is not finite; use another encoder")
    return (np.rint(exact / length * GRID) / GRID if length else exact).astype(np.float32)


class EmbeddingCache:
    """Vectors of one encoder by picture digest, kept in a folder of shards."""

    def __init__(self, folder: Path, encoder: str) -> None:
        self.folder = folder / encoder

    def fetch(self, digests: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors that are kept among the digests asked for."""
        wanted = frozenset(digests)
        found: dict[str, Vectors] = {}
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as shard:
                    rows = [(row, digest) for row, digest in enumerate(shard["digests"].tolist()) if digest in wanted]
                    vectors = shard["vectors"] if rows else np.empty((0, 0), np.float32)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise OrchestratorError(f"{path}: not a whole file of embeddings ({error}); delete it") from error
            found.update((digest, np.array(vectors[row])) for row, digest in rows)
        return found

    def keep(self, made: dict[str, Vectors]) -> None:
        """Write the vectors as one shard, whole or not at all."""
        digests = sorted(made)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(digests).encode()).hexdigest()[:32]
        partial = self.folder / f"{name}.partial"
        with partial.open("wb") as file:
            np.savez(file, digests=np.array(digests), vectors=np.stack([made[digest] for digest in digests]))
        partial.replace(self.folder / f"{name}.npz")


def embed_all(
    pictures: Sequence[tuple[str, Path]],
    embedder: Embedder,
    cache: EmbeddingCache,
    progress: Callable[[str, int, int], None],
) -> tuple[Vectors, int]:
    """Return the unit vector of each (digest, PNG file), in order, and how many had to be computed."""
    path_of = dict(pictures)
    vectors = cache.fetch(list(path_of))
    missing = [digest for digest in path_of if digest not in vectors]

    def one(digest: str) -> tuple[str, Vectors]:
        with Image.open(path_of[digest]) as picture:
            return digest, unit(embedder.features(picture))

    fresh: dict[str, Vectors] = {}
    for done, (digest, vector) in enumerate(ordered(one, missing), start=1):
        fresh[digest] = vector
        if len(fresh) == SHARD or done == len(missing):
            cache.keep(fresh)
            vectors |= fresh
            fresh = {}
        progress("embeddings", len(path_of) - len(missing) + done, len(path_of))
    matrix = np.empty((len(pictures), len(next(iter(vectors.values())))), np.float32)
    for row, (digest, _) in enumerate(pictures):
        matrix[row] = vectors[digest]
    return matrix, len(missing)
