"""PyAV, or how to install it."""

from __future__ import annotations

from types import ModuleType

from shm_deploy.errors import BackendUnavailable


def require_av() -> ModuleType:
    """Import PyAV.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise BackendUnavailable(
            f"video files need PyAV, which does not import ({error}): pip install 'semantic-human-matting[video]'"
        ) from error
    return av
