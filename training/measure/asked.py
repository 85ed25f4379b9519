"""What the networks of a fold are asked about: the rows to score, and all of their volumes.

An eye is called from all of its B-scans. Those without a label, and those that a filter keeps from
the tables of B-scans, stand between the others: without them, B-scans that are no neighbours would
stand side by side.
"""

from dataclasses import dataclass

import numpy as np

from training.config import Config
from training.data.manifest import Manifest
from training.data.select_rows import UNLABELLED, Selected
from training.splits.held_out import Held, check_held_out, held_rows
from training.splits.split import Split


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The rows of one fold that networks are asked about.

    Attributes:
        held: The rows that tables of B-scans rest on, and the sets of the test part.
        validation: Those of the validation, and behind them their neighbours.
        test: Those of the test, and behind them their neighbours.
    """

    held: Held
    validation: Selected
    test: Selected

    @property
    def parts(self) -> dict[str, Selected]:
        """By the name of the part."""
        return {"validation": self.validation, "test": self.test}


def asked_rows(manifest: Manifest, split: Split, config: Config, fold: int) -> Asked:
    """All rows of a fold's validation and test parts that are asked about, checked.

    Raises:
        TrainingError: As `held_rows`.
    """
    held = held_rows(manifest, split, config, fold)
    test = with_neighbours(held.test, manifest)
    check_held_out(test.rows, split.folds[fold])
    return Asked(held, with_neighbours(held.validation, manifest), test)


def with_neighbours(selected: Selected, manifest: Manifest) -> Selected:
    """The rows, and behind them all other B-scans of their volumes, `UNLABELLED`.

    What is behind takes part in no table of B-scans; without it, B-scans that are no neighbours
    would stand side by side in an eye.
    """
    volumes = {(row.patient, row.volume) for row in selected.rows if row.volume}
    there = set(selected.indices.tolist())
    more = [
        index
        for index, row in enumerate(manifest.rows)
        if (row.patient, row.volume) in volumes and index not in there
    ]
    return Selected(
        (*selected.rows, *(manifest.rows[index] for index in more)),
        np.concatenate([selected.indices, np.array(more, dtype=np.int64)]),
        np.concatenate([selected.labels, np.full(len(more), UNLABELLED, dtype=np.int64)]),
    )
