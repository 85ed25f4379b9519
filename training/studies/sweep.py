"""Sweeps: the same folds, seeds and held-out patients under configurations that differ in a value.

``OUT`` holds ``sweep.json`` (what was asked), ``splits.json`` (drawn once), ``cache`` (decoded
once), a run folder ``CELL/seed-S`` each, and the table as ``table.json``, ``table.csv`` and
``table.md``. A file with a ``search`` table goes to `training.studies.search`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from kdoct_desktop.domain.whole_file import write_whole
from training.data.manifest import Manifest, read_manifest
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.measure.over_folds import tested_again
from training.pipeline import train_apart
from training.splits.split import Split, load_split, save_split
from training.studies.sweep_answers import Shelf, arms_of
from training.studies.sweep_cells import Room, Train, Unit, work
from training.studies.sweep_plan import Plan, read_plan
from training.studies.sweep_table import Arm, as_csv, as_markdown, line_of

SCHEMA = 1


def run_sweep(
    sweep: str | Path, *, data: Path, manifest: Path, out: Path,
    cells: Sequence[str] | None = None, words: Sequence[str] = (), events: Events,
    config: str | Path | None = None, seeds: Sequence[int] | None = None,
    folds: Sequence[int] | None = None, train: Train = train_apart,
) -> dict[str, Any]:  # fmt: skip
    """Train and evaluate what is not done yet; gives the table, or the result of a search.

    Args:
        sweep: A TOML file or the name of one in ``configs/sweeps``.
        data: Data folder.
        manifest: Of the data.
        out: Folder of the sweep; several jobs may share it.
        cells: Work on these only; the table always has all of them.
        words: ``section.key=value`` for every cell.
        events: Where to report to.
        config: Base configuration in place of the file's.
        seeds: In place of the file's.
        folds: In place of the file's.
        train: Runs a training.

    Raises:
        TrainingError: ``bad-sweep``, ``other-sweep`` (the folder holds another one),
            ``no-such-fold``, ``no-fundus``; ``cells-failed`` after the table was written.
        Stopped: As asked.
    """
    plan = read_plan(sweep, words=words, config=config, seeds=seeds, folds=folds)
    chosen = plan.chosen(cells)
    room = open_room(plan, data=data, manifest=manifest, out=out, train=train, events=events)
    if plan.search:
        from training.studies.search import run_search

        return run_search(plan, room, events=events)
    every = units_of(plan, room.split)
    wanted = {cell.name for cell in chosen}
    failed = work(room, [unit for unit in every if unit.cell.name in wanted], events)
    shelf = Shelf(plan, room)
    table = write_table(plan, room, lambda name: arms_of(shelf, every, name=name), events=events)
    raise_failed(room, failed)
    return table


def raise_failed(room: Room, failed: Sequence[Unit]) -> None:
    """Say that some cells failed, after the table was written.

    Raises:
        TrainingError: ``cells-failed``.
    """
    if failed:
        raise TrainingError(
            "cells-failed", f"{len(failed)} trainings of the sweep failed; the table says which.",
            [f"{unit.title}: {room.why_missing(unit)}" for unit in failed],
        )  # fmt: skip


def open_room(
    plan: Plan, *, data: Path, manifest: Path, out: Path, train: Train, events: Events
) -> Room:
    """Make or open the folder of a sweep; the first job draws the split, the others find it.

    Raises:
        TrainingError: ``other-sweep``, ``no-fundus``, or what reading and splitting find.
    """
    rows = read_manifest(manifest)
    _check_fundus(plan, rows)
    out.mkdir(parents=True, exist_ok=True)
    asked = {"schema": SCHEMA, "manifest_sha256": rows.sha256, "title": plan.file.title,
             "base": _without_seed(plan), "space": plan.search.get("space", {})}  # fmt: skip
    with FileLock(out / ".lock"):
        _same_sweep(out / "sweep.json", asked)
        if not (out / "splits.json").is_file():
            from training.splits.draw_split import draw_split

            split = draw_split(rows, plan.config)
            save_split(out / "splits.json", split)
            events.metric("sweep", {"split": split.sha256[:16], "folds": len(split.folds)})
    split = load_split(out / "splits.json", manifest_sha256=rows.sha256)
    wrong = [fold for fold in plan.file.folds if fold >= len(split.folds)]
    if wrong:
        text = f"The split has the folds 0 to {len(split.folds) - 1}."
        raise TrainingError("no-such-fold", text)
    return Room(out, data, manifest, rows, split, train)


def units_of(plan: Plan, split: Split) -> list[Unit]:
    """All trainings, in an order that gives a first table early: fold by fold, cell by cell."""
    return [
        Unit(cell, seed, fold)
        for seed in plan.file.seeds
        for fold in plan.folds(split)
        for cell in plan.cells
    ]  # fmt: skip


ArmsOf = Callable[[str], Sequence[Arm]]
"""Lines of the table on a set of held-out B-scans: ``unfiltered`` or ``filtered``."""


def write_table(
    plan: Plan, room: Room, arms: ArmsOf, *, events: Events, note: str = "",
    reference: str = "", extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compute the lines, write them as JSON, CSV and Markdown, and give what the JSON says.

    Args:
        plan: The sweep.
        room: Its folder.
        arms: Gives the lines on each set.
        events: Told each line.
        note: Text under the table.
        reference: Line that the others are compared with, in place of the file's.
        extra: What ``table.json`` says besides.

    Raises:
        TrainingError: ``no-reference``: no line has the reference's name.
    """
    config, name = plan.config, reference or plan.file.reference
    kinds = ("filtered", "unfiltered") if config.data.worst_case else ("unfiltered",)
    resamples = config.evaluate.resamples
    tables = {kind: _lines(arms(kind), name, resamples=resamples) for kind in kinds}
    table = {
        "schema": SCHEMA, "title": plan.file.title, "question": plan.file.question,
        "reference": name, "split_sha256": room.split.sha256,
        "manifest_sha256": room.manifest.sha256, "classes": list(config.classes.codes),
        "seeds": list(plan.file.seeds), "base": _without_seed(plan), "resamples": resamples,
        "same_test_in_every_fold": tested_again(room.split, plan.folds(room.split)),
        "note": note, "sets": tables,
        **(extra or {}),
    }  # fmt: skip
    _write(room.out, table)
    for line in tables[next(iter(tables))]:
        figures = {k: v["mean"] for k, v in line["figures"].items() if v["mean"] is not None}
        events.metric(line["name"], figures or {"": "missing"})
    events.done("sweep", {"table": str(room.out / "table.md")})
    return table


