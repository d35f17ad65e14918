"""Results that are not finished: what they are called, what they were made with, and how to go on with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from shm_deploy.errors import MediaError
from shm_deploy.media.video.reading import open_media

TO_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


def part_of(target: Path) -> Path:
    """`NAME.part.EXT` beside `NAME.EXT`."""
    return target.with_name(f"{target.stem}.part{target.suffix}")


def record_of(part: Path) -> Path:
    """The file that says what a part was made with."""
    return part.with_name(part.name + ".json")


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a result depends on; a part is gone on with only where all of it is the same."""

    source: str
    source_bytes: int
    wanted: str
    quality: str
    encoder: str
    model_sha256: str | None
    libavcodec: str

    def write(self, part: Path) -> None:
        """Leave a note beside a part, in a folder that is made where there is none."""
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            record_of(part).write_text(json.dumps(vars(self), indent=1) + "\n")
        except OSError as error:
            raise MediaError(f"can't write {record_of(part)}: {error.strerror or error}") from error

    def check(self, part: Path) -> None:
        """Make sure that a part was made with this.

        Raises:
            MediaError: it was not, or its note is gone.
        """
        try:
            found: dict[str, Any] = json.loads(record_of(part).read_text())
        except (OSError, ValueError) as error:
            raise MediaError(
                f"{part} has no readable note {record_of(part).name} of what it was made with: leave --resume out"
            ) from error
        differing = [
            f"{key} {found.get(key)!r}, now {value!r}" for key, value in vars(self).items() if found.get(key) != value
        ]
        if differing:
            raise MediaError(f"{part} was made with other options ({'; '.join(differing)}): leave --resume out")


def drop_lone_note(part: Path) -> None:
    """Remove the note of a run that failed before it wrote anything."""
    if not part.exists():
        record_of(part).unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """The sound beginning of an unfinished video file: everything before its last keyframe."""

    path: Path
    num_frames: int

    @classmethod
    def at(cls, path: Path) -> Interrupted:
        """Look how far a file goes; not at all where it can't be opened."""
        try:
            with open_media(path) as container:
                keys = [number for number, packet in enumerate(_packets(container)) if packet.is_keyframe]
        except MediaError:
            keys = []
        return cls(path=path, num_frames=keys[-1] if keys else 0)

    def packets(self) -> Iterator[av.Packet[Any]]:
        """Its encoded frames, in order."""
        if self.num_frames == 0:
            return
        with open_media(self.path) as container:
            stream = container.streams.video[0]
            # Files hold H.264 and H.265 with lengths; encoders give start codes, and muxers expect what encoders give.
            name = TO_START_CODES.get(stream.codec_context.name)
            codes = None if name is None else BitStreamFilterContext(name, stream)
            for packet in islice(_packets(container), self.num_frames):
                yield from [packet] if codes is None else codes.filter(packet)


def take_over(part: Path) -> Interrupted | None:
    """Set an unfinished file aside, so that a new one can be written in its place.

    Where a run was interrupted while it took over, both files are there: the one that goes further counts.
    """
    aside = part.with_name(f"{part.stem}-old{part.suffix}")
    found = [Interrupted.at(path) for path in (part, aside) if path.is_file()]
    if not found:
        return None
    best = max(found, key=lambda one: one.num_frames)
    if best.path != aside:
        best.path.replace(aside)
    return Interrupted(path=aside, num_frames=best.num_frames)


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
    """The video's packets, up to where the file was cut."""
    stream = container.streams.video[0]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.InvalidDataError, av.error.EOFError):
            return
        if packet.size:
            yield packet
