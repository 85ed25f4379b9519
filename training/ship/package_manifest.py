"""What a site's package says about itself."""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kdoct_desktop.inference.manifest import OOD_MEASURE
from training.config import Config
from training.data.manifest import Manifest, Row
from training.measure.calibrate import Calibration
from training.ship.export import source_commit
from training.ship.privacy import identifiers
from training.splits.split import Split

GOLDEN = "drawn by the program (phantoms); no picture of a patient is in the package"
_PLACES = {"timm", "none", "lite2"}


def build_manifest(
    facts: Mapping[str, Any],
    calibration: Calibration,
    *,
    config: Config,
    data: dict[str, Any],
    metrics: dict[str, Any],
    created: datetime.datetime,
) -> dict[str, Any]:
    """The manifest, as `write_package` wants it.

    Args:
        facts: Of the student, from its ``model.json``.
        calibration: Temperature, class means, limit, eye-level rule.
        config: Names, notice and display names.
        data: From `data_facts`.
        metrics: Everything measured.
        created: With its time zone.
    """
    export, classes = config.export, config.classes
    return {
        "name": export.name,
        "version": export.version,
        "created": created.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "demonstration": export.demonstration,
        "notice": export.notice,
        "classes": [
            {"code": code, "display": classes.display.get(code, code)} for code in classes.codes
        ],
        "input": dict(facts["input"]),
        "calibration": {"temperature": calibration.temperature},
        "eye_rule": calibration.eye_rule,
        "ood": {"measure": OOD_MEASURE, "threshold": calibration.ood_threshold},
        "training": {**_origin(facts), **data},
        "metrics": metrics,
    }


def _origin(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Where the weights come from, back to what the teacher started from."""
    teacher = dict(facts.get("teacher") or {})
    named = ("model", "weights_sha256", "fold", "chosen", "validation", "initial_weights")
    return {
        "fold": facts["fold"],
        "epoch": facts.get("epoch"),
        "chosen": facts["chosen"],
        "validation": facts["validation"],
        "split_sha256": facts["split_sha256"],
        "manifest_sha256": facts["manifest_sha256"],
        "weights_sha256": facts["weights_sha256"],
        "source_commit": source_commit(),
        "seeds": facts.get("seeds", {}),
        "versions": facts.get("versions", {}),
        "network": facts["network"]["model"],
        "initial_weights": facts["initial_weights"],
        "teacher": {name: teacher[name] for name in named if name in teacher},
        "waiver": facts.get("waiver", ""),
        "config": without_places(facts["config"]),
        "golden": GOLDEN,
    }


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in which local files are named without their folders."""
    ready = dict(config)
    for role in ("teacher", "student"):
        one = dict(ready[role])
        if one["weights"] not in _PLACES:
            one["weights"] = re.split(r"[\\/]", one["weights"].rstrip("\\/"))[-1]
        ready[role] = one
    return ready


def data_facts(
    config: Config, manifest: Manifest, split: Split, fold: int, parts: Mapping[str, Sequence[Row]]
) -> dict[str, Any]:
    """Counts of what was learned from and chosen on, by data set, class of device and part.

    Args:
        config: Which B-scans take part.
        manifest: All rows.
        split: All folds.
        fold: The exported one.
        parts: Rows of ``train`` and ``validation`` that the networks saw.
    """
    names = sorted({row.dataset for rows in parts.values() for row in rows})
    table = []
    for name in names:
        entry: dict[str, Any] = {"name": name}
        for part, rows in parts.items():
            here = [row for row in rows if row.dataset == name]
            entry[part] = {"patients": len({row.patient for row in here}), "bscans": len(here)}
        if name in config.export.credits:
            entry["licence"] = config.export.credits[name]
        table.append(entry)
    devices: dict[str, int] = {}
    for row in (row for rows in parts.values() for row in rows):
        devices[row.device or "unknown"] = devices.get(row.device or "unknown", 0) + 1
    private = identifiers(manifest.rows)
    return {
        "folds": len(split.folds),
        "data": table,
        "devices": dict(sorted(devices.items())),
        "test_patients": len(split.folds[fold].test),
        "worst_case": config.data.worst_case,
        "split": split_about(split, fold, private),
    }


def split_about(split: Split, fold: int, private: set[str]) -> dict[str, Any]:
    """What the split says about itself, without the patients that its lists name.

    Numbers, the counts of the exported fold, the sentence of the leak report and those of the
    warnings, without their details.
    """
    facts = split.facts
    ready = numbers_only(facts, private)
    counts = facts.get("counts") or []
    if fold < len(counts):
        ready["counts"] = numbers_only(counts[fold].get("parts", {}), private)
    leak = facts.get("leak") or {}
    ready["leak"] = {**ready.get("leak", {}), "sentence": str(leak.get("sentence", ""))}
    ready["warnings"] = [str(one["message"]) for one in facts.get("warnings") or []]
    return ready


def numbers_only(value: Mapping[str, Any], private: set[str]) -> dict[str, Any]:
    """Numbers and lists of numbers of a nested table, without entries named after a patient."""
    kept: dict[str, Any] = {}
    for name, one in value.items():
        if str(name) in private:
            continue
        if isinstance(one, Mapping):
            inner = numbers_only(one, private)
            if inner:
                kept[str(name)] = inner
        elif isinstance(one, bool | int | float):
            kept[str(name)] = one
        elif isinstance(one, list) and one and all(isinstance(x, int | float) for x in one):
            kept[str(name)] = list(one)
    return kept
