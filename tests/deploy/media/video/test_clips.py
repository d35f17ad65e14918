"""Clips in, clips out: what is kept of each kind of source, in each kind of result."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.backgrounds import Blur, Colour, Picture
from shm_deploy.media.images import Photo
from shm_deploy.media.metadata import Metadata
from shm_deploy.media.products import Product
from shm_deploy.media.video.backdrops import Film
from shm_deploy.media.video.colours import LIMITED, UNSPECIFIED, Tags, frame_of, tags_of
from tests.deploy.media.video import zoo
from tests.deploy.media.video.conftest import Run

GREEN = Colour(red=0, green=200, blue=0)
SD_FULL = Tags(matrix=6, range=2, primaries=5, transfer=6)

ZOO: dict[str, dict[str, Any]] = {
    "variable rate": {"times": zoo.UNEVEN},
    "rotated": {"rotation": 90},
    "odd size": {"size": (65, 97), "pixel_format": "yuv444p"},
    "10 bit": {"pixel_format": "yuv420p10le"},
    "full range": {"tags": SD_FULL},
    "no audio": {},
    "two audio tracks": {"audio": ("aac", "libopus")},
    "one frame": {"times": (Fraction(0),)},
    "late start": {"times": tuple(pts + 2 for pts in zoo.STEADY)},
}


def rgba_of(path: Path, decoder: str | None = None) -> list[NDArray[np.uint8]]:
    """Frames as (H, W, 4), by a decoder of one's own choice."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
        context: Any = av.CodecContext.create(decoder, "r")
        packets = container.demux(stream)
        return [frame.to_ndarray(format="rgba") for packet in packets for frame in context.decode(packet)]


def seconds_long(path: Path) -> float:
    """As players show it."""
    with av.open(path) as container:
        assert container.duration is not None
        return container.duration / av.time_base


@pytest.mark.parametrize("kind", ZOO)
@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_result_keeps_what_the_source_had(kind: str, name: str, tmp_path: Path, run: Run) -> None:
    """Times, size, colour tags and audio; the verification agrees."""
    source = zoo.write_clip(tmp_path / "source.mp4", **ZOO[kind])
    target = tmp_path / name
    summary = run(source, target, GREEN if name == "out.mp4" else Product.CUTOUT)
    assert summary.lost == ()
    times = ZOO[kind].get("times", zoo.STEADY)
    assert zoo.times_of(target) == pytest.approx([float(pts - times[0]) for pts in times], abs=0.0006)
    frame = zoo.frames_of(target)[0]
    if kind != "variable rate":  # whose last frame stays for the mean of the others
        assert seconds_long(target) == pytest.approx(len(times) / 25, abs=0.03)  # packets of audio are 20 ms and more
    height, width = ZOO[kind].get("size", (64, 96))
    assert (frame.height, frame.width) == ((width, height) if kind == "rotated" else (height, width))
    assert tags_of(frame) == ZOO[kind].get("tags", zoo.HD)
    with av.open(target) as container:
        assert len(container.streams.audio) == len(ZOO[kind].get("audio", ()))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["source.mp4", name])


@pytest.mark.parametrize(
    ("rotation", "person", "nobody"),
    [(90, (80, 32), (10, 32)), (180, (20, 80), (20, 10)), (270, (10, 32), (80, 32))],
    ids=["below", "right", "above"],
)
def test_turned_clip_comes_out_upright(
    rotation: int, person: tuple[int, int], nobody: tuple[int, int], tmp_path: Path, run: Run
) -> None:
    """Red was left; it is where so many degrees counter-clockwise bring it, and no player turns the result again."""
    source = zoo.write_clip(tmp_path / "source.mp4", rotation=rotation)
    run(source, tmp_path / "out.mkv")
    frame = zoo.frames_of(tmp_path / "out.mkv")[0]
    pixels = frame.to_ndarray(format="rgba")
    assert frame.rotation == 0
    assert pixels[person][3] > 200
    assert pixels[nobody][3] < 50


