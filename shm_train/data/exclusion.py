"""Pictures that are left out by hand: a text file of keys, or of their beginnings, each with a reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from shm_deploy.errors import SpecError


def read_exclusions(path: Path) -> dict[str, str]:
    """Read lines of `KEY REASON`, or of `BEGINNING* REASON`; empty ones and those that begin with # are left out.

    Returns:
        The reason of each key or beginning.

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


def split_excluded(keys: Iterable[str], excluded: Collection[str]) -> tuple[list[str], list[str]]:
    """Divide keys by what `read_exclusions` read.

    Returns:
        Those that are left out, and what of the list fits none.
    """
    found = [key for key in keys if any(_fits(key, listed) for listed in excluded)]
    return found, [listed for listed in excluded if not any(_fits(key, listed) for key in found)]


def _fits(key: str, listed: str) -> bool:
    return key.startswith(listed[:-1]) if listed.endswith("*") else key == listed
