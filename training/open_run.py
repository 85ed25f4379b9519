"""A run: its folder, configuration, data and split, made once and opened by every later step."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.whole_file import write_whole
from training.config import Config, make_config
from training.data.manifest import Manifest, read_manifest
from training.errors import TrainingError
from training.events import Events
from training.files import write_json
from training.run_folder import RunFolder
from training.splits.split import Split, load_split, save_split

SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """An open run.

    Attributes:
        folder: Where it keeps what.
        config: Resolved.
        root: Data folder.
        manifest: All rows.
        split: All folds.
        cache: Folder of decoded pictures, which runs may share.
    """

    folder: RunFolder
    config: Config
    root: Path
    manifest: Manifest
    split: Split
    cache: Path


def create_run(
    folder: Path, config: Config, *, root: Path, manifest_file: Path, cache: Path | None,
    split_file: Path | None, events: Events,
) -> Run:  # fmt: skip
    """Make a run folder with configuration and split, or open the same run again.

    What is learned and measured cannot change in a run. Its waiver for a weak teacher and how it is
    exported can, because they are decided after training and evaluation have spoken: then the run
    keeps what was asked for last.

    Args:
        folder: Of the run; may exist.
        config: Resolved.
        root: Data folder; the manifest's paths start there.
        manifest_file: Kept as a copy in the run.
        cache: Folder of decoded pictures; the run's own where None.
        split_file: A split to reuse; None draws one.
        events: Told what the split looks like.

    Raises:
        TrainingError: ``other-configuration`` (the folder holds another run), or what reading and
            splitting find. Nothing is overwritten.
    """
    run = RunFolder(folder)
    if run.config.is_file():
        return _same(open_run(folder), config, manifest_file, split_file)
    manifest = read_manifest(manifest_file)
    split = _split(manifest, config, split_file)
    place = cache or run.cache
    sources = {"schema": SCHEMA, "data": str(root.resolve()), "cache": str(place.resolve()),
               "config": config.to_json()}  # fmt: skip
    write_whole(run.root / "manifest.csv", manifest_file.read_bytes())
    save_split(run.split, split)
    write_json(run.config, sources)
    for one in split.facts.get("warnings", ()):
        events.warning(one["code"], one["message"], one["details"])
    events.done("split", {"folds": len(split.folds), "sha256": split.sha256[:16]})
    return Run(run, config, root, manifest, split, place)


def _split(manifest: Manifest, config: Config, file: Path | None) -> Split:
    """The split of the file, or a new one."""
    if file is None:
        from training.splits.draw_split import draw_split

        return draw_split(manifest, config)
    split = load_split(file, manifest_sha256=manifest.sha256)
    if split.classes != config.classes.codes:
        raise TrainingError("other-classes", "The split was drawn for other classes than these.")
    return split


def open_run(folder: Path) -> Run:
    """Open a run that was made.

    Raises:
        TrainingError: ``no-run``, ``bad-configuration``, ``bad-manifest``, ``bad-split``,
            ``wrong-manifest`` or ``no-data-folder``.
    """
    run = RunFolder(folder)
    try:
        sources: dict[str, Any] = json.loads(run.config.read_text("utf-8"))
        values, root, cache = sources["config"], Path(sources["data"]), Path(sources["cache"])
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            "no-run", f"{folder.name} is no run folder; begin with `kdoct-train split` or `run`."
        ) from error
    config = make_config(values)
    manifest = read_manifest(run.root / "manifest.csv")
    split = load_split(run.split, manifest_sha256=manifest.sha256)
    if not root.is_dir():
        raise TrainingError("no-data-folder", "The run's data folder is not there any more.")
    return Run(run, config, root, manifest, split, cache)


def _same(run: Run, config: Config, manifest_file: Path, split_file: Path | None) -> Run:
    """The open run, if it is the one that was asked for, with what may be decided later."""
    other = [
        name
        for name, found, asked in (
            ("configuration", _decisive(run.config), _decisive(config)),
            ("manifest", run.manifest.sha256, read_manifest(manifest_file).sha256),
        )
        if found != asked
    ]
    if split_file is not None and load_split(split_file).sha256 != run.split.sha256:
        other.append("split")
    if other:
        raise TrainingError(
            "other-configuration",
            f"The run folder holds a run with another {' and '.join(other)}; take another folder.",
        )
    if config.to_json() == run.config.to_json():
        return run
    sources = json.loads(run.folder.config.read_text("utf-8"))
    write_json(run.folder.config, {**sources, "config": config.to_json()})
    return replace(run, config=config)


def _decisive(config: Config) -> dict[str, Any]:
    """The part of a configuration that a run cannot change."""
    values = config.to_json()
    values["distill"] = {k: v for k, v in values["distill"].items() if k != "waiver"}
    return {name: table for name, table in values.items() if name != "export"}
