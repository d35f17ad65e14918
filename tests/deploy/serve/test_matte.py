"""POST /v1/matte: what comes back for what was sent."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image

from shm_deploy.serve.settings import Limits
from tests.deploy.fakes import FakeBackend, FakeParts
from tests.deploy.media import zoo
from tests.deploy.serve.conftest import Serve


def pixels(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


RED = np.asarray(zoo.portrait())[..., 0]


def test_raw_picture_gives_a_cutout(client: TestClient, photo: bytes) -> None:
    """An RGBA PNG of the picture's size, whose alpha is the network's; nothing may be cached."""
    answer = client.post("/v1/matte", content=photo)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "no-store"
    cutout = pixels(answer.content)
    assert cutout.shape == (40, 48, 4)
    assert np.array_equal(cutout[..., 3], RED)


def test_form_gives_the_same_as_the_raw_body(client: TestClient, photo: bytes) -> None:
    """A browser's form, a file in the part `image`."""
    form = client.post("/v1/matte", files={"image": ("a.png", photo)})
    assert form.content == client.post("/v1/matte", content=photo).content


@pytest.mark.parametrize(
    ("query", "kind", "mode"),
    [
        ("output=alpha", "PNG", "L"),
        ("output=alpha&format=jpeg", "JPEG", "L"),
        ("output=cutout&format=webp", "WEBP", "RGBA"),
        ("output=trimap", "PNG", "L"),
        ("output=foreground", "PNG", "RGB"),
        ("output=composite", "PNG", "RGB"),
        ("output=composite&background=blur&format=jpeg", "JPEG", "RGB"),
    ],
)
def test_output_and_format_are_options(query: str, kind: str, mode: str, client: TestClient, photo: bytes) -> None:
    """And the media type says what came."""
    answer = client.post(f"/v1/matte?{query}", content=photo)
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.mode, picture.size) == (kind, mode, (48, 40))
    assert answer.headers["content-type"] == f"image/{kind.lower()}"


def test_background_shows_where_nobody_is(client: TestClient) -> None:
    """A colour by name, white where none is given; 0 of red is nobody."""
    nobody = zoo.encoded(Image.new("RGB", (32, 32), (0, 60, 200)))
    for query, colour in [("&background=lime", (0, 255, 0)), ("", (255, 255, 255))]:
        answer = client.post(f"/v1/matte?output=composite{query}", content=nobody)
        assert np.all(pixels(answer.content) == colour)


def test_background_may_be_a_picture(client: TestClient) -> None:
    """Sent in the same form; it covers the frame."""
    nobody = zoo.encoded(Image.new("RGB", (32, 32), (0, 60, 200)))
    beach = zoo.encoded(Image.new("RGB", (8, 8), (250, 200, 7)))
    answer = client.post("/v1/matte?output=composite", files={"image": ("a", nobody), "background": ("b", beach)})
    assert np.all(pixels(answer.content) == (250, 200, 7))


def test_background_is_never_a_file_of_the_service(client: TestClient, photo: bytes, tmp_path: Path) -> None:
    """A path is no colour, whether the file is there or not."""
    secret = tmp_path / "s.png"
    secret.write_bytes(photo)
    assert client.post(f"/v1/matte?output=composite&background={secret}", content=photo).status_code == 422


def test_edited_trimap_decides(serve: Serve, photo: bytes) -> None:
    """M-Net and fusion alone: 255 is a person, 0 is not, and red decides between."""
    backend = FakeParts()
    client = serve(backend=backend)
    picture = np.full((40, 48), 128, np.uint8)
    picture[:, :16] = 255
    picture[:, 32:] = 0
    trimap = zoo.encoded(Image.fromarray(picture))
    answer = client.post("/v1/matte?output=alpha", files={"image": ("a", photo), "trimap": ("t", trimap)})
    alpha = pixels(answer.content)
    assert alpha[:, :16].min() == 255
    assert alpha[:, 32:].max() == 0
    assert np.array_equal(alpha[:, 16:32], RED[:, 16:32])
    assert (backend.calls, backend.shapes) == (["mnet", "fusion"], [])


