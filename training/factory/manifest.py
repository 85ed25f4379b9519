"""What the package of the factory model says about itself."""

import datetime
from typing import Any

from kdoct_desktop.inference.preprocess import InputSpec
from training.measure.calibrate import Calibration
from training.painted.painting import CLASSES
from training.ship.export import source_commit

NOTICE = (
    "Demonstration model trained on synthetic and public pictures: "
    "not for any decision about a patient."
)
DISPLAY = {"NORMAL": "Normal", "DRUSEN": "Drusen", "CNV": "CNV", "DME": "DME"}


def build_manifest(
    facts: dict[str, Any],
    spec: InputSpec,
    calibration: Calibration,
    *,
    metrics: dict[str, Any],
    created: datetime.datetime,
) -> dict[str, Any]:
    """Everything that the package says about the model, as `write_package` wants it.

    Args:
        facts: Of the checkpoint.
        spec: Input of the network.
        calibration: Temperature, limits, eye-level rule.
        metrics: Evaluation in plain values.
        created: With its time zone.
    """
    config = facts["config"]
    return {
        "name": config["name"],
        "version": config["version"],
        "created": created.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "demonstration": True,
        "notice": NOTICE,
        "classes": [{"code": code, "display": DISPLAY[code]} for code in CLASSES],
        "input": spec.to_json(),
        "calibration": {"temperature": calibration.temperature},
        "eye_rule": calibration.eye_rule,
        "ood": {
            "measure": "cosine distance to nearest class mean",
            "threshold": calibration.ood_threshold,
        },
        "training": _origin(facts),
        "metrics": metrics,
    }


def _origin(facts: dict[str, Any]) -> dict[str, Any]:
    """Where the weights come from."""
    return {
        "config": facts["config"],
        "split_sha256": facts["split_sha256"],
        "source_commit": source_commit(),
        "initial_weights": facts["initial_weights"],
        "data": [
            {"name": "phantoms", "licence": "generated"},
            {"name": "octdl", "licence": "CC BY 4.0", "source": "Kulyabin et al., OCTDL"},
            {"name": "kermany", "licence": "CC BY 4.0", "source": "Kermany et al. 2018"},
        ],
    }
