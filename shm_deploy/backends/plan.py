"""An engine file: whether this device and version can run it, its profiles, its execution contexts.

TensorRT answers None or False instead of raising; every such answer becomes an error here.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from shm_deploy import spec
from shm_deploy.backends.cuda import Cuda
from shm_deploy.backends.flavours import Flavour, native_log
from shm_deploy.backends.signature import check_joined
from shm_deploy.errors import ArtifactError, BackendError, DeviceMismatch, SpecError
from shm_deploy.sidecar import EngineRecord, Profile

logger = logging.getLogger(__name__)

MAGIC: dict[bytes, Flavour] = {b"ftrt": "tensorrt", b"vtrt": "rtx"}


def plan_flavour(plan: Path, record: EngineRecord | None) -> Flavour:
    """Which TensorRT a plan is for: as its sidecar says, else by its first four bytes.

    Raises:
        ArtifactError: it is no plan.
    """
    with plan.open("rb") as stream:
        magic = stream.read(4)
    if magic not in MAGIC:
        raise ArtifactError(
            f"{plan} begins with {magic!r}, a plan with {b' or '.join(MAGIC)!r}: "
            "it is truncated or foreign; copy or export it again"
        )
    flavour = MAGIC[magic]
    if record is not None and record.flavour != flavour:
        raise ArtifactError(f"{plan} is a {flavour} plan, its sidecar says {record.flavour}: copy both from one export")
    return flavour


def choose_profile(profiles: tuple[Profile, ...], shape: tuple[int, int, int]) -> int:
    """The index of the smallest profile that holds (batch, height, width).

    Raises:
        SpecError: none does; the message has them all.
    """
    fitting = [index for index, profile in enumerate(profiles) if profile.holds(shape)]
    if not fitting:
        batch, height, width = shape
        raise SpecError(
            f"got {batch} frame(s) of {width}x{height} px; this engine was built for {'; '.join(map(str, profiles))}: "
            "set max_edge to what it holds, split the batch, or export with other sizes"
        )
    return min(fitting, key=lambda index: num_pixels(profiles[index]))


def num_pixels(profile: Profile) -> int:
    """How many a profile holds at most, over the batch."""
    batch, height, width = profile.maximum
    return batch * height * width


class Engine:
    """A deserialised plan. What it makes must be released before it is."""

    def __init__(self, plan: Path, record: EngineRecord | None, flavour: Flavour, trt: Any, cuda: Cuda) -> None:
        """Check, then deserialise.

        Args:
            plan: the file.
            record: what its sidecar says; None without one.
            flavour: from `plan_flavour`.
            trt: the module of that flavour.
            cuda: the device. It exists, so there is a driver: without one deserialising ends the process.

        Raises:
            DeviceMismatch: another version or GPU.
            ArtifactError: truncated, foreign, or no joined graph.
        """
        self.flavour: Flavour = flavour
        self._trt = trt
        self._log = native_log(trt)
        if record is not None:
            _check_record(plan, record, str(trt.__version__), cuda)
        self._runtime = self.made(trt.Runtime(self._log), "runtime")
        serialised = plan.read_bytes()
        _check_validity(plan, serialised, self._runtime, trt, cuda)
        self._native = self._runtime.deserialize_cuda_engine(serialised)
        if self._native is None:
            raise DeviceMismatch(
                f"{flavour} {trt.__version__} on {cuda.name} can't read {plan}: {self._log.last_error()}; "
                "it was built by another version or for another GPU, or is truncated: export it here"
            )
        _check_signature(plan, self._native, trt)
        self.profiles = _profiles(self._native)
        self._config: Any = None
        self._cache: Any = None
        if flavour == "rtx":
            self._config, self._cache = self._configure()
        self._cache_file = plan.with_name(plan.name + ".cache")
        self._cached_bytes = self._load_cache()

    @property
    def wants_graphs(self) -> bool:
        """Whether the caller should capture CUDA graphs; RTX does so itself, once its kernels are compiled."""
        return self.flavour == "tensorrt"

    @property
    def scratch_bytes(self) -> int:
        """Device memory that contexts work in and may share on one stream; 0 for RTX, whose contexts have their own."""
        return int(self._native.device_memory_size_v2) if self.wants_graphs else 0

    def create_context(self, profile: int, scratch: int, stream: Any) -> Any:
        """An execution context for one profile.

        Args:
            profile: index into `profiles`.
            scratch: device memory of `scratch_bytes`.
            stream: where the change of profile is queued.
        """
        managed = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        how = managed if self._config is None else self._config
        context = self.made(self._native.create_execution_context(how), "execution context")
        if self.scratch_bytes:
            context.set_device_memory(scratch, self.scratch_bytes)
        self.done(context.set_optimization_profile_async(profile, int(stream)), f"profile {profile}")
        return context

    def set_addresses(self, context: Any, addresses: dict[str, int]) -> None:
        """Tell a context where on the device its tensors lie."""
        for name, pointer in addresses.items():
            self.done(context.set_tensor_address(name, pointer), f"an address for {name}")

    def set_input(self, context: Any, shape: tuple[int, int, int]) -> None:
        """Tell a context the (batch, height, width) of the frames to come."""
        self.done(context.set_input_shape(spec.IMAGE, (*shape, 3)), f"the shape {shape}")
        missing = context.infer_shapes()
        if missing:
            raise BackendError(f"TensorRT wants the shapes of {', '.join(missing)} too: {self._log.last_error()}")

    def enqueue(self, context: Any, stream: Any) -> None:
        self.done(context.execute_async_v3(int(stream)), "the run")

    def save_cache(self) -> None:
        """Store the kernels that RTX compiled beside the plan, if there are new ones: the next start is quick."""
        if self._cache is None:
            return
        serialised = bytes(self.made(self._cache.serialize(), "serialised runtime cache"))
        if len(serialised) == self._cached_bytes:
            return
        part = self._cache_file.with_name(self._cache_file.name + ".part")
        try:
            part.write_bytes(serialised)
            part.replace(self._cache_file)
        except OSError as error:
            logger.warning("kernels can't be cached in %s (%s): the next start compiles them again", part, error)
        self._cached_bytes = len(serialised)

    def close(self) -> None:
        """Save the cache and let go of engine and runtime, in that order."""
        self.save_cache()
        self._cache = self._config = None
        self._native = None
        self._runtime = None

    def made(self, native: Any, what: str) -> Any:
        """What TensorRT made, which is None if it did not."""
        if native is None:
            raise BackendError(f"TensorRT made no {what}: {self._log.last_error()}")
        return native

    def done(self, answer: bool, what: str) -> None:
        """An answer of TensorRT's, which is False if it refused."""
        if not answer:
            raise BackendError(f"TensorRT refused {what}: {self._log.last_error()}")

    def _configure(self) -> tuple[Any, Any]:
        trt = self._trt
        config = self.made(self._native.create_runtime_config(), "runtime config")
        config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE)
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        cache = self.made(config.create_runtime_cache(), "runtime cache")
        self.done(config.set_runtime_cache(cache), "the runtime cache")
        return config, cache

    def _load_cache(self) -> int:
        """The size of the cache that was read; 0 where there is none, or one of another driver or GPU."""
        if self._cache is None:
            return 0
        if not self._cache_file.is_file():
            logger.info("compiling kernels for %s on first use: this takes a while once", self._cache_file.stem)
            return 0
        serialised = self._cache_file.read_bytes()
        if not self._cache.deserialize(serialised):
            logger.info("%s is of another driver, GPU or version: kernels are compiled again", self._cache_file)
            return 0
        return len(serialised)


