"""What a search may try: the ``search`` table of a sweep file, and the cell of a trial."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.errors import TrainingError
from training.settings_file import build, merged
from training.studies.sweep_plan import Cell, Plan


@dataclass(frozen=True, slots=True)
class Dimension:
    """What may be tried for one value.

    Attributes:
        low: Smallest number; with `high`. Whole numbers are tried where both are whole.
        high: Largest number.
        log: Spread evenly over powers.
        choices: These values only, in place of a range.
    """

    low: float | int
    high: float | int
    log: bool
    choices: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SearchTable:
    """The numbers of the ``search`` table.

    Attributes:
        trials: In all, over all jobs.
        startup: Trials that are drawn at random before the sampler learns from them.
    """

    trials: int = 20
    startup: int = 8


def read_space(plan: Plan) -> tuple[SearchTable, dict[str, Dimension]]:
    """The search table and its dimensions, checked against the configuration.

    Raises:
        TrainingError: ``bad-sweep``.
    """
    numbers = dict(plan.search)
    dimensions = numbers.pop("space", None)
    table = build(SearchTable, numbers, "search.")
    if table.trials < 1 or not isinstance(dimensions, dict) or not dimensions:
        raise _bad("trials must be 1 or more and space must not be empty")
    space = {path: _dimension(path, values) for path, values in dimensions.items()}
    for end in ("low", "high"):
        try:
            trial_cell(plan, {path: _one_end(d, end) for path, d in space.items()}).config(0)
        except TrainingError as error:
            raise _bad(f"an end of the space is no configuration: {error.message}") from error
    return table, space


def _one_end(dimension: Dimension, end: str) -> Any:
    """First or last value of a dimension."""
    if dimension.choices:
        return dimension.choices[0 if end == "low" else -1]
    return dimension.low if end == "low" else dimension.high


def folder_name(values: Mapping[str, Any]) -> str:
    """Name of the run folder of a trial: the same values, the same folder."""
    text = json.dumps(dict(values), sort_keys=True)
    return "trial-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def trial_cell(plan: Plan, values: Mapping[str, Any]) -> Cell:
    """The configuration of a trial as a cell, with its folder's name."""
    changes: dict[str, Any] = {}
    for path, value in values.items():
        table = changes
        *keys, last = path.split(".")
        for key in keys:
            table = table.setdefault(key, {})
        table[last] = value
    return Cell(folder_name(values), changes, merged(plan.values, changes))


def _dimension(path: str, values: Any) -> Dimension:
    """A dimension from its table."""
    if not isinstance(values, dict):
        raise _bad(f"{path} needs a table with low and high, or choices")
    unknown = sorted(set(values) - {"low", "high", "log", "choices"})
    if unknown:
        raise _bad(f"{path} has the unknown key {unknown[0]}")
    if path.split(".")[0] in ("classes", "split", "evaluate", "export", "data"):
        raise _bad(f"{path} cannot be searched: it changes what is measured")
    if path == "compute.seed":
        raise _bad("compute.seed cannot be searched: a seed is no setting")
    if "choices" in values:
        if len(values) > 1 or not isinstance(values["choices"], list) or not values["choices"]:
            raise _bad(f"{path} needs either choices or low and high")
        return Dimension(0, 0, False, tuple(values["choices"]))
    low: Any = values.get("low")
    high: Any = values.get("high")
    log = values.get("log", False)
    if not _is_number(low) or not _is_number(high) or not isinstance(log, bool):
        raise _bad(f"{path} needs the numbers low and high")
    if not low < high or (log and low <= 0):
        raise _bad(f"{path} needs low below high, and low above 0 with log")
    return Dimension(low, high, log, ())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def suggest(trial: Any, path: str, one: Dimension) -> Any:
    """Let Optuna choose a value."""
    if one.choices:
        return trial.suggest_categorical(path, list(one.choices))
    if isinstance(one.low, int) and isinstance(one.high, int):
        return trial.suggest_int(path, one.low, one.high, log=one.log)
    return trial.suggest_float(path, float(one.low), float(one.high), log=one.log)


def _bad(message: str) -> TrainingError:
    return TrainingError("bad-sweep", f"Search: {message}.")
