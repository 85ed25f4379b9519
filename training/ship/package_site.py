"""From the student of a finished fold to a signed package that the desktop installs unchanged.

The fold is chosen by its validation accuracy, never by a test score. Everything beside the network
(temperature, eye rule, limits) is what the evaluation chose on the validation part, so the
figures of the evaluation are those of the package. The package may leave the site: its golden
sample is drawn by the phantom, and its texts are searched for patients' keys before it is written.
"""

import datetime
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kdoct_desktop.inference.manifest import dump_json
from training.config import Config
from training.data.manifest import Manifest
from training.errors import TrainingError
from training.events import Events, Silent
from training.files import file_sha256
from training.learning.fold_data import FoldData, load_fold
from training.networks.checkpoint import LoadedModel, load_best
from training.run_folder import RunFolder
from training.ship.export import (
    Parity,
    golden_sample,
    load_key,
    onnx_runner,
    write_model,
    write_public_key,
)
from training.ship.half import HalfParity
from training.ship.package_manifest import build_manifest, data_facts, without_places
from training.ship.package_measure import (
    STEPS,
    Ready,
    best_fold,
    check_student,
    measured,
)
from training.ship.package_report import blocked_by, held_out, outside_facts
from training.ship.privacy import check_free_texts, check_private, config_texts, manifest_texts
from training.ship.site_card import BY_NAME, BY_VALIDATION, write_card
from training.splits.split import Split


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written.

    Attributes:
        path: The package.
        sha256: Of its bytes.
        fold: Whose student it holds.
        parity: Graph against network.
        public_key: What the desktop must trust.
        install: How IT installs key and package, one line.
        half: How far the float16 variant is; None where it was not asked for.
        half_path: The variant; None where it was not asked for or does not hold.
    """

    path: Path
    sha256: str
    fold: int
    parity: Parity
    public_key: Path
    install: str
    half: HalfParity | None = None
    half_path: Path | None = None


def export_run(
    folder: RunFolder, root_data: Path, manifest: Manifest, split: Split, config: Config, *,
    fold: int | None = None, key_file: Path | None = None, events: Events | None = None,
) -> ExportResult:  # fmt: skip
    """Write the package of a run, its public key, and the float16 variant where it is asked for.

    Args:
        folder: The run.
        root_data: Data folder; validation B-scans are read for the parity check.
        manifest: What the split divides.
        split: Of the run.
        config: Of the run.
        fold: Whose student; None for the one with the best validation accuracy.
        key_file: Private key of the site, made on first use; None for `default_key_file`.
        events: Told of the progress.

    Raises:
        TrainingError: ``blocked``, ``no-model``, ``wrong-student``, ``tampered-model``, ``parity``,
            ``bad-key``, ``names-a-patient``.
        ModelError: The desktop would refuse the package.
    """
    heard: Events = events or Silent()
    check_promotion(folder, split, config)
    chosen = best_fold(folder, split) if fold is None else fold
    heard.progress(0, STEPS, "export: reading the student")
    student = _student(folder, manifest, split, config, chosen)
    data = load_fold(config, root_data, manifest, split, chosen)
    ready = measured(student, folder, data, config, heard)
    heard.progress(4, STEPS, "export: writing the package")
    values = _values(ready, folder, data, config, by_validation=fold is None)
    result = _write(folder, ready, values, manifest, load_key(key_file or default_key_file()))
    heard.progress(STEPS, STEPS, "export")
    heard.metric("export", _for_people(result))
    return result


def check_promotion(folder: RunFolder, split: Split, config: Config) -> None:
    """Refuse to ship what the evaluation blocks, unless that is waived in writing.

    Raises:
        TrainingError: ``blocked``, with what was found.
    """
    found = blocked_by(folder, split)
    if found and not config.export.waiver.strip():
        raise TrainingError(
            "blocked",
            "The evaluation blocks the promotion of these students, and no package was written. "
            "Follow its advice and evaluate again, or give the reason why a package may be written "
            "all the same in export.waiver; the reason goes onto the model card.",
            [f"{one['code']}: {one['message']} {one['advice']}" for one in found],
        )


def default_key_file() -> Path:
    """Where the site's private key lies: the user's own settings, closed to other users."""
    return platformdirs.user_config_path("kdoct", appauthor=False) / "site-key.pem"


def _student(
    folder: RunFolder, manifest: Manifest, split: Split, config: Config, fold: int
) -> LoadedModel:
    """The student of a fold, checked before any work is done on it."""
    student = load_best(folder.best(fold, "student"))
    check_student(student.facts, config, manifest, split, fold)
    said = [without_places(config.to_json()), without_places(student.facts["config"])]
    check_private([dump_json(one).decode() for one in said], manifest.rows)
    for one in said:
        check_free_texts(config_texts(one), manifest.rows, config.classes.codes)
    return student


def _for_people(result: ExportResult) -> dict[str, Any]:
    """What the user is told of the package."""
    return {
        "file": str(result.path),
        "fold": result.fold,
        "parity": result.parity.difference,
        "public key": str(result.public_key),
        "to install": result.install,
    }


def _values(
    ready: Ready, folder: RunFolder, data: FoldData, config: Config, *, by_validation: bool
) -> dict[str, Any]:
    """The manifest of the package."""
    student = ready.facts
    seen = {"train": data.train.rows, "validation": data.validation.rows}
    metrics = {
        **_metrics(ready, by_validation=by_validation),
        "finished": (folder.role(data.fold, "student") / "finished.json").is_file(),
        "promotion": {
            "blocked_by": [one["code"] for one in blocked_by(folder, data.split)],
            "waiver": config.export.waiver,
        },
        "held_out": held_out(folder, data.split, data.fold, student["weights_sha256"]),
        "outside": outside_facts(folder, data.split, student["weights_sha256"]),
        "remarks": list(config.export.remarks),
    }
    return build_manifest(
        student,
        ready.calibration,
        config=config,
        data=data_facts(config, data.manifest, data.split, data.fold, seen),
        metrics=metrics,
        created=datetime.datetime.now(datetime.UTC),
    )


def _metrics(ready: Ready, *, by_validation: bool) -> dict[str, Any]:
    """What the export measured, as plain values."""
    return {
        "fold_chosen_by": BY_VALIDATION if by_validation else BY_NAME,
        "parity": asdict(ready.parity),
        "operating": {
            "thresholds": ready.operating.thresholds,
            "facts": ready.operating.facts,
        },
        "half": None if ready.half is None else ready.half[1].to_json(),
    }


def _write(
    folder: RunFolder, ready: Ready, values: dict[str, Any], manifest: Manifest,
    key: Ed25519PrivateKey,
) -> ExportResult:  # fmt: skip
    """The package, its variant and the public key."""
    name = file_name(values["name"])
    path = folder.package(name)
    _write_one(path, ready, values, manifest, key, graph=ready.graph)
    public = path.with_suffix(".pub")
    write_public_key(key, public)
    result = ExportResult(
        path, file_sha256(path), values["training"]["fold"], ready.parity, public,
        install_line(path, public), None if ready.half is None else ready.half[1],
    )  # fmt: skip
    if ready.half is None or not ready.half[1].holds:
        return result
    smaller = folder.package(f"{name}-half")
    _write_one(smaller, ready, _of_variant(values), manifest, key, graph=ready.half[0])
    return replace(result, half_path=smaller)


def _of_variant(values: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the float16 variant: what was measured is of the network it was made from."""
    kept = {name: one for name, one in values["metrics"].items() if name != "parity"}
    return {
        **values,
        "version": f"{values['version']}-half",
        "weights": "float16, used as float32",
        "metrics": {**kept, "measured_with": "float32 weights"},
    }


def _write_one(
    path: Path, ready: Ready, values: dict[str, Any], manifest: Manifest,
    key: Ed25519PrivateKey, *, graph: bytes,
) -> None:  # fmt: skip
    card = write_card(values)
    check_private([dump_json(values).decode(), card], manifest.rows)
    codes = [one["code"] for one in values["classes"]]
    check_free_texts(manifest_texts(values), manifest.rows, codes)
    write_model(
        path,
        graph=graph,
        manifest=values,
        golden=golden_sample(onnx_runner(graph), ready.golden),
        network=ready.network,
        calibration=ready.calibration,
        card=card,
        key=key,
    )


def file_name(name: str) -> str:
    """A model's name as the stem of a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "model"


def install_line(package: Path, public: Path) -> str:
    """What IT does once, and what installs the model."""
    return (
        f"Copy {public.name} into the folder 'keys' of the desktop's data folder (`kdoct "
        f"self-check` names it), then: kdoct model install {package.name}"
    )
