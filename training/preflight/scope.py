"""What a run will really do: which networks it trains, and on which rows of the manifest."""

from training.config import Config
from training.data.manifest import Manifest, Row
from training.data.select_rows import select
from training.errors import TrainingError
from training.run_folder import ROLES


def trained_roles(config: Config) -> tuple[str, ...]:
    """The networks that are trained, in order: a student that learns alone has no teacher."""
    return ROLES if config.distill.soft_weight else ("student",)


def used_rows(manifest: Manifest | None, config: Config) -> tuple[Row, ...]:
    """The B-scans that take part; none without a manifest, or where it cannot be used.

    Why it cannot be used is said by `training.preflight.doctor_data.data_checks`.
    """
    if manifest is None:
        return ()
    try:
        return select(manifest, config).rows
    except TrainingError:
        return ()
