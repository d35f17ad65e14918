"""The ONNX graphs of both variants, traced once each, at sizes that were not traced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.artifacts import PartFiles
from shm_deploy.backends.onnxruntime import OnnxRuntimeBackend, OnnxRuntimeParts
from shm_deploy.export import parity
from shm_deploy.export.engine import BuildSpec, build_engine, find_toolkit
from shm_deploy.export.graphs import Graphs, float_operators, make_graphs, num_half_nodes
from shm_deploy.export.photographs import cover, load_photographs
from shm_deploy.export.progress import Stage
from shm_deploy.metrics import compare_alphas
from shm_train.networks import FrameGraph, SemanticHumanMatting
from shm_train.networks.fold import fold

pytestmark = pytest.mark.slow

SIZES = [(64, 64), (65, 127), (321, 64), (64, 333), (161, 223), (64, 1500), (1500, 64)]


@pytest.fixture(scope="module")
def graphs(network: SemanticHumanMatting, request: pytest.FixtureRequest) -> Graphs:
    """All graphs of a variant."""
    if network.config.variant == "live":
        return request.getfixturevalue("live_graphs")
    return make_graphs(fold(network), opset=spec.OPSET, joined=True, fp16=True, tell=lambda what: None)


@pytest.fixture(scope="module")
def folder(graphs: Graphs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All graphs of a variant as files."""
    folder = tmp_path_factory.mktemp("graphs")
    named = {spec.LIVE_PARTS[name]: model for name, model in graphs.parts.items()}
    for name, model in {**named, "shm.onnx": graphs.joined, "shm.fp16.onnx": graphs.joined_fp16}.items():
        onnx.save(model, folder / name)
    return folder


def _frames(size: tuple[int, int], batch: int) -> NDArray[np.uint8]:
    images = [photograph.image for photograph in load_photographs()]
    return np.stack([cover(images[index % 4], size) for index in range(batch)])


def _reference(network: SemanticHumanMatting, frames: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    with torch.inference_mode():
        alpha, trimap = FrameGraph(network).eval()(torch.from_numpy(frames))
    return alpha.numpy(), trimap.numpy()


@pytest.mark.parametrize(("size", "batch"), [*((size, 1) for size in SIZES), ((97, 130), 3)], ids=str)
def test_joined_graph_takes_any_size_and_batch(
    network: SemanticHumanMatting, folder: Path, size: tuple[int, int], batch: int
) -> None:
    """Odd, tall, wide, 64 to 1500, several at once: shapes as documented, values as PyTorch's."""
    frames = _frames(size, batch)
    backend = OnnxRuntimeBackend(folder / "shm.onnx", "cpu", None)
    alpha, trimap = backend.run(frames)
    expected_alpha, expected_trimap = _reference(network, frames)
    assert (alpha.shape, trimap.shape) == ((batch, *size), (batch, *size, 3))
    assert (alpha.dtype, trimap.dtype) == (np.uint8, np.uint8)
    tolerance = parity.PARTS[network.config.variant].alpha
    difference = np.abs(alpha.astype(int) - expected_alpha) / 255
    assert difference.mean() <= tolerance.mean + 0.1 / 255  # a rounding may fall to the other side
    assert np.quantile(difference, 0.999) <= tolerance.p999 + 1 / 255
    assert np.abs(trimap.astype(int) - expected_trimap).mean() <= 0.1


@pytest.mark.parametrize(("size", "batch"), [((64, 64), 1), ((133, 210), 2)], ids=str)
def test_parts_in_a_row_are_the_reference(
    network: SemanticHumanMatting, folder: Path, size: tuple[int, int], batch: int
) -> None:
    """Float, by channels first, with the tolerances of `spec`."""
    image = np.ascontiguousarray(_frames(size, batch).transpose(0, 3, 1, 2), np.float32)
    parts = OnnxRuntimeParts(PartFiles(**{role: folder / file for role, file in spec.PARTS.items()}), "cpu", None)
    trimap, features = parts.tnet(image)
    assert len(features) == (3 if network.config.variant == "live" else 0)
    alpha = parts.fusion(trimap, parts.mnet(image, trimap, features))
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).alpha.numpy()
    assert alpha.shape == (batch, 1, *size)
    assert compare_alphas(alpha, expected).within(parity.PARTS[network.config.variant].alpha)


def test_joined_graph_equals_the_parts(folder: Path) -> None:
    """Both come from one trace; what is joined differs by rounding to bytes only."""
    (frame,) = _frames((150, 203), 1)
    parts = OnnxRuntimeParts(PartFiles(**{role: folder / file for role, file in spec.PARTS.items()}), "cpu", None)
    joined = parity.joined_alpha(OnnxRuntimeBackend(folder / "shm.onnx", "cpu", None), frame)
    assert np.abs(joined - parity.in_bytes(parity.parts_alpha(parts, frame))).max() <= 1 / 255


