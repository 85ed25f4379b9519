"""Measures what the program promises: ``python -m tests.benchmarks [--json FILE] [--quick]``.

Times are given as ratios of one run wherever a promise is about speed, so that they hold on other
machines. ``baseline.json`` beside this file is a committed run; ``--compare`` shows it beside the
new one. The exit code is 1 when a promise is not kept.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as the program does, before it is loaded

import numpy
import onnxruntime
import PySide6
import torch

from kdoct_desktop import __version__
from tests.benchmarks import (
    colouring,
    devices,
    faithful,
    heatmaps,
    reading,
    sameness,
    scrolling,
    speed,
    window,
)
from tests.benchmarks.measures import Measure
from tests.benchmarks.subject import Subject, choose_subject

BASELINE = Path(__file__).with_name("baseline.json")
SCHEMA = 1
PARTS = (
    *("end-to-end", "evidence", "first-bscan", "devices", "start", "feel", "scrolling", "memory"),
    *("decoding", "colouring", "parity", "preprocessing", "heatmaps", "faithfulness"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and compare."""
    options = _parser().parse_args(arguments)
    unknown = set(options.only) - set(PARTS)
    if unknown:
        _parser().error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subject = choose_subject(folder)
        works = _works(subject, folder, quick=options.quick)
        measures: list[Measure] = []
        for part in options.only or PARTS:
            print(f"{part} ...", file=sys.stderr, flush=True)
            measures += works[part]()
    document = _document(subject, measures, quick=options.quick)
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print("\n".join(_lines(measures, _baseline() if options.compare else {})))
    return 0 if all(measure.kept is not False for measure in measures) else 1


def _works(
    subject: Subject, folder: Path, *, quick: bool
) -> dict[str, Callable[[], list[Measure]]]:
    """Everything that can be measured, by name."""
    rounds = 2 if quick else 6
    return {
        "end-to-end": lambda: speed.end_to_end(subject, folder, rounds=rounds),
        "evidence": lambda: speed.evidence_cost(subject, rounds=2 * rounds),
        "first-bscan": lambda: speed.first_bscan(folder, rounds=rounds),
        "devices": lambda: devices.against_others(folder, rounds=rounds),
        "start": lambda: window.start(folder, rounds=rounds),
        "feel": lambda: window.feel(subject, folder),
        "scrolling": lambda: scrolling.scrolling(folder, switches=100 if quick else 400),
        "memory": lambda: window.memory(subject, folder, bscans=128 if quick else 512),
        "decoding": lambda: reading.on_all_cores(folder, rounds=rounds),
        "colouring": lambda: colouring.colouring(rounds=5 * rounds),
        "parity": lambda: sameness.parity(subject, pictures=50 if quick else 500),
        "preprocessing": lambda: sameness.one_preprocessing(subject, folder),
        "heatmaps": lambda: heatmaps.pointing_game(subject, eyes=2 if quick else 8),
        "faithfulness": lambda: faithful.faithfulness(subject, eyes=2 if quick else 8),
    }


def _document(subject: Subject, measures: list[Measure], *, quick: bool) -> dict[str, Any]:
    identity = subject.package.identity
    spec = subject.package.input_spec
    return {
        "schema": SCHEMA,
        "app": __version__,
        "quick": quick,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
            "qt": PySide6.__version__,
        },
        "model": {
            "name": identity.name,
            "version": identity.version,
            "sha256": identity.sha256 if subject.trained else "",
            "input": [spec.height, spec.width],
        },
        "measures": [asdict(measure) for measure in measures],
    }


def _lines(measures: list[Measure], before: dict[str, float]) -> list[str]:
    """A table for people."""
    width = max((len(measure.name) for measure in measures), default=0)
    text = []
    for measure in measures:
        verdict = {True: "kept", False: "BROKEN", None: ""}[measure.kept]
        line = f"{measure.name:{width}}  {measure.value:10.4g} {measure.unit:8} {verdict:6}"
        line += f" {measure.promise:9} {measure.note}"
        if measure.name in before:
            line += f"  (baseline {before[measure.name]:.4g})"
        text.append(line.rstrip())
    return text


def _baseline() -> dict[str, float]:
    """Figures of the committed run by name."""
    document = json.loads(BASELINE.read_text(encoding="utf-8"))
    return {measure["name"]: measure["value"] for measure in document["measures"]}


def _processor() -> str:
    """What the system calls its processor."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and pictures")
    parser.add_argument("--compare", action="store_true", help="show the committed run beside")
    parser.add_argument("only", nargs="*", help="parts to measure; all where none is named")
    return parser


if __name__ == "__main__":
    sys.exit(main())
