"""What every worker of a catalogue needs to know."""

from __future__ import annotations

import json
from dataclasses import dataclass

from shm_deploy import spec
from shm_deploy.compositing import Quality
from shm_deploy.errors import SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.formats import ImageFormat, format_of_suffix
from shm_deploy.media.products import OfAlpha


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How each picture is matted, and where the results go."""

    output: str  # path or URI of a folder
    product: OfAlpha
    suffix: str  # of the format that results are written in
    quality: Quality = "fast"
    model: str | None = None  # a file that every worker can read; None is the packaged one
    device: str = "auto"  # "cpu", "cuda", or "auto": GPUs where the cluster has some
    threads: int | None = None  # CPU threads of one worker; None is 1, or beside a GPU its share of the CPUs
    max_edge: int | None = spec.MAX_EDGE

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "cuda"):
            raise SpecError(
                f"got device {self.device!r} for a catalogue; wanted 'auto', 'cpu' or 'cuda': "
                "Ray hands out the GPUs, one to a worker"
            )
        if self.threads is not None and self.threads < 1:
            raise SpecError(f"got threads={self.threads}; wanted at least 1")

    @property
    def kind(self) -> ImageFormat:
        """The format that results are written in."""
        return format_of_suffix(self.suffix)

    def open_matter(self, threads: int) -> Matter:
        """The engine of one worker."""
        return Matter(self.model, device=self.device, threads=threads, max_edge=self.max_edge)

    def fingerprint(self) -> str:
        """What the results depend on, as text."""
        return json.dumps(
            {
                "model": Matter.probe(self.model).sha256,
                "max_edge": self.max_edge,
                "product": self.product.value,
                "format": self.suffix,
                "quality": self.quality,
            }
        )
