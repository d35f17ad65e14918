"""Tiny joined graphs and pictures, so that a whole benchmark runs in a fraction of a second."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from shm_deploy import spec


def write_red_graph(path: Path, offset: int = 0) -> Path:
    """A joined graph whose alpha is the red channel plus `offset` and whose trimap says foreground everywhere."""
    frames = helper.make_tensor_value_info(spec.IMAGE, TensorProto.UINT8, ["n", "h", "w", 3])
    alpha = helper.make_tensor_value_info(spec.ALPHA, TensorProto.UINT8, ["n", "h", "w"])
    trimap = helper.make_tensor_value_info(spec.TRIMAP, TensorProto.UINT8, ["n", "h", "w", 3])
    constants = {
        "red": np.array(0, np.int64),
        "offset": np.array(offset, np.uint8),
        "nothing": np.array([0, 0, 0], np.uint8),
        "foreground": np.array([255, 0, 0], np.uint8),
    }
    nodes = [
        helper.make_node("Gather", [spec.IMAGE, "red"], ["channel"], axis=3),
        helper.make_node("Add", ["channel", "offset"], [spec.ALPHA]),
        helper.make_node("Mul", [spec.IMAGE, "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "foreground"], [spec.TRIMAP]),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "red", [frames], [alpha, trimap], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", spec.OPSET)], ir_version=10)
    onnx.save(model, path)
    return path


@pytest.fixture
def red_graph(tmp_path: Path) -> Path:
    """Alpha is red."""
    return write_red_graph(tmp_path / "red.onnx")


@pytest.fixture
def brighter_graph(tmp_path: Path) -> Path:
    """Alpha is red plus 51, a fifth of the range; reds here stay below 204."""
    return write_red_graph(tmp_path / "brighter.onnx", offset=51)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two pictures, 96x80 and 80x100, whose red stays below 204, and `alphas/` that equal it."""
    folder = tmp_path / "photos"
    (folder / "alphas").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, size in (("a", (80, 96, 3)), ("b", (100, 80, 3))):
        pixels = random.integers(0, 204, size, np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        Image.fromarray(pixels[..., 0]).save(folder / "alphas" / f"{name}.png")
    return folder
