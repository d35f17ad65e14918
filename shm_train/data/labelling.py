"""Labels for photographs that have none, one photograph after another, so that a run can be stopped at any time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import composite
from shm_deploy.errors import MediaError, SpecError
from shm_train.data.labels import JudgedLabel, LabelRules, judge_label
from shm_train.data.layout import DETAIL_NAMES, MATTE_NAMES, PERSON_NAMES, Photograph, find_label
from shm_train.data.pictures import read_colours, read_plane, read_plane_at, shrink, stored_size, write_whole
from shm_train.data.teachers import ask, load_teacher
from shm_train.sheet import grey, strip

SETTINGS_FILE = "label.json"
ROW_HEIGHT = 240  # of the contact sheet [px]
GREEN = (0, 177, 64)

Maker = Callable[[Photograph, NDArray[np.uint8]], NDArray[np.float32] | None]


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """Who labels, and how. Teachers are named as `shm_train.data.teachers` says."""

    teachers: tuple[str, ...]
    details: tuple[str, ...] = ()  # teachers that draw finer edges, but do not know who is meant
    segmenter: str | None = None  # a teacher that knows what a person is, and nothing finer
    person_masks: bool = False  # the photographs' masks say who is meant, instead of a segmenter
    scales: tuple[float, ...] = (1.0,)
    flip: bool = True  # ask about the mirror image, too
    longest_side: int = 768  # [px] of the picture at scale 1, and of the labels

    def __post_init__(self) -> None:
        if not self.teachers:
            raise SpecError("got no teacher; at least one is wanted")
        if self.segmenter is not None and self.person_masks:
            raise SpecError(f"got the segmenter {self.segmenter} and masks of people; only one can say who is meant")
        if not self.scales or min(self.scales) <= 0:
            raise SpecError(f"got scales {self.scales}; positive numbers are wanted, at least one")
        if self.longest_side < 64:
            raise SpecError(f"got longest_side {self.longest_side}; at least 64 pixels are wanted")


def label(
    photographs: Sequence[Photograph], folder: Path, config: LabelConfig, done: Callable[[int], None]
) -> dict[str, str]:
    """Write the labels that are not there yet.

    The order is that of `mixed`: a run that is stopped early has some of each source.

    Args:
        photographs: what to label.
        folder: where to; each file of a label appears whole or not at all.
        config: how; labels of one folder are all made in one way.
        done: called with the number of photographs done so far.

    Returns:
        The keys of photographs that can't be read, each with the reason.

    Raises:
        SpecError: the folder's labels were made in another way, or a teacher gives no alpha.
        MediaError: a label can't be written.
    """
    makers = _makers(config)
    _keep_settings(folder, config)
    unreadable = {}
    for count, photograph in enumerate(mixed(photographs), start=1):
        stem = folder / photograph.source / photograph.picture.stem
        files = {stem.with_name(stem.name + ending): make for ending, make in makers.items()}
        missing = {path: make for path, make in files.items() if not path.is_file()}
        read = cache(partial(_read_shrunk, photograph.picture, config.longest_side))
        for path, make in missing.items():
            try:
                plane = make(photograph, read())
            except MediaError as error:
                unreadable[photograph.key] = str(error)
                break
            if plane is not None:
                write_whole(path, np.round(plane * 255).astype(np.uint8))
        done(count)
    return unreadable


def mixed(photographs: Sequence[Photograph]) -> list[Photograph]:
    """In an order, always the same, that begins with some of each source and of each side of the split.

    The split goes by a digest of the key: by the same one, what is held out would all come first.
    """
    return sorted(photographs, key=lambda photograph: hashlib.sha1(f"label {photograph.key}".encode()).digest())


def judge_labels(photographs: Sequence[Photograph], folder: Path, rules: LabelRules) -> dict[Photograph, str | None]:
    """What `pack` will think of the labels that are there: why each is rejected, or None.

    Raises:
        MediaError: a file of a label can't be read.
    """
    judged = ((photograph, _judge(photograph, folder, rules)) for photograph in photographs)
    return {photograph: found.rejected for photograph, found in judged if found is not None}


def label_rows(
    judged: Mapping[Photograph, str | None], folder: Path, rules: LabelRules, most: int
) -> list[NDArray[np.uint8]]:
    """Rows of a contact sheet, (H, W, 3) RGB: photograph, alpha, the person on green, and why it is rejected.

    First good labels, then rejected ones, at most so many of each, evenly taken.
    """
    rows = []
    for is_good in (True, False):
        chosen = [photograph for photograph, rejected in judged.items() if (rejected is None) == is_good]
        for index in range(min(most, len(chosen))):
            photograph = chosen[index * len(chosen) // min(most, len(chosen))]
            again = _judge(photograph, folder, rules)
            assert again is not None
            size = again.alpha.shape
            image = shrink(np.ascontiguousarray(read_colours(photograph.picture)[..., :3]), (size[0], size[1]))
            over = composite(image, np.round(again.alpha * 255).astype(np.uint8), np.array(GREEN, np.uint8))
            reason = "" if again.rejected is None else f"REJECTED, {again.rejected}: "
            rows.append(strip([image, grey(again.alpha), over], ROW_HEIGHT, (reason + photograph.key,)))
    return rows


def _judge(photograph: Photograph, folder: Path, rules: LabelRules) -> JudgedLabel | None:
    found = find_label(folder, photograph.source, photograph.picture.stem)
    if found is None:
        return None
    matte = read_plane(found.matte)
    size = (matte.shape[0], matte.shape[1])
    mask = None if photograph.mask is None else read_plane_at(photograph.mask, size) > 0.5
    return judge_label(found, mask, size, rules)


def _makers(config: LabelConfig) -> dict[str, Maker]:
    """What makes each file of a label, by what its name ends with."""

    def by(names: Sequence[str]) -> Maker:
        teachers = [load_teacher(name) for name in names]
        return lambda photograph, image: ask(teachers, image, config.scales, config.flip)

    makers = {MATTE_NAMES[0]: by(config.teachers)}
    if config.details:
        makers[DETAIL_NAMES[0]] = by(config.details)
    if config.person_masks:
        makers[PERSON_NAMES[0]] = _given_person
    elif config.segmenter is not None:
        segment = load_teacher(config.segmenter)
        makers[PERSON_NAMES[0]] = lambda photograph, image: _hard(segment(image))
    return makers


def _given_person(photograph: Photograph, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    if photograph.person is None:
        return None
    return _hard(read_plane_at(photograph.person, (image.shape[0], image.shape[1])))


def _hard(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return (plane > 0.5).astype(np.float32)


def _read_shrunk(path: Path, longest_side: int) -> NDArray[np.uint8]:
    image = np.ascontiguousarray(read_colours(path)[..., :3])
    return shrink(image, stored_size((image.shape[0], image.shape[1]), longest_side))


def _keep_settings(folder: Path, config: LabelConfig) -> None:
    """Say in the folder how its labels are made."""
    path = folder / SETTINGS_FILE
    settings = json.dumps(asdict(config), indent=1) + "\n"
    if path.is_file():
        if path.read_text() != settings:
            raise SpecError(f"the labels in {folder} were made in another way, see {path}: give another folder")
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(settings)
    part.replace(path)
