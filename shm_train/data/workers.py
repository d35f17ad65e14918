"""The same work on many pictures, by several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import cv2

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def in_processes(
    work: Callable[[Task], Outcome], tasks: Sequence[Task], num_workers: int, done: Callable[[int], None]
) -> Iterator[Outcome]:
    """What becomes of each task, in their order.

    Args:
        work: a function that processes can import.
        tasks: its arguments.
        num_workers: processes; 0 works in this one.
        done: called with the number of tasks done so far.
    """
    if num_workers == 0:
        for count, task in enumerate(tasks, start=1):
            outcome = work(task)
            done(count)
            yield outcome
        return
    # Not by fork: a child that inherits OpenCV's pool of threads waits for threads that it does not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for count, outcome in enumerate(pool.map(work, tasks, chunksize=8), start=1):
            done(count)
            yield outcome
