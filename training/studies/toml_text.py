"""Tables as TOML text: what a configuration needs, and no more."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(tables: Mapping[str, Any]) -> str:
    """TOML text of nested tables; `tomllib` reads back what was given.

    Args:
        tables: Mappings, sequences, strings, booleans, finite numbers.

    Raises:
        TypeError: A value of another kind.
    """
    return "\n".join(_table(tables, ())).lstrip("\n") + "\n"


def _table(tables: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {k: v for k, v in tables.items() if not isinstance(v, Mapping)}
    inner = {k: v for k, v in tables.items() if isinstance(v, Mapping)}
    lines = []
    if path and (plain or not inner):
        lines += ["", f"[{'.'.join(map(_key, path))}]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in inner.items():
        lines += _table(value, (*path, key))
    return lines


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _text(text: str) -> str:
    """A basic string; JSON escapes what TOML wants escaped, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
