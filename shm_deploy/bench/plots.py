"""An empty figure, where matplotlib is installed."""

from __future__ import annotations

from typing import Any

from shm_deploy.errors import BackendUnavailable


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure [inches] without a window, whose parts keep out of each other's way.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BackendUnavailable("drawing needs matplotlib, which is not installed: pip install matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")
