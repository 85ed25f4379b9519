"""The factory's material as a data set for the pipeline: pictures, outlines and ``labels.csv``.

What is drawn stays: each unit leaves a record when all of its files are on the disk, so the same
command goes on after a kill and draws at most the unit again in which it was. The table is written
when all units are there.
"""

import contextlib
import csv
import io
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2

from kdoct_desktop.domain.whole_file import write_whole
from training.errors import TrainingError
from training.events import Events
from training.factory.data_plan import Amounts, Unit, plan_units
from training.factory.draw_unit import EMPTY, Line, draw_unit
from training.factory.sources import Row, licensed, read_bscans
from training.files import write_json

SCHEMA = 1
SETTINGS = "factory-data.json"
TABLE = "labels.csv"
PICTURE_BYTES = 170_000
"""Of a picture with its outline, as measured on painted (161 kB) and simulated ones (144 kB)."""

Lines = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Written:
    """What lies in the folder.

    Attributes:
        table: The label table.
        pictures: Number of pictures, by kind.
        labels: Number of pictures, by label.
        patients: Number of patients.
    """

    table: Path
    pictures: dict[str, int]
    labels: dict[str, int]
    patients: int


def write_factory_data(
    out: Path, bscans: Path, amounts: Amounts, *, events: Events, workers: int = 0
) -> Written:
    """Write the data set, or what is missing of it.

    Args:
        out: New, empty, or begun with the same settings.
        bscans: Folder of real pictures with ``manifest.csv``.
        amounts: How much.
        events: Told of the disk that is needed, and how far it is.
        workers: Processes; 0 takes the number of cores, 1 draws in this process.

    Raises:
        TrainingError: ``not-licensed``, ``bad-manifest``, ``no-pictures``, ``changed-file``,
            ``not-empty``, ``other-settings`` or ``disk-full``.
    """
    rows = licensed(_read(bscans), amounts.datasets)
    units = plan_units(rows, amounts)
    _begin(out, bscans, units, amounts)
    ready = {unit.key: lines for unit in units if (lines := _record(out, unit)) is not None}
    missing = [unit for unit in units if unit.key not in ready]
    total = sum(unit.pictures for unit in units)
    _check_disk(out, total, sum(unit.pictures for unit in missing), events)
    gone = total - sum(unit.pictures for unit in missing)
    if missing:
        events.progress(gone, total, "drawing pictures")
    for unit, lines in _draw(missing, amounts, out, workers=workers or os.cpu_count() or 1):
        ready[unit.key] = lines
        gone += unit.pictures
        events.progress(gone, total, "drawing pictures")
    return _finish(out, units, ready, events)


def _read(bscans: Path) -> list[Row]:
    """The manifest of the real pictures.

    Raises:
        TrainingError: ``bad-manifest``.
    """
    try:
        return read_bscans(bscans)
    except (OSError, UnicodeDecodeError, KeyError) as error:
        text = (
            "The folder of real pictures has no manifest.csv with path, dataset, label and group."
        )
        raise TrainingError("bad-manifest", text) from error


def _begin(out: Path, bscans: Path, units: Sequence[Unit], amounts: Amounts) -> None:
    """Record what is to be made of what, before anything is made."""
    root = bscans.resolve()
    sources = [
        {"path": row.path.resolve().relative_to(root).as_posix(), "dataset": row.dataset,
         "group": row.group, "label": row.label, "part": unit.part, "licence": row.licence,
         "sha256": row.sha256}
        for unit in units if (row := unit.source) is not None
    ]  # fmt: skip
    values: dict[str, Any] = {"schema": SCHEMA, "settings": asdict(amounts), "sources": sources}
    values = json.loads(json.dumps(values))
    path = out / SETTINGS
    if path.is_file():
        if json.loads(path.read_text("utf-8")) != values:
            text = f"{out.name} was begun with other settings or pictures; choose a new folder."
            raise TrainingError("other-settings", text)
    elif out.exists() and any(out.iterdir()):
        raise TrainingError("not-empty", f"The folder {out.name} is not empty; choose another.")
    else:
        write_json(path, values)


def _record(out: Path, unit: Unit) -> Lines | None:
    """The lines of a unit that is on the disk; None where it must be drawn."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        lines: Lines = json.loads(_record_file(out, unit).read_text("utf-8"))["lines"]
        files = [line[name] for line in lines for name in ("path", "outline")]
        if all((out / file).is_file() for file in files if file not in ("", EMPTY)):
            return lines
    return None


def _record_file(out: Path, unit: Unit) -> Path:
    return out / ".units" / f"{unit.key}.json"


def _check_disk(out: Path, pictures: int, missing: int, events: Events) -> None:
    """Say what is needed before it starts."""
    needed, free = missing * PICTURE_BYTES, shutil.disk_usage(out).free
    sizes = {"needs": f"about {needed / 1e9:.2f} GB", "free": f"{free / 1e9:.1f} GB"}
    events.metric("disk", {"pictures": pictures, "to draw": missing, **sizes})
    if needed > free:
        text = f"{missing} pictures need {sizes['needs']} and {sizes['free']} are free."
        raise TrainingError("disk-full", text)


def _draw(
    units: Sequence[Unit], amounts: Amounts, out: Path, *, workers: int
) -> Iterator[tuple[Unit, Lines]]:
    """Draw units and leave a record of each, in the order in which they get ready."""
    if workers == 1 or len(units) < 2:
        for unit in units:
            yield unit, _draw_one(unit, amounts, out)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        try:
            jobs = {pool.submit(_draw_one, unit, amounts, out): unit for unit in units}
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _draw_one(unit: Unit, amounts: Amounts, out: Path) -> Lines:
    lines = draw_unit(unit, amounts, out)
    write_json(_record_file(out, unit), {"schema": SCHEMA, "lines": lines})
    return lines


def _start_worker() -> None:
    """A worker leaves Ctrl+C to its parent, ends with it, and keeps to its own core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _finish(out: Path, units: Sequence[Unit], ready: dict[str, Lines], events: Events) -> Written:
    """Write the table, and say where nothing could be painted."""
    lines = sorted((line for one in ready.values() for line in one), key=lambda one: one["path"])
    bare = [unit.key for unit in units if len(ready[unit.key]) < unit.pictures]
    if bare:
        text = f"{len(bare)} real pictures show no clear surfaces: nothing was painted on them."
        events.warning("no-surfaces", text, bare)
    table = io.StringIO()
    writer = csv.DictWriter(table, [one.name for one in fields(Line)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_whole(out / TABLE, table.getvalue().encode())
    kinds, labels = (Counter(line[name] for line in lines) for name in ("kind", "label"))
    patients = len({(line["dataset"], line["patient"]) for line in lines})
    return Written(out / TABLE, dict(sorted(kinds.items())), dict(sorted(labels.items())), patients)
