"""The words of ``kdoct-train``; nothing heavy is imported here, so that ``--help`` is instant."""

import argparse
from pathlib import Path

DESCRIPTION = """From a folder of scans to a signed model package, on this machine alone.

The usual way: doctor, manifest, then `run`, which splits by patient, trains teacher and student of
every fold, evaluates on the held-out patients and exports. Each step is also a command of its own;
every one resumes where it was stopped or killed. Research use only."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="kdoct-train",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _data_commands(commands)
    _training_commands(commands)
    _study_commands(commands)
    return parser


Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _data_commands(commands: "Commands") -> None:  # type: ignore[valid-type]
    doctor = _command(commands, "doctor", "check machine, data and settings before any epoch")
    _configuration(doctor)
    doctor.add_argument("--data", type=Path, help="data folder")
    doctor.add_argument("--manifest", type=Path, help="manifest of the data")
    doctor.add_argument("--run", type=Path, help="run folder: where the disk is looked at")
    doctor.add_argument("--quick", action="store_true", help="without the dry steps")
    manifest = _command(commands, "manifest", "read a data set and list its B-scans")
    manifest.add_argument("importer", nargs="?", help="layout of the data, see --list")
    manifest.add_argument("data", nargs="?", type=Path, help="data folder")
    manifest.add_argument("--list", action="store_true", help="show the layouts and their options")
    manifest.add_argument("--out", type=Path, default=Path("manifest.csv"))
    manifest.add_argument("--exclude-list", type=Path, help="file names to leave out, one a line")
    manifest.add_argument("--option", action="append", default=[], metavar="KEY=VALUE",
                          help="option of the importer; may be repeated")  # fmt: skip
    phantoms = _command(commands, "phantoms", "draw simulated patients to try everything on")
    phantoms.add_argument("folder", type=Path, help="new folder for pictures and labels.csv")
    phantoms.add_argument("--patients", type=int, default=6, help="of each class")
    phantoms.add_argument("--bscans", type=int, default=5, help="of each volume")
    phantoms.add_argument("--seed", type=int, default=0)
    _factory_data(_command(commands, "factory-data", "draw what the factory model learns from"))
    split = _command(commands, "split", "make a run folder and divide the patients")
    _sources(split)
    preview = _command(commands, "preview", "draw a sheet of the views that training sees")
    _run(preview)
    preview.add_argument("--out", type=Path, default=Path("preview.png"))
    preview.add_argument("--role", choices=("teacher", "student"), default="student")


def _factory_data(one: argparse.ArgumentParser) -> None:
    one.add_argument("folder", type=Path, help="new folder, or one to go on with")
    one.add_argument("--data", type=Path, required=True,
                     help="folder of real pictures, with manifest.csv")  # fmt: skip
    one.add_argument("--seed", type=int, default=20260, help="everything follows from it")
    one.add_argument("--painted", type=int, default=11000, help="painted on normal B-scans")
    one.add_argument("--phantoms", type=int, default=400, help="simulated eyes")
    one.add_argument("--bscans", type=int, default=5, help="of each simulated eye")
    one.add_argument("--views", type=int, default=1000, help="of real labelled B-scans")
    one.add_argument("--datasets", default="octdl,kermany", help="of real pictures; CC BY only")
    one.add_argument("--workers", type=int, default=0, help="processes; 0 takes all cores")


def _training_commands(commands: "Commands") -> None:  # type: ignore[valid-type]
    for name, text in (
        ("teacher", "train the teacher of a fold"),
        ("distill", "distil the student of a fold from its teacher"),
    ):
        step = _command(commands, name, text)
        _run(step)
        step.add_argument("--fold", type=int, required=True)
    evaluate = _command(commands, "evaluate", "measure on the held-out patients")
    _run(evaluate)
    evaluate.add_argument("--fold", type=int, help="this fold only; all finished ones otherwise")
    _outside(_command(commands, "outside", "measure a student on other data sets, for its card"))
    export = _command(commands, "export", "write the signed package of a student")
    _run(export)
    export.add_argument("--fold", type=int, help="the best on validation where left out")
    export.add_argument("--key", type=Path, help="signing key; made on first use")
    run = _command(commands, "run", "all steps for all folds; resumes what was begun")
    _sources(run)
    run.add_argument("--folds", help="only these, for example 0,2; then nothing is exported")
    run.add_argument("--key", type=Path, help="signing key; made on first use")
    run.add_argument("--no-export", action="store_true", help="without a package")
    stop = _command(commands, "stop", "ask the trainings of a run to stop; the best is kept")
    _run(stop)
    stop.add_argument("--now", action="store_true", help="after this step, not after this epoch")


def _outside(one: argparse.ArgumentParser) -> None:
    _run(one)
    one.add_argument("--data", type=Path, required=True, help="folder of the other data")
    one.add_argument("--manifest", type=Path, required=True, help="of the other data")
    one.add_argument("--label", action="append", default=[], metavar="LABEL=CLASS",
                     help="class of a label there; - for one that was not taught")  # fmt: skip
    one.add_argument("--fold", type=int, help="the best on validation where left out")


def _study_commands(commands: "Commands") -> None:  # type: ignore[valid-type]
    sweep = _command(commands, "sweep", "compare configurations over the same folds")
    sweep.add_argument("sweep", help="TOML file, or the name of one in configs/sweeps")
    sweep.add_argument("--data", type=Path, required=True, help="data folder")
    sweep.add_argument("--manifest", type=Path, required=True)
    sweep.add_argument("--out", type=Path, required=True, help="folder of the sweep")
    sweep.add_argument("--cells", help="only these cells, by name, with commas")
    sweep.add_argument("--config", help="base configuration in place of the sweep's")
    sweep.add_argument("--seeds", help="in place of the sweep's, for example 0,1,2")
    sweep.add_argument("--folds", help="only these, for example 0,2")
    _set(sweep)
    site = _command(commands, "site-scenario", "measure what a site gains by retraining")
    site.add_argument("--data", type=Path, required=True,
                      help="folder of the development pictures, with manifest.csv")  # fmt: skip
    site.add_argument("--out", type=Path, required=True, help="folder of the scenario")
    site.add_argument("--package", type=Path, help="in place of the shipped model")
    _set(site)
    bench = _command(commands, "bench", "measure the speed of training on this machine")
    bench.add_argument("--config", help="what to measure; the recipe, small without a GPU, else")
    _set(bench)
    bench.add_argument("--json", type=Path, help="also write the figures here")
    bench.add_argument("--seconds", type=float, default=20.0, help="of each measurement")


def _command(commands: "Commands", name: str, text: str) -> argparse.ArgumentParser:  # type: ignore[valid-type]
    one: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)  # type: ignore[attr-defined]
    one.add_argument("--events", action="store_true", help="JSON lines for a program")
    return one


def _configuration(one: argparse.ArgumentParser) -> None:
    one.add_argument("--config", default="generic",
                     help="TOML file, or the name of one in configs/")  # fmt: skip
    _set(one)


def _set(one: argparse.ArgumentParser) -> None:
    one.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE",
                     dest="words", help="override a value; may be repeated")  # fmt: skip


def _sources(one: argparse.ArgumentParser) -> None:
    _configuration(one)
    one.add_argument("--data", type=Path, required=True, help="data folder of the manifest")
    one.add_argument("--manifest", type=Path, required=True)
    one.add_argument("run", type=Path, help="run folder; made where missing")
    one.add_argument("--split", type=Path, help="reuse this split")
    one.add_argument("--cache", type=Path, help="decoded pictures, which runs may share")


def _run(one: argparse.ArgumentParser) -> None:
    one.add_argument("run", type=Path, help="run folder")
