"""Settings: the TOML file and `--source`, with every fault named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from orchestrator.construct.build import make_embedder
from orchestrator.construct.embed import PACKAGED, OnnxEmbedder
from orchestrator.construct.settings import (
    BuildConfig,
    EmbedderSettings,
    ImageSettings,
    LabelSettings,
    NegativeSettings,
    SubsetSettings,
    config_of_sources,
    example_config,
    load_config,
)
from orchestrator.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    """Return a TOML file of that text."""
    path = tmp_path / "build.toml"
    path.write_text(text)
    return path


def test_the_example_states_the_defaults(tmp_path: Path) -> None:
    """It loads as it is, and says nothing that is not so; its commented parts load as well."""
    config = load_config(written(tmp_path, example_config()))
    plain = (LabelSettings(), ImageSettings(), NegativeSettings(), EmbedderSettings(), None)
    assert (config.labels, config.images, config.negatives, config.embedder, config.subset) == plain
    assert [source.name for source in config.sources] == ["rsna", "vindr", "clinic"]
    assert config.sources[0].path == tmp_path / "rsna-2024-lumbar"
    subset = example_config().partition("# [subset]")[2]
    values = tomllib.loads("\n".join(line.removeprefix("# ") for line in subset.splitlines()[1:]))
    assert SubsetSettings.model_validate(values) == SubsetSettings()
    onnx = "\n".join(
        line[2:] for line in example_config().splitlines() if line.startswith(("# mean", "# std", "# side"))
    )
    assert EmbedderSettings.model_validate(tomllib.loads(onnx)) == EmbedderSettings()


def test_sources_may_be_given_on_the_command_line() -> None:
    """Everything else at its default; `with_subset` asks for the paper's sizes."""
    config = config_of_sources(["buu=/a", "generic=/b=c.csv"])
    assert [(one.kind, one.path) for one in config.sources] == [("buu", Path("/a")), ("generic", Path("/b=c.csv"))]
    assert config.with_subset().subset == SubsetSettings(sdd=1758, sll=1000)
    assert config.with_subset().with_subset() == config.with_subset()


@pytest.mark.parametrize("pair", ["buu", "buu=", "buus=/a", "=/a"])
def test_a_source_that_is_no_pair_is_named(pair: str) -> None:
    """With the kinds there are."""
    with pytest.raises(ConfigError, match="write it as KIND=PATH, KIND one of buu, csxa"):
        config_of_sources([pair])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sources: Field required"),
        ("sources = []", "sources: Tuple should have at least 1 item"),
        ('[[sources]]\nkind = "buu"\npath = "a"\nlevel = 1', "sources.0.level: Extra inputs"),
        ('[[sources]]\nkind = "nih"\npath = "a"', "sources.0.kind: Input should be"),
        ('[[sources]]\nkind = "buu"\npath = "a"\nseverity = "Severe"', "severity is a setting of rsna only"),
        ('[[sources]]\nkind = "buu"\npath = "a"\nname = "<b>"', "sources.0.name: String should match"),
        ('[[sources]]\nkind = "buu"\npath = "a"\n[embedder]\nkind = "onnx"', "needs model, the path of its file"),
        ('[[sources]]\nkind = "buu"\npath = "a"\n[embedder]\nmodel = "x"', 'say kind = "siglip" or "onnx"'),
        ('[[sources]]\nkind = "buu"\npath = "a"\n[images]\nmin_contrast = 2', "images.min_contrast: Input should be"),
        ("sources = [", "is not valid TOML"),
    ],
)
def test_every_fault_of_the_file_is_named_with_its_field(tmp_path: Path, text: str, message: str) -> None:
    """File, field, and what is expected."""
    with pytest.raises(ConfigError, match=r"build\.toml") as caught:
        load_config(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_file_points_to_the_example(tmp_path: Path) -> None:
    """The next step is in the message."""
    with pytest.raises(ConfigError, match="build --example"):
        load_config(tmp_path / "none.toml")


def test_two_sources_need_two_names(tmp_path: Path) -> None:
    """Their patients would be mixed up; the same from the command line."""
    with pytest.raises(ConfigError, match="two sources are called 'generic'"):
        config_of_sources(["generic=a", "generic=b"])
    text = '[[sources]]\nkind = "generic"\npath = "a"\n[[sources]]\nkind = "generic"\npath = "b"\nname = "other"'
    assert [one.name for one in load_config(written(tmp_path, text)).sources] == ["generic", "other"]


def test_a_model_file_is_found_beside_the_settings(tmp_path: Path) -> None:
    """An ONNX path is relative to the file; a SigLIP name is not a path unless such a folder is there."""
    start = '[[sources]]\nkind = "buu"\npath = "a"\n[embedder]\n'
    onnx = load_config(written(tmp_path, start + 'kind = "onnx"\nmodel = "enc.onnx"')).embedder
    assert onnx.model == str(tmp_path / "enc.onnx")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        make_embedder(onnx)
    (tmp_path / "enc.onnx").write_bytes(PACKAGED.read_bytes())
    assert isinstance(make_embedder(onnx), OnnxEmbedder)
    siglip = written(tmp_path, start + 'kind = "siglip"\nmodel = "google/some"')
    assert load_config(siglip).embedder.model == "google/some"
    (tmp_path / "google/some").mkdir(parents=True)
    assert load_config(siglip).embedder.model == str(tmp_path / "google/some")


def test_added_diseases_reach_the_table(tmp_path: Path) -> None:
    """With their names, as the vocabulary takes them."""
    text = '[[sources]]\nkind = "buu"\npath = "a"\n[[diseases]]\nname = "Scoliosis"\nabbreviation = "SCO"\n'
    config = load_config(written(tmp_path, text + 'mesh = ["D012600", "Scoliosis"]\naliases = ["lateral curvature"]'))
    assert isinstance(config, BuildConfig)
    assert [(one.name, one.mesh, one.aliases) for one in config.added_diseases] == [
        ("Scoliosis", ("D012600", "Scoliosis"), ("lateral curvature",))
    ]
