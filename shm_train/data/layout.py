"""Folders of pictures as people have them, listed as jobs.

Partners are matched by their place and name below their folders, without the suffix: `image/a/1.jpg` belongs to
`alpha/a/1.png`. Every folder may hold pictures, or folders of pictures, one per source. ::

    *.png                          cut-outs: colours of the person alone, and a soft alpha in the fourth channel
    rgba/**/*.png                  the same
    rgba_video/SOURCE/CLIP/*.png   the same, frame by frame; a clip is called PERSON or PERSON_SOMETHING
    fg/**  + alpha/**              colours of the person alone, and a soft alpha
    image/** + alpha/**            photographs, and a soft alpha; with fg/** its colours need not be estimated
    image/** + mask/**             photographs, and a hard mask
    people/** + masks/**           the same; without a mask, photographs that still want a label
    backgrounds/**                 pictures with nobody in them
    groups.json                    {KEY: GROUP}: pictures that the split must not divide; may be absent

and, in a folder of their own, teachers' labels of the photographs in image/ and people/, by the same names::

    SOURCE/NAME.matte.webp         a person matte
    SOURCE/NAME.detail.webp        a matte with finer edges; may be absent
    SOURCE/NAME.person.png         a segmenter's classes, 0 where nobody is; may be absent

A key is SOURCE-NAME, SOURCE being the folder in which the picture lies.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from shm_deploy.errors import SpecError
from shm_train.data.pictures import PICTURE_SUFFIXES
from shm_train.data.samples import Kind

GROUPS_FILE = "groups.json"
PERSON_DIGITS = {"london": 3}  # sources that name several pictures of one person by the same first characters

# What a label's files are called; after the first name, older ones.
MATTE_NAMES = (".matte.webp", ".rvm.webp")
DETAIL_NAMES = (".detail.webp", ".isnet.webp")
PERSON_NAMES = (".person.png", ".classes.png")


class Problem(NamedTuple):
    """Something that is wrong with a picture."""

    where: str  # a file or key
    what: str


@dataclass(frozen=True)
class Label:
    """The files that teachers made for one photograph."""

    matte: Path
    detail: Path | None
    person: Path | None


@dataclass(frozen=True)
class Job:
    """One picture that is to become a sample."""

    key: str
    source: str
    kind: Kind
    picture: Path
    person: str = ""  # split by this name; without one, by near-duplicates
    alpha: Path | None = None  # true and soft, beside the picture
    foreground: Path | None = None  # colours of the person alone
    mask: Path | None = None
    label: Label | None = None


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A photograph of people, labelled or not."""

    key: str
    source: str
    picture: Path
    mask: Path | None  # hard, made by a human
    person: Path | None  # a mask that says who is meant, be it rough


class Listing(NamedTuple):
    """What can be packed, and what can't, because a partner is missing or a name is taken."""

    jobs: list[Job]
    problems: list[Problem]


def find_jobs(roots: Sequence[Path], labels: Path | None, frame_step: int) -> Listing:
    """List everything that can be packed.

    Photographs in people/ with neither label nor mask are left out: they say nothing, least of all "nobody there".

    Args:
        roots: folders laid out as this module says.
        labels: folder of teachers' labels; None if there are none.
        frame_step: every n-th frame of a clip is taken.

    Raises:
        SpecError: nothing is there.
    """
    jobs: list[Job] = []
    problems: list[Problem] = []
    for root in roots:
        pairs = _pairs(root, labels)
        found = [*_cutouts(root), *_frames(root / "rgba_video", frame_step), *pairs.jobs, *_backgrounds(root)]
        groups = _read_groups(root / GROUPS_FILE)
        jobs += [replace(job, person=groups.get(job.key, job.person)) for job in found]
        unknown = sorted(groups.keys() - {job.key for job in found})
        problems += [
            *pairs.problems,
            *(Problem(key, f"in {GROUPS_FILE}, but there is no such picture") for key in unknown),
        ]
    if not jobs and not problems:
        raise SpecError(
            f"no picture to pack in {', '.join(map(str, roots))}; wanted are folders rgba/, fg/ + alpha/, "
            "image/ + alpha/, image/ + mask/, people/ with labels, or backgrounds/"
        )
    counts = Counter(job.key for job in jobs)
    problems += [
        Problem(key, f"{n} pictures of one source and name: rename them") for key, n in counts.items() if n > 1
    ]
    return Listing([job for job in jobs if counts[job.key] == 1], problems)


def find_photographs(root: Path, person_masks: Path | None) -> list[Photograph]:
    """The photographs of people in image/ and people/ that have no alpha, or else those that lie in the folder itself.

    Args:
        root: laid out as this module says.
        person_masks: folder of masks that say who is meant, by the photographs' places and names; may be None.

    Raises:
        SpecError: there are no photographs, or two that one label would be for.
    """
    found = [pair for folder in ("image", "people") for pair in pictures_by_name(root / folder).items()]
    if not found:
        found = [(path.stem, [path]) for path in _within(root)]
    if not found:
        raise SpecError(f"{root} has no photographs; wanted are folders image/ or people/, or pictures in it")
    alphas, masks = pictures_by_name(root / "alpha"), _masks(root)
    people = {} if person_masks is None else pictures_by_name(person_masks)
    photographs = [
        Photograph(
            key=_key(path),
            source=path.parent.name,
            picture=path,
            mask=_first(masks, name),
            person=_first(people, name),
        )
        for name, paths in found
        for path in paths
        if name not in alphas
    ]
    _check_labels_are_apart(photographs, root)
    return photographs


