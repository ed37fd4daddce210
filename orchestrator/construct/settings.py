"""What a build is told: the TOML file, checked by pydantic, or sources given on the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator.construct.labels import Disease
from orchestrator.errors import ConfigError

KINDS = ("buu", "csxa", "rsna", "vindr", "generic")

EXAMPLE = """\
# What `orchestrator build` reads. Everything but a source is optional; the values shown are the defaults.
# Relative paths start at this file's folder.

[[sources]]
kind = "rsna"                # buu, csxa, rsna, vindr or generic
path = "rsna-2024-lumbar"    # the dataset's folder as published; for generic also a CSV of image,label,level,group
severity = "Moderate"        # rsna only: the least grade that counts as affected, Moderate or Severe

[[sources]]
kind = "vindr"
path = "vindr-spinexr"

[[sources]]
kind = "generic"
path = "our-clinic/labels.csv"
name = "clinic"              # what the items call this source; needed when two sources are of one kind

# Diseases beyond the eleven of SpineBench, for generic sources:
# [[diseases]]
# name = "Scoliosis"
# abbreviation = "SCO"
# mesh = ["D012600", "Scoliosis"]
# aliases = ["lateral curvature"]

[labels]
conflicts = "rarest"         # two diseases on one image: ask for the rarer one, never offer the other; or "drop" it

[images]
max_side = 1024              # longest side in pixels; larger pictures are reduced
min_side = 64                # shortest side below which a picture is unclear
min_contrast = 0.05          # contrast (0 to 1) below which a picture is unclear
max_broken = 100             # unreadable files and rows before the build gives up

[negatives]
library = 200                # pictures a disease that stand for it
reduce = "max"               # similarity to a disease: to its nearest picture, or "mean" over all

[embedder]
kind = "packaged"            # EfficientNet-Lite0, comes along; "siglip" is the paper's, "onnx" takes a file of yours
# model = "google/siglip2-base-patch16-224"   # siglip: a name or folder; onnx: the file
# mean = [0.485, 0.456, 0.406]                # onnx: subtracted from pixels in 0..1 ...
# std = [0.229, 0.224, 0.225]                 # ... then divided by
# side = 224                                  # onnx: used where the file leaves its input size open

# [subset]                     # also write a small balanced benchmark, items-sub.jsonl; --subset does the same
# sdd = 1758
# sll = 1000
# leave_out = 0.2              # share of each kind of view, least clear first, that is not drawn from
"""


class _Table(BaseModel):
    """A table of the file: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Table):
    """One source dataset."""

    kind: Literal["buu", "csxa", "rsna", "vindr", "generic"]
    path: Path
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    severity: Literal["Moderate", "Severe"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        """Name the source after its kind unless it has a name."""
        if isinstance(given, dict) and "name" not in given:
            return {**given, "name": given.get("kind", "unknown")}
        return given

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Keep the severity to where it means something."""
        if self.severity is not None and self.kind != "rsna":
            raise ValueError("severity is a setting of rsna only")
        return self


class DiseaseSettings(_Table):
    """A disease beyond the table."""

    name: Annotated[str, Field(min_length=2, max_length=80)]
    abbreviation: Annotated[str, Field(min_length=1, max_length=12)]
    mesh: tuple[str, str] | None = None
    aliases: tuple[str, ...] = ()


class LabelSettings(_Table):
    """How labels become answers."""

    conflicts: Literal["rarest", "drop"] = "rarest"


class ImageSettings(_Table):
    """How pictures are prepared, and which are left out."""

    max_side: Annotated[int, Field(ge=64, le=8192)] = 1024
    min_side: Annotated[int, Field(ge=1)] = 64
    min_contrast: Annotated[float, Field(ge=0, le=1)] = 0.05
    max_broken: Annotated[int, Field(ge=0)] = 100


class NegativeSettings(_Table):
    """How wrong answers are chosen."""

    library: Annotated[int, Field(ge=1)] = 200
    reduce: Literal["max", "mean"] = "max"


class EmbedderSettings(_Table):
    """Which encoder."""

    kind: Literal["packaged", "siglip", "onnx"] = "packaged"
    model: str | None = None
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (
        0.229,
        0.224,
        0.225,
    )
    side: Annotated[int, Field(ge=1, le=4096)] = 224

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Ask for the file that an ONNX encoder is, and for no model where one comes along."""
        if self.kind == "onnx" and not self.model:
            raise ValueError("an onnx embedder needs model, the path of its file")
        if self.kind == "packaged" and self.model:
            raise ValueError('model is set, but kind is "packaged"; say kind = "siglip" or "onnx"')
        return self


class SubsetSettings(_Table):
    """The small balanced benchmark; the paper's sizes."""

    sdd: Annotated[int, Field(ge=0)] = 1758
    sll: Annotated[int, Field(ge=0)] = 1000
    leave_out: Annotated[float, Field(ge=0, lt=1)] = 0.2


class BuildConfig(_Table):
    """Everything a build is told, but for the output folder and the seed."""

    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    diseases: tuple[DiseaseSettings, ...] = ()
    labels: LabelSettings = LabelSettings()
    images: ImageSettings = ImageSettings()
    negatives: NegativeSettings = NegativeSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    subset: SubsetSettings | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        """Refuse two sources of one name: their patients would be mixed up."""
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}; give one of them another name")
        return self

    @property
    def added_diseases(self) -> tuple[Disease, ...]:
        """The diseases beyond the table."""
        return tuple(Disease(one.name, one.abbreviation, one.mesh, one.aliases) for one in self.diseases)

    def with_subset(self) -> BuildConfig:
        """Return the same build with a subset, of the paper's size unless the file says otherwise."""
        return self if self.subset else self.model_copy(update={"subset": SubsetSettings()})


def example_config() -> str:
    """Return a commented TOML file with every setting at its default."""
    return EXAMPLE


def load_config(path: Path) -> BuildConfig:
    """Read the TOML file; ConfigError names every fault with its field. Relative paths start at the file's folder."""
    try:
        with path.open("rb") as file:
            config = BuildConfig.model_validate(tomllib.load(file))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; `orchestrator build --example` prints one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(_explain(str(path), error)) from error
    sources = tuple(one.model_copy(update={"path": path.parent / one.path}) for one in config.sources)
    embedder = config.embedder
    # A SigLIP model may be a name on the hub, so only a folder that is there counts as a path.
    if embedder.model and (embedder.kind == "onnx" or (path.parent / embedder.model).is_dir()):
        embedder = embedder.model_copy(update={"model": str(path.parent / embedder.model)})
    return config.model_copy(update={"sources": sources, "embedder": embedder})


def config_of_sources(pairs: Sequence[str]) -> BuildConfig:
    """Return the build of `kind=path` texts, everything else at its default; ConfigError for another text."""
    sources = []
    for pair in pairs:
        kind, equals, path = pair.partition("=")
        if not equals or not path or kind not in KINDS:
            raise ConfigError(f"--source {pair}: write it as KIND=PATH, KIND one of {', '.join(KINDS)}")
        sources.append({"kind": kind, "path": path})
    try:
        return BuildConfig.model_validate({"sources": sources})
    except ValidationError as error:
        raise ConfigError(_explain("--source", error)) from error


def _explain(place: str, error: ValidationError) -> str:
    """Return pydantic's findings as one line each."""
    lines = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "the file"
        lines.append(f"{place}: {field}: {fault['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
