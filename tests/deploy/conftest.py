"""Models for tests: graphs small enough to write by hand, and an untrained `live` network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from shm_deploy import spec
from shm_deploy.sidecar import sidecar_path, write_sidecar
from tests.deploy.fakes import FakeBackend, FakeParts
from tests.deploy.sidecars import golden_of, sidecar_of

# Most tests want neither PyTorch nor the exporter.
if TYPE_CHECKING:
    from shm_deploy.export.graphs import Graphs
    from shm_train.networks import SemanticHumanMatting

FRAME = ["N", "H", "W", 3]
PLANES = ["N", 3, "H", "W"]
PLANE = ["N", 1, "H", "W"]


@pytest.fixture
def fake_backend() -> FakeBackend:
    """Alpha is the red channel, the trimap the frame itself."""
    return FakeBackend()


@pytest.fixture
def fake_parts() -> FakeParts:
    """A fake backend that runs parts too."""
    return FakeParts()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joined graph and its parts.

    Joined: alpha is the red channel, the trimap the frame itself. Parts: the trimap is image / 255, raw alpha the
    green channel / 255, alpha is F + U * alpha_raw.
    """
    folder = tmp_path_factory.mktemp("tiny")
    gather_red = helper.make_node("Gather", [spec.IMAGE, "red"], [spec.ALPHA], axis=3)
    identity = helper.make_node("Identity", [spec.IMAGE], [spec.TRIMAP])
    _save(
        folder / "shm.onnx",
        [gather_red, identity],
        inputs={spec.IMAGE: (TensorProto.UINT8, FRAME)},
        outputs={spec.ALPHA: (TensorProto.UINT8, FRAME[:3]), spec.TRIMAP: (TensorProto.UINT8, FRAME)},
    )
    _save(
        folder / spec.TNET_FILE,
        [helper.make_node("Div", [spec.IMAGE, "bytes"], [spec.TRIMAP])],
        inputs={spec.IMAGE: (TensorProto.FLOAT, PLANES)},
        outputs={spec.TRIMAP: (TensorProto.FLOAT, PLANES)},
    )
    _save(
        folder / spec.MNET_FILE,
        [
            helper.make_node("Gather", [spec.IMAGE, "green"], ["plane"], axis=1),
            helper.make_node("Div", ["plane", "bytes"], ["shared"]),
            # Every input has to be used, or a runtime may drop it: adds nothing.
            helper.make_node("Gather", [spec.TRIMAP, "green"], ["any"], axis=1),
            helper.make_node("Mul", ["any", "zero"], ["nothing"]),
            helper.make_node("Add", ["shared", "nothing"], [spec.ALPHA_RAW]),
        ],
        inputs={spec.IMAGE: (TensorProto.FLOAT, PLANES), spec.TRIMAP: (TensorProto.FLOAT, PLANES)},
        outputs={spec.ALPHA_RAW: (TensorProto.FLOAT, PLANE)},
    )
    _save(
        folder / spec.FUSION_FILE,
        [
            helper.make_node("Gather", [spec.TRIMAP, "first"], ["foreground"], axis=1),
            helper.make_node("Gather", [spec.TRIMAP, "third"], ["unknown"], axis=1),
            helper.make_node("Mul", ["unknown", spec.ALPHA_RAW], ["mixed"]),
            helper.make_node("Add", ["foreground", "mixed"], [spec.ALPHA]),
        ],
        inputs={spec.TRIMAP: (TensorProto.FLOAT, PLANES), spec.ALPHA_RAW: (TensorProto.FLOAT, PLANE)},
        outputs={spec.ALPHA: (TensorProto.FLOAT, PLANE)},
    )
    return folder / "shm.onnx"


@pytest.fixture(scope="session")
def narrow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alpha is the red channel, for pictures 64 px wide; with any other width the runtime fails."""
    model = tmp_path_factory.mktemp("narrow") / "narrow.onnx"
    _save(
        model,
        [
            helper.make_node("Gather", [spec.IMAGE, "red"], [spec.ALPHA], axis=3),
            helper.make_node("BitwiseOr", [spec.IMAGE, "row"], [spec.TRIMAP]),
        ],
        inputs={spec.IMAGE: (TensorProto.UINT8, FRAME)},
        outputs={spec.ALPHA: (TensorProto.UINT8, FRAME[:3]), spec.TRIMAP: (TensorProto.UINT8, FRAME)},
    )
    return model


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """A photograph, (512, 512, 3) RGB."""
    import cv2

    image = cv2.imread(str(Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"))
    return np.ascontiguousarray(image[..., ::-1])


@pytest.fixture(scope="session")
def live_network() -> SemanticHumanMatting:
    """A `live` network of seeded weights, with the activations of photographs; not to be changed."""
    import torch

    from shm_deploy.export.calibrate import calibrate
    from shm_deploy.export.photographs import load_photographs
    from shm_train.networks import LiveConfig, SemanticHumanMatting

    torch.manual_seed(0)
    return calibrate(SemanticHumanMatting(LiveConfig()), [photograph.image for photograph in load_photographs()])


@pytest.fixture(scope="session")
def live_graphs(live_network: SemanticHumanMatting) -> Graphs:
    """All its graphs: half a minute, so for slow tests."""
    from shm_deploy.export.graphs import make_graphs
    from shm_train.networks.fold import fold

    return make_graphs(fold(live_network), opset=spec.OPSET, joined=True, fp16=True, tell=lambda detail: None)


@pytest.fixture(scope="session")
def live_folder(
    live_network: SemanticHumanMatting,
    live_graphs: Graphs,
    portrait: NDArray[np.uint8],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """That network as files: `live.pt`, `shm.onnx`, `shm.fp16.onnx`, the parts and `shm.json`.

    The golden alpha of the sidecar is PyTorch's.
    """
    import torch

    from shm_train.checkpoint import Checkpoint, save_checkpoint
    from shm_train.networks import FrameGraph

    folder = tmp_path_factory.mktemp("live")
    checkpoint = folder / "live.pt"
    save_checkpoint(checkpoint, Checkpoint(config=live_network.config, weights=live_network.state_dict()))
    files = {spec.LIVE_PARTS[role]: part for role, part in live_graphs.parts.items()}
    for name, graph in {**files, "shm.onnx": live_graphs.joined, "shm.fp16.onnx": live_graphs.joined_fp16}.items():
        onnx.save(graph, folder / name)
    image = np.ascontiguousarray(portrait[64:192, 128:288])
    with torch.inference_mode():
        alpha, _ = FrameGraph(live_network)(torch.from_numpy(image[None]))
    model = folder / "shm.onnx"
    golden = golden_of(image, alpha[0].numpy())
    sidecar = sidecar_of(model, golden=golden, checkpoint=checkpoint, network=asdict(live_network.config))
    write_sidecar(sidecar_path(model), sidecar)
    return folder


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[str | int]]],
    outputs: dict[str, tuple[int, list[str | int]]],
) -> None:
    constants = [
        helper.make_tensor("red", TensorProto.INT64, [], [0]),
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("green", TensorProto.INT64, [1], [1]),
        helper.make_tensor("third", TensorProto.INT64, [1], [2]),
        helper.make_tensor("bytes", TensorProto.FLOAT, [], [255.0]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("row", TensorProto.UINT8, [64, 3], bytes(64 * 3), raw=True),
    ]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, dtype, shape) for name, (dtype, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, dtype, shape) for name, (dtype, shape) in outputs.items()],
        [constant for constant in constants if constant.name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", spec.OPSET)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