def key_of(source: str, name: str) -> str:
    """What a picture is called in a pack."""
    return f"{source}-{name}".replace(" ", "_")


def find_label(labels: Path, source: str, name: str) -> Label | None:
    """The files that teachers made for the photograph NAME of a source; None without a matte."""
    stem = labels / source / name
    matte, detail, person = (_existing(stem, names) for names in (MATTE_NAMES, DETAIL_NAMES, PERSON_NAMES))
    return None if matte is None else Label(matte, detail, person)


def pictures_by_name(folder: Path) -> dict[str, list[Path]]:
    """The pictures below a folder by place and name there, without the suffix; two of one name are somebody's slip."""
    named: dict[str, list[Path]] = {}
    for path in _below(folder):
        named.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return named


def _cutouts(root: Path) -> list[Job]:
    jobs = []
    for path in [*_within(root), *_below(root / "rgba")]:
        source = path.parent.name
        digits = PERSON_DIGITS.get(source)
        person = f"{source}/{path.stem[:digits]}" if digits else ""
        jobs.append(Job(_key(path), source, "cutout", path, person))
    return jobs


def _frames(folder: Path, step: int) -> list[Job]:
    jobs = []
    for clip in sorted({path.parent for path in _below(folder)}):
        source = clip.parent.name
        for path in _within(clip)[::step]:
            key = key_of(source, f"{clip.name}-{path.stem}")
            jobs.append(Job(key, source, "cutout", path, person=f"{source}/{clip.name.split('_')[0]}"))
    return jobs


def _backgrounds(root: Path) -> list[Job]:
    return [Job(_key(path), path.parent.name, "background", path) for path in _below(root / "backgrounds")]


def _pairs(root: Path, labels: Path | None) -> Listing:
    """Everything that consists of more than one file."""
    folders = {name: pictures_by_name(root / name) for name in ("fg", "image", "people", "alpha")}
    folders["mask"] = _masks(root)
    jobs = []
    problems = [
        Problem(str(path.relative_to(root)), f"has the name of {paths[0].name}: remove one")
        for named in folders.values()
        for paths in named.values()
        for path in paths[1:]
    ]
    problems += [
        Problem(
            str(path.relative_to(root)), f"has the name of {folders['image'][name][0].relative_to(root)}: remove one"
        )
        for name in sorted(folders["image"].keys() & folders["people"].keys())
        for path in folders["people"][name]
    ]

    def miss(folder: str, name: str, wanted: str) -> None:
        problems.append(Problem(str(folders[folder][name][0].relative_to(root)), f"no {wanted} of this name"))

    photographs = folders["image"].keys() | folders["people"].keys()
    for name in sorted(photographs | folders["fg"].keys()):
        is_photograph = name in photographs
        folder = "image" if name in folders["image"] else "people" if is_photograph else "fg"
        path, alpha = folders[folder][name][0], _first(folders["alpha"], name)
        source = path.parent.name
        if alpha is not None:
            kind: Kind = "photo" if is_photograph else "cutout"
            foreground = _first(folders["fg"], name) if is_photograph else None
            jobs.append(Job(_key(path), source, kind, path, alpha=alpha, foreground=foreground))
            continue
        if name in folders["fg"]:
            miss("fg", name, "alpha")
        mask = _first(folders["mask"], name)
        # Of several photographs of one name the label may be any one's.
        is_one = len(folders["image"].get(name, [])) + len(folders["people"].get(name, [])) == 1
        label = None if labels is None or not is_one else find_label(labels, source, path.stem)
        if label is not None:
            jobs.append(Job(_key(path), source, "photo", path, mask=mask, label=label))
        elif is_photograph and mask is not None:
            jobs.append(Job(_key(path), source, "mask", path, mask=mask))
        elif folder == "image":
            miss("image", name, "alpha, mask or label")
    for name in sorted(folders["alpha"].keys() - photographs - folders["fg"].keys()):
        miss("alpha", name, "picture")
    for name in sorted(folders["mask"].keys() - photographs):
        miss("mask", name, "picture")
    return Listing(jobs, problems)


def _check_labels_are_apart(photographs: Sequence[Photograph], root: Path) -> None:
    """A label is called by a photograph's source and name: two of the same would share it."""
    first: dict[tuple[str, str], Path] = {}
    for photograph in photographs:
        path = photograph.picture
        other = first.setdefault((photograph.source, path.stem), path)
        if other != path:
            raise SpecError(
                f"got {other.relative_to(root)} and {path.relative_to(root)}, two photographs of one source and name, "
                "which would get the same label: rename one"
            )


def _read_groups(path: Path) -> dict[str, str]:
    """The group of each key that a file names.

    Raises:
        SpecError: it is no JSON object of strings.
    """
    if not path.is_file():
        return {}
    try:
        groups = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise SpecError(f"{path} is no readable JSON: {error}") from error
    if not isinstance(groups, dict) or not all(isinstance(group, str) for group in groups.values()):
        raise SpecError(f"{path} must be one JSON object, of a group's name for each key")
    return groups


def _masks(root: Path) -> dict[str, list[Path]]:
    return pictures_by_name(root / "masks") | pictures_by_name(root / "mask")


def _first(named: Mapping[str, list[Path]], name: str) -> Path | None:
    return named[name][0] if name in named else None


def _existing(stem: Path, endings: Sequence[str]) -> Path | None:
    paths = (stem.with_name(stem.name + ending) for ending in endings)
    return next((path for path in paths if path.is_file()), None)


def _below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if _is_picture(path)]


def _within(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if _is_picture(path)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def _key(path: Path) -> str:
    return key_of(path.parent.name, path.stem)
