"""What Prometheus reads: counts and durations, never anything of a picture."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shm_deploy.serve.timing import Timing

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Set before prometheus_client is imported, it makes the processes of one service share their counts through files.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """The counts of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "shm_requests", "Requests for mattes, by the status of their answers", ["status"], registry=self._registry
        )
        self.gone = Counter(
            "shm_requests_gone", "Requests whose sender went before the answer was there", registry=self._registry
        )
        self.stages = Histogram(
            "shm_stage_seconds",
            "Waiting and working time of mattes, by stage",
            ["stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.frames = Counter("shm_live_frames", "Frames answered on WebSockets", registry=self._registry)
        self.inside = self._gauge("shm_pictures_inside", "Pictures in work or waiting")
        self.uploads = self._gauge("shm_uploads", "Requests that are being received")
        self.sockets = self._gauge("shm_live_sockets", "Open WebSockets")
        ProcessCollector(registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode="livesum")

    def observe(self, timing: Timing) -> None:
        """Count the stages of one matte."""
        for stage, seconds in timing.seconds.items():
            self.stages.labels(stage).observe(seconds)

    def text(self) -> bytes:
        """All counts: of this process, or of all processes that share a folder."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
