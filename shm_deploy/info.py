"""What `Matter` says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shm_deploy.sidecar import Profile


@dataclass(frozen=True, kw_only=True)
class Info:
    """What runs, where, and what was checked. Without a model file (a backend of one's own) its fields are None."""

    model: Path | None
    sha256: str | None  # of the model's file
    variant: str | None  # "paper" or "live"; None without a sidecar
    backend: str  # "tiles", "int8", "onnxruntime", "openvino", "pytorch", "tensorrt", or a name of one's own
    device: str  # "cpu" or "cuda:N": where it runs, whatever was asked for
    providers: tuple[str, ...]  # ONNX Runtime's, in order of preference; empty for other backends
    threads: int | None  # CPU threads within one call; None where they do not matter
    max_edge: int | None  # longest side that the network sees [px]; None for no limit
    profiles: tuple[Profile, ...]  # sizes an engine was built for; empty where any size runs
    golden_checked: bool  # whether the sidecar's golden image ran on this machine and came out right
    engine_verified: bool | None  # whether the plan passed its checks on a GPU after the build; None for no plan
