"""What ended a run, behind what Ray says about it."""

from __future__ import annotations

from shm_deploy.errors import BackendError, MatteError


def own_error(error: BaseException) -> MatteError:
    """The library's own error that ended a worker, or else a BackendError with Ray's words."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, MatteError):
            return inner
        inner = getattr(inner, "cause", None) or inner.__cause__  # Ray's errors have the one, Python's the other
    return BackendError(f"Ray failed: {last_line(error)}; start it again to go on from here")


def last_line(error: BaseException) -> str:
    """The last line of a message, where tracebacks of other processes have what matters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