def _lines(arms: Sequence[Arm], reference: str, *, resamples: int) -> list[dict[str, Any]]:
    """The lines of a set, against one of them."""
    against = next((arm for arm in arms if arm.name == reference), None)
    if against is None:
        raise TrainingError(
            "no-reference", f"The table has no line {reference} to compare the others with.",
            [arm.name for arm in arms],
        )  # fmt: skip
    return [line_of(arm, against, resamples=resamples) for arm in arms]


def _write(out: Path, table: dict[str, Any]) -> None:
    """The three files of a table."""
    tables = table["sets"]
    lines = [{**line, "name": f"{kind}: {line['name']}" if len(tables) > 1 else line["name"]}
             for kind, some in tables.items() for line in some]  # fmt: skip
    write_json(out / "table.json", table)
    write_whole(out / "table.csv", as_csv(lines, table).encode())
    write_whole(out / "table.md", markdown(table).encode())


def markdown(table: dict[str, Any]) -> str:
    """The whole result for people."""
    parts = [f"# {table['title']}", table["question"]]
    for kind, lines in table["sets"].items():
        if len(table["sets"]) > 1:
            parts.append(f"Held-out B-scans: {kind}.")
        parts.append(as_markdown(lines, table["reference"]).rstrip())
        missing = [f"- {line['name']}: seed {seed}, fold {fold}: {why}"
                   for line in lines for seed, fold, why in line["missing"]]  # fmt: skip
        if missing:
            parts.append("Missing:\n\n" + "\n".join(missing))
    parts.append(
        "Percent, mean ± standard deviation over seeds and folds, on held-out patients; "
        "differences over the pooled folds, with 95 % intervals by paired bootstrap over patients. "
        f"n counts trainings. Split {table['split_sha256'][:16]}."
    )
    if table["same_test_in_every_fold"]:
        parts.append(
            "Every fold holds out the same patients, so each counts once for every fold's network; "
            "the intervals keep a patient's answers together and do not gain from the folds."
        )
    if table["note"]:
        parts.append(table["note"])
    return "\n\n".join(part for part in parts if part) + "\n"


def _check_fundus(plan: Plan, manifest: Manifest) -> None:
    """A second modality needs pictures of it, before any epoch is spent."""
    wants = [c.name for c in plan.cells if c.config(plan.file.seeds[0]).teacher.fundus_model]
    if wants and not any(row.fundus for row in manifest.rows):
        raise TrainingError(
            "no-fundus", f"The cells {', '.join(wants)} need fundus photographs, and the manifest "
            "names none."
        )  # fmt: skip


def _same_sweep(path: Path, asked: dict[str, Any]) -> None:
    """Write what was asked, or see that it is the same as before."""
    if not path.is_file():
        write_json(path, asked)
        return
    found = json.loads(path.read_text("utf-8"))
    other = [name for name in asked if found.get(name) != asked[name]]
    if other:
        raise TrainingError(
            "other-sweep",
            f"The folder holds a sweep with another {' and '.join(other)}; take another folder.",
        )


def _without_seed(plan: Plan) -> dict[str, Any]:
    config = plan.config
    return replace(config, compute=replace(config.compute, seed=0)).to_json()