def test_half_graph_is_half_but_for_its_islands(graphs: Graphs) -> None:
    """All convolutions are half; last resize, softmax, clamp and fusion are float; the other graph has no half."""
    assert graphs.joined is not None
    assert graphs.joined_fp16 is not None
    assert num_half_nodes(graphs.joined) == 0
    assert num_half_nodes(graphs.joined_fp16) > 100
    islands = float_operators(graphs.joined_fp16)
    assert not [name for name in islands if name.endswith((".Conv", ".MatMul", ".Relu", ".MaxPool"))]
    assert {"tnet.Exp", "tnet.Resize", "mnet.Clip", "fusion.Mul", "fusion.Add"} <= set(islands)


def test_half_graph_is_the_same_network(network: SemanticHumanMatting, folder: Path) -> None:
    """On a CPU, which computes in float: close, and finite."""
    frames = _frames((128, 176), 1)
    alpha, _ = OnnxRuntimeBackend(folder / "shm.fp16.onnx", "cpu", None).run(frames)
    expected, _ = _reference(network, frames)
    assert (np.abs(alpha.astype(int) - expected) / 255).mean() <= spec.HALF_WEIGHTS[network.config.variant].mean


def test_names_and_types_are_those_of_the_contract(graphs: Graphs) -> None:
    """Inputs, outputs, element types, dynamic dimensions."""
    assert graphs.joined is not None

    def described(values: object) -> dict[str, tuple[int, list[str | int]]]:
        return {
            value.name: (
                value.type.tensor_type.elem_type,
                [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
            )
            for value in values
        }

    byte, single = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    assert described(graphs.joined.graph.input) == {"image": (byte, ["N", "H", "W", 3])}
    assert described(graphs.joined.graph.output) == {
        "alpha": (byte, ["N", "H", "W"]),
        "trimap": (byte, ["N", "H", "W", 3]),
    }
    tnet, mnet = graphs.parts["tnet"].graph, graphs.parts["mnet"].graph
    assert described(tnet.input) == {"image": (single, ["N", 3, "H", "W"])}
    assert described(mnet.output) == {"alpha_raw": (single, ["N", 1, "H", "W"])}
    live = spec.COEFFICIENTS in graphs.parts
    trimap = {"trimap": (single, ["N", 3, "h", "w"] if live else ["N", 3, "H", "W"])}
    channels = (64, 32, 16) if live else ()
    features = {
        f"features.{index}": (single, ["N", count, f"h{index}", f"w{index}"]) for index, count in enumerate(channels)
    }
    assert described(tnet.output) == trimap | features
    assert described(mnet.input) == {"image": (single, ["N", 3, "H", "W"])} | trimap | features
    if live:
        coefficients = graphs.parts[spec.COEFFICIENTS].graph
        assert described(coefficients.input) == described(mnet.input)
        assert described(coefficients.output) == {"coefficients": (single, ["N", 4, "h4", "w4"])}


def test_files_do_not_tell_where_they_were_made(folder: Path) -> None:
    """No path of the exporting machine is in them."""
    for path in folder.iterdir():
        content = path.read_bytes()
        assert b"site-packages/" not in content
        assert b"shm_train/" not in content


def test_polygraphy_reads_and_runs_the_graphs(folder: Path) -> None:
    """Other tools take the files as they are."""
    polygraphy = str(Path(sys.executable).with_name("polygraphy"))
    for name in ("shm.onnx", "shm.fp16.onnx", spec.TNET_FILE):
        shown = subprocess.run(
            [polygraphy, "inspect", "model", str(folder / name)], capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, shown.stderr
        assert "image" in shown.stdout
    shapes = ["--input-shapes", "image:[1,96,128,3]"]
    ran = subprocess.run(
        [polygraphy, "run", str(folder / "shm.onnx"), "--onnxrt", *shapes], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(("file", "precision"), [("shm.fp16.onnx", "fp16"), ("shm.onnx", "fp32")])
def test_engine_builds_without_a_gpu(folder: Path, tmp_path: Path, file: str, precision: str) -> None:
    """TensorRT-RTX takes both graphs, and keeps their precision."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")
    toolkit = find_toolkit("rtx", None)
    stage = Stage("engine", lambda progress: None)
    record = build_engine(folder / file, tmp_path / "shm.plan", BuildSpec(), toolkit, precision, stage)
    assert (tmp_path / "shm.plan").stat().st_size > 1_000_000
    assert (record.half_layers > 100) == (precision == "fp16")
    assert record.compute_capabilities == ("8.0", "8.6", "8.9", "12.0")
    assert record.profiles[0].maximum == (1, 1504, 1504)
