"""Plain records that cross from the reading process: to JSON and back, every type checked."""

import dataclasses
import math
import types
import typing
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def from_json(kind: type[T], data: object) -> T:
    """A record of type `kind` from what ``dataclasses.asdict`` and JSON made of it.

    Args:
        kind: A dataclass whose fields are str, int, float, bool, None, tuples and dataclasses.
        data: Decoded JSON.

    Raises:
        ValueError: A field is missing, superfluous or of another type; a number is not finite.
    """
    value = _convert(kind, data)
    assert isinstance(value, kind)  # noqa: S101 - what _convert makes of a dataclass
    return value


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _convert(kind: Any, data: object) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional(typing.get_args(kind), data)
    if origin is tuple:
        return _items(typing.get_args(kind), data)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        if not isinstance(data, dict) or set(data) != set(hints):
            raise ValueError("fields do not match")
        return kind(**{name: _convert(hint, data[name]) for name, hint in hints.items()})
    if kind is float and type(data) is int:
        data = float(data)
    if type(data) is not kind or (isinstance(data, float) and not math.isfinite(data)):
        raise ValueError("a value has the wrong type")
    return data


def _optional(choices: tuple[Any, ...], data: object) -> Any:
    if data is None:
        return None
    (kind,) = (choice for choice in choices if choice is not type(None))
    return _convert(kind, data)


def _items(kinds: tuple[Any, ...], data: object) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ValueError("a list is missing")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_convert(kinds[0], item) for item in data)
    if len(kinds) != len(data):
        raise ValueError("a list has the wrong length")
    return tuple(_convert(kind, item) for kind, item in zip(kinds, data, strict=True))
