"""Text and numbers as DICOM's value representations hold them; nothing hostile passes."""

from datetime import date, datetime

from pydicom.valuerep import DSfloat

_LONG = 64
UNKNOWN = "UNKNOWN"
"""Stands where the standard demands a text that nobody knows."""


def text(value: str | None, *, limit: int = _LONG) -> str:
    """A single value of printable letters, cut to what the representation holds."""
    kept = "".join(letter if letter.isprintable() else " " for letter in value or "")
    return " ".join(kept.replace("\\", "/").split())[:limit].strip()


def demanded(value: str | None, *, limit: int = _LONG) -> str:
    """As `text`, and ``UNKNOWN`` where there is none."""
    return text(value, limit=limit) or UNKNOWN


def person(name: str | None) -> str:
    """A person name: ``"Family, Given"`` as readers give it, or the form with carets.

    A caret follows a lone family name: without one it would be the form before DICOM.
    """
    plain = text(name, limit=1 << 16).replace("=", " ")
    family, comma, given = plain.partition(",")
    parts = [family, given] if comma and "^" not in plain else plain.split("^")[:5]
    joined = "^".join(part.strip() for part in parts).rstrip("^")[:_LONG].strip()
    return joined if "^" in joined or not joined else f"{joined[: _LONG - 1]}^"


def day(value: date | None) -> str:
    """A date."""
    return f"{value.year:04d}{value.month:02d}{value.day:02d}" if value is not None else ""


def clock(value: datetime) -> str:
    """A time of day, to the second."""
    return value.strftime("%H%M%S")


def moment(value: datetime) -> str:
    """A date and time, to the second."""
    return day(value) + clock(value)


def decimal(value: float) -> DSfloat:
    """A decimal of at most 16 letters."""
    return DSfloat(float(value), auto_format=True)
