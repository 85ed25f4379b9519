"""Manifests written by hand: rows without pictures, with hashes that are far apart."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from training.config import Config, make_config
from training.data.manifest import Manifest, Row
from training.data.perceptual_hash import BITS, DIGITS
from training.errors import TrainingError
from training.splits.draw_split import draw_split
from training.splits.split import Split

CODES = ("NORMAL", "DRUSEN", "CNV")


def far_hash(text: str) -> str:
    """A hash that looks random, so about 128 bits from any other."""
    return hashlib.sha256(text.encode()).hexdigest()


def near_hash(value: str, bits: int) -> str:
    """A hash that differs from `value` in exactly so many bits, spread over it."""
    number = int(value, 16)
    for k in range(bits):
        number ^= 1 << (k * BITS // max(bits, 1))
    return f"{number:0{DIGITS}x}"


def row(patient: str, label: str, number: int = 0, **more: Any) -> Row:
    """B-scan `number` of a patient, unlike every other."""
    path = f"{patient}/{label or 'none'}-{number}.png"
    values: dict[str, Any] = {
        "sha256": hashlib.sha256(path.encode()).hexdigest(),
        "phash": far_hash("look" + path),
        "dataset": "site",
        **more,
    }
    return Row(path, 0, patient=f"site:{patient}" if patient else "", label=label, **values)


def rows_of(patients: dict[str, str], bscans: int = 2, **more: Any) -> list[Row]:
    """`bscans` B-scans of each patient, all of the patient's class."""
    return [
        row(patient, label, k, **more) for patient, label in patients.items() for k in range(bscans)
    ]


def clinic(each: int = 6, bscans: int = 2, classes: Sequence[str] = CODES) -> list[Row]:
    """`each` patients of every class, called ``NORMAL-0`` and so on."""
    return rows_of({f"{label}-{k}": label for label in classes for k in range(each)}, bscans)


def manifest(rows: Sequence[Row]) -> Manifest:
    """Rows as a manifest."""
    text = "\n".join(sorted(repr(one) for one in rows))
    return Manifest(tuple(rows), hashlib.sha256(text.encode()).hexdigest())


def config(**sections: dict[str, Any]) -> Config:
    """Three classes; ``split``, ``data``, ``compute`` or ``classes`` as given."""
    classes = {"codes": list(CODES), **sections.pop("classes", {})}
    return make_config({"classes": classes, **sections})


def drawn(rows: list[Row], **sections: dict[str, Any]) -> Split:
    return draw_split(manifest(rows), config(**sections))


def refused(rows: list[Row], **sections: dict[str, Any]) -> TrainingError:
    with pytest.raises(TrainingError) as caught:
        drawn(rows, **sections)
    return caught.value


def warned(split: Split, code: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [w for w in split.facts["warnings"] if w["code"] == code]
    assert len(found) == 1
    return found[0]
