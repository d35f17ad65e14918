"""T-Net's 8-bit copy."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from shm_deploy import spec
from shm_deploy.export.quantise import quantise_tnet


def test_sums_of_two_products_fit_into_sixteen_bits() -> None:
    """255 times a weight, twice: what processors without VNNI add up before they widen it."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((8, 3, 3, 3), (8, 8, 3, 3), (3, 8, 3, 3))]
    quantised = quantise_tnet(convolutions(weights), [rng.integers(0, 256, (48, 64, 3), np.uint8)])
    stored = [numpy_helper.to_array(tensor) for tensor in quantised.graph.initializer]
    largest = [
        int(np.abs(values.astype(np.int32)).max()) for values in stored if values.dtype == np.int8 and values.ndim == 4
    ]
    assert len(largest) == len(weights) - 1  # the last one stays float
    assert 2 * 255 * max(largest) <= np.iinfo(np.int16).max
    assert min(largest) > 60  # and seven bits are used


def convolutions(weights: list[np.ndarray]) -> onnx.ModelProto:
    """Convolutions with ReLUs between, from the frame on."""
    nodes, name = [], spec.IMAGE
    for index in range(len(weights)):
        nodes.append(
            helper.make_node("Conv", [name, f"weight{index}"], [f"sum{index}"], f"conv{index}", pads=[1, 1, 1, 1])
        )
        nodes.append(helper.make_node("Relu", [f"sum{index}"], [f"map{index}"], f"relu{index}"))
        name = f"map{index}"
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info(spec.IMAGE, onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weight, f"weight{index}") for index, weight in enumerate(weights)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
