"""People cut out, with soft alphas: python recipes/people.py MIRROR DATA --teacher FILE.py:NAME

    MIRROR  where the repositories are mirrored, as OWNER+NAME/repo, a git directory or a checkout of it
    DATA    the training data: people/athletes.txt goes to DATA/rgba/athletes, people/cutouts.csv to
            DATA/rgba/SOURCE, people/presenters.csv to DATA/rgba_video/presenters

Athletes are keyed: their ground is known, it is fitted to the picture's border. Cut-outs bring their alpha. Presenters
stand before white, with a shadow that no keyer tells from hair: a teacher (see `shm_train.data.teachers`) says what
their alpha is, or the matte that some clips show below the picture. Nothing on the lists is near a held-out picture of
the training data's README, nobody of the presenters is a person whom the split of the talking heads holds out, and the
athletes are those on whose keyed alpha and the teacher's both agree. What is there already is kept.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pymatting import estimate_alpha_cf

from shm_train.data.foreground import continue_colours, foreground_colours
from shm_train.data.pictures import write_whole
from shm_train.data.teachers import Teacher, load_teacher
from shm_train.data.workers import in_processes

Plane = NDArray[np.float32]  # (H, W)
Colours = NDArray[np.float32]  # (H, W, 3) in 0..255
Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

LISTS = Path(__file__).parent / "people"
BAND = 0.018  # of the longest side: how far from the ground an edge may be soft
SMALLEST_GAP = 12  # [px] of an exact ground, seen through hair
HAIR_ENDS = 0.72  # of the height: below it, what is like an exact ground may be a white shirt
LEAST_HEAD = 0.6  # of the height: what is left where a head's shoulders are cut off
FRAMES = 24  # of each clip
FAINT = 0.25  # alpha below which 8 bit say too little of a colour


class _Blob(NamedTuple):
    """A file of a mirrored repository."""

    mirror: Path
    repository: str
    commit: str
    path: str

    def read(self) -> bytes:
        folder = self.mirror / self.repository.replace("/", "+") / "repo"
        command = ["git", "-C", str(folder), "show", f"{self.commit}:{self.path}"]
        return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> None:
    """Cut out everything on the lists."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mirror", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", required=True, help="FILE.py:NAME or MODEL.onnx: what says the presenters' alpha")
    parser.add_argument("--workers", type=int, default=2, help="processes that key athletes")
    arguments = parser.parse_args()
    athletes = _athletes(arguments.mirror, arguments.data / "rgba" / "athletes")
    for _ in in_processes(_cut_athlete, athletes, arguments.workers, _tell):
        pass
    for row in _rows("cutouts.csv"):
        target = arguments.data / "rgba" / row["source"] / f"{row['name']}.png"
        if not target.exists():
            _bring_cutout(_blob(arguments.mirror, row), target)
    teacher = load_teacher(arguments.teacher)
    for row in _rows("presenters.csv"):
        folder = arguments.data / "rgba_video" / "presenters" / row["clip"]
        frames = _spread(_blob(arguments.mirror, row).read(), int(row["first"]), int(row["last"]))
        _cut_clip(frames, folder, None if row["matte"] == "below" else teacher)


def _rows(name: str) -> list[dict[str, str]]:
    with open(LISTS / name, newline="") as lines:
        return list(csv.DictReader(lines))


def _blob(mirror: Path, row: dict[str, str]) -> _Blob:
    return _Blob(mirror, row["repository"], row["commit"], row["path"])


