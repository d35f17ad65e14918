"""What the snippet uses of aiortc 1.16."""

from __future__ import annotations


class MediaStreamTrack:
    """A track."""

    kind = "unknown"

    def __init__(self) -> None:
        self.readyState = "live"
