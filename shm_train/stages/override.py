"""Change single numbers of a config by their dotted names, as a command line does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from shm_deploy.errors import SpecError

Config = TypeVar("Config")


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `data.batch_size=4` into a dotted name and a Python value; what is no Python is a string.

    Raises:
        SpecError: there is no `=`.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise SpecError(f"got the setting {text!r}; NAME=VALUE is wanted, such as data.batch_size=4")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def override(config: Config, settings: Iterable[tuple[str, Any]]) -> Config:
    """Replace values of a tree of frozen dataclasses, one after the other; each is validated anew.

    Raises:
        SpecError: no such name, a value of another type, or one that the config refuses.
    """
    for name, value in settings:
        config = _replaced(config, name.split("."), value, name)
    return config


def _replaced(config: Any, path: list[str], value: Any, name: str) -> Any:
    known = {field.name: getattr(config, field.name) for field in fields(config)}
    if path[0] not in known:
        raise SpecError(f"got the setting {name}; at {path[0]!r}, known are {', '.join(known)}")
    old = known[path[0]]
    if is_dataclass(old) != (len(path) > 1):
        below = "has settings of its own" if is_dataclass(old) else "is a single value"
        raise SpecError(f"got the setting {name}; {path[0]!r} {below}")
    if is_dataclass(old):
        new = _replaced(old, path[1:], value, name)
    else:
        new = float(value) if isinstance(old, float) and type(value) is int else value
        if type(new) is not type(old):
            raise SpecError(f"got {name}={value!r}; {type(old).__name__} is wanted, such as {old!r}")
    return replace(config, **{path[0]: new})
