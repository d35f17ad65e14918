"""Folders of pictures as people have them, listed as jobs for packing.

Layout, each folder by source::

    rgba/SOURCE/*.png              cut-outs: colours of the person alone, and a soft alpha
    rgba_video/SOURCE/CLIP/*.png   the same, frame by frame; a clip is called PERSON or PERSON_SOMETHING
    people/SOURCE/*.jpg            photographs of people
    masks/SOURCE/*.png             hard masks of those photographs, by the same names
    backgrounds/SOURCE/*.jpg       pictures with nobody in them

and, in a folder of their own, teachers' labels of the photographs, by the same names::

    SOURCE/NAME.rvm.webp           a person matte
    SOURCE/NAME.isnet.webp         a matte of the salient object; may be absent
    SOURCE/NAME.classes.png        a segmenter's classes, 0 where nobody is; may be absent
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shm_deploy.errors import SpecError
from shm_train.data.samples import Kind

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
PERSON_DIGITS = {"london": 3}  # sources that name several pictures of one person by the same first characters


@dataclass(frozen=True)
class Label:
    """The files that teachers made for one photograph."""

    matte: Path
    detail: Path | None
    classes: Path | None


@dataclass(frozen=True)
class Job:
    """One picture that is to become a sample."""

    key: str
    source: str
    kind: Kind
    picture: Path
    person: str = ""  # split by this name; without one, by near-duplicates
    mask: Path | None = None
    label: Label | None = None


def find_jobs(data: Path, labels: Path | None, frame_step: int) -> list[Job]:
    """List everything that can be packed.

    Photographs with neither label nor mask are left out: they say nothing, least of all "nobody there".

    Args:
        data: folder laid out as this module says.
        labels: folder of teachers' labels; None if there are none.
        frame_step: every n-th frame of a clip is taken.

    Raises:
        SpecError: nothing is there, or two pictures of one source have the same name.
    """
    jobs = _cutouts(data / "rgba") + _frames(data / "rgba_video", frame_step)
    jobs += [Job(_key(path), path.parent.name, "background", path) for path in _pictures(data / "backgrounds")]
    jobs += _photos(data / "people", data / "masks", labels)
    if not jobs:
        raise SpecError(f"{data} has no picture to pack; wanted are folders rgba/ people/ backgrounds/, each by source")
    repeated = sorted(key for key, count in Counter(job.key for job in jobs).items() if count > 1)
    if repeated:
        raise SpecError(f"several pictures of one source are called {', '.join(repeated[:5])}; rename all but one")
    return jobs


def unpack_labels(tars: Sequence[Path], labels: Path) -> None:
    """Unpack `SOURCE.tar` files of teachers' labels to `labels/SOURCE/`; what is there already stays."""
    for tar in tars:
        folder = labels / tar.stem
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tar) as archive:
            for member in archive.getmembers():
                target = folder / Path(member.name).name
                stream = archive.extractfile(member)
                if stream is not None and not target.exists():
                    target.write_bytes(stream.read())


def _cutouts(folder: Path) -> list[Job]:
    jobs = []
    for path in _pictures(folder):
        source = path.parent.name
        digits = PERSON_DIGITS.get(source)
        person = f"{source}/{path.stem[:digits]}" if digits else ""
        jobs.append(Job(_key(path), source, "cutout", path, person))
    return jobs


def _frames(folder: Path, step: int) -> list[Job]:
    jobs = []
    for clip in sorted({path.parent for path in _pictures(folder)}):
        source = clip.parent.name
        for path in _pictures(clip)[::step]:
            key = _named(source, f"{clip.name}-{path.stem}")
            jobs.append(Job(key, source, "cutout", path, person=f"{source}/{clip.name.split('_')[0]}"))
    return jobs


def _photos(folder: Path, masks: Path, labels: Path | None) -> list[Job]:
    jobs = []
    for path in _pictures(folder):
        source = path.parent.name
        mask = _if_there(masks / source / f"{path.stem}.png")
        label = None if labels is None else _label(labels / source, path.stem)
        if label is not None:
            jobs.append(Job(_key(path), source, "photo", path, mask=mask, label=label))
        elif mask is not None:
            jobs.append(Job(_key(path), source, "mask", path, mask=mask))
    return jobs


def _label(folder: Path, name: str) -> Label | None:
    matte = _if_there(folder / f"{name}.rvm.webp")
    if matte is None:
        return None
    return Label(matte, _if_there(folder / f"{name}.isnet.webp"), _if_there(folder / f"{name}.classes.png"))


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES]


def _key(path: Path) -> str:
    return _named(path.parent.name, path.stem)


def _named(source: str, name: str) -> str:
    return f"{source}-{name}".replace(" ", "_")
