"""What an export does where a device can run the engine: `pytest -m gpu`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shm_deploy.artifacts import PACKAGED_MODEL
from shm_deploy.export.engine import BuildSpec, find_device, find_toolkit
from shm_deploy.export.pipeline import Exported, export_model
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.sidecar import Profile

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

PROFILE = Profile(minimum=(1, 64, 64), optimum=(1, 320, 320), maximum=(1, 512, 512))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The packaged weights, trained ones, as an FP16 engine for this device."""
    device = find_device()
    if device is None:
        pytest.skip("no CUDA device")
    capabilities = (device.compute_capability,) if find_toolkit("auto", device).flavour == "rtx" else None
    wanted = ExportSpec(
        checkpoint=PACKAGED_MODEL.with_suffix(".pt"),
        out=tmp_path_factory.mktemp("engines"),
        fp16=True,
        engine=BuildSpec(profiles=(PROFILE,), compute_capabilities=capabilities),
    )
    return export_model(wanted, lambda progress: None)


def test_engine_has_run_and_passed(exported: Exported) -> None:
    """Within the bounds for FP16 on four photographs, their true alphas' four errors included."""
    sidecar = exported.sidecar
    assert sidecar.engine is not None
    assert sidecar.engine.verified
    assert sidecar.certificate["engine_verified"]
    rows = [row for row in sidecar.certificate["parity"] if row["candidate"] == "shm.plan"]
    assert [row["passed"] for row in rows] == 4 * [True]


def test_polygraphy_reads_the_plan(exported: Exported) -> None:
    """Nothing of ours is within it: another tool takes the file as it is."""
    engine = exported.sidecar.engine
    assert engine is not None
    environment = {**os.environ, "POLYGRAPHY_USE_TENSORRT_RTX": str(int(engine.flavour == "rtx"))}
    command = [str(Path(sys.executable).with_name("polygraphy")), "inspect", "model"]
    shown = subprocess.run(
        [*command, str(exported.report.with_name("shm.plan"))],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert shown.returncode == 0, shown.stderr
    assert "image" in shown.stdout
