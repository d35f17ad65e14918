"""Whether the library holds up on the device: threads, sizes that change, memory that is full and comes back."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shm_deploy.bench import memory
from shm_deploy.bench.pictures import Size
from shm_deploy.errors import BackendError
from shm_deploy.matter import Matter

NUM_THREADS = 8
GROWTH_LIMIT_MIB = 8.0
SPARE_BYTES = 64 << 20  # left free when the device's memory is filled


def device_mib(device: str) -> float | None:
    """What is in use on the device, by everyone [MiB]; None on the CPU."""
    if not device.startswith("cuda"):
        return None
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / 2**20


def check_threads(matter: Matter, sizes: Sequence[Size], frames_each: int) -> dict[str, Any]:
    """Eight threads on one `Matter`, every alpha bit-equal to that of one thread alone."""
    frames = list(_frames(sizes, len(sizes)))
    alone = [matter(frame) for frame in frames]

    def work(first: int) -> int:
        turns = [(first + turn) % len(frames) for turn in range(frames_each)]
        return sum(not np.array_equal(matter(frames[turn]), alone[turn]) for turn in turns)

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        num_different = sum(pool.map(work, range(NUM_THREADS)))
    return {
        "threads": NUM_THREADS,
        "frames": NUM_THREADS * frames_each,
        "different": num_different,
        "passed": num_different == 0,
    }


def check_exchange(matter: Matter, size: Size, device: str) -> dict[str, Any]:
    """Arrays of PyTorch and CuPy in and out by DLPack, and by `__cuda_array_interface__`, equal to the host's alpha."""
    if not device.startswith("cuda"):
        return {"not_run": "there are no device arrays on the CPU"}
    import cupy

    frame = next(_frames([size], 1))
    wanted = matter(frame)
    given = {"torch": torch.from_numpy(frame).to(device), "cupy": cupy.asarray(frame)}
    equal = {}
    for name, array in given.items():
        alpha = matter.on_device(array).alpha
        equal[f"{name} to torch by DLPack"] = np.array_equal(torch.from_dlpack(alpha).cpu().numpy(), wanted)  # type: ignore[attr-defined]
        equal[f"{name} to cupy by DLPack"] = np.array_equal(cupy.asnumpy(cupy.from_dlpack(alpha)), wanted)
        equal[f"{name} to cupy by interface"] = np.array_equal(cupy.asnumpy(cupy.asarray(alpha)), wanted)
    return {"equal": equal, "passed": all(equal.values())}


def check_growth(matter: Matter, sizes: Sequence[Size], num_frames: int, device: str) -> dict[str, Any]:
    """Frames of mixed sizes; memory after the first round of all sizes is compared with that at the end."""
    for frame in _frames(sizes, 2 * len(sizes)):
        matter(frame)
    host, card = memory.resident_mib(), device_mib(device)
    for frame in _frames(sizes, num_frames):
        matter(frame)
    host_growth = memory.resident_mib() - host
    after = device_mib(device)
    card_growth = None if card is None or after is None else after - card
    return {
        "frames": num_frames,
        "sizes": [{"width": width, "height": height} for height, width in sizes],
        "host_growth_mib": host_growth,
        "device_growth_mib": card_growth,
        "limit_mib": GROWTH_LIMIT_MIB,
        "passed": max(host_growth, card_growth or 0.0) <= GROWTH_LIMIT_MIB,
    }


def check_release(make: Callable[[], Matter], size: Size, device: str) -> dict[str, Any]:
    """Device memory before opening against after closing; the first opening, which loads libraries, is not counted."""
    with make() as matter:
        matter(np.zeros((*size, 3), np.uint8))
    gc.collect()
    before = device_mib(device)
    with make() as matter:
        matter(np.zeros((*size, 3), np.uint8))
        held = device_mib(device)
    gc.collect()
    after = device_mib(device)
    if before is None or held is None or after is None:
        return {"not_run": "there is no device memory on the CPU"}
    return {"held_mib": held - before, "left_mib": after - before, "passed": after - before <= GROWTH_LIMIT_MIB}


def check_out_of_memory(make: Callable[[], Matter], size: Size, device: str) -> dict[str, Any]:
    """With the device full a frame ends in a BackendError; with it free again the same `Matter` goes on."""
    if not device.startswith("cuda"):
        return {"not_run": "there is no device memory to fill on the CPU"}
    small, large = np.zeros((256, 256, 3), np.uint8), np.zeros((*size, 3), np.uint8)
    with make() as matter:
        before = matter(small)
        with _full(device):
            try:
                matter(large)
                words = None
            except BackendError as error:
                words = str(error)
        usable = np.array_equal(matter(small), before)
        matter(large)
    return {"words": words, "usable_after": usable, "passed": words is not None and usable}


@contextmanager
def _full(device: str) -> Iterator[None]:
    free, _ = torch.cuda.mem_get_info(device)
    taken = torch.empty(free - SPARE_BYTES, dtype=torch.uint8, device=device)
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()


def _frames(sizes: Sequence[Size], number: int) -> Iterator[NDArray[np.uint8]]:
    """Noise of each size in turn, the same whenever it is asked for."""
    for index in range(number):
        random = np.random.default_rng(index % len(sizes))
        yield random.integers(0, 256, (*sizes[index % len(sizes)], 3), np.uint8)
