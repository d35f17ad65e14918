"""A model repository for Triton Inference Server: config.pbtxt and a folder for each version.

Triton's own schema is model_config.proto of triton-inference-server/common; the tests parse what is written here by it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shm_deploy import spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.errors import ArtifactError
from shm_deploy.sidecar import Sidecar, record_file

MAX_QUEUE = 64  # requests that wait; the next is refused
QUEUE_DELAY_US = 1000  # how long a request waits for others of its size
ONNX_BATCH = 4  # largest batch of the graph, which itself has no limit; memory grows with it
WARM_SIZES = ((512, 512), (720, 1280))  # (height, width) of the graph's first requests; an engine's are its profiles'


@dataclass(frozen=True, kw_only=True)
class TritonModel:
    """One model of a repository."""

    folder: Path
    version: int


@dataclass(frozen=True, kw_only=True)
class _Variant:
    """A model as Triton is to run it."""

    name: str
    backend: str
    platform: str
    file: str  # Triton's name for the model's file
    model: Path
    weights: Path | None  # beside the model, under the name by which it refers to them
    max_batch: int
    warm_shapes: tuple[tuple[int, int, int], ...]  # (batch, height, width)
    num_profiles: int


def write_repository(model: str | Path | None, repository: Path) -> list[TritonModel]:
    """Add a model to a repository: its graph as `NAME_onnx`, and its engine as `NAME_plan` where it has one.

    A model that is there already gets a next version; Triton serves the newest. The same file again changes nothing.

    Args:
        model: the joined graph of an export, `NAME.onnx`, with its sidecar; None is the packaged `live` model.
        repository: the folder that Triton is started with; made if it does not exist.

    Raises:
        ArtifactError: the model is missing or has no sidecar, or its engine is none that Triton runs.
    """
    found = find_model(model)
    if found.kind != "onnx" or found.sidecar is None:
        raise ArtifactError(f"got {found.path} for Triton; wanted the NAME.onnx of an export, with its sidecar beside")
    variants = [_graph(found, found.sidecar)]
    if "plan" in found.sidecar.files:
        variants.append(_engine(found, found.sidecar))
    return [_place(variant, repository) for variant in variants]


def _graph(found: ModelFile, sidecar: Sidecar) -> _Variant:
    weights = sidecar.files.get("weights")
    return _Variant(
        name=f"{found.path.stem}_onnx",
        backend="onnxruntime",
        platform="onnxruntime_onnx",
        file="model.onnx",
        model=found.path,
        weights=None if weights is None else found.path.with_name(weights.file),
        max_batch=ONNX_BATCH,
        warm_shapes=tuple((1, *size) for size in WARM_SIZES),
        num_profiles=0,
    )


def _engine(found: ModelFile, sidecar: Sidecar) -> _Variant:
    plan = find_model(found.path.with_suffix(".plan"))
    engine = sidecar.engine
    if engine is None or engine.flavour != "tensorrt":
        raise ArtifactError(
            f"{plan.path} is an engine of TensorRT-RTX, which Triton does not run: export with --flavour tensorrt "
            "on the machine that serves it, with the TensorRT version of the server, or with --flavour none"
        )
    return _Variant(
        name=f"{found.path.stem}_plan",
        backend="tensorrt",
        platform="tensorrt_plan",
        file="model.plan",
        model=plan.path,
        weights=None,
        max_batch=min(profile.maximum[0] for profile in engine.profiles),
        warm_shapes=tuple(profile.optimum for profile in engine.profiles),
        num_profiles=len(engine.profiles),
    )


def _place(variant: _Variant, repository: Path) -> TritonModel:
    folder = repository / variant.name
    versions = sorted(int(path.name) for path in folder.glob("[1-9]*") if path.name.isdigit())
    model = TritonModel(folder=folder, version=versions[-1] if versions else 0)
    if not versions or _differs(variant, folder / str(versions[-1])):
        model = TritonModel(folder=folder, version=model.version + 1)
        folder.mkdir(parents=True, exist_ok=True)
        # Triton passes over folders whose names are no numbers: a version appears whole.
        with tempfile.TemporaryDirectory(prefix=".version-", dir=folder) as name:
            made = Path(name) / "made"
            made.mkdir()
            shutil.copyfile(variant.model, made / variant.file)
            if variant.weights is not None:
                shutil.copyfile(variant.weights, made / variant.weights.name)
            made.rename(folder / str(model.version))
    part = folder / ".config.part"
    part.write_text(_config(variant))
    part.replace(folder / "config.pbtxt")
    return model


def _differs(variant: _Variant, version: Path) -> bool:
    pairs = [(variant.model, version / variant.file)]
    if variant.weights is not None:
        pairs.append((variant.weights, version / variant.weights.name))
    return any(not copy.is_file() or record_file(copy).sha256 != record_file(source).sha256 for source, copy in pairs)


def _config(variant: _Variant) -> str:
    """The text of config.pbtxt; `dims` are those of one image, the batch comes before them."""
    blocks = [
        f'name: "{variant.name}"\nbackend: "{variant.backend}"\nplatform: "{variant.platform}"\n'
        f'default_model_filename: "{variant.file}"\nmax_batch_size: {variant.max_batch}',
        f'input [ {{ name: "{spec.IMAGE}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }} ]',
        "output [\n"
        f'  {{ name: "{spec.ALPHA}" data_type: TYPE_UINT8 dims: [ -1, -1 ] }},\n'
        f'  {{ name: "{spec.TRIMAP}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }}\n'
        "]",
        "version_policy { latest { num_versions: 1 } }",
        "# Only requests of one size share a batch.\n"
        "dynamic_batching {\n"
        f"  max_queue_delay_microseconds: {QUEUE_DELAY_US}\n"
        f"  default_queue_policy {{ max_queue_size: {MAX_QUEUE} }}\n"
        "}",
    ]
    if variant.num_profiles:
        profiles = ", ".join(f'"{index}"' for index in range(variant.num_profiles))
        blocks.append(f"instance_group [ {{ kind: KIND_GPU profile: [ {profiles} ] }} ]")
    blocks += [_warm_up(shape) for shape in variant.warm_shapes]
    return "\n\n".join(blocks) + "\n"


def _warm_up(shape: tuple[int, int, int]) -> str:
    batch, height, width = shape
    return (
        "model_warmup {\n"
        f'  name: "{batch}x{width}x{height}"\n'
        f"  batch_size: {batch}\n"
        f'  inputs {{ key: "{spec.IMAGE}" value {{ data_type: TYPE_UINT8 dims: [ {height}, {width}, 3 ] '
        "zero_data: true } }\n"
        "}"
    )