@pytest.mark.parametrize(
    ("name", "decoder", "codec"),
    [("out.mov", None, "prores"), ("out.webm", "libvpx-vp9", "vp9"), ("out.mkv", None, "ffv1")],
    ids=["prores", "vp9", "ffv1"],
)
@pytest.mark.parametrize("premultiplied", [False, True], ids=["straight", "premultiplied"])
def test_alpha_is_kept(
    name: str, decoder: str | None, codec: str, premultiplied: bool, tmp_path: Path, run: Run
) -> None:
    """The red channel of the source is the alpha; the file says how its colours are meant."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    summary = run(source, tmp_path / name, premultiplied=premultiplied)
    assert summary.lost == ()
    frames = rgba_of(tmp_path / name, decoder)
    assert len(frames) == 10
    assert np.abs(frames[5][40:, 10:30, 3].astype(int) - 220).max() <= 4
    assert np.abs(frames[5][40:, 60:80, 3].astype(int) - 20).max() <= 4
    red = frames[5][40:, 10:30, 0].mean()  # estimated: the image's 220 without the blue that shines through
    assert red == pytest.approx(236 * 220 / 255 if premultiplied else 236, abs=3)
    with av.open(tmp_path / name) as container:
        comment = {key.lower(): value for key, value in container.metadata.items()}["comment"]
        assert comment == f"alpha: {'premultiplied' if premultiplied else 'straight'}"
        assert container.streams.video[0].codec_context.codec.canonical_name == codec


def test_prores_has_limited_range_whatever_its_source(tmp_path: Path, run: Run) -> None:
    """It can't say that it is full: players would stretch its colours."""
    source = zoo.write_clip(tmp_path / "source.mp4", tags=SD_FULL)
    assert run(source, tmp_path / "out.mov").lost == ()
    frame = zoo.frames_of(tmp_path / "out.mov")[0]
    assert tags_of(frame) == replace(SD_FULL, range=LIMITED)
    luma = np.frombuffer(frame.planes[0], np.uint16).reshape(64, -1)[40, 20] / 2 ** (
        frame.format.components[0].bits - 8
    )
    # The estimated foreground is (236, 20, 20) where the person is: BT.601 makes 16 + 219 / 255 of 84.6 of it
    assert luma == pytest.approx(16 + 219 / 255 * (0.299 * 236 + 0.701 * 20), abs=3)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_nothing_is_missed_where_all_is_there(name: str, tmp_path: Path, run: Run) -> None:
    """Sound that lies before the first picture, and limited range, which H.264 leaves unsaid beside unknown colours."""
    tags = Tags(matrix=UNSPECIFIED, range=LIMITED, primaries=UNSPECIFIED, transfer=UNSPECIFIED)
    times = [pts + Fraction(1, 10) for pts in zoo.STEADY]
    source = zoo.write_clip(tmp_path / "source.mkv", times=times, tags=tags, audio=("mp2",), audio_s=0.5)
    assert run(source, tmp_path / name, GREEN).lost == ()


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_alpha_alone_is_grey_of_full_range(name: str, tmp_path: Path, run: Run) -> None:
    """Luma is the alpha itself, 0..255."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    assert run(source, tmp_path / name, Product.ALPHA).lost == ()
    frame = zoo.frames_of(tmp_path / name)[0]
    luma = frame.to_ndarray(format="gray").astype(int)
    assert luma[40, 20] == pytest.approx(220, abs=2)
    assert luma[40, 80] == pytest.approx(20, abs=2)
    assert tags_of(frame).range == 2


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
@pytest.mark.slow
def test_opaque_results_come_in_three_codecs(codec: str, tmp_path: Path, run: Run) -> None:
    """As the container says; green shows where the person is not."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    assert run(source, tmp_path / "out.mp4", GREEN, codec=codec).lost == ()
    frame = zoo.frames_of(tmp_path / "out.mp4")[4]
    assert frame.to_ndarray(format="rgb24")[40, 80, 1] > 150
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == codec.replace("h265", "hevc")


def test_audio_is_copied_where_the_container_takes_it(tmp_path: Path, run: Run) -> None:
    """Packet by packet, the language too."""
    source = zoo.write_clip(tmp_path / "source.mp4", audio=("aac",))
    summary = run(source, tmp_path / "out.mp4", GREEN)
    assert [(track.source_codec, track.written_as) for track in summary.audio] == [("aac", "copied")]

    def packets(path: Path) -> set[bytes]:
        with av.open(path) as container:
            assert container.streams.audio[0].language == "deu"
            return {bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size}

    assert packets(tmp_path / "out.mp4") == packets(source)


