"""Model repositories for Triton, checked by its own schema, and served by a stand-in that obeys them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from shm_deploy import Matter, spec
from shm_deploy.errors import ArtifactError, BackendError
from shm_deploy.export.triton import write_repository
from shm_deploy.sidecar import EngineRecord, Profile, sidecar_path, write_sidecar
from tests.deploy.sidecars import sidecar_of

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "triton_client.py"


def config_of(folder: Path) -> Any:
    """config.pbtxt as Triton reads it: an unknown field or value is an error."""
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def exported(tiny_model: Path, folder: Path, engine: EngineRecord | None = None) -> Path:
    """What an export leaves in a folder, with an engine if there is a record of one."""
    folder.mkdir()
    model = folder / "shm.onnx"
    model.write_bytes(tiny_model.read_bytes())
    if engine is not None:
        (folder / "shm.plan").write_bytes(b"engine")
    write_sidecar(sidecar_path(model), sidecar_of(model, engine=engine))
    return model


def engine_of(flavour: str) -> EngineRecord:
    """An engine of two profiles."""
    profiles = (
        Profile(minimum=(1, 64, 64), optimum=(4, 480, 640), maximum=(8, 720, 1280)),
        Profile(minimum=(1, 64, 64), optimum=(2, 608, 800), maximum=(6, 1504, 1504)),
    )
    return EngineRecord(
        flavour=flavour,
        version="10.9",
        precision="fp16",
        half_layers=9,
        float_layers=1,
        fp32_islands=(),
        profiles=profiles,
        compute_capabilities=("8.9",),
        gpu="L4",
        verified=True,
    )


def test_graph_has_a_config_that_triton_reads(tiny_model: Path, tmp_path: Path) -> None:
    """uint8 in and out under the graph's names, any size, batches from waiting requests, a bounded queue, warm-up."""
    (model,) = write_repository(exported(tiny_model, tmp_path / "engines"), tmp_path / "repository")
    assert (model.folder, model.version) == (tmp_path / "repository" / "shm_onnx", 1)
    assert (model.folder / "1" / "model.onnx").read_bytes() == tiny_model.read_bytes()
    config = config_of(model.folder)
    assert (config.name, config.backend, config.platform) == ("shm_onnx", "onnxruntime", "onnxruntime_onnx")
    tensors = [*config.input, *config.output]
    assert [(tensor.name, list(tensor.dims)) for tensor in tensors] == [
        ("image", [-1, -1, 3]),
        ("alpha", [-1, -1]),
        ("trimap", [-1, -1, 3]),
    ]
    assert {tensor.data_type for tensor in tensors} == {model_config_pb2.TYPE_UINT8}
    assert config.max_batch_size > 1
    assert config.dynamic_batching.max_queue_delay_microseconds > 0
    assert config.dynamic_batching.default_queue_policy.max_queue_size > 0
    assert config.version_policy.latest.num_versions == 1
    for request in config.model_warmup:
        height, width, channels = request.inputs["image"].dims
        assert request.name == f"{request.batch_size}x{width}x{height}"
        assert min(height, width) >= spec.MIN_GRAPH_SIDE
        assert channels == 3
        assert request.inputs["image"].data_type == model_config_pb2.TYPE_UINT8
        assert request.inputs["image"].zero_data
    assert len(config.model_warmup) == 2


def test_engine_is_served_within_its_profiles(tiny_model: Path, tmp_path: Path) -> None:
    """The batch that all profiles take; each profile is offered, and warmed with its likeliest shape."""
    model = exported(tiny_model, tmp_path / "engines", engine_of("tensorrt"))
    _, plan = write_repository(model, tmp_path / "repository")
    assert (plan.folder / "1" / "model.plan").read_bytes() == b"engine"
    config = config_of(plan.folder)
    assert (config.name, config.backend, config.platform) == ("shm_plan", "tensorrt", "tensorrt_plan")
    assert config.max_batch_size == 6
    assert list(config.instance_group[0].profile) == ["0", "1"]
    assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    warm = [(request.batch_size, *request.inputs["image"].dims) for request in config.model_warmup]
    assert warm == [(4, 480, 640, 3), (2, 608, 800, 3)]


