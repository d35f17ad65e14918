"""How fast every way is, and how fast the device could be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_ways import FAILURES, Step, Variant, Way, attempt, exported_ways, torch_ways
from shm_deploy.backends import open_backend
from shm_deploy.bench.latency import CLOCK, Effort, StageClock, measure_latency
from shm_deploy.bench.pictures import Size
from shm_deploy.matter import Matter
from shm_train.networks import FrameGraph
from shm_train.networks.fold import fold

METHOD = (
    "Network alone: uint8 frames on the device in, uint8 alpha and trimap on the device out, synchronised before each "
    "reading of time.perf_counter; ms_per_frame is a run of many without synchronising between, over frames. "
    "From host: pinned frame copied in, network, alpha copied out, synchronised. Floor: operations over the measured "
    "rate of a half-precision matrix product, or bytes of weights and of what convolutions read and write (half) over "
    "the measured rate of a copy, whichever takes longer."
)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much is measured."""

    warmup: int
    runs: int
    batches: tuple[int, ...]
    matrix_side: int
    copy_bytes: int


FULL = Amount(warmup=10, runs=100, batches=(1, 2, 4, 8, 16), matrix_side=8192, copy_bytes=1 << 30)
TINY = Amount(warmup=1, runs=3, batches=(1, 2), matrix_side=64, copy_bytes=1 << 16)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What the device does at best, as measured."""

    operations_per_s: float  # of a half-precision matrix product
    bytes_per_s: float  # read and written, of a copy


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one frame of a size asks for."""

    operations: int
    num_bytes: int

    def floor_ms(self, rates: Rates) -> float:
        """No way can be faster, unless it keeps feature maps on the chip."""
        return 1e3 * max(self.operations / rates.operations_per_s, self.num_bytes / rates.bytes_per_s)


def synchronise(device: str) -> None:
    """Wait until the device has done what was asked."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def measure_rates(device: str, amount: Amount) -> Rates:
    """The best of several matrix products and copies."""
    side = amount.matrix_side
    half = torch.float16 if device.startswith("cuda") else torch.float32  # CPUs emulate half
    a, b = (torch.randn(side, side, device=device).to(half) for _ in range(2))
    product = torch.empty_like(a)
    source = torch.empty(amount.copy_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    matrix_s = min(time_steps(lambda: torch.mm(a, b, out=product), device, 3, 20))
    copy_s = min(time_steps(lambda: target.copy_(source), device, 3, 20))
    return Rates(operations_per_s=2 * side**3 / matrix_s, bytes_per_s=2 * amount.copy_bytes / copy_s)


def count_cost(graph: nn.Module, size: Size) -> Cost:
    """Operations and half-precision bytes of one frame of (height, width).

    Args:
        graph: a `FrameGraph` on the CPU; run once.
    """
    num_bytes = sum(2 * parameter.numel() for parameter in graph.parameters())

    def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal num_bytes
        num_bytes += 2 * (inputs[0].numel() + output.numel())

    hooks = [module.register_forward_hook(add) for module in graph.modules() if isinstance(module, nn.Conv2d)]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        graph(torch.zeros(1, *size, 3, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return Cost(operations=counter.get_total_flops(), num_bytes=num_bytes)


def time_steps(step: Callable[[], object], device: str, warmup: int, runs: int) -> list[float]:
    """Seconds of each run, the device idle before and after."""
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(runs):
        synchronise(device)
        begin = time.perf_counter()
        step()
        synchronise(device)
        seconds.append(time.perf_counter() - begin)
    return seconds


def time_back_to_back(step: Step, device: str, runs: int) -> float:
    """Seconds per run of many in a row."""
    synchronise(device)
    begin = time.perf_counter()
    for _ in range(runs):
        step()
    synchronise(device)
    return (time.perf_counter() - begin) / runs


def measure_speed(variant: Variant, sizes: Sequence[Size], device: str, amount: Amount) -> dict[str, Any]:
    """Every way at every size, beside the floor."""
    rates = measure_rates(device, amount)
    graph = FrameGraph(fold(variant.network))
    rows = []
    for size in sizes:
        cost = count_cost(graph, size)
        floor = {"operations": cost.operations, "num_bytes": cost.num_bytes, "floor_ms": cost.floor_ms(rates)}
        shape = {"variant": variant.name, "width": size[1], "height": size[0]}
        for name, make in _ways(variant, device):
            rows.append({**shape, "way": name, **floor, **attempt(partial(_time_way, make, size, device, amount))})
        for role in ("joined", "joined_fp16", "plan"):
            timed = attempt(partial(_time_matter, variant, role, size, device, amount))
            rows.append({**shape, "way": f"Matter, {role}", **floor, **timed})
    return {"method": METHOD, "rates": asdict(rates), "rows": rows}


def _ways(variant: Variant, device: str) -> list[tuple[str, Callable[[], Way]]]:
    ways: list[tuple[str, Callable[[], Way]]] = [
        (name, partial(lambda way: way, way)) for name, way in torch_ways(variant.network, device)
    ]
    return ways + list(exported_ways(variant, device).items())


def _time_way(make: Callable[[], Way], size: Size, device: str, amount: Amount) -> dict[str, Any]:
    way = make()
    single = torch.zeros(1, *size, 3, dtype=torch.uint8, device=device)
    step = way(single)
    network = time_steps(step, device, amount.warmup, amount.runs)
    host = torch.zeros(1, *size, 3, dtype=torch.uint8, pin_memory=device.startswith("cuda"))
    answer = torch.zeros(1, *size, dtype=torch.uint8, pin_memory=device.startswith("cuda"))

    def from_host() -> None:
        single.copy_(host, non_blocking=True)
        answer.copy_(step()[0], non_blocking=True)

    per_batch = _time_batches(way, size, device, amount)
    best = min(per_batch, key=lambda batch: per_batch[batch])
    return {
        "network_ms": _percentiles(network),
        "from_host_ms": _percentiles(time_steps(from_host, device, amount.warmup, amount.runs)),
        "ms_per_frame_by_batch": per_batch,
        "batch": best,
        "ms_per_frame": per_batch[best],
    }


def _time_batches(way: Way, size: Size, device: str, amount: Amount) -> dict[int, float]:
    """Milliseconds per frame, up to the largest batch that the device holds."""
    per_batch: dict[int, float] = {}
    for batch in amount.batches:
        try:
            step = way(torch.zeros(batch, *size, 3, dtype=torch.uint8, device=device))
            time_back_to_back(step, device, amount.warmup)
            per_batch[batch] = 1e3 * time_back_to_back(step, device, amount.runs) / batch
        except FAILURES:
            if not per_batch:
                raise
            break
    return per_batch


def _time_matter(variant: Variant, role: str, size: Size, device: str, amount: Amount) -> dict[str, Any]:
    """End to end from a host frame through the library."""
    file = variant.joined if role == "joined" else variant.sibling(role)
    clock = StageClock(open_backend(file, device=device))
    frame = np.zeros((*size, 3), np.uint8)
    with Matter(clock, max_edge=None) as matter:
        found = measure_latency(matter, clock, [frame], Effort(warmup=amount.warmup, runs=amount.runs))
    return {
        "clock": CLOCK,
        "backend": clock.name,
        "network_ms": asdict(found.network_ms),
        "from_host_ms": asdict(found.total_ms),
        "batch": 1,
        "ms_per_frame": found.total_ms.p50,
        "cpu_s_per_frame": found.cpu_s_per_frame,
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": 1e3 * float(np.percentile(seconds, share)) for share in (50, 90, 95, 99)}
