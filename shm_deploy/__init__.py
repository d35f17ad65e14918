"""Cut people out of pictures and video: `Matter`, its results and its errors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shm_deploy.backends.protocol import Backend, Mattes, Parts
    from shm_deploy.errors import (
        ArtifactError,
        BackendError,
        BackendUnavailable,
        CheckFailed,
        DeviceMismatch,
        MatteError,
        MediaError,
        SpecError,
    )
    from shm_deploy.info import Info
    from shm_deploy.matter import Matter
    from shm_deploy.result import DeviceResult, Result
    from shm_deploy.stream.frames import Frame
    from shm_deploy.trust import Trust

# Where each name lives; it is imported when it is first used, so that `import shm_deploy` costs next to nothing.
_HOMES = {
    "ArtifactError": "errors",
    "Backend": "backends.protocol",
    "BackendError": "errors",
    "BackendUnavailable": "errors",
    "CheckFailed": "errors",
    "DeviceMismatch": "errors",
    "DeviceResult": "result",
    "Frame": "stream.frames",
    "Info": "info",
    "MatteError": "errors",
    "Matter": "matter",
    "Mattes": "backends.protocol",
    "MediaError": "errors",
    "Parts": "backends.protocol",
    "Result": "result",
    "SpecError": "errors",
    "Trust": "trust",
}

__all__ = [
    "ArtifactError",
    "Backend",
    "BackendError",
    "BackendUnavailable",
    "CheckFailed",
    "DeviceMismatch",
    "DeviceResult",
    "Frame",
    "Info",
    "MatteError",
    "Matter",
    "Mattes",
    "MediaError",
    "Parts",
    "Result",
    "SpecError",
    "Trust",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