def test_trimap_of_another_size_is_refused(client: TestClient, photo: bytes) -> None:
    """With both sizes."""
    trimap = zoo.encoded(Image.new("L", (40, 40)))
    answer = client.post("/v1/matte", files={"image": ("a", photo), "trimap": ("t", trimap)})
    assert answer.status_code == 422
    assert "48x40" in answer.json()["detail"]


def test_trimap_without_parts_is_not_implemented(serve: Serve, photo: bytes) -> None:
    """A model without M-Net of its own can't take one: 501, not 500."""
    trimap = zoo.encoded(Image.new("L", (48, 40)))
    answer = serve(backend=FakeBackend()).post("/v1/matte", files={"image": ("a", photo), "trimap": ("t", trimap)})
    assert answer.status_code == 501


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("output=cutout&format=jpeg", 422),
        ("output=alpha&background=white", 422),
        ("output=composite&background=whitish", 422),
        ("output=composite&background=%23ff000080", 422),
        ("output=dance", 422),
        ("format=gif", 422),
    ],
)
def test_options_that_make_no_sense_are_refused(query: str, status: int, client: TestClient, photo: bytes) -> None:
    """As a problem body, whose members say the same as the status."""
    answer = client.post(f"/v1/matte?{query}", content=photo)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"Dear diary", 422),
        (zoo.encoded(zoo.portrait())[:90], 422),
        (zoo.png_claiming(40000, 40000), 413),
        (zoo.png_claiming(101, 100), 413),
        (zoo.encoded(zoo.portrait(120, 80)), 200),
        (zoo.encoded(Image.new("RGB", (300, 300))).ljust(20001, b"\0"), 413),
        (zoo.encoded(Image.new("RGB", (15, 15))), 422),
    ],
    ids=["empty", "text", "cut", "bomb", "pixels", "just fits", "bytes", "tiny"],
)
def test_each_limit_has_its_status(body: bytes, status: int, serve: Serve) -> None:
    """Bytes as they come, pixels as the header claims them."""
    client = serve(Limits(max_bytes=20_000, max_pixels=10_000))
    assert client.post("/v1/matte", content=body).status_code == status


@pytest.mark.parametrize(("max_edge", "status"), [(1500, 422), (None, 200)])
def test_long_strip_is_taken_where_nothing_is_scaled(max_edge: int | None, status: int, serve: Serve) -> None:
    """Scaled to 1500 px it is 15 px high, which the network does not take; what counts is the service's own rule."""
    strip = zoo.encoded(Image.new("RGB", (4000, 40)))
    assert serve(max_edge=max_edge).post("/v1/matte?output=alpha", content=strip).status_code == status


def test_form_limits_hold_for_each_picture(serve: Serve, photo: bytes) -> None:
    """A bomb is one as trimap and as background, too."""
    client = serve(Limits(max_pixels=10_000))
    for part in ("trimap", "background"):
        files = {"image": ("a", photo), part: ("b", zoo.png_claiming(101, 100))}
        output = "alpha" if part == "trimap" else "composite"
        assert client.post(f"/v1/matte?output={output}", files=files).status_code == 413


@pytest.mark.parametrize(
    "part",
    [b"no part", b'Content-Disposition: form-data; name="image"\r\n\r\ntext', b"", b"Content-Disposition: form-data"],
    ids=["broken", "text part", "empty", "no name"],
)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data"], ids=["", "no boundary"])
def test_broken_form_is_refused(part: bytes, kind: str, client: TestClient) -> None:
    """400 or 422, never a failure."""
    content = b"--x\r\n" + part + b"\r\n--x--\r\n"
    answer = client.post("/v1/matte", content=content, headers={"content-type": kind})
    assert answer.status_code in (400, 422)


def test_nothing_of_a_form_reaches_the_disk(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files of several megabytes neither: there is no folder to put them in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    large = zoo.encoded(Image.fromarray(noise), "BMP")
    assert len(large) > 2**21
    answer = client.post("/v1/matte?output=alpha&format=jpeg", files={"image": ("a", large)})
    assert answer.status_code == 200


def test_answer_tells_its_times(client: TestClient, photo: bytes) -> None:
    """Server-Timing, which browsers show: waiting and each stage."""
    header = client.post("/v1/matte", content=photo).headers["server-timing"]
    assert [entry.partition(";")[0] for entry in header.split(", ")] == [
        "wait",
        "decode",
        "network",
        "render",
        "encode",
    ]
