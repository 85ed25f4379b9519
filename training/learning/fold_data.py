"""The B-scans of one fold, selected and checked before any epoch is spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.config import Config
from training.data.augment import enlarged_size
from training.data.cache import Cache, open_cache
from training.data.manifest import Manifest
from training.data.select_rows import UNLABELLED, Selected, hide_labels, select
from training.errors import TrainingError
from training.events import Events
from training.recipe import AugmentConfig
from training.splits.split import Split


@dataclass(frozen=True, slots=True, eq=False)
class FoldData:
    """What a network of a fold learns from and is chosen on.

    Attributes:
        fold: Which, from 0.
        root: Data folder.
        manifest: All rows.
        split: All folds.
        train: Training rows; labels that are not used are `UNLABELLED`.
        validation: Labelled validation rows.
    """

    fold: int
    root: Path
    manifest: Manifest
    split: Split
    train: Selected
    validation: Selected


def load_fold(config: Config, root: Path, manifest: Manifest, split: Split, fold: int) -> FoldData:
    """Select the rows of a fold.

    Raises:
        TrainingError: ``other-classes``, ``no-such-fold``, ``empty-class``; or what `select` finds.
    """
    if split.classes != config.classes.codes:
        raise TrainingError(
            "other-classes",
            f"The split was drawn for {', '.join(split.classes)} and the configuration has "
            f"{', '.join(config.classes.codes)}; draw a split of its own.",
        )
    parts = split.fold(fold)
    every = select(manifest, config)
    train = hide_labels(every.of(parts.train), config.data.labelled_share, config.compute.seed)
    validation = labelled_only(every.of(parts.validation))
    for name, part in (("training", train), ("validation", validation)):
        _check_classes(name, part, config.classes.codes, fold)
    return FoldData(fold, root, manifest, split, train, validation)


def labelled_only(selected: Selected) -> Selected:
    """The rows whose label is used."""
    return selected.at(np.flatnonzero(selected.labels != UNLABELLED))


def fold_cache(
    config: Config, folder: Path, data: FoldData, augment: AugmentConfig, events: Events
) -> tuple[Cache, Cache]:
    """Caches of the training and of the validation rows; one folder, each picture decoded once."""
    spec = config.input.spec
    size = enlarged_size((spec.height, spec.width), augment)
    made = [
        open_cache(folder, data.root, part.rows, spec, enlarged=size, events=events)
        for part in (data.train, data.validation)
    ]
    return made[0], made[1]


def _check_classes(part: str, selected: Selected, codes: Sequence[str], fold: int) -> None:
    counts = np.bincount(selected.labels[selected.labels >= 0], minlength=len(codes))
    missing = [code for code, count in zip(codes, counts, strict=True) if not count]
    if missing:
        raise TrainingError(
            "empty-class",
            f"The {part} part of fold {fold} has no labelled B-scan of {', '.join(missing)}; "
            "add patients of it, or take it out of the classes.",
        )
