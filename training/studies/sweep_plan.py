"""A sweep file: one question, one base configuration, and cells that change a value or two of it.

.. code-block:: toml

    title = "Temperature of the soft targets"
    question = "Is T = 4 right?"
    config = "generic"      # name in configs/, or a file beside this one
    reference = "t4"        # cell that the others are compared with
    seeds = [0, 1, 2]       # each is a training of its own
    folds = []              # all of the split's

    [set]                   # for every cell
    distill.waiver = "experiment, never packaged"

    [cells.t4]
    [cells.t2]
    distill.temperature = 2.0

All cells share split, classes and held-out B-scans: a cell that would change them is refused.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.config import CONFIGS, Config, make_config
from training.errors import TrainingError
from training.settings_file import build, merged, override, read_toml
from training.splits.split import Split

SWEEPS = CONFIGS / "sweeps"
SHARED = ("classes", "split", "evaluate", "export")
"""Tables that a cell may not change."""
SHARED_KEYS = (
    ("data", "datasets"), ("data", "worst_case"), ("data", "unlabelled"), ("compute", "seed"),
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class SweepFile:
    """The keys of a sweep file; see the module's text, and `search` for ``search``."""

    title: str
    question: str = ""
    config: str = "generic"
    reference: str = ""
    seeds: tuple[int, ...] = (0,)
    folds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration of a sweep.

    Attributes:
        name: Of its folder and of its line in the table.
        changes: Tables that it puts on top of the base.
        values: Tables of its whole configuration.
    """

    name: str
    changes: dict[str, Any]
    values: dict[str, Any]

    def config(self, seed: int) -> Config:
        """Its configuration with a run seed."""
        return make_config(merged(self.values, {"compute": {"seed": seed}}))

    @property
    def sha256(self) -> str:
        """Hash of its resolved configuration, without the tables that do not change the result."""
        resolved = self.config(0).to_json()
        decisive = {k: v for k, v in resolved.items() if k not in ("compute", "export")}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that can run.

    Attributes:
        file: Title, question, reference, seeds and folds (empty: all).
        values: Tables of the base configuration, without any cell's changes.
        cells: In the order of the file; empty for a search.
        search: The ``search`` table; empty where there is none.
    """

    file: SweepFile
    values: dict[str, Any]
    cells: tuple[Cell, ...]
    search: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The base configuration with the first seed."""
        return make_config(merged(self.values, {"compute": {"seed": self.file.seeds[0]}}))

    def folds(self, split: Split) -> tuple[int, ...]:
        """The folds of the sweep."""
        return self.file.folds or tuple(range(len(split.folds)))

    def chosen(self, names: Sequence[str] | None) -> tuple[Cell, ...]:
        """The cells of these names, all where None.

        Raises:
            TrainingError: ``no-such-cell``.
        """
        known = {cell.name: cell for cell in self.cells}
        wrong = [name for name in names or () if name not in known]
        if wrong:
            text = f"The sweep has no cell {', '.join(wrong)}; it has these."
            raise TrainingError("no-such-cell", text, tuple(known))
        return self.cells if names is None else tuple(known[name] for name in names)


def read_plan(
    sweep: str | Path,
    *,
    words: Sequence[str] = (),
    config: str | Path | None = None,
    seeds: Sequence[int] | None = None,
    folds: Sequence[int] | None = None,
) -> Plan:
    """Read a sweep file.

    Args:
        sweep: A TOML file, or the name of one in ``configs/sweeps``.
        words: ``section.key=value`` for every cell; a cell's own changes win.
        config: Base configuration in place of the file's: a name in ``configs/`` or a TOML file.
        seeds: In place of the file's.
        folds: In place of the file's.

    Raises:
        TrainingError: ``bad-configuration`` or ``bad-sweep``; the sentence names the cell.
    """
    path = _find(str(sweep), SWEEPS)
    tables = read_toml(path)
    common, cells, search = (tables.pop(name, {}) for name in ("set", "cells", "search"))
    if seeds is not None:
        tables["seeds"] = list(seeds)
    if folds is not None:
        tables["folds"] = list(folds)
    file = build(SweepFile, tables)
    base = _base(config, file.config, near=path.parent)
    values = override(merged(base, common), list(words))
    made = tuple(_cell(name, changes, values) for name, changes in cells.items())
    plan = Plan(file, values, made, search)
    _check(plan)
    return plan


def _find(name: str, folder: Path) -> Path:
    """A TOML file by its path, or by its name in a folder of ours."""
    inside = folder / f"{name}.toml"
    return inside if not name.endswith(".toml") and inside.is_file() else Path(name)


def _base(asked: str | Path | None, named: str, *, near: Path) -> dict[str, Any]:
    if asked is not None:
        return read_toml(_find(str(asked), CONFIGS))
    beside = near / named
    return read_toml(beside if beside.is_file() else _find(named, CONFIGS))


def _cell(name: str, changes: Any, values: dict[str, Any]) -> Cell:
    """A cell, built once to see that it can be."""
    if not _NAME.fullmatch(name) or not isinstance(changes, dict):
        raise _bad(f"the cell {name} needs a plain name in small letters and a table")
    for table, keys in changes.items():
        inside = keys if isinstance(keys, dict) else {}
        if table in SHARED or any((table, key) in SHARED_KEYS for key in inside):
            raise _bad(f"the cell {name} changes {table}, which all cells share")
    cell = Cell(name, changes, merged(values, changes))
    try:
        cell.config(0)
    except TrainingError as error:
        raise _bad(f"the cell {name} is no configuration: {error.message}") from error
    return cell


def _check(plan: Plan) -> None:
    file = plan.file
    for what, numbers in (("seeds", file.seeds), ("folds", file.folds)):
        if len(set(numbers)) != len(numbers) or min(numbers, default=0) < 0:
            raise _bad(f"{what} must be different whole numbers from 0 on")
    if not file.seeds:
        raise _bad("seeds is empty")
    if plan.search and plan.cells:
        raise _bad("a file has cells or a search, not both")
    if plan.search:
        plan.config  # noqa: B018 - must be a configuration
        return
    if not plan.cells:
        raise _bad("there is no cell")
    if file.reference not in {cell.name for cell in plan.cells}:
        raise _bad("reference must name the cell that the others are compared with")
    seen: dict[str, str] = {}
    for cell in plan.cells:
        other = seen.setdefault(cell.sha256, cell.name)
        if other != cell.name:
            raise _bad(f"the cells {other} and {cell.name} are the same configuration")


def _bad(message: str) -> TrainingError:
    return TrainingError("bad-sweep", f"Sweep: {message}.")
