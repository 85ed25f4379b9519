"""TOML into frozen dataclasses: an unknown key is an error, every value can be overridden."""

import dataclasses
import tomllib
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from training.errors import TrainingError

T = TypeVar("T")


def config_problem(message: str) -> TrainingError:
    """A mistake in a configuration."""
    return TrainingError("bad-configuration", f"Configuration: {message}.")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        TrainingError: It cannot be read (``bad-configuration``).
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise config_problem(f"{path.name} cannot be read: {error}") from error


def override(values: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """The tables with ``section.key=value`` put in; the value is read as TOML, or as text.

    Raises:
        TrainingError: A word has no ``=`` or goes through a value (``bad-configuration``).
    """
    result = _copied(values)
    for word in words:
        name, equals, text = word.partition("=")
        keys = name.strip().split(".")
        if not equals or not all(keys):
            raise config_problem(f"{word} is not of the form section.key=value")
        table = result
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise config_problem(f"{name} goes through a value")
        table[keys[-1]] = _read_value(text.strip())
    return result


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` on top, table by table."""
    result = _copied(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(old, value) if both and isinstance(old, dict) else value
    return result


def build(kind: type[T], values: dict[str, Any], where: str = "") -> T:
    """One dataclass from one table, by its type hints; fields with a default may be left out.

    Raises:
        TrainingError: A key is unknown, missing or of the wrong type (``bad-configuration``).
    """
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(hints)):
        raise config_problem(f"unknown key {where}{unknown[0]}")
    ready: dict[str, Any] = {}
    for name, field in fields.items():
        if name in values:
            ready[name] = _value(hints[name], values[name], where + name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise config_problem(f"missing key {where}{name}")
    return kind(**ready)


def _value(hint: Any, value: Any, where: str) -> Any:
    """A value of the type that the field asks for."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise config_problem(f"{where} must be a table")
        return build(hint, value, where + ".")
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(next(one for one in arguments if one is not type(None)), value, where)
    if origin is tuple and isinstance(value, list):
        return _sequence(arguments, value, where)
    if origin is dict and isinstance(value, dict):
        return {str(key): _value(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise config_problem(f"{where} has the wrong type")


def _sequence(arguments: tuple[Any, ...], value: list[Any], where: str) -> tuple[Any, ...]:
    """A tuple of one type, or of as many values as the field has."""
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], one, where) for one in value)
    if len(arguments) != len(value):
        raise config_problem(f"{where} needs {len(arguments)} values")
    return tuple(_value(hint, one, where) for hint, one in zip(arguments, value, strict=True))


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in values.items()}


def _read_value(text: str) -> Any:
    """A TOML value; text that is none is taken as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
