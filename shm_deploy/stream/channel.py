"""A bounded hand-over of items from one thread to the next."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ended(Exception):
    """Nothing will come, or nobody will take: the other end of a channel is gone."""


class Channel(Generic[Item]):
    """Holds at most `room` items. When it is full `put` waits (back-pressure), or the oldest item gives way."""

    def __init__(self, room: int, *, newest: bool) -> None:
        """Args: room: items at most. newest: drop the oldest item instead of waiting."""
        self._items: deque[Item] = deque()
        self._room = room
        self._newest = newest
        self._changed = threading.Condition()
        self._ended = False
        self._abandoned = False

    def put(self, item: Item) -> None:
        """Hand over one item.

        Raises:
            Ended: nobody takes items any more.
        """
        with self._changed:
            if not self._newest:
                self._changed.wait_for(lambda: self._abandoned or len(self._items) < self._room)
            if self._abandoned:
                raise Ended
            if len(self._items) == self._room:
                self._items.popleft()
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> Item:
        """Wait for the next item.

        Raises:
            Ended: there is none, and none will come.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or self._ended or self._items)
            if self._abandoned or not self._items:
                raise Ended
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """No item will follow; those inside can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nobody will take items any more; those inside are let go."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()
