"""ONNX to a TensorRT engine: one code path for TensorRT 10, TensorRT 11 and TensorRT-RTX.

What a version lacks is told by its attributes, never by its number. Nothing here raises on its own: every builder call
that failed returned None, False or -1, and is checked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shm_deploy import spec
from shm_deploy.backends.flavours import MODULES, Flavour, native_log
from shm_deploy.errors import BackendError, BackendUnavailable, CheckFailed, SpecError
from shm_deploy.export.progress import Stage
from shm_deploy.sidecar import EngineRecord, Profile

if TYPE_CHECKING:
    from shm_deploy.backends.cuda import Cuda

Precision = Literal["fp16", "fp32"]

# Cards that an RTX engine is built for: Ampere (data centre, consumer), Ada, Blackwell (consumer).
COMPUTE_CAPABILITIES = ("8.0", "8.6", "8.9", "12.0")
HALF_ONLY = "7.5"  # Turing, whose float32 products RTX refuses
MAX_WORKSPACE_MIB = 1 << 30  # far beyond any GPU, and a number of bytes that fits TensorRT's 64 bit
DEFAULT_PROFILE = Profile(
    minimum=(1, spec.MIN_GRAPH_SIDE, spec.MIN_GRAPH_SIDE),
    optimum=(1, 608, 800),
    maximum=(1, spec.PADDED_MAX_EDGE, spec.PADDED_MAX_EDGE),
)


@dataclass(frozen=True, kw_only=True)
class BuildSpec:
    """What is wanted before a build."""

    flavour: Literal["auto", "tensorrt", "rtx"] = "auto"
    profiles: tuple[Profile, ...] = (DEFAULT_PROFILE,)
    compute_capabilities: tuple[str, ...] | None = None  # None is what suits the flavour; TensorRT builds for its GPU
    timing_cache: Path | None = None  # read where it exists, written after the build
    workspace_mib: int | None = None  # scratch memory that the builder may plan with; None leaves it to TensorRT

    def __post_init__(self) -> None:
        if not self.profiles:
            raise SpecError("got no optimisation profile; at least one is wanted")
        for profile in self.profiles:
            shapes = (profile.minimum, profile.optimum, profile.maximum)
            ordered = all(a <= b <= c for a, b, c in zip(*shapes, strict=True))
            if not ordered or min(profile.minimum[1:]) < spec.MIN_GRAPH_SIDE or profile.minimum[0] != 1:
                raise SpecError(
                    f"got the profile {profile}; wanted smallest <= likeliest <= largest in each dimension, "
                    f"sides from {spec.MIN_GRAPH_SIDE} px on (smaller images are padded), and batches from 1 on"
                )
        if self.workspace_mib is not None and not 1 <= self.workspace_mib <= MAX_WORKSPACE_MIB:
            raise SpecError(f"got a workspace of {self.workspace_mib} MiB; 1 to {MAX_WORKSPACE_MIB} is wanted")


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """The TensorRT that builds, and the device that it may run on."""

    flavour: Flavour
    module: Any  # tensorrt or tensorrt_rtx
    device: Cuda | None

    @property
    def version(self) -> str:
        return str(self.module.__version__)


def find_device() -> Cuda | None:
    """The first CUDA device; None where there is no driver, no device, or no cuda-bindings to ask them with."""
    try:
        from shm_deploy.backends.cuda import Cuda

        return Cuda(0)
    except ImportError:  # BackendUnavailable is one, too
        return None


def import_if_installed(name: str) -> Any | None:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def find_toolkit(
    flavour: Literal["auto", "tensorrt", "rtx"],
    device: Cuda | None,
    load: Callable[[str], Any | None] = import_if_installed,
) -> Toolkit:
    """The TensorRT to build with.

    Args:
        flavour: "auto" is TensorRT where it imports and has a device, else TensorRT-RTX.
        device: from `find_device`.
        load: imports a module by name; None where there is none.

    Raises:
        BackendUnavailable: it is not installed, or TensorRT proper has no device to build on.
    """
    if flavour != "rtx" and (module := load("tensorrt")) is not None:
        if device is not None:
            return Toolkit(flavour="tensorrt", module=module, device=device)
        if flavour == "tensorrt":
            raise BackendUnavailable(
                "TensorRT builds on the GPU that runs the engine, and there is none here: "
                "export on that machine, or build for GPUs of your choice with --flavour rtx"
            )
    if flavour != "tensorrt" and (module := load("tensorrt_rtx")) is not None:
        return Toolkit(flavour="rtx", module=module, device=device)
    wanted: Flavour = "tensorrt" if flavour == "tensorrt" else "rtx"
    raise BackendUnavailable(
        f"{MODULES[wanted]} is not installed: pip install 'semantic-human-matting[{wanted}]', "
        "or export the ONNX files only with --flavour none"
    )


def check_build(wanted: BuildSpec, toolkit: Toolkit, precision: Precision) -> None:
    """Give the builder every option, before there is a graph: the minutes that this takes are not spent in vain.

    Raises:
        SpecError: an option that this flavour does not have, or a value that it refuses.
        BackendError: the builder failed.
    """
    log = native_log(toolkit.module)
    _configured(_made(toolkit.module.Builder(log), "a builder", log), wanted, toolkit, precision, log)


def build_engine(
    onnx: Path, plan: Path, wanted: BuildSpec, toolkit: Toolkit, precision: Precision, stage: Stage
) -> EngineRecord:
    """Build an engine and write it.

    Args:
        onnx: the joined graph, with the wanted precision in it.
        plan: where the engine goes.
        wanted: what to build.
        toolkit: from `find_toolkit`.
        precision: what the graph holds; an "fp16" graph must arrive as such in the network.
        stage: told of the progress.

    Returns:
        What was built; `verified` is False, since nothing ran yet.

    Raises:
        SpecError: an option that this flavour does not have, or a profile that it refuses.
        BackendError: the graph does not parse or does not build; the message has TensorRT's own words.
        CheckFailed: an "fp16" graph whose convolutions are not all half in the network.
    """
    trt = toolkit.module
    log = native_log(trt)
    builder = _made(trt.Builder(log), "a builder", log)
    network = _made(builder.create_network(_network_flags(trt)), "a network", log)
    parser = _made(trt.OnnxParser(network, log), "a parser", log)
    if not parser.parse_from_file(str(onnx)):
        errors = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise BackendError(f"TensorRT {toolkit.version} can't parse {onnx.name}: {errors or log.last_error()}")
    layers = count_layers(trt, network)
    if precision == "fp16" and layers.float_convolutions:
        raise CheckFailed(
            f"{onnx.name} is a half graph, but {layers.float_convolutions} of "
            f"{layers.float_convolutions + layers.half_convolutions} convolutions arrived in TensorRT as float32"
        )
    config, capabilities, cache = _configured(builder, wanted, toolkit, precision, log)
    if hasattr(config, "progress_monitor"):
        config.progress_monitor = _monitor(trt, stage)
    serialised = builder.build_serialized_network(network, config)
    if serialised is None:
        raise BackendError(f"TensorRT {toolkit.version} can't build {onnx.name}: {log.last_error()}")
    plan.write_bytes(serialised)
    if wanted.timing_cache is not None and cache is not None:
        _save_timing_cache(config, wanted.timing_cache)
    return EngineRecord(
        flavour=toolkit.flavour,
        version=toolkit.version,
        precision=precision,
        half_layers=layers.half,
        float_layers=layers.float,
        fp32_islands=(),
        profiles=wanted.profiles,
        compute_capabilities=capabilities,
        gpu=None if toolkit.device is None else toolkit.device.name,
        verified=False,
    )


@dataclass(frozen=True, kw_only=True)
class LayerCount:
    """Layers of a network by the type of what they give; the convolutions among them apart."""

    half: int
    float: int
    half_convolutions: int
    float_convolutions: int


def count_layers(trt: Any, network: Any) -> LayerCount:
    """Count the layers of an `INetworkDefinition` by the type of their first output."""
    half = single = half_convolutions = float_convolutions = 0
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        dtype = layer.get_output(0).dtype if layer.num_outputs else None
        convolution = layer.type == trt.LayerType.CONVOLUTION
        if dtype == trt.DataType.HALF:
            half += 1
            half_convolutions += convolution
        elif dtype == trt.DataType.FLOAT:
            single += 1
            float_convolutions += convolution
    return LayerCount(
        half=half, float=single, half_convolutions=half_convolutions, float_convolutions=float_convolutions
    )


def _network_flags(trt: Any) -> int:
    flags = 0
    for name in ("EXPLICIT_BATCH", "STRONGLY_TYPED"):  # later versions have no other kind of network
        flag = getattr(trt.NetworkDefinitionCreationFlag, name, None)
        if flag is not None:
            flags |= 1 << int(flag)
    return flags


def _configured(
    builder: Any, wanted: BuildSpec, toolkit: Toolkit, precision: Precision, log: Any
) -> tuple[Any, tuple[str, ...], Any | None]:
    """A builder config with all that is wanted, the compute capabilities in it, and its timing cache."""
    config = _made(builder.create_builder_config(), "a builder config", log)
    _configure(config, toolkit.module, wanted)
    capabilities = _set_compute_capabilities(config, wanted, toolkit, precision)
    _add_profiles(config, builder, wanted, log)
    return config, capabilities, _load_timing_cache(config, wanted.timing_cache, toolkit, log)


def _configure(config: Any, trt: Any, wanted: BuildSpec) -> None:
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 layers are islands for a reason
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # so that an inspector can tell the precisions
    if wanted.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, wanted.workspace_mib << 20)


def _set_compute_capabilities(
    config: Any, wanted: BuildSpec, toolkit: Toolkit, precision: Precision
) -> tuple[str, ...]:
    if not hasattr(config, "num_compute_capabilities"):
        if wanted.compute_capabilities is not None:
            raise SpecError(
                f"got compute capabilities {', '.join(wanted.compute_capabilities)}; {toolkit.flavour} "
                f"{toolkit.version} builds for the GPU it runs on: leave them out, or use --flavour rtx"
            )
        return (toolkit.device.compute_capability,) if toolkit.device else ()
    capabilities = wanted.compute_capabilities or COMPUTE_CAPABILITIES
    members = toolkit.module.ComputeCapability.__members__
    known = {f"{name[2:-1]}.{name[-1]}": member for name, member in members.items() if name.startswith("SM")}
    unknown = [capability for capability in capabilities if capability not in known]
    if unknown:
        raise SpecError(
            f"got compute capabilities {', '.join(unknown)}; {toolkit.flavour} {toolkit.version} builds for "
            f"{', '.join(known)}"
        )
    if precision == "fp32" and HALF_ONLY in capabilities:
        raise SpecError(
            f"got compute capability {HALF_ONLY} for an engine in float32, which {toolkit.flavour} builds in half "
            "precision only: export with --fp16, or leave it out"
        )
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        if not config.set_compute_capability(known[capability], index):
            raise SpecError(
                f"{toolkit.flavour} {toolkit.version} refuses compute capability {capability}: leave it out"
            )
    return capabilities


def _add_profiles(config: Any, builder: Any, wanted: BuildSpec, log: Any) -> None:
    for profile in wanted.profiles:
        native = _made(builder.create_optimization_profile(), "an optimisation profile", log)
        shapes = [(*shape, 3) for shape in (profile.minimum, profile.optimum, profile.maximum)]
        native.set_shape(spec.IMAGE, *shapes)  # says nothing about unknown names and bad ranges
        if config.add_optimization_profile(native) < 0:
            raise SpecError(f"TensorRT refuses the profile {profile}: {log.last_error()}")


def _load_timing_cache(config: Any, path: Path | None, toolkit: Toolkit, log: Any) -> Any | None:
    if path is None:
        return None
    if toolkit.flavour == "rtx":
        raise SpecError(
            "got a timing cache for TensorRT-RTX, which does not time while it builds: leave --timing-cache out"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise SpecError(f"got {path} for the timing cache; wanted a file in a folder that is there")
    data = path.read_bytes() if path.is_file() else b""
    cache = _made(config.create_timing_cache(data), f"a timing cache from {path}", log)
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        raise SpecError(f"{path} is the timing cache of another GPU or version: delete it, or name another file")
    return cache


def _save_timing_cache(config: Any, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(config.get_timing_cache().serialize())
    part.replace(path)


def _made(native: Any, what: str, log: Any) -> Any:
    if native is None:
        raise BackendError(f"TensorRT gave no {what}: {log.last_error()}")
    return native


def _monitor(trt: Any, stage: Stage) -> Any:
    """A progress monitor of TensorRT's kind that tells of the outermost phase only."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._outermost: tuple[str, int] | None = None

        def phase_start(self, name: str, parent: str | None, num_steps: int) -> None:
            if parent is None:
                self._outermost = (name, num_steps)

        def step_complete(self, name: str, step: int) -> bool:
            if self._outermost is not None and name == self._outermost[0]:
                stage.step(f"{name}: {step + 1} of {self._outermost[1]}")
            return True  # go on

        def phase_finish(self, name: str) -> None:
            pass

    return Monitor()
