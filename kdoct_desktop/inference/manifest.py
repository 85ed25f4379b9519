"""The manifest of a model package: what it says, read into values of this program.

The manifest is read only after its signature was found good. It is checked all the same: a signed
mistake must be refused with its name and not show up later as a wrong finding.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.finding import NORMAL, EyeRule
from kdoct_desktop.inference.archive import CARD, GOLDEN, MODEL, STATISTICS
from kdoct_desktop.inference.input_spec import InputSpec, preprocessing_hash

FORMAT = 1
"""The one version of the package format that this program reads and writes."""

HASHED = (MODEL, GOLDEN, STATISTICS, CARD)
"""Members whose sha256 stands in the manifest."""

EYE_RULE_NAME = "adjacent-mean"
EYE_RULE_VERSION = 1
OOD_MEASURE = "cosine distance to nearest class mean"
_MOST_CLASSES = 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """The checked content of ``manifest.json``.

    Attributes:
        values: Everything as it was read, for the model's page.
        name: Name of the package.
        version: Version of the package.
        classes: Class codes in the order of the outputs.
        display_names: What the user is shown for each.
        demonstration: True for a model that must be announced as a demonstration.
        notice: Sentence that window and report must carry.
        input_spec: What the network wants to see.
        temperature: Divides the logits before the softmax.
        eye_rule: Parameters of the eye-level rule.
        ood_threshold: Cosine distance above which a B-scan is unlike the training data.
        files: sha256 of every hashed member.
    """

    values: dict[str, Any]
    name: str
    version: str
    classes: tuple[str, ...]
    display_names: tuple[str, ...]
    demonstration: bool
    notice: str
    input_spec: InputSpec
    temperature: float
    eye_rule: EyeRule
    ood_threshold: float
    files: dict[str, str]


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest whose signature was found good.

    Raises:
        ModelError: ``not-a-package``, ``wrong-format-version``, ``wrong-preprocessing`` or
            ``bad-input-spec``.
    """
    values = load_json(data)
    version = values.get("format")
    if version != FORMAT or isinstance(version, bool):
        raise ModelError(
            "wrong-format-version",
            f"The model package has the format {version!s:.20}; this program reads {FORMAT}.",
        )
    try:
        return _checked(values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            "not-a-package", f"The description of the model package is incomplete: {error}."
        ) from error


def load_json(data: bytes) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ModelError: It holds something else (``not-a-package``).
    """
    try:
        values = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError("not-a-package", "The model package's manifest is damaged.") from error
    if not isinstance(values, dict):
        raise ModelError("not-a-package", "The model package's manifest is damaged.")
    return values


def dump_json(values: dict[str, Any]) -> bytes:
    """The bytes of a manifest, the same for the same values."""
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _checked(values: dict[str, Any]) -> Manifest:
    """Values with the types, ranges and relations that the program relies on."""
    codes, names = _classes(values["classes"])
    spec = InputSpec.from_json(_object(values["input"], "input"))
    if values["preprocessing"] != preprocessing_hash(spec):
        raise ModelError(
            "wrong-preprocessing",
            "The model was made for another way of preparing B-scans; export it again.",
        )
    ood = _object(values["ood"], "ood")
    if ood["measure"] != OOD_MEASURE:
        raise ValueError("unknown measure of unlikeness")
    return Manifest(
        values=values,
        name=_text(values["name"], "name"),
        version=_text(values["version"], "version"),
        classes=codes,
        display_names=names,
        demonstration=_flag(values["demonstration"], "demonstration"),
        notice=_text(values["notice"], "notice", longest=400, empty=True),
        input_spec=spec,
        temperature=_number(values["calibration"]["temperature"], "temperature", 0.01, 100.0),
        eye_rule=_eye_rule(_object(values["eye_rule"], "eye_rule"), codes),
        ood_threshold=_number(ood["threshold"], "ood threshold", 0.0, 2.0),
        files=_files(_object(values["files"], "files")),
    )


def _classes(entries: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes and display names; NORMAL and at least one disease are among them."""
    codes = tuple(_text(entry["code"], "class code", longest=40) for entry in entries)
    names = tuple(_text(entry["display"], "class name", longest=80) for entry in entries)
    if not 2 <= len(codes) <= _MOST_CLASSES or len(set(codes)) != len(codes):
        raise ValueError("classes are missing or repeated")
    if NORMAL not in codes:
        raise ValueError(f"the class {NORMAL} is missing")
    return codes, names


def _eye_rule(values: dict[str, Any], codes: tuple[str, ...]) -> EyeRule:
    """Parameters of the eye-level rule; every disease has a threshold."""
    if (values["name"], values["version"]) != (EYE_RULE_NAME, EYE_RULE_VERSION):
        raise ValueError("unknown eye-level rule")
    thresholds = _by_class(values["thresholds"], codes, (0.0, 1.0))
    if any(code not in thresholds for code in codes if code != NORMAL):
        raise ValueError("a disease has no threshold")
    extent = values.get("min_extent_mm")
    return EyeRule(
        thresholds=thresholds,
        adjacent=_count(values["adjacent"], "adjacent"),
        scale=_by_class(values.get("scale", {}), codes, (1e-3, 1e3)),
        offset=_by_class(values.get("offset", {}), codes, (-1e3, 1e3)),
        min_bscans=_count(values["min_bscans"], "min_bscans"),
        min_extent_mm=None if extent is None else _number(extent, "min_extent_mm", 0.0, 100.0),
        max_ood_share=_number(values["max_ood_share"], "max_ood_share", 0.0, 1.0),
        max_ungradable_share=_number(
            values["max_ungradable_share"], "max_ungradable_share", 0.0, 1.0
        ),
    )


def _by_class(
    values: Any, codes: tuple[str, ...], between: tuple[float, float]
) -> dict[str, float]:
    """One number for each class that is named."""
    table = {code: _number(v, code, *between) for code, v in _object(values, "a table").items()}
    if not set(table) <= set(codes):
        raise ValueError("a table names a class that the model has not")
    return table


def _files(values: dict[str, Any]) -> dict[str, str]:
    """sha256 of every hashed member and of nothing else."""
    if set(values) != set(HASHED):
        raise ValueError("the list of files is not complete")
    return {name: _text(value, name, longest=64) for name, value in values.items()}


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value


def _text(value: Any, what: str, *, longest: int = 80, empty: bool = False) -> str:
    """One line of printable text."""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError(f"{what} is not a short text")
    if not value and not empty:
        raise ValueError(f"{what} is empty")
    return value


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is neither true nor false")
    return value


def _number(value: Any, what: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is not a number")
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{what} is out of range")
    return float(value)


def _count(value: Any, what: str) -> int:
    number = _number(value, what, 1, 10_000)
    if number != int(number):
        raise ValueError(f"{what} is not a whole number")
    return int(number)
