"""Stands in for ffmpeg and gst-launch-1.0: sends raw frames of the size it was told, or checks those it is sent."""

from __future__ import annotations

import re
import sys

NUM_FRAMES = 2
CHANNELS = {"rgb24": 3, "RGB": 3, "rgb": 3, "rgba": 4, "gray": 1}


def main(arguments: list[str]) -> int:
    """Run it; the exit code."""
    text = " ".join(arguments)
    size = re.search(r"-s (\d+)x(\d+)|width=(\d+),? height=(\d+)|width=(\d+),height=(\d+)", text)
    kind = re.search(r"-pix_fmt (rgb24|rgba|gray)|format=(RGB|rgb)", text)
    assert size is not None, text
    assert kind is not None, text
    width, height = (int(number) for number in size.groups() if number is not None)
    (name,) = (name for name in kind.groups() if name is not None)
    frame = width * height * CHANNELS[name]
    if "-i -" in text or arguments[0] == "fdsrc":
        data = sys.stdin.buffer.read()
        assert data, "nothing came"
        assert len(data) % frame == 0, f"{len(data)} bytes came, frames have {frame}"
    else:
        sys.stdout.buffer.write(bytes(NUM_FRAMES * frame))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
