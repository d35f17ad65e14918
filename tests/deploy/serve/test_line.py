"""The bounded line."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shm_deploy.serve.line import Line
from shm_deploy.serve.problems import Problem


async def settled() -> None:
    """Let other tasks and callbacks run."""
    for _ in range(20):
        await asyncio.sleep(0.001)


def test_full_line_refuses_and_recovers() -> None:
    """One in work, two waiting, the fourth gets 503 with Retry-After; when one is done there is room again."""

    async def scenario() -> None:
        line, go = Line(num_working=1, num_waiting=2), threading.Event()
        inside = [line.submit(go.wait) for _ in range(3)]
        await settled()
        assert line.is_full
        with pytest.raises(Problem) as caught:
            line.submit(go.wait)
        assert caught.value.status == 503
        assert int(caught.value.headers["Retry-After"]) >= 1
        go.set()
        assert await asyncio.gather(*inside) == [True] * 3
        await settled()
        assert line.num_inside == 0
        line.close()

    asyncio.run(scenario())


def test_cancelled_while_waiting_is_never_begun() -> None:
    """And its room is free at once; what is in work keeps its room until it is over."""

    async def scenario() -> None:
        line, go, begun = Line(num_working=1, num_waiting=1), threading.Event(), []
        working = line.submit(go.wait)
        waiting = line.submit(lambda: begun.append(1))
        await settled()
        waiting.cancel()
        working.cancel()
        await settled()
        assert line.num_inside == 1
        go.set()
        await settled()
        assert line.num_inside == 0
        assert begun == []
        line.close()

    asyncio.run(scenario())


def test_reserved_work_enters_a_full_line() -> None:
    """Live frames have their own bound, the number of sockets."""

    async def scenario() -> None:
        line, go = Line(num_working=1, num_waiting=0), threading.Event()
        first = line.submit(go.wait)
        await settled()
        second = line.submit(go.wait, reserved=True)
        go.set()
        assert await asyncio.gather(first, second) == [True, True]
        line.close()

    asyncio.run(scenario())


def test_failure_reaches_the_requester_and_frees_the_room() -> None:
    """The line goes on."""

    async def scenario() -> None:
        line = Line(num_working=1, num_waiting=0)
        with pytest.raises(ZeroDivisionError):
            await line.submit(lambda: 1 // 0)
        await settled()
        assert await line.submit(lambda: 7) == 7
        line.close()

    asyncio.run(scenario())