@pytest.mark.parametrize(
    ("name", "before", "codec", "after"),
    [
        ("out.webm", "aac", "aac", "libopus"),
        ("out.mov", "libopus", "opus", "aac"),
        ("out.mov", "flac", "flac", "aac"),
        ("out.m4v", "pcm_u8", "pcm_u8", "aac"),
    ],
    ids=["aac to webm", "opus to mov", "flac to mov", "without a layout"],
)
def test_other_audio_is_encoded_again_and_keeps_its_place(
    name: str, before: str, codec: str, after: str, tmp_path: Path, run: Run
) -> None:
    """By what the container takes: as long as before, and the same tone."""
    source = zoo.write_clip(tmp_path / "source.mkv", audio=(before,))
    summary = run(source, tmp_path / name, GREEN if name == "out.m4v" else Product.CUTOUT)
    assert [(track.source_codec, track.written_as) for track in summary.audio] == [(codec, after)]
    assert summary.lost == ()
    with av.open(tmp_path / name) as container:
        frames = list(container.decode(container.streams.audio[0]))
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    assert len(sound) == pytest.approx(0.4 * 48_000, abs=3000)
    spectrum = np.abs(np.fft.rfft(sound[4800:14400]))
    assert np.argmax(spectrum) * 5 == pytest.approx(220, abs=5)  # bins of 5 Hz


def test_another_video_plays_behind_the_person(tmp_path: Path, run: Run) -> None:
    """At its own pace, from its start again when it is over, scaled until it covers the frame."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    film = tmp_path / "film.mkv"
    with av.open(film, "w") as container:
        video: Any = container.add_stream("ffv1", rate=5)
        video.width, video.height, video.pix_fmt = 64, 64, "bgra"
        for grey in (40, 200):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), grey, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    assert run(source, tmp_path / "out.mp4", Film(path=film)).lost == ()
    shown = [frame.to_ndarray(format="rgb24")[40, 80, 1] for frame in zoo.frames_of(tmp_path / "out.mp4")]
    dark = [value < 80 for value in shown]
    assert dark == [True] * 5 + [False] * 5


def test_film_begins_again_when_it_is_over(tmp_path: Path, run: Run) -> None:
    """One frame of 40 ms behind ten of them."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    film = zoo.write_clip(tmp_path / "film.mp4", times=zoo.STEADY[:2])
    assert run(source, tmp_path / "out.mp4", Film(path=film)).num_frames == 10


def test_corrupt_frames_are_counted_and_the_rest_is_kept(tmp_path: Path, run: Run) -> None:
    """Two PNG-coded frames of ten are cut up: eight come out, at their own times; --verify tells."""
    source = zoo.write_clip(tmp_path / "source.mov", encoder="png", pixel_format="rgb24")
    damaged = tmp_path / "damaged.mov"
    with av.open(source) as intact, av.open(damaged, "w") as container:
        stream = container.add_stream_from_template(intact.streams.video[0])
        for number, packet in enumerate(intact.demux(intact.streams.video[0])):
            if not packet.size:
                continue
            copy: Any = packet
            if number in (3, 7):
                copy = av.Packet(b"no picture at all")
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream = stream
            container.mux(copy)
    summary = run(damaged, tmp_path / "out.mp4", GREEN)
    assert (summary.num_frames, summary.num_corrupt) == (8, 2)
    assert summary.lost == ("source: 2 packets or frames were damaged",)
    kept = [float(pts) for number, pts in enumerate(zoo.STEADY) if number not in (3, 7)]
    assert zoo.times_of(tmp_path / "out.mp4") == pytest.approx(kept, abs=0.0006)


