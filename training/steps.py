"""What the commands of ``kdoct-train`` do; each imports what it needs when it is called."""

import argparse
from collections.abc import Callable
from typing import Any

from kdoct_desktop.domain.whole_file import write_whole
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.studies.table_shown import table_shown


def doctor(args: argparse.Namespace, events: Events) -> int:
    """Check before any epoch is spent; 1 where something fails."""
    from training.config import load_config
    from training.data.manifest import read_manifest
    from training.preflight.doctor import doctor as examine

    checks = examine(
        load_config(args.config, args.words),
        root_data=args.data,
        manifest=read_manifest(args.manifest) if args.manifest else None,
        folder=args.run,
        events=events,
        quick=args.quick,
    )
    for check in checks:
        if check.state == "ok":
            events.metric(check.name, {"ok": check.sentence})
        else:
            events.warning(f"{check.name}-{check.state}", check.sentence)
    failed = [check.name for check in checks if check.state == "failed"]
    events.done("doctor", {"failed": ", ".join(failed) or "nothing"})
    return 1 if failed else 0


def manifest(args: argparse.Namespace, events: Events) -> int:
    """Import a data set."""
    from training.data.import_data import import_dataset, read_exclude_list
    from training.data.label_report import label_report
    from training.data.manifest import write_manifest

    if args.list or args.data is None:
        return _show_importers(0 if args.list else 2)
    options = dict(_pair(word) for word in args.option)
    exclude = read_exclude_list(args.exclude_list) if args.exclude_list else []
    report = import_dataset(
        args.importer, args.data, exclude=exclude, options=options, events=events
    )
    for note in report.decisions:
        events.warning(note.code, note.message, note.details)
    written = write_manifest(args.out, report.rows)
    facts = {**report.facts(), "options": options, "sha256": written.sha256,
             "contents": label_report(written)}  # fmt: skip
    write_json(args.out.with_suffix(".json"), facts)
    patients = len({row.patient for row in written.rows})
    events.done("manifest", {"bscans": len(written.rows), "patients": patients,
                             "excluded": len(report.excluded)})  # fmt: skip
    return 0


def _show_importers(code: int) -> int:
    """Print every layout with its options."""
    from training.data.import_data import IMPORTERS

    for name, importer in IMPORTERS.items():
        print(f"{name}: {importer.layout}")
        for option, meaning in importer.options.items():
            print(f"    --option {option}=…  {meaning}")
    return code


def phantoms(args: argparse.Namespace, events: Events) -> int:
    """Draw simulated patients."""
    from training.painted.painting import CLASSES
    from training.phantoms.patients import write_patients

    labels = write_patients(args.folder, CLASSES, patients=args.patients, bscans=args.bscans,
                            seed=args.seed, events=events)  # fmt: skip
    events.done("phantoms", {"labels": str(labels)})
    return 0


def factory_data(args: argparse.Namespace, events: Events) -> int:
    """Write the factory's material as a data set."""
    from training.factory.data_plan import Amounts
    from training.factory.write_data import write_factory_data

    amounts = Amounts(
        seed=args.seed, painted=args.painted, phantoms=args.phantoms, bscans=args.bscans,
        views=args.views, datasets=tuple(args.datasets.split(",")),
    )  # fmt: skip
    made = write_factory_data(args.folder, args.data, amounts, events=events, workers=args.workers)
    events.metric("pictures", {**made.pictures, **made.labels, "patients": made.patients})
    events.done("factory-data", {"labels": str(made.table)})
    return 0


def split(args: argparse.Namespace, events: Events) -> int:
    """Make a run."""
    run = _create(args, events)
    leak = run.split.facts.get("leak", {})
    if "sentence" in leak:
        events.metric("leak report", {"": leak["sentence"]})
    return 0


def preview(args: argparse.Namespace, events: Events) -> int:
    """Draw the views that a network of the run sees."""
    from training.data.augment import enlarged_size
    from training.data.cache import open_cache
    from training.data.preview import spread, write_preview
    from training.learning.fold_data import load_fold
    from training.open_run import open_run

    run = open_run(args.run)
    data = load_fold(run.config, run.root, run.manifest, run.split, 0)
    network = run.config.teacher if args.role == "teacher" else run.config.student
    spec = run.config.input.spec
    rows = spread(data.train.rows)
    size = enlarged_size((spec.height, spec.width), network.augment)
    cache = open_cache(run.cache, run.root, rows, spec, enlarged=size, events=events)
    write_preview(args.out, cache, rows, network.augment, seed=run.config.compute.seed)
    events.done("preview", {"file": str(args.out)})
    return 0


def teacher(args: argparse.Namespace, events: Events) -> int:
    """Train the teacher of a fold."""
    from training.learning.fold_data import load_fold
    from training.learning.teacher import train_teacher
    from training.open_run import open_run

    run = open_run(args.run)
    data = load_fold(run.config, run.root, run.manifest, run.split, args.fold)
    train_teacher(run.config, data, run.folder, events=events, cache=run.cache)
    return 0


