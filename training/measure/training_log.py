"""The logs of trainings: one JSON line an epoch, read for the curves."""

import json
from typing import Any

from training.run_folder import RunFolder


def read_logs(folder: RunFolder, role: str, folds: int) -> dict[int, list[dict[str, Any]]]:
    """Lines of the training logs by fold, up to the first damaged one; folds without are left out.

    Args:
        folder: Of the run.
        role: ``teacher`` or ``student``.
        folds: Number of folds of the split.
    """
    logs: dict[int, list[dict[str, Any]]] = {}
    for fold in range(folds):
        path = folder.log(fold, role)
        for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
            try:
                logs.setdefault(fold, []).append(json.loads(line))
            except ValueError:
                break
    return {fold: lines for fold, lines in logs.items() if lines}
