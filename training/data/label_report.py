"""What a manifest holds, in numbers that people can check against their own records."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from training.config import LEFT_OUT, ClassesConfig
from training.data.manifest import Manifest, Row
from training.data.perceptual_hash import FEATURELESS
from training.data.select_rows import class_of_labels

UNLABELLED = ""


def label_report(
    manifest: Manifest,
    *,
    classes: ClassesConfig | None = None,
    excluded: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Counts for each data set and label.

    Args:
        manifest: All rows.
        classes: Class map; says which class a label becomes. None leaves that out.
        excluded: B-scans that an importer left out by name, for each data set.

    Returns:
        Plain values. ``datasets`` has for each data set: ``patients``, ``eyes`` (patient and side;
        B-scans of unknown side are in none), ``volumes``, ``bscans``, ``unlabelled``,
        ``excluded``, ``featureless``, ``duplicates`` (B-scans beyond the first of each picture),
        ``duplicates_across_patients`` and ``duplicates_across_labels`` (pictures), ``devices``,
        ``parts``, ``left_out`` (B-scans whose label the class map leaves out), and ``labels``: for
        each label its ``class`` (`None` where the map does not know it), ``patients``, ``eyes``,
        ``volumes`` and ``bscans``. ``total`` has the sums.
    """
    codes = None if classes is None else class_of_labels(classes)
    by_dataset: dict[str, list[Row]] = defaultdict(list)
    for row in manifest.rows:
        by_dataset[row.dataset].append(row)
    left = dict(excluded or {})
    datasets = {
        name: _dataset(rows, codes, left.pop(name, 0)) for name, rows in sorted(by_dataset.items())
    }
    for name, count in sorted(left.items()):  # nothing else of the data set is in the manifest
        datasets[name] = _dataset([], codes, count)
    total = _sizes(manifest.rows)
    total["unlabelled"] = sum(one["unlabelled"] for one in datasets.values())
    total["excluded"] = sum(one["excluded"] for one in datasets.values())
    return {"datasets": datasets, "total": total}


def _dataset(rows: Sequence[Row], codes: Mapping[str, str] | None, excluded: int) -> dict[str, Any]:
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    labels = {
        label: {**({} if codes is None else {"class": codes.get(label)}), **_sizes(own)}
        for label, own in sorted(by_label.items())
        if label != UNLABELLED
    }
    return {
        **_sizes(rows),
        "unlabelled": len(by_label.get(UNLABELLED, ())),
        "excluded": excluded,
        "left_out": 0
        if codes is None
        else sum(len(own) for label, own in by_label.items() if codes.get(label) == LEFT_OUT),
        **_copies(rows),
        "devices": dict(sorted(Counter(row.device for row in rows if row.device).items())),
        "parts": dict(sorted(Counter(row.part for row in rows if row.part).items())),
        "labels": labels,
    }


def _sizes(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "patients": len({row.patient for row in rows}),
        "eyes": len({(row.patient, row.eye) for row in rows if row.eye}),
        "volumes": len({row.volume for row in rows if row.volume}),
        "bscans": len(rows),
    }


def _copies(rows: Sequence[Row]) -> dict[str, int]:
    """Copies of pictures with structure; black frames are alike without being copies."""
    shown = [row for row in rows if row.phash != FEATURELESS]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in shown:
        groups[row.sha256].append(row)
    return {
        "featureless": len(rows) - len(shown),
        "duplicates": len(shown) - len(groups),
        "duplicates_across_patients": sum(
            len({row.patient for row in own}) > 1 for own in groups.values()
        ),
        "duplicates_across_labels": sum(
            len({row.label for row in own if row.label}) > 1 for own in groups.values()
        ),
    }
