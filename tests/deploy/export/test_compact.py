"""Compact exports: half the bytes, once, and the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from shm_deploy.errors import SpecError
from shm_deploy.export.compact import round_checkpoint, share_weights
from shm_train.checkpoint import Checkpoint
from shm_train.networks import LiveConfig, SemanticHumanMatting
from shm_train.networks.fold import fold


@pytest.fixture
def checkpoint() -> Checkpoint:
    """A `live` network whose batch norms do something."""
    torch.manual_seed(0)
    network = SemanticHumanMatting(LiveConfig())
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
            torch.nn.init.uniform_(module.weight, 0.9, 1.1)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    return Checkpoint(config=network.config, weights=network.state_dict(), training={"step": 3})


def test_rounded_network_is_the_network_up_to_half_precision(checkpoint: Checkpoint) -> None:
    """Folding changes nothing, rounding little."""
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        before = checkpoint.network().tnet(image).logits
        after = round_checkpoint(checkpoint).network().tnet(image).logits
    assert (before - after).abs().max() < 0.02 * before.abs().max()


def test_rounded_weights_survive_folding_as_halves(checkpoint: Checkpoint) -> None:
    """So the graphs hold exactly what the checkpoint holds; its training state is gone."""
    rounded = round_checkpoint(checkpoint)
    folded = fold(rounded.network())
    for parameter in folded.parameters():
        assert torch.equal(parameter, parameter.half().float())
    assert rounded.training is None


def test_weight_beyond_half_precision_is_refused(checkpoint: Checkpoint) -> None:
    """65,504 is the largest half; the layer is named."""
    name = "mnet.prediction.weight"
    checkpoint.weights[name] = torch.full(checkpoint.weights[name].shape, 70000.0)
    with pytest.raises(SpecError, match=r"mnet\.prediction\.weight"):
        round_checkpoint(checkpoint)


def graph_with(values: np.ndarray) -> onnx.ModelProto:
    """y = x + values."""
    shape = list(values.shape)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "values"], ["y"])],
        "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(values, "values")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize(("step", "num_bytes"), [(0.5, 2048), (1 / 3, 4096)], ids=["halves", "floats"])
def test_shared_weights_are_stored_once_and_exactly(step: float, num_bytes: int, tmp_path: Path) -> None:
    """Two graphs with the same values share them; what half precision can't hold stays float32."""
    values = np.arange(1024, dtype=np.float32) * np.float32(step)
    models = [graph_with(values), graph_with(values)]
    contents = share_weights(models, "shared.weights")
    assert len(contents) == num_bytes
    (tmp_path / "shared.weights").write_bytes(contents)
    for index, model in enumerate(models):
        path = tmp_path / f"{index}.onnx"
        onnx.save(model, path)
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"x": np.zeros(1024, np.float32)})
        np.testing.assert_array_equal(found, values)
        assert path.stat().st_size < 1024
