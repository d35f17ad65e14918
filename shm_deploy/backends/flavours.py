"""TensorRT and TensorRT-RTX: one API under two module names."""

from __future__ import annotations

import logging
from typing import Any, Literal

logger = logging.getLogger(__name__)

Flavour = Literal["tensorrt", "rtx"]
MODULES: dict[Flavour, str] = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}


def native_log(trt: Any) -> Any:
    """A logger of TensorRT's kind that hands on to Python's and remembers what went wrong, for `last_error()`."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._last_error = "TensorRT gives no reason"

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                self._last_error = message
            elif severity == trt.ILogger.Severity.WARNING:
                logger.info("%s", message)

        def last_error(self) -> str:
            return self._last_error

    return Log()
