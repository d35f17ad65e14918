"""What is wanted of an export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from shm_deploy import spec
from shm_deploy.errors import SpecError
from shm_deploy.export.engine import BuildSpec, Precision
from shm_deploy.export.photographs import MAX_EDGE, PACKAGED_FOLDER


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """What is wanted of an export."""

    checkpoint: Path
    out: Path = Path("engines")
    name: str = "shm"  # of the joined files: NAME.onnx, NAME.fp16.onnx, NAME.plan, NAME.json
    fp16: bool = False  # a half graph as well, and an engine in half precision
    int8: bool = False  # of `live`: T-Net in 8 bit as well, for CPUs
    parts_only: bool = False
    compact: bool = False  # half-precision weights in one file for all graphs, and the checkpoint rounded alike
    engine: BuildSpec | None = None  # None: ONNX only
    opset: int = spec.OPSET
    photographs: Path = PACKAGED_FOLDER
    max_edge: int = MAX_EDGE  # of the photographs, when parity is measured [px]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise SpecError(f"got the name {self.name!r}; wanted letters, digits, - and _: suffixes are added to it")
        if f"{self.name}.onnx" in spec.PARTS.values():
            raise SpecError(f"got the name {self.name!r}, which is a part's: {self.name}.onnx would be two files")
        if self.parts_only and (self.fp16 or self.engine is not None):
            raise SpecError(
                "got parts only together with FP16 or an engine, which are made of the joined graph: choose one"
            )
        if self.compact and (self.fp16 or self.parts_only or self.engine is not None):
            raise SpecError(
                "got a compact export together with FP16, an engine or parts only; "
                "it is for float32 graphs that ship: choose one"
            )
        if self.opset < spec.OPSET:
            raise SpecError(f"got opset {self.opset}; the graphs need at least {spec.OPSET}")

    @property
    def precision(self) -> Precision:
        return "fp16" if self.fp16 else "fp32"

    def engine_source(self) -> str:
        """The file that the engine is built from."""
        return self.files()["joined_fp16" if self.fp16 else "joined"]

    def files(self) -> dict[str, str]:
        """The file of each role that there may be."""
        joined = {"joined": f"{self.name}.onnx", "joined_fp16": f"{self.name}.fp16.onnx", "plan": f"{self.name}.plan"}
        compact = {"weights": f"{self.name}.weights", "rounded": f"{self.name}.pt"} if self.compact else {}
        return {**spec.LIVE_PARTS, spec.TNET_INT8: spec.TNET_INT8_FILE, **joined, **compact}