def _check_record(plan: Path, record: EngineRecord, version: str, cuda: Cuda) -> None:
    if record.version != version:
        raise DeviceMismatch(
            f"{plan} was built by {record.flavour} {record.version}, {version} is installed: "
            "install that version, or export again"
        )
    if cuda.compute_capability not in record.compute_capabilities:
        raise DeviceMismatch(
            f"{plan} was built for compute capability {', '.join(record.compute_capabilities)}, "
            f"{cuda.name} has {cuda.compute_capability}: export for it, or give the .onnx file"
        )


def _check_validity(plan: Path, serialised: bytes, runtime: Any, trt: Any, cuda: Cuda) -> None:
    if not hasattr(runtime, "get_engine_validity"):
        return
    validity, bits = runtime.get_engine_validity(serialised[: runtime.engine_header_size])
    if validity != trt.EngineValidity.INVALID:
        return
    reasons = {name for name, flag in trt.EngineInvalidityDiagnostics.__members__.items() if bits & int(flag)}
    if "MALFORMED_ENGINE" in reasons:
        raise ArtifactError(f"{plan} is no plan, or damaged: export again, or copy it again with its sidecar")
    raise DeviceMismatch(
        f"{plan} can't run on {cuda.name} with {trt.__version__} ({', '.join(sorted(reasons)) or 'no reason given'}): "
        "export it here, or give the .onnx file"
    )


def _check_signature(plan: Path, native: Any, trt: Any) -> None:
    names = [native.get_tensor_name(index) for index in range(native.num_io_tensors)]
    dtypes = {name: str(native.get_tensor_dtype(name)).rpartition(".")[2].lower() for name in names}
    inputs = {name for name in names if native.get_tensor_mode(name) == trt.TensorIOMode.INPUT}
    check_joined(
        plan,
        {name: dtype for name, dtype in dtypes.items() if name in inputs},
        {name: dtype for name, dtype in dtypes.items() if name not in inputs},
    )


def _profiles(native: Any) -> tuple[Profile, ...]:
    shapes = [native.get_tensor_profile_shape(spec.IMAGE, index) for index in range(native.num_optimization_profiles)]
    return tuple(
        Profile(**{key: tuple(shape)[:3] for key, shape in zip(("minimum", "optimum", "maximum"), three, strict=True)})
        for three in shapes
    )
