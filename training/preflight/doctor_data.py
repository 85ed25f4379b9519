"""What the manifest says about a run before it begins: labels, patients, photographs, files."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from training.config import Config
from training.data.manifest import Manifest, Row
from training.data.select_rows import select
from training.errors import TrainingError
from training.preflight.checks import FAILED, OK, WARNING, Check
from training.preflight.scope import trained_roles
from training.splits.split_checks import least_patients

FILES_TRIED = 24
FEW = 3
"""Patients of a class for each fold below which figures say little."""


def data_checks(config: Config, root: Path | None, manifest: Manifest | None) -> list[Check]:
    """Labels, patients per class, photographs, and whether some files open.

    Raises:
        TrainingError: ``unknown-label`` and what else `training.data.select_rows.select` finds.
    """
    if manifest is None:
        return [Check("data", OK, "No manifest was given: nothing is said about the data.")]
    chosen = select(manifest, config)
    if not chosen.rows:
        return [Check("data", FAILED, "The configuration selects no B-scan of the manifest.")]
    checks = [_patients(config, chosen.rows, chosen.labels)]
    if config.teacher.fundus_model and "teacher" in trained_roles(config):
        checks.append(_photographs(chosen.rows))
    if root is not None:
        checks.append(_files(root, chosen.rows))
    return checks


def _patients(config: Config, rows: tuple[Row, ...], labels: Any) -> Check:
    """Enough patients of every class for the folds."""
    codes = config.classes.codes
    found: dict[int, set[str]] = defaultdict(set)
    for row, label in zip(rows, labels.tolist(), strict=True):
        found[label].add(row.patient)
    patients = {code: len(found[k]) for k, code in enumerate(codes)}
    bscans = {code: int((labels == k).sum()) for k, code in enumerate(codes)}
    values = {
        "patients": patients,
        "bscans": bscans,
        "unlabelled_bscans": int((labels < 0).sum()),
        "all_patients": len({row.patient for row in rows}),
    }
    shown = ", ".join(f"{code} {patients[code]} ({bscans[code]} B-scans)" for code in codes)
    needed = 2 if config.split.official_test else least_patients(config.split.folds)
    few = [code for code in codes if patients[code] < needed]
    text = f"Patients a class: {shown}."
    if few:
        return Check(
            "patients", FAILED, f"{text} {', '.join(few)} needs {needed} patients or more for "
            f"{config.split.folds} folds: add patients, or lower split.folds.", values
        )  # fmt: skip
    scarce = [code for code in codes if patients[code] < FEW * config.split.folds]
    if scarce:
        return Check(
            "patients", WARNING, f"{text} Of {', '.join(scarce)} a fold tests fewer than {FEW}: "
            "its figures will have wide intervals.", values
        )  # fmt: skip
    return Check("patients", OK, text, values)


def _photographs(rows: tuple[Row, ...]) -> Check:
    """Whether the second modality is there."""
    without = sum(not row.fundus for row in rows)
    values = {"without": without, "bscans": len(rows)}
    if without == len(rows):
        text = 'teacher.fundus_model is set and no B-scan has a photograph; set it to "".'
        return Check("photographs", FAILED, text, values)
    if without:
        text = f"{without} of {len(rows)} B-scans have no photograph; the teacher sees OCT alone."
        return Check("photographs", WARNING, text, values)
    return Check("photographs", OK, f"All {len(rows)} B-scans have a photograph.", values)


def _files(root: Path, rows: tuple[Row, ...]) -> Check:
    """Open some files, spread over the manifest, and hold the pictures against its hashes."""
    from training.data.read_picture import picture_sha256, read_picture

    at = np.unique(np.linspace(0, len(rows) - 1, FILES_TRIED).round().astype(int))
    unreadable, changed = [], []
    for row in (rows[k] for k in at):
        try:
            picture = read_picture(root, row.path, row.frame)
        except TrainingError:
            unreadable.append(row.name)
            continue
        if picture_sha256(picture) != row.sha256:
            changed.append(row.name)
    values = {"tried": len(at), "unreadable": unreadable, "changed": changed}
    if unreadable or changed:
        text = (
            f"Of {len(at)} B-scans that were tried, {len(unreadable)} cannot be read and "
            f"{len(changed)} are not what the manifest says; write the manifest again."
        )
        return Check("files", FAILED, text, values)
    return Check(
        "files", OK, f"{len(at)} B-scans that were tried are what the manifest says.", values
    )