def distill(args: argparse.Namespace, events: Events) -> int:
    """Distil the student of a fold."""
    from training.learning.distill import distill_student
    from training.learning.fold_data import load_fold
    from training.open_run import open_run

    run = open_run(args.run)
    data = load_fold(run.config, run.root, run.manifest, run.split, args.fold)
    distill_student(run.config, data, run.folder, events=events, cache=run.cache)
    return 0


def evaluate(args: argparse.Namespace, events: Events) -> int:
    """Measure one fold, or all of them with the report."""
    from training.measure.evaluate_fold import evaluate_fold
    from training.measure.evaluate_run import evaluate_run
    from training.open_run import open_run

    run = open_run(args.run)
    if args.fold is not None:
        evaluate_fold(run.root, run.folder, args.fold, run.manifest, run.split, run.config, events)
    else:
        evaluate_run(run.root, run.folder, run.manifest, run.split, run.config, events)
    return 0


def outside(args: argparse.Namespace, events: Events) -> int:
    """Measure a student on other data sets."""
    from training.data.manifest import read_manifest
    from training.measure.outside import evaluate_outside
    from training.open_run import open_run
    from training.ship.package_measure import best_fold

    run = open_run(args.run)
    evaluate_outside(
        run, args.data, read_manifest(args.manifest), dict(_pair(word) for word in args.label),
        fold=best_fold(run.folder, run.split) if args.fold is None else args.fold, events=events,
    )  # fmt: skip
    return 0


def export(args: argparse.Namespace, events: Events) -> int:
    """Write the package."""
    from training.open_run import open_run
    from training.ship.package_site import export_run

    run = open_run(args.run)
    result = export_run(run.folder, run.root, run.manifest, run.split, run.config,
                        fold=args.fold, key_file=args.key, events=events)  # fmt: skip
    events.done("export", {"file": str(result.path), "sha256": result.sha256})
    return 0


def run(args: argparse.Namespace, events: Events) -> int:
    """Everything."""
    from training.pipeline import run_folds

    opened = _create(args, events)
    folds = _numbers(args.folds)
    run_folds(opened, folds=folds, events=events, package=not args.no_export, key=args.key)
    events.done("run", {"report": str(opened.folder.report)})
    return 0


def stop(args: argparse.Namespace, events: Events) -> int:
    """Leave a word where the trainings look for it."""
    from training.run_folder import ROLES, RunFolder

    folder = RunFolder(args.run)
    asked = 0
    for place in sorted(folder.root.glob("fold-*")):
        for role in ROLES:
            fold = int(place.name.removeprefix("fold-"))
            if folder.role(fold, role).is_dir() and not folder.finished(fold, role).is_file():
                write_whole(folder.stop(fold, role), b"now" if args.now else b"epoch")
                asked += 1
    if not asked:
        raise TrainingError("nothing-runs", "No training of this run is under way.")
    events.done("stop", {"asked": asked})
    return 0


def sweep(args: argparse.Namespace, events: Events) -> int:
    """Compare configurations, or search one."""
    from training.studies.sweep import run_sweep

    cells = args.cells.split(",") if args.cells else None
    with table_shown(args):
        run_sweep(args.sweep, data=args.data, manifest=args.manifest, out=args.out, cells=cells,
                  words=args.words, config=args.config, seeds=_numbers(args.seeds),
                  folds=_numbers(args.folds), events=events)  # fmt: skip
    return 0


def site_scenario(args: argparse.Namespace, events: Events) -> int:
    """Measure what a site gains by retraining."""
    from training.studies.site_scenario import FACTORY, run_site_scenario

    with table_shown(args):
        run_site_scenario(data=args.data, out=args.out, words=args.words, events=events,
                          package=args.package or FACTORY)  # fmt: skip
    return 0


def bench(args: argparse.Namespace, events: Events) -> int:
    """Measure speed."""
    from training.studies.bench import bench_config, measure_speed

    config = bench_config(args.config, args.words)
    figures = measure_speed(config, seconds=args.seconds, events=events)
    if args.json:
        write_json(args.json, figures)
    return 0


STEPS: dict[str, Callable[[argparse.Namespace, Events], int]] = {
    one.__name__.replace("_", "-"): one
    for one in (doctor, manifest, phantoms, factory_data, split, preview, teacher, distill,
                evaluate, outside, export, run, stop, sweep, site_scenario, bench)
}  # fmt: skip


def _create(args: argparse.Namespace, events: Events) -> Any:
    from training.config import load_config
    from training.open_run import create_run

    return create_run(
        args.run, load_config(args.config, args.words), root=args.data,
        manifest_file=args.manifest, cache=args.cache, split_file=args.split, events=events,
    )  # fmt: skip


def _numbers(text: str | None) -> list[int] | None:
    """Whole numbers with commas between; None where nothing is given."""
    try:
        return [int(word) for word in text.split(",")] if text else None
    except ValueError as error:
        raise TrainingError("usage", f"{text} is not of the form 0,1,2.") from error


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise TrainingError("usage", f"{word} is not of the form KEY=VALUE.")
    return key, value
