"""A model file for which red is a person, and pictures to feed it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from shm_deploy import spec
from tests.deploy.media import zoo


@pytest.fixture(scope="session")
def red_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file with the inputs and outputs of `shm.onnx` whose alpha is the red channel."""
    path = tmp_path_factory.mktemp("model") / "red.onnx"
    nodes = [
        helper.make_node("Constant", [], ["red"], value=helper.make_tensor("red", TensorProto.INT64, [], [0])),
        helper.make_node("Constant", [], ["last"], value=helper.make_tensor("last", TensorProto.INT64, [1], [3])),
        helper.make_node("Gather", [spec.IMAGE, "red"], [spec.ALPHA], axis=3),
        helper.make_node("Unsqueeze", [spec.ALPHA, "last"], ["foreground"]),
        helper.make_node("BitwiseNot", ["foreground"], ["background"]),
        helper.make_node("BitwiseAnd", ["foreground", "background"], ["unknown"]),
        helper.make_node("Concat", ["foreground", "background", "unknown"], [spec.TRIMAP], axis=3),
    ]
    image = helper.make_tensor_value_info(spec.IMAGE, TensorProto.UINT8, ["N", "H", "W", 3])
    alpha = helper.make_tensor_value_info(spec.ALPHA, TensorProto.UINT8, ["N", "H", "W"])
    trimap = helper.make_tensor_value_info(spec.TRIMAP, TensorProto.UINT8, ["N", "H", "W", 3])
    graph = helper.make_graph(nodes, "red", [image], [alpha, trimap])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", spec.OPSET)], ir_version=10), path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG of 48x40 px: red before blue."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    return path
