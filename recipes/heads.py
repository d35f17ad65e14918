"""Heads that end at the neck, out of cut-outs of heads and shoulders: python recipes/heads.py DATA

    DATA    the training data: what lies in DATA/rgba/london and, by recipes/people.py, in DATA/rgba/athletes and
            DATA/rgba/players goes, cut off, to DATA/rgba/heads, and DATA/groups.json says whose heads they are

A head with nothing below it teaches that a body is to be seen, not guessed from a head above something dark. Cut-outs
in which no neck is found, as of long hair, are left. What is there already is kept.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_train.data.layout import GROUPS_FILE, PERSON_DIGITS, key_of
from shm_train.data.pictures import read_colours, write_whole

SOURCES = ("athletes", "london", "players")
HEADS = "heads"
HIGHEST_NECK = 0.3  # of the figure's height, from its top
NECK = 0.86  # of the head's width: what is no narrower has no neck to be seen
SLACK = 1.06  # the neck's lower end is the lowest row this much wider than its narrowest one


def main() -> None:
    """Cut all heads off, and tell the split whose they are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    groups_file = data / GROUPS_FILE
    groups: dict[str, str] = json.loads(groups_file.read_text()) if groups_file.exists() else {}
    for source in SOURCES:
        for path in sorted((data / "rgba" / source).glob("*.png")):
            target = data / "rgba" / HEADS / f"{source}_{path.name}"
            if target.exists() or _cut_off(path, target):
                group = groups.setdefault(key_of(source, path.stem), _group(source, path.stem))
                groups[key_of(HEADS, target.stem)] = group
    groups_file.write_text(json.dumps(groups, indent=0, sort_keys=True))


def head_alone(alpha: NDArray[np.uint8], seed: int) -> NDArray[np.uint8] | None:
    """Alpha (H, W) of a head alone: without what is below a curve across its neck; None where no neck is found."""
    found = _find_neck(alpha)
    if found is None:
        return None
    top, neck, width = found
    height = neck - top
    rng = np.random.default_rng(seed)
    lowest = neck + rng.uniform(-0.06, 0.15) * height
    depth = rng.uniform(0, 0.25) * height
    half = width / 2 * rng.uniform(1.05, 1.5)
    softness = rng.uniform(0.5, 4) * height / 200
    y, x = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]].astype(np.float32)
    across = (x - np.flatnonzero(alpha[neck] > 127).mean()) / half
    edge = lowest - depth * (1 - np.sqrt(np.clip(1 - across * across, 0, 1)))
    kept = np.clip((edge - y) / softness + 0.5, 0, 1)
    return np.round(alpha * kept).astype(np.uint8)


def _find_neck(alpha: NDArray[np.uint8]) -> tuple[int, int, float] | None:
    """The rows of a figure's top and of its neck's lower end, and how wide it is there."""
    widths = cv2.GaussianBlur((alpha > 127).sum(1, dtype=np.float32)[:, None], (1, 9), 2)[:, 0]
    rows = np.flatnonzero(widths > 0)
    top, bottom = int(rows[0]), int(rows[-1])
    widest = np.maximum.accumulate(widths)
    candidates = np.arange(top + int(HIGHEST_NECK * (bottom - top)), bottom)
    narrowest = candidates[np.argmin(widths[candidates] / widest[candidates])]
    if widths[narrowest] > NECK * widest[narrowest]:
        return None
    neck = int(candidates[(candidates >= narrowest) & (widths[candidates] <= SLACK * widths[narrowest])][-1])
    return top, neck, float(widths[neck])


def _cut_off(path: Path, target: Path) -> bool:
    pixels = read_colours(path)
    alpha = head_alone(np.ascontiguousarray(pixels[..., 3]), zlib.crc32(target.stem.encode()))
    if alpha is None:
        return False
    high = np.flatnonzero(alpha.any(1))[-1] + 2
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, np.dstack([pixels[:high, :, :3], alpha[:high]]))
    return True


def _group(source: str, name: str) -> str:
    """Of a head and the cut-out that it comes from: one person's."""
    digits = PERSON_DIGITS.get(source)
    return f"{source}/{name[:digits]}" if digits else key_of(source, name)


if __name__ == "__main__":
    main()
