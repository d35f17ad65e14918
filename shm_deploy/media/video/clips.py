"""Video files in, video files out."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import av

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.files import check_target
from shm_deploy.media.products import Product
from shm_deploy.media.progress import Progress
from shm_deploy.media.video.audio import TrackFact
from shm_deploy.media.video.backdrops import backdrop_name
from shm_deploy.media.video.parts import Interrupted, Note, drop_lone_note, part_of, record_of, take_over
from shm_deploy.media.video.pngs import PngWriter, check_folder, verify_pngs
from shm_deploy.media.video.reading import ClipFacts, ClipReader, seconds_of
from shm_deploy.media.video.recipe import ClipRecipe
from shm_deploy.media.video.rendering import backdrop_of, rendered
from shm_deploy.media.video.targets import Target, choose_target
from shm_deploy.media.video.verifying import Expected, verify_file
from shm_deploy.media.video.writing import ClipWriter, tags_for
from shm_deploy.stream.frames import Frame

WARM_UP = 8  # frames before the first new one of a resumed run, for what a stream remembers


@dataclass(frozen=True, kw_only=True)
class ClipSummary:
    """What became of a clip."""

    output: str
    num_frames: int
    num_resumed: int  # of them, taken over from an interrupted run
    num_corrupt: int  # packets or frames of the source that were damaged
    seconds: float
    alpha: str | None  # "straight" or "premultiplied"; None for opaque results
    audio: tuple[TrackFact, ...]
    notes: tuple[str, ...]  # what is not as it was
    lost: tuple[str, ...] | None = field(default=None)  # what --verify missed; None where it was not asked


def matte_clip(
    matter: Matter,
    source: Path,
    target: Path,
    recipe: ClipRecipe,
    *,
    overwrite: bool,
    resume: bool,
    verify: bool,
    progress: Callable[[int | None], Progress],
) -> ClipSummary:
    """Matte a video file into another.

    It is written as `NAME.part.EXT`, which can be played at any time, and renamed at the end; whatever interrupts the
    run leaves that file behind.

    Args:
        matter: the network.
        source: any video that FFmpeg reads.
        target: its suffix says the format.
        recipe: what to make of it.
        overwrite: whether an existing target may be replaced.
        resume: go on with an interrupted run of the same recipe.
        verify: read the result again and compare.
        progress: makes a progress line for so many frames, None where the number is not known.

    Raises:
        MediaError: the source can't be read, the target not written, or the part belongs to another run.
        SpecError: a format that can't hold what is wanted; frames too small.
    """
    begin = time.perf_counter()
    written_as = choose_target(target, recipe.content, recipe.codec)
    check_target(target, overwrite=overwrite)
    part = part_of(target)
    with ExitStack() as stack:
        clip = stack.enter_context(ClipReader(source))
        facts = clip.facts
        note = _note(matter, source, recipe, written_as.encoder)
        before = _taken_over(part, note) if resume else None
        note.write(part)
        stack.callback(drop_lone_note, part)
        expected = Expected(size=facts.size, tags=tags_for(written_as, facts))
        behind = stack.enter_context(backdrop_of(recipe, facts.size))
        writer = stack.enter_context(ClipWriter(part, written_as, facts, source, recipe.comment))
        line = progress(facts.num_frames)
        frames = stack.enter_context(closing(clip.frames()))
        warm_up: deque[Frame] = deque(maxlen=WARM_UP)
        for frame in _copied(before, frames, writer, expected):
            warm_up.append(frame)
            line.step()
        num_resumed = len(expected.times)
        for pixels, pts in stack.enter_context(closing(rendered(matter, chain(warm_up, frames), recipe, behind))):
            if expected.times and pts <= expected.times[-1]:
                continue  # one of the frames to warm up with
            writer.write(pixels, pts)
            expected.note(pixels, pts)
            line.step()
        expected.tracks = writer.finish()
        line.close()
    part.replace(target)
    record_of(part).unlink(missing_ok=True)
    if before is not None:
        before.path.unlink(missing_ok=True)
    return ClipSummary(
        output=str(target),
        num_frames=len(expected.times),
        num_resumed=num_resumed,
        num_corrupt=clip.num_corrupt,
        seconds=time.perf_counter() - begin,
        alpha=recipe.alpha,
        audio=expected.tracks,
        notes=_notes(facts, written_as),
        lost=_lost(target, written_as, expected, clip.num_corrupt) if verify else None,
    )


def matte_clip_to_pngs(
    matter: Matter,
    source: Path,
    folder: Path,
    recipe: ClipRecipe,
    *,
    overwrite: bool,
    resume: bool,
    verify: bool,
    progress: Callable[[int | None], Progress],
) -> ClipSummary:
    """Matte a video file into a folder of PNGs; arguments and errors as in `matte_clip`.

    The frames are 000000.png, …; frames.ffconcat has their times. It is written as `NAME.part/`.
    """
    begin = time.perf_counter()
    if recipe.premultiplied:
        raise SpecError(
            "got premultiplied colours for PNG, whose alpha is straight by its standard: write .mov or .webm"
        )
    check_folder(folder, overwrite=overwrite)
    part = folder.with_name(folder.name + ".part")
    with ExitStack() as stack:
        clip = stack.enter_context(ClipReader(source))
        note = _note(matter, source, recipe, "png")
        if resume and part.is_dir():
            note.check(part)
        elif part.exists():
            check_folder(part, overwrite=True)
            shutil.rmtree(part)
        writer = PngWriter(part, clip.facts.rate)
        note.write(part)
        behind = stack.enter_context(backdrop_of(recipe, clip.facts.size))
        line = progress(clip.facts.num_frames)
        frames = stack.enter_context(closing(clip.frames()))
        warm_up: deque[Frame] = deque(maxlen=WARM_UP)
        num_resumed = writer.num_present()
        for frame in islice(frames, num_resumed):
            writer.skip(seconds_of(frame))
            warm_up.append(frame)
            line.step()
        num_warm = len(warm_up)
        rendered_frames = stack.enter_context(closing(rendered(matter, chain(warm_up, frames), recipe, behind)))
        for pixels, pts in islice(rendered_frames, num_warm, None):
            writer.write(pixels, pts)
            line.step()
        num_frames = writer.finish()
        line.close()
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)
    record_of(part).unlink(missing_ok=True)
    silence = (f"audio: {clip.facts.num_audio} tracks, which PNGs can't hold",) if clip.facts.num_audio else ()
    return ClipSummary(
        output=str(folder),
        num_frames=num_frames,
        num_resumed=num_resumed,
        num_corrupt=clip.num_corrupt,
        seconds=time.perf_counter() - begin,
        alpha=recipe.alpha,
        audio=(),
        notes=silence,
        lost=silence + verify_pngs(folder, num_frames, clip.facts.size) + _damage(clip.num_corrupt) if verify else None,
    )


def _copied(
    before: Interrupted | None, frames: Iterator[Frame], writer: ClipWriter, expected: Expected
) -> Iterator[Frame]:
    """Write what an interrupted run had encoded, in step with the source's frames, which are passed on."""
    if before is None:
        return
    for packet in before.packets():
        frame = next(frames, None)
        if frame is None:
            raise MediaError(f"{before.path} is longer than its source: leave --resume out")
        pts = seconds_of(frame)
        writer.copy(packet, pts)
        expected.note_copied(pts)
        yield frame


