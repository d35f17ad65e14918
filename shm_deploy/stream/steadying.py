"""Mattes that do not flicker: each is compared with its neighbours in time, moved to where its pixels are.

A network that sees one frame at a time decides anew in each. What differs between a frame and both neighbours is
likely an error; what the scene moved is found by optical flow, and where the flow does not explain the picture the
frame's own alpha stays: no ghosts. Constants were chosen on keyed clips, see benchmarks/temporal.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

EDGE = 320  # longest side at which motion is looked for [px]
EXPLAINED = 1.0  # times the usual difference after motion: up to here a neighbour counts in full …
UNEXPLAINED = 4.0  # … and from here on not at all
USUAL = (1.5, 6.0)  # levels of 255 that can be usual: noise at least; more than the most is a cut, or lost
BEFORE = 1.0  # weights, where the frame's own is 1
AFTER = 0.5
REACH = 48  # px around all that is not background that is looked at

Carried = TypeVar("Carried")


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment(Generic[Carried]):
    """One frame's matte on its way."""

    view: NDArray[np.uint8]  # (h, w, 3), see `reduced`
    alpha: NDArray[np.uint8]  # (H, W)
    is_still: bool  # whether it is the matte of the moment before, because nothing moved
    carried: Carried  # whatever belongs to it


def reduced(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame (H, W, 3) at the size at which motion is looked for; area means."""
    import cv2

    height, width = frame.shape[:2]
    scale = EDGE / max(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def steadied(moments: Iterator[Moment[Carried]], *, look_ahead: bool) -> Iterator[tuple[NDArray[np.uint8], Carried]]:
    """Steady the mattes of a stream.

    Args:
        moments: in order; sizes may change, which begins anew.
        look_ahead: wait for the next frame, and take its word too: better, and one frame of lag. The last frame of a
            stream has none.

    Yields:
        alpha (H, W), the caller's own, and what was carried, in order.
    """
    flow_between = _flow_finder()
    before: Moment[Any] | None = None  # with its steadied alpha
    waiting: Moment[Carried] | None = None
    for moment in moments:
        if waiting is not None:
            before = _steady(waiting, before, moment, flow_between)
            yield before.alpha.copy(), waiting.carried
            waiting = None
        if look_ahead:
            waiting = moment
        else:
            before = _steady(moment, before, None, flow_between)
            yield before.alpha.copy(), moment.carried
    if waiting is not None:
        yield _steady(waiting, before, None, flow_between).alpha, waiting.carried


Flow = NDArray[np.float32]  # (h, w, 2): where a pixel was, relative to where it is [px]
FlowFinder = Callable[[NDArray[np.uint8], NDArray[np.uint8]], Flow]


def _steady(
    moment: Moment[Carried], before: Moment[Any] | None, after: Moment[Any] | None, flow_between: FlowFinder
) -> Moment[Carried]:
    before = before if before is not None and before.alpha.shape == moment.alpha.shape else None
    after = after if after is not None and after.alpha.shape == moment.alpha.shape else None
    # Where nothing moved there is nothing to weigh, and no time to spend.
    alpha = before.alpha if before is not None and moment.is_still else _blend(moment, before, after, flow_between)
    return Moment(view=moment.view, alpha=alpha, is_still=moment.is_still, carried=moment.carried)


def _blend(
    moment: Moment[Any], before: Moment[Any] | None, after: Moment[Any] | None, flow_between: FlowFinder
) -> NDArray[np.uint8]:
    import cv2

    if before is None:  # nobody to be judged by but the next frame, which may be the wrong one of the two
        return moment.alpha
    neighbours = [(before, BEFORE)] if after is None else [(before, BEFORE), (after, AFTER)]
    box = _box([moment, *(one for one, _ in neighbours)])
    if box is None:
        return moment.alpha
    moved, weights = [], []
    for one, weight in neighbours:
        flow = flow_between(moment.view, one.view)
        moved.append(_moved(one.alpha, flow, box))
        confidence = weight * _confidence(moment.view, one.view, flow)
        weights.append(_enlarged(confidence, moment.alpha.shape, box))
    own = moment.alpha[box]
    if len(moved) == 2:  # the median of three: what neither neighbour confirms is out
        low, high = cv2.min(moved[0], own), cv2.max(moved[0], own)
        own = cv2.max(low, cv2.min(high, moved[1]))
    total = own.astype(np.float32)
    for alpha, weight_plane in zip(moved, weights, strict=True):
        total += alpha * weight_plane
    total /= 1 + sum(weights)
    result = moment.alpha.copy()
    result[box] = np.rint(total)
    return result


def _flow_finder() -> FlowFinder:
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def flow_between(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> Flow:
        if min(here.shape[:2]) < 16:  # the search's own smallest patch
            return np.zeros((*here.shape[:2], 2), np.float32)
        grey_here, grey_there = (cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in (here, there))
        flow: Any = None  # an array to write to, where there is one
        return np.asarray(search.calc(grey_here, grey_there, flow), np.float32)

    return flow_between


def _confidence(here: NDArray[np.uint8], there: NDArray[np.uint8], flow: Flow) -> NDArray[np.float32]:
    """(h, w) in 0..1: how well the other frame, moved, explains this one; in units of its own usual difference."""
    import cv2

    difference = cv2.blur(cv2.absdiff(here, _remap(there, flow)).astype(np.float32).mean(axis=-1), (3, 3))
    usual = float(np.clip(np.median(difference), *USUAL))
    doubt = np.clip((difference / usual - EXPLAINED) / (UNEXPLAINED - EXPLAINED), 0, 1)
    return np.asarray(1 - doubt * doubt * (3 - 2 * doubt), np.float32)


def _box(moments: list[Moment[Any]]) -> tuple[slice, slice] | None:
    """Around all that is not background in any of them; None where all is."""
    import cv2

    union = moments[0].alpha
    for moment in moments[1:]:
        union = cv2.max(union, moment.alpha)
    left, top, width, height = cv2.boundingRect(union)
    if width == 0:
        return None
    return (
        slice(max(0, top - REACH), top + height + REACH),
        slice(max(0, left - REACH), left + width + REACH),
    )


def _moved(alpha: NDArray[np.uint8], flow: Flow, box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """The part of an alpha (H, W) that is in the box when the scene has moved."""
    height, width = alpha.shape
    scale = np.array((width / flow.shape[1], height / flow.shape[0]), np.float32)
    return _remap(alpha, _enlarged(flow * scale, (height, width), box), origin=(box[0].start, box[1].start))


def _enlarged(plane: NDArray[np.float32], size: tuple[int, ...], box: tuple[slice, slice]) -> NDArray[np.float32]:
    """The box of a plane (h, w[, 2]) that is scaled to `size` (H, W)."""
    import cv2

    if plane.shape[:2] == size:
        return plane[box]
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)[box], np.float32)


def _remap(image: NDArray[np.uint8], flow: Flow, origin: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Pixels of `image` from where `flow` says that they were; flow (h, w, 2) begins at `origin` (row, column)."""
    import cv2

    rows = np.arange(origin[0], origin[0] + flow.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(origin[1], origin[1] + flow.shape[1], dtype=np.float32)
    moved = cv2.remap(
        image, flow[..., 0] + columns, flow[..., 1] + rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)