def key(photo: Pixels) -> tuple[Pixels, Plane]:
    """Cut a person out of a photograph with a plain ground.

    Returns:
        Colours of the person alone, and alpha in 0..1.
    """
    ground, background = _plain_ground(photo)
    radius = max(3, round(BAND * max(photo.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    inside = cv2.dilate(background.astype(np.uint8), disc) == 0
    trimap = np.where(background, 0.0, np.where(inside, 1.0, 0.5))
    alpha = np.asarray(estimate_alpha_cf(photo / 255.0, trimap), np.float32)
    alpha = np.minimum(alpha, _dark_hair(photo, ground, inside))
    alpha = np.clip((alpha - 0.02) / 0.96, 0, 1)
    return foreground_colours(photo, _in_bytes(alpha), "exact"), alpha


def _plain_ground(photo: Pixels) -> tuple[Colours, NDArray[np.bool_]]:
    """A quadratic model of the ground, (H, W, 3), fitted to the border, and the pixels (H, W) that agree with it."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)
    border = np.zeros((height, width), bool)
    border[: max(3, height // 40)] = True
    border[: height // 2, [0, 1, -2, -1]] = True
    seen = photo.astype(np.float32)
    known = border & (np.abs(seen - np.median(seen[border], 0)).max(-1) < 20)
    for _ in range(3):
        model = np.linalg.lstsq(terms[known], seen[known], rcond=None)[0]
        ground: Colours = np.asarray(terms @ model, np.float32)
        off = np.abs(seen - ground).max(-1)
        noise = float(np.median(off[known]))
        background = _joined(off <= 2 + 4 * noise, border, exact=noise < 0.5)
        known = cv2.erode(background.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return ground, background


def _joined(alike: NDArray[np.bool_], border: NDArray[np.bool_], *, exact: bool) -> NDArray[np.bool_]:
    """What of the pixels that are like the ground is joined with the border or, of an exact ground, a gap in hair."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8), connectivity=4)
    kept = np.isin(np.arange(len(stats)), labels[border & alike])
    if exact:
        is_high = stats[:, cv2.CC_STAT_TOP] < HAIR_ENDS * len(alike)
        kept |= (stats[:, cv2.CC_STAT_AREA] >= SMALLEST_GAP) & is_high
    kept[0] = False
    return np.asarray(kept[labels])


def _dark_hair(photo: Pixels, ground: Colours, inside: NDArray[np.bool_]) -> Plane:
    """Alpha by projection where the person is much darker than the ground; 1 elsewhere.

    There it shows the ground between curls, which the closed form smooths over.
    """
    own = continue_colours(photo, inside.astype(np.float32)).astype(np.float32)
    step = own - ground
    power = (step * step).sum(-1)
    projected = ((photo - ground) * step).sum(-1) / np.maximum(power, 1)
    trust = np.clip((90 - own.max(-1)) / 30, 0, 1) * np.clip((np.sqrt(power / 3) - 60) / 30, 0, 1)
    return np.where(inside, 1, 1 - trust * (1 - np.clip(projected, 0, 1))).astype(np.float32)


def _tell(count: int) -> None:
    if count % 100 == 0:
        sys.stderr.write(f"{count} athletes\n")


def _in_bytes(alpha: Plane) -> NDArray[np.uint8]:
    return np.round(alpha * 255).astype(np.uint8)


class _Athlete(NamedTuple):
    blob: _Blob
    target: Path


def _athletes(mirror: Path, folder: Path) -> list[_Athlete]:
    """Those of the list that are not there yet."""
    lines = (LISTS / "athletes.txt").read_text().splitlines()
    _, repository, commit = lines[0].split()
    athletes = []
    for path in lines[1:]:
        league = path.split("/")[1].split("_")[0]
        target = folder / f"{league}_{Path(path).stem}.png"
        if not target.exists():
            athletes.append(_Athlete(_Blob(mirror, repository, commit, path), target))
    return athletes


def _cut_athlete(athlete: _Athlete) -> None:
    photo = cv2.imdecode(np.frombuffer(athlete.blob.read(), np.uint8), cv2.IMREAD_COLOR)
    colours, alpha = key(np.asarray(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), np.uint8))
    rows = slice(_narrow_rows(alpha) if zlib.crc32(athlete.target.stem.encode()) % 3 else None)
    _write(athlete.target, colours[rows], alpha[rows])


def _bring_cutout(blob: _Blob, target: Path) -> None:
    """Write a picture with an alpha of its own, its colours continued over what is clear."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(blob.read(), np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    alpha = np.asarray(pixels[..., 3] / np.float32(255), np.float32)
    colours = np.ascontiguousarray(pixels[..., 2::-1])
    _write(target, continue_colours(colours, (alpha >= FAINT).astype(np.float32)), alpha)


def _narrow_rows(alpha: Plane) -> int:
    """How many rows from the top leave the shoulders within the picture: a figure that its sides cut fills a canvas."""
    touching = np.flatnonzero((alpha[:, [0, 1, -2, -1]] > 0.1).any(1))
    return int(touching[0]) if touching.size and touching[0] > LEAST_HEAD * len(alpha) else len(alpha)


def _cut_clip(frames: Iterable[tuple[int, Pixels]], folder: Path, teacher: Teacher | None) -> None:
    """Numbered frames with the matte that lies below them or, of whole ones, with the teacher's."""
    for number, frame in frames:
        target = folder / f"{number:05d}.png"
        if target.exists():
            continue
        if teacher is None:
            colours, alpha = _split_canvas(frame)
        else:
            alpha = _asked(frame, teacher)
            colours = foreground_colours(frame, _in_bytes(alpha), "exact")
        _write(target, colours, alpha)


def _asked(frame: Pixels, teacher: Teacher) -> Plane:
    """What a teacher says of a frame at twice its size, without its faintest doubts."""
    height, width = frame.shape[:2]
    large = cv2.resize(frame, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)
    said = cv2.resize(teacher(np.asarray(large, np.uint8)), (width, height), interpolation=cv2.INTER_AREA)
    return np.clip((np.asarray(said, np.float32) - 0.03) / 0.94, 0, 1)


def _split_canvas(frame: Pixels) -> tuple[Pixels, Plane]:
    """Colours and alpha of a frame that shows a person before white above, and the matte below."""
    half = frame.shape[0] // 2
    colour, matte = frame[:half].astype(np.float32), frame[half : 2 * half].mean(-1)
    alpha = np.clip((matte / 255 - 0.04) / 0.92, 0, 1).astype(np.float32)
    own = 255 + (colour - 255) / np.maximum(alpha, FAINT)[..., None]
    firm = (alpha >= FAINT).astype(np.float32)
    return continue_colours(np.clip(own, 0, 255).astype(np.uint8), firm), alpha


def _spread(data: bytes, first: int, last: int) -> Iterator[tuple[int, Pixels]]:
    """FRAMES of a clip, evenly from the first to the last one, and their numbers."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(data)
        file.flush()
        video = cv2.VideoCapture(file.name)
        wanted = set(np.linspace(first, last, FRAMES).astype(int).tolist())
        for number in range(last + 1):  # decoded one by one: seeking is not exact
            good, frame = video.read()
            if good and number in wanted:
                yield number, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        video.release()


def _write(target: Path, colours: Pixels, alpha: Plane) -> None:
    write_whole(target, np.dstack([colours, _in_bytes(alpha)]))


if __name__ == "__main__":
    main()
