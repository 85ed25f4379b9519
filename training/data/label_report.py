"""What a manifest holds, in numbers that people can check against their own records."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from training.data.manifest import Manifest, Row
from training.data.perceptual_hash import FEATURELESS


def label_report(manifest: Manifest) -> dict[str, Any]:
    """Counts for each data set and label; no patient and no file is named.

    Args:
        manifest: All rows.

    Returns:
        Plain values. ``datasets`` has for each data set: ``patients``, ``eyes`` (patient and side;
        B-scans of unknown side are in none), ``volumes``, ``bscans``, ``unlabelled``,
        ``featureless``, ``duplicates`` (B-scans beyond the first of each picture),
        ``duplicates_across_patients`` and ``duplicates_across_labels`` (pictures), ``devices``,
        ``parts``, and ``labels``: for each label as the data set writes it ``patients``, ``eyes``,
        ``volumes`` and ``bscans``. ``total`` has the sums.
    """
    by_dataset: dict[str, list[Row]] = defaultdict(list)
    for row in manifest.rows:
        by_dataset[row.dataset].append(row)
    datasets = {name: _dataset(rows) for name, rows in sorted(by_dataset.items())}
    unlabelled = sum(one["unlabelled"] for one in datasets.values())
    return {"datasets": datasets, "total": {**_sizes(manifest.rows), "unlabelled": unlabelled}}


def _dataset(rows: Sequence[Row]) -> dict[str, Any]:
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    return {
        **_sizes(rows),
        "unlabelled": len(by_label.pop("", ())),
        **_copies(rows),
        "devices": dict(sorted(Counter(row.device for row in rows if row.device).items())),
        "parts": dict(sorted(Counter(row.part for row in rows if row.part).items())),
        "labels": {label: _sizes(own) for label, own in sorted(by_label.items())},
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
