"""The pictures that a benchmark runs on, brought to the sizes it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.errors import MediaError, SpecError
from shm_deploy.export.photographs import ALPHA_SUFFIX, PACKAGED_FOLDER, cover, read_alpha
from shm_deploy.media.formats import INPUT_SUFFIXES
from shm_deploy.media.images import read_photo
from shm_deploy.metrics import unit_alpha

Size = tuple[int, int]  # (height, width) in pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A photograph and, where it is known, its true alpha."""

    name: str
    pixels: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.float32] | None  # (H, W) in 0..1

    def fitted(self, size: Size) -> Picture:
        """Scaled until it covers `size`, its middle cut out: every picture has that size, none is distorted."""
        alpha = self.alpha
        return Picture(
            name=self.name,
            pixels=cover(self.pixels, size),
            alpha=None if alpha is None else cover(alpha, size),
        )


def parse_size(text: str) -> Size:
    """`512` is 512×512, `1500x1125` is width × height; (height, width).

    Raises:
        SpecError: neither form, or a side that the library refuses.
    """
    match = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", text)
    if match is None:
        raise SpecError(f"got the size {text!r}; wanted pixels such as 512 or 1500x1125 (width x height)")
    width = int(match.group(1))
    height = int(match.group(2) or width)
    if min(height, width) < spec.MIN_SIDE:
        raise SpecError(f"got the size {text!r}; both sides must be at least {spec.MIN_SIDE} px")
    return height, width


def size_text(size: Size) -> str:
    """(height, width) as people write it: `1500x1125`."""
    return f"{size[1]}x{size[0]}"


def read_pictures(sources: Sequence[Path], alphas: Path | None) -> tuple[Picture, ...]:
    """Read photographs and the alphas that belong to them.

    Args:
        sources: picture files, and folders whose picture files are taken in the order of their names.
        alphas: a folder with an alpha of the same stem for each picture, grey or in an alpha channel. None takes
            `NAME.alpha.png` beside a picture, where it is there.

    Raises:
        MediaError: no picture, one that can't be read, an alpha that is missing or has another size.
    """
    files = [file for source in sources for file in (_files_in(source) if source.is_dir() else [source])]
    if not files:
        raise MediaError(f"no picture in {', '.join(map(str, sources))}: give files, or folders that hold some")
    return tuple(_read_picture(file, alphas) for file in files)


def shipped_pictures() -> tuple[Picture, ...]:
    """The photographs of free licence, with alphas, that come with the package for this purpose."""
    return read_pictures([PACKAGED_FOLDER], None)


def _files_in(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in INPUT_SUFFIXES and not file.name.endswith(ALPHA_SUFFIX)
    )


def _read_picture(file: Path, alphas: Path | None) -> Picture:
    pixels = read_photo(file).pixels
    alpha_file = _alpha_beside(file) if alphas is None else _alpha_in(alphas, file)
    if alpha_file is None:
        return Picture(name=file.name, pixels=pixels, alpha=None)
    alpha = read_alpha(alpha_file)
    if alpha.shape != pixels.shape[:2]:
        raise MediaError(
            f"{alpha_file} is {size_text(alpha.shape)}, {file} is {size_text(pixels.shape[:2])}: they must be equal"
        )
    return Picture(name=file.name, pixels=pixels, alpha=unit_alpha(alpha))


def _alpha_beside(file: Path) -> Path | None:
    beside = file.with_name(file.stem + ALPHA_SUFFIX)
    return beside if beside.is_file() else None


def _alpha_in(folder: Path, file: Path) -> Path:
    found = [candidate for candidate in _files_in(folder) if candidate.stem == file.stem]
    if len(found) != 1:
        raise MediaError(f"{len(found)} alphas for {file.name} in {folder}; one picture named {file.stem}.* is wanted")
    return found[0]
