"""How frames are sent to the network."""

from __future__ import annotations

from types import MappingProxyType

from shm_deploy.errors import SpecError
from shm_deploy.media.video.targets import Content, Target

MUXERS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "udp": "mpegts", "tcp": "mpegts", "rtp": "rtp_mpegts"}
GIVE_UP_US = "10000000"  # a receiver that takes nothing for so long is gone
# No frame waits for the next one; at most what a home's upstream takes.
ENCODER = MappingProxyType(
    {"preset": "veryfast", "tune": "zerolatency", "crf": "21", "maxrate": "6M", "bufsize": "6M", "bf": "0"}
)
_TRANSPORT = {
    "rtmp": {"rw_timeout": GIVE_UP_US},
    "rtmps": {"rw_timeout": GIVE_UP_US},
    "tcp": {"rw_timeout": GIVE_UP_US},
    "rtsp": {"rtsp_transport": "tcp"},
}


def stream_target(url: str, content: Content) -> Target:
    """H.264 in the container that an address's scheme wants.

    Raises:
        SpecError: a scheme that can't be sent to.
    """
    scheme = url.partition("://")[0]
    if scheme == "srt":
        raise SpecError(
            f"got {url}. PyAV's wheels have no SRT: write raw frames, and send them by ffmpeg: "
            "shm-live … -o - | ffmpeg -f rawvideo -pix_fmt rgb24 -s 1280x720 -r 30 -i - -c:v libx264 -tune zerolatency "
            "-pix_fmt yuv420p -f mpegts srt://HOST:PORT"
        )
    muxer = MUXERS.get(scheme)
    if muxer is None:
        raise SpecError(f"got the output {url}; wanted an address of {', '.join(MUXERS)}")
    transport = _TRANSPORT.get(scheme, {})
    return Target(
        content=content,
        encoder="libx264",
        pixel_format="yuv420p",
        odd_pixel_format="yuv444p",
        options=ENCODER,
        muxer_options=MappingProxyType({"flush_packets": "1"} | transport),
        transcoded_audio="aac",
        audio_before_zero=False,
        muxer=muxer,
    )