def _taken_over(part: Path, note: Note) -> Interrupted | None:
    before = take_over(part)
    if before is not None:
        note.check(part)
    return before


def _note(matter: Matter, source: Path, recipe: ClipRecipe, encoder: str) -> Note:
    wanted = recipe.wanted
    return Note(
        source=source.name,
        source_bytes=source.stat().st_size,
        wanted=f"{wanted.value if isinstance(wanted, Product) else backdrop_name(wanted)}, {recipe.comment}",
        quality=recipe.quality,
        encoder=encoder,
        model_sha256=matter.info().sha256,
        libavcodec=".".join(str(number) for number in av.library_versions["libavcodec"]),
    )


def _notes(facts: ClipFacts, target: Target) -> tuple[str, ...]:
    """What is not as it was, and no loss."""
    notes = []
    if facts.rotation:
        notes.append(f"frames were turned upright by {facts.rotation} degrees; the result needs no rotation tag")
    if facts.bits > 8:
        notes.append(f"{facts.bits} bits per channel were reduced to 8")
    if any(side % 2 for side in facts.size) and target.odd_pixel_format != target.pixel_format:
        notes.append(f"odd sides: written as {target.odd_pixel_format}, which not every player shows")
    return tuple(notes)


def _lost(path: Path, target: Target, expected: Expected, num_corrupt: int) -> tuple[str, ...]:
    return verify_file(path, target, expected) + _damage(num_corrupt)


def _damage(num_corrupt: int) -> tuple[str, ...]:
    return (f"source: {num_corrupt} packets or frames were damaged",) if num_corrupt else ()
