"""The pool: one borrower each, no more than its limit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shm_deploy.backends.pool import Pool


def test_item_returned_last_is_lent_first() -> None:
    """Nothing is made while one is idle."""
    pool = Pool(iter("ab").__next__, limit=2)
    with pool.lend() as first, pool.lend() as second:
        assert (first, second) == ("a", "b")
    with pool.lend() as third:
        assert third == "a"
    assert sorted(pool.drain()) == ["a", "b"]
    assert pool.drain() == []


def test_limit_is_kept_by_waiting() -> None:
    """Eight threads, two items: never more than two at work."""
    made, busy, most = [], 0, 0
    lock = threading.Lock()

    def make() -> object:
        made.append(object())
        return made[-1]

    pool = Pool(make, limit=2)

    def work(_: int) -> None:
        nonlocal busy, most
        with pool.lend():
            with lock:
                busy += 1
                most = max(most, busy)
            threading.Event().wait(0.001)
            with lock:
                busy -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(40)))
    assert most <= 2
    assert len(made) <= 2


def test_failure_to_make_an_item_takes_no_place() -> None:
    """The next borrower tries again."""
    answers = iter([ZeroDivisionError, None])

    def make() -> str:
        answer = next(answers)
        if answer:
            raise answer
        return "made"

    pool = Pool(make, limit=1)
    with pytest.raises(ZeroDivisionError), pool.lend():
        pass
    with pool.lend() as item:
        assert item == "made"
