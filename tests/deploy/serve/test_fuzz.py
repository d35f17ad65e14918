"""Whatever arrives, the service answers, with no 500."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shm_deploy.matter import Matter
from shm_deploy.serve.app import create_app
from shm_deploy.serve.settings import Limits, Settings
from tests.deploy.fakes import FakeParts
from tests.deploy.media import zoo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*:UserWarning"),  # Pillow's, as the application does
    # The service's own threads may do so while a strategy draws.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"),
]

LIMITS = Limits(max_bytes=200_000, max_pixels=100_000)
SMALL = zoo.portrait(24, 20)
SEEDS = {
    "jpeg": zoo.encoded(SMALL, "JPEG"),
    "exif": zoo.encoded(SMALL, "JPEG", exif=b"Exif\0\0II*\0broken"),
    "progressive": zoo.encoded(SMALL, "JPEG", progressive=True),
    "cmyk": zoo.encoded(SMALL.convert("CMYK"), "JPEG"),
    "png": zoo.encoded(SMALL, icc_profile=zoo.rgb_profile()),
    "palette": zoo.encoded(SMALL.convert("P")),
    "gif": zoo.animated("GIF"),
    "webp": zoo.encoded(SMALL, "WEBP", xmp=zoo.XMP),
    "lossless": zoo.encoded(SMALL, "WEBP", lossless=True),
    "bmp": zoo.encoded(SMALL, "BMP"),
    "avif": zoo.encoded(SMALL, "AVIF"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """One service for all that is thrown at it."""
    app = create_app(Settings(limits=LIMITS), lambda: Matter(FakeParts()))
    with TestClient(app, base_url="http://localhost") as opened:
        yield opened


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A picture file with bytes changed, cut, doubled or put in, mostly near its head, where the structure is."""
    data = bytearray(SEEDS[draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, min(len(data) - 1, draw(st.sampled_from((32, 128, 1 << 16)))))))
        match draw(st.sampled_from(("flip", "set", "cut", "insert", "double", "end"))):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[at : at + 4] = draw(
                    st.sampled_from((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80"))
                )
            case "cut":
                del data[at : at + draw(st.integers(1, 32))]
            case "insert":
                data[at:at] = draw(st.binary(max_size=32))
            case "double":
                data[at:at] = data[at : at + 64]
            case _:
                del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: extra [dev]")
def test_no_picture_crashes_the_process(tmp_path: Path) -> None:
    """A short run of `fuzzing`, which is led by the code that its pictures reach; the same pictures each time."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for kind, data in SEEDS.items():
        (corpus / kind).write_bytes(data)
    options = ["-atheris_runs=3000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.serve.fuzzing", *options, str(corpus)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 3000" in done.stderr


FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@FUZZ
@given(body=damaged() | st.binary(max_size=300))
def test_any_bytes_get_a_matte_or_a_problem(client: TestClient, body: bytes) -> None:
    """200, or one of the refusals; a failure would raise here."""
    answer = client.post("/v1/matte?output=alpha", content=body)
    assert answer.status_code in (200, 400, 413, 422)


@settings(FUZZ, max_examples=100)
@given(image=damaged(), trimap=damaged(), background=damaged(), part=st.sampled_from(("trimap", "background")))
def test_any_parts_get_a_matte_or_a_problem(
    client: TestClient, image: bytes, trimap: bytes, background: bytes, part: str
) -> None:
    """The other pictures of a form are as foreign as the first."""
    output = "composite" if part == "background" else "alpha"
    files = {"image": ("a", image), part: ("b", background if part == "background" else trimap)}
    assert client.post(f"/v1/matte?output={output}", files=files).status_code in (200, 400, 413, 422)


@settings(FUZZ, max_examples=100)
@given(body=st.binary(max_size=400), boundary=st.sampled_from(("x", "", '"', "x" * 300, "\\", "x; boundary=y")))
def test_any_form_gets_a_problem(client: TestClient, body: bytes, boundary: str) -> None:
    """Random bytes that claim to be a form."""
    content = body.replace(b"\1", b"--x\r\n").replace(b"\2", b"\r\n\r\n")
    answer = client.post(
        "/v1/matte", content=content, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_undamaged_seeds_are_read(kind: str, client: TestClient) -> None:
    """So that the damage is what is tested."""
    assert client.post("/v1/matte?output=alpha", content=SEEDS[kind]).status_code == 200


def test_decompression_bombs_cost_little(client: TestClient) -> None:
    """A text chunk of a PNG that unpacks to 100 MB, and a GIF that grows behind its header: refused, or harmless."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    plain = zoo.encoded(Image.new("RGB", (32, 32)))
    bomb = plain[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000), 9)) + plain[33:]
    profile = plain[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000), 9)) + plain[33:]
    for body in (bomb, profile):
        assert client.post("/v1/matte?output=alpha", content=body).status_code in (200, 413, 422)
