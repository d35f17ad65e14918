"""One process's service: its model, its line, its counts, and how a request goes through them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from starlette.requests import Request

from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter
from shm_deploy.serve.batching import Batcher, suited_batch
from shm_deploy.serve.bodies import Upload, receive_upload
from shm_deploy.serve.line import Line
from shm_deploy.serve.making import Answer, Maker
from shm_deploy.serve.metrics import Meters
from shm_deploy.serve.orders import Order
from shm_deploy.serve.problems import Problem, busy, problem_of
from shm_deploy.serve.settings import Limits

logger = logging.getLogger(__name__)


class Gone(Exception):
    """Nobody waits for the answer any more."""


@dataclass(kw_only=True)
class Service:
    """Belongs to one event loop."""

    limits: Limits
    matter: Matter
    line: Line
    maker: Maker
    meters: Meters
    num_uploads: int = 0
    num_live: int = 0
    num_accepted: int = 0
    num_gone: int = 0
    num_lost: int = 0

    @classmethod
    def open(cls, limits: Limits, open_matter: Callable[[], Matter]) -> Service:
        """Open the model, and keep it until `close`."""
        matter = open_matter()
        batch = suited_batch(matter.info(), limits.batch)
        return cls(
            limits=limits,
            matter=matter,
            line=Line(max(limits.num_working, batch), limits.num_waiting),  # a batch needs that many threads
            maker=Maker(matter=matter, batcher=Batcher(matter, batch), max_pixels=limits.max_pixels),
            meters=Meters(),
        )

    def close(self) -> None:
        """Finish what is in work, and say what became of all that was accepted."""
        self.line.close()
        self.matter.close()
        answered = self.num_accepted - self.num_gone - self.num_lost
        logger.info(
            "stopped: %d requests accepted, %d answered, %d left by their senders, %d lost",
            self.num_accepted,
            answered,
            self.num_gone,
            self.num_lost,
        )

    async def answer(self, request: Request, order: Order) -> Answer:
        """Take a request in, make its matte, and give up where nobody waits for it.

        Raises:
            Problem: a limit, a picture or an option is in the way.
            Gone: its sender is.
        """
        with self._counted_upload():
            self.line.check_room()  # before the body is read, so that a full house costs its visitors little
            upload = await receive_upload(request, self.limits)
        try:
            order.check(upload)
        except MatteError as error:
            raise problem_of(error) from error
        work = self._submit(upload, order)
        self.num_accepted += 1
        try:
            return await self._unless_gone(request, work)
        except Gone:
            self.num_gone += 1
            raise
        except asyncio.CancelledError:  # the time for a graceful stop is over
            self.num_lost += 1
            raise

    async def answer_frame(self, frame: bytes, order: Order) -> Answer:
        """Make the matte of one live frame, whose place in the line is its WebSocket's.

        Raises:
            Problem: as in `answer`.
        """
        return await self._finish(self._submit(Upload(image=frame), order, reserved=True))

    def _submit(self, upload: Upload, order: Order, *, reserved: bool = False) -> asyncio.Future[Answer]:
        return self.line.submit(partial(self.maker.make, upload, order, perf_counter()), reserved=reserved)

    async def _finish(self, work: asyncio.Future[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self.limits.seconds):
                answer = await work
        except TimeoutError as error:
            raise busy(
                f"the matte was not there within {self.limits.seconds:g} s: try again later, or send a smaller picture",
                self.line.retry_after_s(),
            ) from error
        except MatteError as error:
            problem = problem_of(error)
            if problem.status >= 500:
                logger.error("%s: %s", type(error).__name__, error)
            raise problem from error
        self.meters.observe(answer.timing)
        return answer

    async def _unless_gone(self, request: Request, work: asyncio.Future[Answer]) -> Answer:
        finishing = asyncio.create_task(self._finish(work))
        leaving = asyncio.create_task(_left(request))
        try:
            await asyncio.wait((finishing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not finishing.done():
                raise Gone
            return finishing.result()
        finally:
            finishing.cancel()
            leaving.cancel()

    @contextmanager
    def _counted_upload(self) -> Iterator[None]:
        if self.num_uploads >= self.limits.num_uploads:
            raise busy(f"{self.num_uploads} requests are being received: try again later", self.line.retry_after_s())
        self.num_uploads += 1
        try:
            yield
        finally:
            self.num_uploads -= 1

    @contextmanager
    def counted_live(self) -> Iterator[None]:
        """A place for a WebSocket.

        Raises:
            Problem: 503, all are taken.
        """
        if self.num_live >= self.limits.num_live:
            raise Problem(503, f"{self.num_live} live streams are open, no more are taken: close one, or try later")
        self.num_live += 1
        try:
            yield
        finally:
            self.num_live -= 1


async def _left(request: Request) -> None:
    """Return when the client has gone; its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
