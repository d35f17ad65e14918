"""Clients that load a service within bounds."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from websockets.sync.client import connect

from benchmarks.service_process import Reply, Service


def load(service: Service, pictures: Sequence[bytes], num_requests: int, num_clients: int) -> tuple[list[Reply], float]:
    """Requests from several clients at once, each waiting for its answer before the next. Returns seconds for all."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(num_clients) as clients:
        replies = list(clients.map(lambda turn: service.ask(pictures[turn % len(pictures)]), range(num_requests)))
    return replies, time.perf_counter() - begin


def statuses_until(service: Service, picture: bytes, num_clients: int, interrupt: Callable[[], Any]) -> Counter[str]:
    """Clients that ask on and on until there is no service, which `interrupt` brings about; what each request got."""
    outcomes: Counter[str] = Counter()

    def client() -> None:
        while True:
            try:
                outcomes[str(service.ask(picture).status)] += 1
            except http.client.RemoteDisconnected:
                outcomes["closed without an answer"] += 1
            except http.client.HTTPException as error:
                outcomes[f"half an answer: {error!r}"] += 1
            except ConnectionError:
                return

    clients = [threading.Thread(target=client) for _ in range(num_clients)]
    for thread in clients:
        thread.start()
    interrupt()
    for thread in clients:
        thread.join()
    return outcomes


def stream(service: Service, frames: Sequence[bytes], num_frames: int, in_flight: int) -> tuple[list[float], float]:
    """Live frames once round the WebSocket. Returns each one's seconds, and seconds for all."""
    taken: list[float] = []
    sent_at: list[float] = []
    with connect(f"ws://127.0.0.1:{service.port}/v1/live", compression=None, max_size=None) as socket:
        begin = time.perf_counter()
        for turn in range(num_frames + in_flight):
            if turn >= in_flight:
                socket.recv()
                taken.append(time.perf_counter() - sent_at[turn - in_flight])
            if turn < num_frames:
                sent_at.append(time.perf_counter())
                socket.send(frames[turn % len(frames)])
        return taken, time.perf_counter() - begin


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the largest, in milliseconds."""
    shares = {f"p{share}": float(np.percentile(seconds, share)) for share in (50, 90, 99)}
    return {name: round(1000 * value, 2) for name, value in {**shares, "max": max(seconds)}.items()}
