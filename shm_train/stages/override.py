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
    """Replace values in a tree of frozen dataclasses, all at once: they need fit together only at the end.

    Raises:
        SpecError: no such name, a value of another type, or one that the config refuses.
    """
    return _replaced(config, [(name.split("."), value) for name, value in settings], "")


def _replaced(config: Any, settings: list[tuple[list[str], Any]], prefix: str) -> Any:
    known = {field.name: getattr(config, field.name) for field in fields(config)}
    changed: dict[str, Any] = {}
    below: dict[str, list[tuple[list[str], Any]]] = {}
    for (first, *rest), value in settings:
        name = f"{prefix}{first}"
        if first not in known:
            raise SpecError(f"got the setting {name}; known are {', '.join(known)}")
        if is_dataclass(known[first]) != bool(rest):
            what = "a single value" if rest else "a group: set what is in it"
            raise SpecError(f"got the setting {'.'.join([name, *rest])}; {name} is {what}")
        if rest:
            below.setdefault(first, []).append((rest, value))
        else:
            changed[first] = _as_type_of(known[first], value, name)
    changed |= {first: _replaced(known[first], inner, f"{prefix}{first}.") for first, inner in below.items()}
    return replace(config, **changed)


def _as_type_of(old: Any, value: Any, name: str) -> Any:
    new = float(value) if isinstance(old, float) and type(value) is int else value
    if type(new) is not type(old):
        raise SpecError(f"got {name}={value!r}; {type(old).__name__} is wanted, such as {old!r}")
    return new
