"""The weights in the package: small, whole, and one set of values in all of their files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from shm_deploy import spec
from shm_deploy.artifacts import PACKAGED_MODEL, find_model
from shm_deploy.sidecar import check_file
from shm_train.checkpoint import Checkpoint, load_checkpoint
from shm_train.networks.fold import fold

CHECKPOINT = PACKAGED_MODEL.with_suffix(".pt")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """What ships for training on."""
    return load_checkpoint(CHECKPOINT)


def test_every_file_is_described_and_they_are_small() -> None:
    """20 MB in all; nothing lies there that the sidecar does not know."""
    model = find_model(None)
    assert model.sidecar is not None
    files = {check_file(record, PACKAGED_MODEL.parent) for record in model.sidecar.files.values()}
    shipped = set(PACKAGED_MODEL.parent.iterdir())
    assert shipped - files == {PACKAGED_MODEL.with_suffix(".json")}
    assert files <= shipped
    assert sum(path.stat().st_size for path in shipped) <= 20_000_000
    assert model.parts().mnet.is_file()


def test_the_first_and_the_last_convolutions_stay_float_in_8_bit() -> None:
    """By name: under other names all would be quantised, and nobody told."""
    graph = onnx.load(PACKAGED_MODEL.parent / spec.TNET_INT8_FILE, load_external_data=False).graph
    in_8_bit = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    floats = [node.input[1] for node in graph.node if node.op_type == "Conv" and node.input[1] not in in_8_bit]
    beginnings = ("tnet.encoder.stem.", "tnet.encoder.stages.0.0.dep", "tnet.encoder.stages.0.0.pro", "tnet.logits.")
    assert len(floats) == len(beginnings)
    assert all(name.startswith(beginning) for name, beginning in zip(floats, beginnings, strict=True))


def test_certificate_says_that_the_export_passed() -> None:
    """On four photographs, parts and joined graph; it is of this very checkpoint, and has a golden image."""
    sidecar = find_model(None).sidecar
    assert sidecar is not None
    assert sidecar.certificate["passed"]
    assert {"parts", PACKAGED_MODEL.name} <= {row["candidate"] for row in sidecar.certificate["parity"]}
    assert len({row["photograph"] for row in sidecar.certificate["parity"]}) == 4
    assert sidecar.checkpoint is not None
    assert check_file(sidecar.checkpoint, PACKAGED_MODEL.parent) == CHECKPOINT
    assert sidecar.golden is not None


def test_checkpoint_is_stored_in_half_precision_and_without_training_state(checkpoint: Checkpoint) -> None:
    """All but the variances of batch norms, which make their scale exactly one."""
    single = {
        name for name, tensor in checkpoint.weights.items() if tensor.is_floating_point() and tensor.dtype != torch.half
    }
    assert all(name.endswith("running_var") for name in single)
    assert checkpoint.training is None


@pytest.mark.slow
def test_graph_has_the_values_of_the_checkpoint(checkpoint: Checkpoint) -> None:
    """Bit for bit: every folded convolution of the PyTorch network is a weight of the graph.

    M-Net's stem takes the images' deviation in.
    """
    graph = onnx.load(PACKAGED_MODEL).graph
    single, half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    tensors = [numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type in (single, half)]
    stored = {tensor.astype(np.float32).tobytes() for tensor in tensors}
    network = fold(checkpoint.served_network())
    weights = {name: tensor.detach().numpy() for name, tensor in network.named_parameters() if tensor.ndim == 4}
    weights["mnet.image_stem.weight"] /= np.array(spec.RGB_DEVIATION, np.float32).reshape(1, 3, 1, 1)
    assert len(weights) > 50
    assert [name for name, weight in weights.items() if weight.tobytes() not in stored] == []
