"""Pictures that are left out by hand: a text file of keys, each with a reason."""

from __future__ import annotations

from pathlib import Path

from shm_deploy.errors import SpecError


def read_exclusions(path: Path) -> dict[str, str]:
    """Read lines of `KEY REASON`; empty ones and those that begin with # are left out.

    Returns:
        The reason of each key.

    Raises:
        SpecError: there is no such file, a reason is missing, or a key is there twice.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SpecError(f"can't read the exclusion list {path}: {error.strerror}") from error
    excluded: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, reason = line.strip().partition(" ")
        if not reason.strip():
            raise SpecError(f"{path}:{number}: got {key!r} without a reason; write 'KEY REASON'")
        if key in excluded:
            raise SpecError(f"{path}:{number}: {key} is there twice; remove one")
        excluded[key] = reason.strip()
    return excluded
