"""How far every way's mattes are from PyTorch in FP32 on the same device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from benchmarks.gpu_ways import Variant, WayBackend, attempt, eager, exported_ways, torch_ways
from shm_deploy import spec
from shm_deploy.backends import Backend
from shm_deploy.bench.parity import METHOD, Answer, answers, compare_answers
from shm_deploy.bench.pictures import Picture, Size
from shm_train.networks import FrameGraph
from shm_train.networks.fold import fold
from shm_train.networks.ranges import measure_ranges

COMPARED = ("eager fp32", "eager fp16 channels-last", "compiled fp16 channels-last")


def measure_numerics(
    variant: Variant, pictures: Sequence[Picture], sizes: Sequence[Size], device: str
) -> dict[str, Any]:
    """Every way at every size against FP32, TF32 off; and the largest value of each layer against FP16's limit."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    reference = WayBackend("reference", partial(eager, FrameGraph(variant.network).to(device)), device)
    wanted = [answers(reference, pictures, size) for size in sizes]
    rows = [
        {"way": name, **attempt(partial(_compare, make, _tolerance(variant, name), pictures, sizes, wanted))}
        for name, make in _backends(variant, device)
    ]
    smallest = [picture.fitted(sizes[0]).pixels for picture in pictures]
    return {"method": METHOD, "ways": rows, "ranges": measure_ranges(fold(variant.network), smallest).record()}


def _backends(variant: Variant, device: str) -> Iterator[tuple[str, Callable[[], Backend]]]:
    for name, way in torch_ways(variant.network, device):
        if name in COMPARED:
            yield name, partial(WayBackend, name, way, device)
    for name, make in exported_ways(variant, device).items():
        yield name, partial(_way_backend, name, make, device)


def _tolerance(variant: Variant, way: str) -> spec.Tolerance:
    return spec.BACKENDS_FP32[variant.network.config.variant] if "fp32" in way else spec.ENGINE_FP16


def _way_backend(name: str, make: Callable[[], Any], device: str) -> Backend:
    return WayBackend(name, make(), device)


def _compare(
    make: Callable[[], Backend],
    tolerance: spec.Tolerance,
    pictures: Sequence[Picture],
    sizes: Sequence[Size],
    wanted: Sequence[Sequence[Answer]],
) -> dict[str, Any]:
    backend = make()
    try:
        rows = [
            asdict(compare_answers(answers(backend, pictures, size), want, pictures, size, tolerance))
            for size, want in zip(sizes, wanted, strict=True)
        ]
    finally:
        backend.close()
    return {"sizes": rows, "passed": all(row["passed"] for row in rows)}
