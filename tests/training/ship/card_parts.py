"""A manifest and tables as the card is written from."""

from typing import Any


def interval(value: float | None) -> dict[str, float | None]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def table(n: int, patients: int, accuracy: float) -> dict[str, Any]:
    return {
        "n": n, "patients": patients, "no_call": 1,
        "confusion": [[n - 5, 2, 1], [1, 1, 0]],
        "figures": {"accuracy": interval(accuracy), "kappa": interval(None)},
        "classes": {
            "NORMAL": {"n": n - 2, "patients": patients - 1, "recall": interval(0.9)},
            "CNV": {"n": 2, "patients": 1, "recall": interval(0.5), "auroc": interval(0.8)},
        },
        "calibration": {"ece_before": interval(0.2), "ece_after": interval(0.1), "bins": 15,
                        "reliability_after": [1, 2]},
        "secret": ["patient 7"],
    }  # fmt: skip


def training_facts() -> dict[str, Any]:
    initial: dict[str, Any] = {"name": "random", "licence": "none", "source": "none", "notice": ""}
    return {
        "fold": 1, "chosen": "swa", "split_sha256": "s" * 64, "manifest_sha256": "m" * 64,
        "weights_sha256": "w" * 64, "source_commit": "abc", "network": "efficientnet_b2",
        "validation": {"raw": {"accuracy": 0.9, "loss": 0.3}, "swa": {"accuracy": 0.92}},
        "initial_weights": initial,
        "teacher": {"model": "convnext", "fold": 1, "validation": {"accuracy": 0.88},
                    "initial_weights": {**initial, "licence": "MIT"}},
        "waiver": "few | patients\nyet", "folds": 2,
        "config": {"distill": {"gate": 0.9}, "data": {"labelled_share": 1.0}},
        "data": [{"name": "clinic", "train": {"patients": 9, "bscans": 90},
                  "validation": {"patients": 3, "bscans": 30}}],
        "devices": {"Spectralis": 120}, "test_patients": 4, "worst_case": False,
        "split": {
            "leak": {"sentence": "Image-level splitting would have put 17 across; here 0."},
            "warnings": ["3 pictures belong to several patients, who were united."],
            "counts": {
                part: {"patients": 9, "bscans": 90, "classes": {
                    "NORMAL": {"patients": 6, "bscans": 60},
                    "CNV": {"patients": 3, "bscans": 30}}}
                for part in ("train", "validation", "test")
            },
        },
    }  # fmt: skip


def manifest(held: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "ward", "version": "1.2", "demonstration": False,
        "notice": "Not validated.", "created": "2026-05-04",
        "classes": [{"code": "NORMAL", "display": "Normal"}, {"code": "CNV", "display": "CNV"}],
        "input": {"height": 384, "width": 384}, "calibration": {"temperature": 0.8},
        "ood": {"threshold": 0.31},
        "eye_rule": {"adjacent": 3, "thresholds": {"CNV": 0.4}, "scale": {"CNV": 1.5},
                     "offset": {"CNV": -0.5}},
        "training": training_facts(),
        "metrics": {
            "fold_chosen_by": "best validation accuracy of all folds", "held_out": held,
            "outside": {}, "remarks": [],
            "finished": True, "promotion": {"blocked_by": [], "waiver": ""},
            "parity": {"pictures": 200, "difference": 3e-7},
            "operating": {"thresholds": {"CNV": 0.25, "disease": None},
                          "facts": {"bscans": 30, "patients": 3, "eyes": 3, "sensitivity": 0.95,
                                    "eye_rule_not_fitted": ["CNV"]}},
            "half": {"holds": False, "difference": 0.02, "pictures": 200, "same_class": True,
                     "bytes_half": 15_500_000, "bytes_full": 30_800_000},
        },
    }  # fmt: skip
