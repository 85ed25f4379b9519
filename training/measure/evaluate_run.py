"""All folds of a run: evaluate what is not evaluated, then report, figures and summary."""

import json
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.whole_file import write_whole
from training.config import Config
from training.data.manifest import Manifest
from training.events import Events, Silent
from training.measure.cv_report import build_report
from training.measure.evaluate_fold import evaluate_fold
from training.measure.gather import gather, is_evaluated
from training.run_folder import ROLES, RunFolder
from training.splits.split import Split


def evaluate_run(
    root_data: Path,
    folder: RunFolder,
    manifest: Manifest,
    split: Split,
    config: Config,
    events: Events | None = None,
    *,
    faithful: int | None = None,
) -> dict[str, Any]:
    """Write ``cv_report.json``, the figures, ``summary.html`` and ``summary.pdf``.

    Folds without a network are named as missing; a fold whose report is that of its networks, as
    configured now, is not evaluated again.

    Args:
        root_data: Data folder.
        folder: Of the run.
        manifest: All rows.
        split: All folds.
        config: Of the run.
        events: Told of the progress and of every signature.
        faithful: B-scans of the deletion and insertion curves of each fold; None as configured.

    Returns:
        The report.

    Raises:
        TrainingError: As `evaluate_fold`; ``nothing-to-evaluate`` where no fold has a network.
    """
    speak = events or Silent()
    curves = config.evaluate.faithful if faithful is None else faithful
    for fold in _folds_with_networks(folder, split):
        if not is_evaluated(folder, fold, manifest, split, config, faithful=curves):
            evaluate_fold(root_data, folder, fold, manifest, split, config, speak, faithful=curves)
    report = _write_report(folder, manifest, split, config)
    _announce(report, speak)
    return report


def _folds_with_networks(folder: RunFolder, split: Split) -> list[int]:
    """Folds that have a teacher, a student or both."""
    return [
        fold
        for fold in range(len(split.folds))
        if any((folder.best(fold, role) / "model.json").is_file() for role in ROLES)
    ]


def _write_report(
    folder: RunFolder, manifest: Manifest, split: Split, config: Config
) -> dict[str, Any]:
    """Write the report as JSON, its figures, and the summary that shows both."""
    from training.measure.figures import draw_figures
    from training.measure.summary import write_summary

    gathered = gather(folder, manifest, split, config)
    report = build_report(gathered, manifest, split, config)
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    write_whole(folder.report, text.encode())
    figures = draw_figures(report, gathered, folder)
    write_summary(report, figures, folder.root)
    return report


def _announce(report: dict[str, Any], events: Events) -> None:
    """Every signature as a warning, then the figures for people."""
    for one in report["signatures"]:
        events.warning(one["code"], f"{one['message']} {one['advice']}", one["details"])
    events.done("evaluate", _for_people(report))


def _for_people(report: dict[str, Any]) -> dict[str, Any]:
    """Figures of the set that was asked for: pooled, or means over folds that test the same."""
    shown: dict[str, Any] = {"folds": len(report["folds"]), "views": report["views"]}
    for role in ROLES:
        one = report["pooled"].get(role, {}).get(report["primary"])
        mean = report["over_folds"].get(role, {}).get(report["primary"], {}).get("bscan")
        figures, key = (one["bscan"]["figures"], "value") if one else (mean, "mean")
        if figures:
            shown[f"{role} accuracy"] = figures["accuracy"][key]
            shown[f"{role} disease sensitivity"] = figures["disease_sensitivity"][key]
    return shown
