"""The library's exceptions.

The tree, with the exit code of a command that ends with it::

    MatteError                          exit code 1
    ├── SpecError (ValueError)          1  an argument or array that breaks the contract
    ├── ArtifactError                   1  a file that is missing, stale, truncated or foreign
    │   └── DeviceMismatch              4  an engine of another GPU, driver or version
    ├── BackendUnavailable (ImportError) 1  a package or device that is not there
    ├── BackendError                    1  a native failure, chained from its cause
    ├── MediaError                      1  an image or video that can't be read or written
    └── CheckFailed                     3  parity, precision or regression out of bounds

A message says what came, what was wanted, and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class MatteError(Exception):
    """Root of everything that this library raises on purpose."""

    exit_code: ClassVar[int] = 1


class SpecError(MatteError, ValueError):
    """An argument or array that breaks the contract."""


class ArtifactError(MatteError):
    """A model file that is missing, stale, truncated, foreign, or at odds with its sidecar."""


class DeviceMismatch(ArtifactError):
    """An engine that this device, driver or runtime version can't run."""

    exit_code: ClassVar[int] = 4


class BackendUnavailable(MatteError, ImportError):
    """A package, provider or device that is not there; the message has the install line."""


class BackendError(MatteError):
    """A failure inside a native runtime; `__cause__` holds it."""


class MediaError(MatteError):
    """An image or video that can't be read or written."""


class CheckFailed(MatteError):
    """A check that this project promises (parity, precision, regression) is out of bounds."""

    exit_code: ClassVar[int] = 3
