"""The rows of a fold that networks are asked about, and the guard before the test tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.inference.input_spec import preprocessing_hash
from training.config import Config
from training.data.manifest import Manifest, Row
from training.data.select_rows import Selected, select, shows_volume
from training.errors import TrainingError
from training.splits.split import Fold, Split


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The rows of one fold that networks are asked about.

    Attributes:
        validation: As configured.
        test: All labelled held-out B-scans, unfiltered.
        filtered: Which of them have the label of their volume.
        primary: ``filtered`` or ``unfiltered``: what the configuration asks for.
        twice: The filter leaves out some row of the manifest, so both sets are reported.
    """

    validation: Selected
    test: Selected
    filtered: NDArray[np.bool_]
    primary: str
    twice: bool

    @property
    def sets(self) -> dict[str, NDArray[np.bool_] | None]:
        """Name of each test set to what it keeps: the primary one first."""
        every: dict[str, NDArray[np.bool_] | None] = {"unfiltered": None}
        narrow: dict[str, NDArray[np.bool_] | None] = {"filtered": self.filtered}
        if not self.twice:
            return every if self.primary == "unfiltered" else narrow
        if not self.filtered.any():
            return every
        return narrow | every if self.primary == "filtered" else every | narrow


def held_rows(manifest: Manifest, split: Split, config: Config, fold: int) -> Held:
    """The rows of a fold's validation and test parts, checked.

    Raises:
        TrainingError: ``no-such-fold``, ``not-held-out``, ``empty-test``.
    """
    parts = split.fold(fold)
    every = select(manifest, config, unlabelled=False, worst_case=False)
    kept = shows_volume(every.rows, config.classes)
    narrow = every.at(np.flatnonzero(kept))
    test = every.of(parts.test)
    check_held_out(test.rows, parts)
    filtered = np.isin(test.indices, narrow.indices)
    if not len(test.rows) or (config.data.worst_case and not filtered.any()):
        raise TrainingError("empty-test", f"Fold {fold} has no labelled B-scan to test on.")
    own, primary = (narrow, "filtered") if config.data.worst_case else (every, "unfiltered")
    return Held(own.of(parts.validation), test, filtered, primary, not kept.all())


def check_held_out(rows: tuple[Row, ...], fold: Fold) -> None:
    """Refuse test rows of patients that trained or validated.

    Raises:
        TrainingError: ``not-held-out``, with every such row.
    """
    learned = {*fold.train, *fold.validation}
    seen = [row.name for row in rows if row.patient in learned]
    if seen:
        raise TrainingError(
            "not-held-out",
            f"{len(seen)} B-scans to test on are of patients that trained or validated.",
            seen,
        )


def check_model(
    facts: dict[str, Any], role: str, fold: int, *, split: Split, config: Config
) -> None:
    """Refuse weights that are not those of this role, fold, split, classes and input.

    Raises:
        TrainingError: ``wrong-model``, with what differs.
    """
    wanted = {
        "role": role,
        "fold": fold,
        "split_sha256": split.sha256,
        "classes": list(config.classes.codes),
        "preprocessing": preprocessing_hash(config.input.spec),
    }
    other = [name for name, value in wanted.items() if facts.get(name) != value]
    if other:
        raise TrainingError(
            "wrong-model",
            f"The {role} of fold {fold} was trained for something else: {', '.join(other)}.",
            [f"{name}: {facts.get(name)}" for name in other],
        )
