"""A pack: the training pictures of all sources in one folder, ready to be read fast.

Layout::

    pack/index.json            one record per sample, see `Sample`
    pack/samples/KEY.jpg       the picture; for cut-outs its foreground colours, continued outwards
    pack/samples/KEY.fg.jpg    foreground colours of a photo with a soft alpha
    pack/samples/KEY.png       alpha, 8 bit
    pack/samples/KEY.sure.png  0 where the alpha of a hard mask is not to be trusted

or, in place of pack/samples, a few tars that hold the same files: see `shm_train.data.shards`.
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
from shm_train.data.stores import open_files

Kind = Literal["cutout", "photo", "mask", "background"]
INDEX_FILE = "index.json"
SCHEMA_VERSION = 1
SUFFIXES: dict[Kind, tuple[str, ...]] = {  # of a sample's files
    "cutout": (".jpg", ".png"),
    "photo": (".jpg", ".fg.jpg", ".png"),
    "mask": (".jpg", ".png", ".sure.png"),
    "background": (".jpg",),
}


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
            ArtifactError: there is none, it is from another version, or a shard is missing.
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
        self._files = open_files(folder, [sample.key for sample in self.samples])
        self.digest = hashlib.sha256(text.encode()).hexdigest()  # of the index: which pictures, how split

    def of(self, kind: Kind, *, held_out: bool) -> list[Sample]:
        """The samples of one kind and one side of the split, in the index' order."""
        return [sample for sample in self.samples if sample.kind == kind and sample.held_out == held_out]

    def file(self, sample: Sample, suffix: str = ".jpg") -> Path:
        """Where one of a sample's files lies; its picture, if nothing else is asked for."""
        return self._files.path(sample.key, suffix)

    def read_bytes(self, sample: Sample, suffix: str) -> bytes:
        """One of a sample's files, as it is.

        Raises:
            ArtifactError: it is missing.
        """
        return self._files.read(sample.key, suffix)

    def read(self, sample: Sample) -> Picture:
        """Decode one sample; arrays are the caller's own.

        Raises:
            ArtifactError: a file of it is missing or unreadable.
        """
        image = self._colours(sample, ".jpg")
        opaque = np.full(image.shape[:2], 255, np.uint8)
        match sample.kind:
            case "background":
                return Picture(image, image, np.zeros_like(opaque), opaque)
            case "cutout":
                return Picture(image, image, self._plane(sample, ".png"), opaque)
            case "photo":
                return Picture(image, self._colours(sample, ".fg.jpg"), self._plane(sample, ".png"), opaque)
            case "mask":
                return Picture(image, image, self._plane(sample, ".png"), self._plane(sample, ".sure.png"))

    def _colours(self, sample: Sample, suffix: str) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        return np.asarray(cv2.cvtColor(self._decode(sample, suffix, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)

    def _plane(self, sample: Sample, suffix: str) -> NDArray[np.uint8]:
        """(H, W)."""
        return self._decode(sample, suffix, cv2.IMREAD_GRAYSCALE)

    def _decode(self, sample: Sample, suffix: str, way: int) -> NDArray[np.uint8]:
        data = np.frombuffer(self.read_bytes(sample, suffix), np.uint8)
        pixels = cv2.imdecode(data, way) if data.size else None
        if pixels is None:
            raise ArtifactError(f"{self.file(sample, suffix)} is no readable picture: pack again")
        return np.asarray(pixels, np.uint8)


def write_index(folder: Path, samples: list[Sample]) -> None:
    """Write the index of a pack, beside and then renamed."""
    record = {"schema_version": SCHEMA_VERSION, "samples": [asdict(sample) for sample in samples]}
    part = folder / (INDEX_FILE + ".part")
    part.write_text(json.dumps(record, indent=0) + "\n")
    part.replace(folder / INDEX_FILE)
