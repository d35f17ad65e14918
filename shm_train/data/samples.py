"""A pack: the training pictures of all sources in one folder, ready to be read fast.

Layout::

    pack/index.json            one record per sample, see `Sample`
    pack/samples/KEY.jpg       the picture; for cut-outs its foreground colours, continued outwards
    pack/samples/KEY.fg.jpg    foreground colours of a photo with a soft alpha
    pack/samples/KEY.png       alpha, 8 bit
    pack/samples/KEY.sure.png  0 where the alpha of a hard mask is not to be trusted
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import ArtifactError, SpecError

Kind = Literal["cutout", "photo", "mask", "background"]
INDEX_FILE = "index.json"
SAMPLES_FOLDER = "samples"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture of a pack.

    `cutout`: foreground colours with an exact soft alpha; `photo`: a photograph with a soft alpha;
    `mask`: a photograph with a hard mask, unsure along its edge; `background`: nobody is in it.
    """

    key: str
    source: str
    kind: Kind
    group: str  # person, or picture with its near-duplicates; the split never divides a group
    held_out: bool
    exact: bool = False  # of a `photo`: alpha is the truth, not a teacher's; that of a `cutout` always is
    weight: float = 1.0  # how often it is drawn, relative to others of its kind

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise SpecError(f"got kind {self.kind!r} of sample {self.key}; known are {get_args(Kind)}")
        if self.weight <= 0:
            raise SpecError(f"got weight {self.weight} of sample {self.key}; it must be positive")


class Picture(NamedTuple):
    """A decoded sample; all arrays of one height and width."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    foreground: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.uint8]  # (H, W)
    sure: NDArray[np.uint8]  # (H, W), 255 where alpha is to be trusted


class Pack:
    """The samples of one pack folder."""

    def __init__(self, folder: Path) -> None:
        """Read the index.

        Raises:
            ArtifactError: there is none, or it is from another version.
        """
        self.folder = folder
        try:
            text = (folder / INDEX_FILE).read_text()
        except FileNotFoundError as error:
            raise ArtifactError(f"no {INDEX_FILE} in {folder}: make the pack with shm-data pack") from error
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArtifactError(f"{folder / INDEX_FILE} is no readable JSON ({error}): pack again") from error
        version = record.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ArtifactError(f"{folder} has schema version {version!r}, wanted is {SCHEMA_VERSION}: pack again")
        self.samples = [Sample(**entry) for entry in record["samples"]]
        self.digest = hashlib.sha256(text.encode()).hexdigest()  # of the index: which pictures, how split

    def of(self, kind: Kind, *, held_out: bool) -> list[Sample]:
        """The samples of one kind and one side of the split, in the index' order."""
        return [sample for sample in self.samples if sample.kind == kind and sample.held_out == held_out]

    def file(self, sample: Sample, suffix: str = ".jpg") -> Path:
        """One of a sample's files; its picture, if nothing else is asked for."""
        return self.folder / SAMPLES_FOLDER / f"{sample.key}{suffix}"

    def read(self, sample: Sample) -> Picture:
        """Decode one sample; arrays are the caller's own.

        Raises:
            ArtifactError: a file of it is missing or unreadable.
        """
        image = _read_rgb(self.file(sample))
        opaque = np.full(image.shape[:2], 255, np.uint8)
        match sample.kind:
            case "background":
                return Picture(image, image, np.zeros_like(opaque), opaque)
            case "cutout":
                return Picture(image, image, _read_grey(self.file(sample, ".png")), opaque)
            case "photo":
                foreground = _read_rgb(self.file(sample, ".fg.jpg"))
                return Picture(image, foreground, _read_grey(self.file(sample, ".png")), opaque)
            case "mask":
                sure = _read_grey(self.file(sample, ".sure.png"))
                return Picture(image, image, _read_grey(self.file(sample, ".png")), sure)


def write_index(folder: Path, samples: list[Sample]) -> None:
    """Write the index of a pack, beside and then renamed."""
    record = {"schema_version": SCHEMA_VERSION, "samples": [asdict(sample) for sample in samples]}
    part = folder / (INDEX_FILE + ".part")
    part.write_text(json.dumps(record, indent=0) + "\n")
    part.replace(folder / INDEX_FILE)


def _read_rgb(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ArtifactError(f"{path} is missing or unreadable: pack again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _read_grey(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ArtifactError(f"{path} is missing or unreadable: pack again")
    return np.asarray(image, np.uint8)