def test_engine_of_tensorrt_rtx_is_refused_before_anything_is_written(tiny_model: Path, tmp_path: Path) -> None:
    """Triton runs TensorRT's engines only."""
    model = exported(tiny_model, tmp_path / "engines", engine_of("rtx"))
    with pytest.raises(ArtifactError, match="--flavour tensorrt"):
        write_repository(model, tmp_path / "repository")
    assert not (tmp_path / "repository").exists()


def test_next_export_is_the_next_version(tiny_model: Path, tmp_path: Path) -> None:
    """The same file again is none; what is no version is left alone."""
    model, repository = exported(tiny_model, tmp_path / "engines"), tmp_path / "repository"
    assert [write_repository(model, repository)[0].version for _ in range(2)] == [1, 1]
    (repository / "shm_onnx" / "notes").mkdir()
    model.write_bytes(tiny_model.read_bytes() + b"\x82\x7f\x00")  # an empty field that ONNX does not know
    write_sidecar(sidecar_path(model), sidecar_of(model))
    assert write_repository(model, repository)[0].version == 2
    folders = {path.name for path in (repository / "shm_onnx").iterdir()}
    assert folders == {"1", "2", "notes", "config.pbtxt"}


def test_packaged_model_takes_its_weights_along(tmp_path: Path) -> None:
    """The graph in the repository opens, which it does only beside its weights."""
    (model,) = write_repository(None, tmp_path)
    assert model.folder.name == "shm-live_onnx"
    session = onnxruntime.InferenceSession(str(model.folder / "1" / "model.onnx"))
    assert [node.name for node in session.get_inputs()] == ["image"]


def test_model_without_sidecar_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    """Nobody knows what its weights and engine are."""
    with pytest.raises(ArtifactError, match="with its sidecar"):
        write_repository(tiny_model, tmp_path)


class StandIn(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Runs the newest graph of a repository as its config.pbtxt says, and refuses what that does not allow."""

    def __init__(self, folder: Path) -> None:
        self._config = config_of(folder)
        version = max(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        graph = folder / str(version) / self._config.default_model_filename
        self._session = onnxruntime.InferenceSession(str(graph))

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Triton's only call that a client of one model needs."""
        (tensor,) = request.inputs
        (wanted,) = self._config.input
        shape = list(tensor.shape)
        fits = all(dim in (-1, side) for dim, side in zip(wanted.dims, shape[1:], strict=True))
        if (request.model_name, tensor.name, tensor.datatype) != (self._config.name, wanted.name, "UINT8") or not fits:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unexpected {tensor.name} {shape}")
        if shape[0] > self._config.max_batch_size:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "batch too large")
        frames = np.frombuffer(request.raw_input_contents[0], np.uint8).reshape(shape)
        names = [output.name for output in self._config.output]
        arrays = self._session.run(names, {wanted.name: frames})
        response = service_pb2.ModelInferResponse(model_name=self._config.name)
        for name, array in zip(names, arrays, strict=True):
            response.outputs.add(name=name, datatype="UINT8", shape=array.shape)
            response.raw_output_contents.append(array.tobytes())
        return response


@pytest.fixture
def address(tiny_model: Path, tmp_path: Path) -> Iterator[str]:
    """A stand-in for Triton on a port of this machine."""
    (model,) = write_repository(exported(tiny_model, tmp_path / "engines"), tmp_path / "repository")
    server = grpc.server(futures.ThreadPoolExecutor(1))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(StandIn(model.folder), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_example_client_mattes_over_the_wire(address: str) -> None:
    """The alpha of the graph, at the image's own size, and trust figures; the server's refusals are BackendErrors."""
    module_spec = importlib.util.spec_from_file_location("triton_client", EXAMPLE)
    assert module_spec is not None
    assert module_spec.loader is not None
    example = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(example)
    image = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    with Matter(example.TritonBackend(address, "shm_onnx")) as matter:
        np.testing.assert_array_equal(matter(image), image[..., 0])
        assert matter.cutout(image).shape == (40, 70, 4)
        with pytest.raises(BackendError, match="batch too large"):
            matter(np.zeros((9, 64, 64, 3), np.uint8))
    with Matter(example.TritonBackend(address, "nobody")) as matter, pytest.raises(BackendError, match="unexpected"):
        matter(image)