def test_avi_with_reordered_frames_keeps_them_all(tmp_path: Path, run: Run) -> None:
    """It says nothing about when they are shown: evenly, and in the order of the pictures."""
    source = tmp_path / "source.avi"
    with av.open(source, "w") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"bf": "2", "b-adapt": "0"})
        video.height, video.width, video.pix_fmt = 64, 96, "yuv420p"
        for number in range(12):
            container.mux(video.encode(frame_of(zoo.picture((64, 96), 2 * number), "yuv420p", zoo.HD)))
        container.mux(video.encode(None))
    summary = run(source, tmp_path / "out.mkv")
    assert (summary.num_frames, summary.num_corrupt, summary.lost) == (12, 0, ())
    assert zoo.times_of(tmp_path / "out.mkv") == pytest.approx([number / 25 for number in range(12)], abs=0.0006)
    rows = [frame.to_ndarray(format="rgba")[1, :, 1] for frame in zoo.frames_of(tmp_path / "out.mkv")]
    assert [int(row.argmax()) // 8 for row in rows] == list(range(12))  # white goes 8 px a frame


def test_truncated_file_gives_what_is_there(tmp_path: Path, run: Run) -> None:
    """A Matroska file that ends in the middle."""
    source = zoo.write_clip(tmp_path / "source.mkv", encoder="ffv1", pixel_format="bgra")
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    summary = run(source, tmp_path / "out.mp4", GREEN)
    assert 3 <= summary.num_frames < 10


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path, run: Run) -> None:
    """With the file's name, and nothing left behind."""
    source = tmp_path / "source.mp4"
    source.write_bytes(content)
    with pytest.raises(MediaError, match=r"source\.mp4"):
        run(source, tmp_path / "out.webm")
    assert [path.name for path in tmp_path.iterdir()] == ["source.mp4"]


def test_picture_stands_behind_the_person(tmp_path: Path, run: Run) -> None:
    """Yellow where nobody is, in every frame; the person stays red."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    yellow = Photo(pixels=np.full((30, 30, 3), (250, 220, 10), np.uint8), opacity=None, metadata=Metadata())
    assert run(source, tmp_path / "out.mp4", Picture(photo=yellow)).lost == ()
    for frame in zoo.frames_of(tmp_path / "out.mp4"):
        pixels = frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(pixels[40, 90] - (250, 220, 10)).max() < 30
        assert pixels[40, 20, 0] > pixels[40, 20, 1] + 100


def test_blur_shows_the_own_surroundings(tmp_path: Path, run: Run) -> None:
    """Blue stays blue at the far right."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    assert run(source, tmp_path / "out.mp4", Blur()).lost == ()
    pixel = zoo.frames_of(tmp_path / "out.mp4")[0].to_ndarray(format="rgb24")[40, 90].astype(int)
    assert np.abs(pixel - zoo.BLUE).max() < 30


def test_existing_results_are_not_overwritten_unasked(tmp_path: Path, run: Run) -> None:
    """Before any work is done."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    (tmp_path / "out.mp4").write_bytes(b"mine")
    with pytest.raises(MediaError, match="exists"):
        run(source, tmp_path / "out.mp4", GREEN)
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"


def test_run_that_fails_at_once_leaves_nothing(tmp_path: Path, run: Run) -> None:
    """Frames too small for the network: no part, no note."""
    source = zoo.write_clip(tmp_path / "source.mp4", size=(8, 8))
    with pytest.raises(SpecError, match="at least 16 px"):
        run(source, tmp_path / "out.mp4", GREEN)
    assert [path.name for path in tmp_path.iterdir()] == ["source.mp4"]


def test_folder_that_cannot_be_made_is_an_error_of_its_own(tmp_path: Path, run: Run) -> None:
    """A file stands where the folder should be."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    with pytest.raises(MediaError, match="can't write"):
        run(source, source / "out.mp4", GREEN)


def test_sound_alone_is_no_clip(tmp_path: Path, run: Run) -> None:
    """An MP4 without video."""
    source = tmp_path / "song.mp4"
    with av.open(source, "w") as container:
        track = container.add_stream("aac", rate=48_000)
        assert isinstance(track, av.AudioStream)
        track.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48_000
        container.mux(track.encode(silence))
        container.mux(track.encode(None))
    with pytest.raises(MediaError, match="no video"):
        run(source, tmp_path / "out.mp4", GREEN)
