"""What a person reads when a run ends early."""

from __future__ import annotations

from shm_deploy.catalogue.failures import own_error
from shm_deploy.errors import BackendError, MediaError


class TaskError(Exception):
    """As Ray wraps what a worker raised."""

    def __init__(self, message: str, cause: Exception | None) -> None:
        super().__init__(message)
        self.cause = cause


def test_own_errors_are_found_behind_those_of_ray() -> None:
    """Wrapped by Ray, chained by Python, or both."""
    inner = MediaError("the disk is full")
    chained = RuntimeError("user code")
    chained.__cause__ = inner
    assert own_error(TaskError("task", inner)) is inner
    assert own_error(TaskError("task", chained)) is inner


def test_other_errors_keep_their_last_line() -> None:
    """A traceback of another process comes before it."""
    error = own_error(TaskError("The actor died.\n  File ...\nBackendUnavailable: no CUDA", None))
    assert isinstance(error, BackendError)
    assert "Ray failed: BackendUnavailable: no CUDA; start it again" in str(error)
    assert "TaskError" in str(own_error(TaskError("", None)))
