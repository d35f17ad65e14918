"""A TensorRT that builds nothing, fails where it is told to, and remembers what it was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class _Logger:
    Severity = SimpleNamespace(INTERNAL_ERROR="internal", ERROR="error", WARNING="warning", INFO="info")

    def __init__(self) -> None:
        pass

    def log(self, severity: str, message: str) -> None:
        raise NotImplementedError


class _Monitor:
    def __init__(self) -> None:
        pass


class FakeTensorRT:
    """The part of the module that a build uses.

    Args:
        fails: the calls that fail, as the real ones do: "create_network", "parse", "add_optimization_profile", ...
        dtypes: of the network's layers, "half" or "float"; all are convolutions.
        compute_capabilities: whether it has them, as TensorRT-RTX does.
        strongly_typed: whether it has that flag, as TensorRT 10 does.
    """

    __version__ = "0.0.1"

    def __init__(
        self,
        *,
        fails: str = "",
        dtypes: tuple[str, ...] = ("half", "half"),
        compute_capabilities: bool = True,
        strongly_typed: bool = False,
    ) -> None:
        self.fails = fails
        self.calls: dict[str, Any] = {}
        self.log: Any = None
        self.ILogger = _Logger
        self.IProgressMonitor = _Monitor
        self.BuilderFlag = SimpleNamespace(TF32="tf32")
        self.ProfilingVerbosity = SimpleNamespace(DETAILED="detailed")
        self.MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
        self.DataType = SimpleNamespace(HALF="half", FLOAT="float")
        self.LayerType = SimpleNamespace(CONVOLUTION="convolution")
        self.NetworkDefinitionCreationFlag = SimpleNamespace(**({"STRONGLY_TYPED": 1} if strongly_typed else {}))
        self.ComputeCapability = SimpleNamespace(__members__={"NONE": 0, "SM75": 75, "SM86": 86, "SM120": 120})
        self._layers = [
            SimpleNamespace(
                num_outputs=1, type="convolution", get_output=lambda _, dtype=dtype: SimpleNamespace(dtype=dtype)
            )
            for dtype in dtypes
        ]
        self._compute_capabilities = compute_capabilities

    def answer(self, call: str, good: Any, bad: Any = None) -> Any:
        """The good answer; the bad one, with a word to the log, for the call that is to fail."""
        if call != self.fails:
            return good
        self.log.log("error", f"{call} went wrong")
        return bad

    def Builder(self, log: Any) -> Any:
        self.log = log
        return SimpleNamespace(
            create_network=lambda flags: self._network(flags),
            create_builder_config=lambda: self.answer("create_builder_config", self._config()),
            create_optimization_profile=lambda: self.answer("create_optimization_profile", _Profile()),
            build_serialized_network=self._build,
        )

    def OnnxParser(self, network: Any, log: Any) -> Any:
        parsed = self.answer("parse", True, False) if self.fails == "parse" else True
        return SimpleNamespace(
            parse_from_file=lambda path: parsed, num_errors=1, get_error=lambda index: "node 3: no such operator"
        )

    def _build(self, network: Any, config: Any) -> bytes | None:
        """Tells its progress as the real one does: phases within phases."""
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        monitor.phase_start("Tactics", "Building", 40)
        for step in range(2):
            self.calls.setdefault("goes_on", []).append(monitor.step_complete("Tactics", step))
            monitor.step_complete("Building", step)
        monitor.phase_finish("Tactics")
        monitor.phase_finish("Building")
        return self.answer("build_serialized_network", b"plan")

    def _network(self, flags: int) -> Any:
        self.calls["flags"] = flags
        network = SimpleNamespace(num_layers=len(self._layers), get_layer=lambda index: self._layers[index])
        return self.answer("create_network", network)

    def _config(self) -> Any:
        config = SimpleNamespace(
            clear_flag=lambda flag: self.calls.update(cleared=flag),
            set_memory_pool_limit=lambda pool, size: self.calls.update(workspace=size),
            add_optimization_profile=self._add_profile,
            create_timing_cache=lambda data: self.answer("create_timing_cache", SimpleNamespace(data=data)),
            set_timing_cache=lambda cache, ignore_mismatch: self.answer("set_timing_cache", True, False),
            get_timing_cache=lambda: SimpleNamespace(serialize=lambda: b"timings"),
            progress_monitor=None,
        )
        if self._compute_capabilities:
            config.num_compute_capabilities = 0
            config.set_compute_capability = self._set_compute_capability
        return config

    def _add_profile(self, profile: Any) -> int:
        profiles = self.calls.setdefault("profiles", [])
        profiles.append(profile.shapes)
        return int(self.answer("add_optimization_profile", len(profiles) - 1, -1))

    def _set_compute_capability(self, capability: int, index: int) -> bool:
        self.calls.setdefault("capabilities", []).append(capability)
        return bool(self.answer("set_compute_capability", True, False))


class _Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        self.shapes[name] = shapes
