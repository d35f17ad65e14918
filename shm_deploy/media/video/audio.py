"""Audio tracks from one file to another: copied where the container takes them, else encoded again."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.resampler import AudioResampler

from shm_deploy.media.video.reading import open_media, start_ticks

NOT_TITLES = ("major_brand", "minor_version", "compatible_brands", "encoder", "comment", "rotate")
BIT_RATE = 192_000  # of a track that is encoded again, bits/s
RATE = 48_000  # Hz, where the encoder does not take the track's own
UNSAID_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}  # plain PCM often does not say; encoders want to know


@dataclass(frozen=True, kw_only=True)
class TrackFact:
    """What became of one audio track."""

    source_codec: str
    written_as: str  # "copied", or the encoder's name
    num_packets: int  # that were to be played, in the source
    num_corrupt: int  # that could not be decoded, where they had to be


class AudioTracks:
    """All audio of a source, written in step with the video.

    It reads through a file handle of its own, so that neither side waits for the other's packets.
    """

    def __init__(
        self,
        source: Path,
        output: av.container.OutputContainer,
        transcoder: str,
        *,
        refused: Collection[str],
        before_zero: bool,
    ) -> None:
        """Open the source's audio.

        Args:
            source: read a second time, for audio alone.
            output: where it goes; its video stream is there already.
            transcoder: encoder for what the output's container does not take.
            refused: codecs that it does not take, although FFmpeg lists them.
            before_zero: whether the container may hold audio from before time zero, which decoders want to warm up.
        """
        taken = output.supported_codecs - set(refused)
        self._input = open_media(source)
        self._output = output
        self._tracks: dict[int, _Copied | _Transcoded] = {}
        for stream in self._input.streams.audio:
            start = start_ticks(self._input, stream.time_base or Fraction(1))
            if stream.codec_context.codec.canonical_name in taken:
                self._tracks[stream.index] = _Copied(stream, output, start, before_zero=before_zero)
            else:
                self._tracks[stream.index] = _Transcoded(stream, output, start, transcoder)
        self._packets = self._demuxed()
        self._ahead: av.Packet[Any] | None = None

    def advance(self, until: Fraction | None) -> None:
        """Write what begins up to this time [s]; None writes the rest."""
        while True:
            packet = self._ahead or next(self._packets, None)
            self._ahead = None
            if packet is None:
                return
            track = self._tracks[packet.stream.index]
            if until is not None and track.begins(packet) > until:
                self._ahead = packet
                return
            for written in track.convert(packet):
                self._output.mux(written)

    def titles(self) -> dict[str, str]:
        """The source's title, artist, date and the like."""
        return {key: value for key, value in self._input.metadata.items() if key.lower() not in NOT_TITLES}

    def finish(self) -> tuple[TrackFact, ...]:
        """Write the rest."""
        self.advance(None)
        for track in self._tracks.values():
            for written in track.rest():
                self._output.mux(written)
        return tuple(track.fact() for track in self._tracks.values())

    def close(self) -> None:
        """Release the source."""
        self._input.close()

    def _demuxed(self) -> Iterator[av.Packet[Any]]:
        if not self._tracks:
            return
        packets = self._input.demux(*self._input.streams.audio)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.InvalidDataError, av.error.EOFError):
                return
            if packet.size and packet.dts is not None:
                yield packet


class _Copied:
    def __init__(
        self, stream: av.AudioStream, output: av.container.OutputContainer, start: int, *, before_zero: bool
    ) -> None:
        self._before_zero = before_zero or stream.codec_context.name == "opus"  # whose delay all containers know
        self._codec = stream.codec_context.name
        self._start = start
        self._written = output.add_stream_from_template(stream)
        self._written.metadata.update(stream.metadata)
        self._num_packets = 0

    def begins(self, packet: av.Packet[Any]) -> Fraction:
        return _seconds(packet, self._start)

    def convert(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        _shift(packet, self._start)
        is_heard = packet.pts is None or packet.pts >= 0
        self._num_packets += is_heard
        if not is_heard and not self._before_zero:
            return  # a muxer that can't hold it would move the whole film instead
        packet.stream = self._written
        yield packet

    def rest(self) -> Iterator[av.Packet[Any]]:
        return iter(())

    def fact(self) -> TrackFact:
        return TrackFact(source_codec=self._codec, written_as="copied", num_packets=self._num_packets, num_corrupt=0)


class _Transcoded:
    def __init__(self, stream: av.AudioStream, output: av.container.OutputContainer, start: int, encoder: str) -> None:
        self._source = stream
        self._start = start
        own_rate, own_layout = stream.codec_context.sample_rate, stream.codec_context.layout
        rate = own_rate if own_rate in (av.Codec(encoder, "w").audio_rates or ()) else RATE
        written = output.add_stream(encoder, rate=rate)
        assert isinstance(written, av.AudioStream)
        self._written = written
        self._written.layout = UNSAID_LAYOUTS.get(own_layout.name, own_layout)
        self._written.bit_rate = BIT_RATE
        self._written.metadata.update(stream.metadata)
        self._resampler = AudioResampler(
            format=self._written.codec_context.format, layout=self._written.layout, rate=rate
        )
        self._num_packets = 0
        self._num_corrupt = 0

    def begins(self, packet: av.Packet[Any]) -> Fraction:
        return _seconds(packet, self._start)

    def convert(self, packet: av.Packet[Any]) -> Generator[av.Packet[Any], None, None]:
        self._num_packets += 1
        _shift(packet, self._start)
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            self._num_corrupt += 1
            return
        for frame in frames:
            yield from self._encode(frame)

    def rest(self) -> Generator[av.Packet[Any], None, None]:
        for frame in self._source.decode(None):
            yield from self._encode(frame)
        yield from self._encode(None)
        yield from self._written.encode(None)

    def _encode(self, frame: Any) -> Generator[av.Packet[Any], None, None]:
        """None asks for what the resampler still holds."""
        for resampled in self._resampler.resample(frame):
            yield from self._written.encode(resampled)

    def fact(self) -> TrackFact:
        return TrackFact(
            source_codec=self._source.codec_context.name,
            written_as=self._written.codec_context.name,
            num_packets=self._num_packets,
            num_corrupt=self._num_corrupt,
        )


def _seconds(packet: av.Packet[Any], start: int) -> Fraction:
    ticks = packet.dts if packet.pts is None else packet.pts
    return ((ticks or 0) - start) * packet.time_base


def _shift(packet: av.Packet[Any], start: int) -> None:
    if packet.pts is not None:
        packet.pts -= start
    if packet.dts is not None:
        packet.dts -= start
