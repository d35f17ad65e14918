"""Sidecars for models made by tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.sidecar import EngineRecord, FileRecord, GoldenImage, Profile, Sidecar, png_to_text, record_file

ROLES = {"shm.onnx": "joined", "shm.fp16.onnx": "joined_fp16", "shm.plan": "plan"} | {
    file: role for role, file in spec.LIVE_PARTS.items()
}

ENGINE = EngineRecord(
    flavour="rtx",
    version="1.4.0",
    precision="fp16",
    half_layers=90,
    float_layers=10,
    fp32_islands=("tnet.Exp",),
    profiles=(Profile(minimum=(1, 64, 64), optimum=(1, 608, 800), maximum=(4, 1504, 1504)),),
    compute_capabilities=("8.6",),
    gpu=None,
    verified=False,
)


def sidecar_of(
    model: Path,
    *,
    golden: GoldenImage | None = None,
    engine: EngineRecord | None = None,
    checkpoint: Path | None = None,
    network: dict[str, Any] | None = None,
) -> Sidecar:
    """What export would write for the files beside `model`."""
    files: dict[str, FileRecord] = {
        role: record_file(model.with_name(name)) for name, role in ROLES.items() if model.with_name(name).is_file()
    }
    return Sidecar(
        variant="live",
        network=network or {},
        created="2026-11-22T00:00:00Z",
        checkpoint=record_file(checkpoint) if checkpoint else None,
        files=files,
        versions={},
        opset=spec.OPSET,
        engine=engine,
        certificate={},
        golden=golden,
    )


def golden_of(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> GoldenImage:
    """(H, W, 3) RGB and (H, W), with the bounds for two FP32 backends."""
    pngs = [cv2.imencode(".png", pixels)[1].tobytes() for pixels in (image[..., ::-1], alpha)]
    tolerance = spec.BACKENDS_FP32["live"]
    return GoldenImage(image_png=png_to_text(pngs[0]), alpha_png=png_to_text(pngs[1]), tolerance=tolerance)
