"""Evaluation of a fold with real (untrained) networks on real files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kdoct_desktop.inference.preprocess import VIEWS, preprocess, view
from tests.training.measure.scored_run import add_network, untrained_run
from tests.training.tiny_run import tiny_config, tiny_run
from training.data.manifest import write_manifest
from training.data.predictions import load_predictions
from training.data.read_picture import read_picture
from training.data.select_rows import UNLABELLED
from training.errors import TrainingError
from training.measure.evaluate_fold import evaluate_fold
from training.measure.evaluate_run import evaluate_run
from training.measure.evidence import faithfulness
from training.measure.predicting import ask, predict
from training.networks.checkpoint import load_best
from training.open_run import Run
from training.splits.held_out import check_held_out, held_rows
from training.splits.split import Fold, Split


def evaluated(run: Run, fold: int = 0, faithful: int | None = 0) -> dict:  # type: ignore[type-arg]
    return evaluate_fold(
        run.root, run.folder, fold, run.manifest, run.split, run.config, faithful=faithful
    )


def test_answers_are_those_of_the_network_to_the_desktops_input(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    model = load_best(run.folder.best(0, "student"))
    held = held_rows(run.manifest, run.split, run.config, 0)
    for views in ("single", "tta"):
        found = predict(
            model.network, run.config, run.root, run.manifest, held.test,
            facts={"role": "student", "split_sha256": run.split.sha256}, views=views, batch=4,
        )  # fmt: skip
        names = VIEWS if views == "tta" else VIEWS[:1]
        for row, logits, embedding in zip(
            held.test.rows, found.logits, found.embeddings, strict=True
        ):
            ready, _ = preprocess(read_picture(run.root, row.path), run.config.input.spec)
            with torch.no_grad():
                slow = [model.network(torch.from_numpy(view(ready, n)[None])) for n in names]
            assert logits == pytest.approx(
                np.mean([s[0][0].numpy() for s in slow], axis=0), abs=2e-6
            )
            assert embedding == pytest.approx(slow[0][2][0].numpy(), abs=2e-6)
        assert found.facts["views"] == views
        assert found.rows.tolist() == held.test.indices.tolist()


def test_a_fold_is_scored_at_all_levels_and_saved(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    report = evaluated(run, faithful=2)
    assert json.loads((run.folder.fold(0) / "evaluation.json").read_text()) == report
    assert set(report["roles"]) == {"teacher", "student"}
    student = report["roles"]["student"]
    bscan = student["test"]["unfiltered"]["bscan"]
    assert bscan["n"] == 9
    assert bscan["patients"] == 3
    assert np.sum(bscan["confusion"]) == 9
    assert student["test"]["unfiltered"]["eye"]["n"] == 0
    assert student["test"]["unfiltered"]["eye"]["left_out"]["fewer than 5 B-scans"] == 3
    assert student["test"]["unfiltered"]["patient"]["rule"] == "mean of the B-scans"
    assert "unlike_training" not in report["roles"]["teacher"]["test"]["unfiltered"]["bscan"]
    assert report["paired"]["unfiltered"]["bscan"]["accuracy"]["value"] is not None
    assert 0.0 <= report["agreement"]["same_call"]["value"] <= 1.0
    for role in ("teacher", "student"):
        for part, count in (("validation", 18), ("test", 9)):
            path = run.folder.predictions(0, role, part)
            saved = load_predictions(path, split_sha256=run.split.sha256)
            assert len(saved.rows) == count
            assert saved.facts["part"] == part


def test_the_configuration_says_how_many_bscans_have_deletion_curves(tmp_path: Path) -> None:
    run = untrained_run(tmp_path, tiny_config(evaluate={"faithful": 0}))
    report = evaluated(run, faithful=None)
    assert report["faithful"] == 0
    assert report["roles"]["student"]["faithfulness"]["n"] == 0
    run = replace(run, config=tiny_config(evaluate={"faithful": 1}))
    again = evaluated(run, faithful=None)
    assert again["faithful"] == 1
    assert evaluated(run, faithful=0)["faithful"] == 0


def test_test_time_views_are_the_same_for_both_and_stand_beside_the_single_view(
    tmp_path: Path,
) -> None:
    run = untrained_run(tmp_path, tiny_config(evaluate={"views": "tta"}))
    report = evaluated(run)
    for role in ("teacher", "student"):
        assert report["roles"][role]["single"]["unfiltered"]["n"] == 9
        paths = [run.folder.predictions(0, role, part) for part in ("test", "test-single")]
        saved = [load_predictions(path, split_sha256=run.split.sha256) for path in paths]
        assert [one.facts["views"] for one in saved] == ["tta", "single"]
        assert not np.array_equal(saved[0].logits, saved[1].logits)


def test_weights_of_another_fold_or_split_are_refused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    add_network(run, 0, "student", facts={"role": "teacher", "split_sha256": "other"})
    with pytest.raises(TrainingError) as caught:
        evaluated(run)
    assert caught.value.code == "wrong-model"
    assert caught.value.details == ("role: teacher", "split_sha256: other")


def test_a_fold_without_networks_is_an_error_and_one_network_is_enough(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    with pytest.raises(TrainingError, match="neither a teacher nor a student"):
        evaluated(run)
    add_network(run, 0, "student")
    report = evaluated(run)
    assert report["missing"] == ["teacher"]
    assert "paired" not in report


def test_rows_of_patients_that_learned_are_refused_for_the_test_tables(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    held = held_rows(run.manifest, run.split, run.config, 0)
    patient = held.test.rows[0].patient
    with pytest.raises(TrainingError) as caught:
        check_held_out(held.test.rows, Fold((patient,), (), ()))
    assert caught.value.code == "not-held-out"
    assert len(caught.value.details) == 3
    leaky = Split(
        run.split.manifest_sha256,
        run.split.classes,
        tuple(replace(fold, train=(*fold.train, fold.test[0])) for fold in run.split.folds),
        {},
    )
    with pytest.raises(TrainingError, match="trained or validated"):
        held_rows(run.manifest, leaky, run.config, 0)


def test_labels_that_were_left_out_show_what_is_flagged(tmp_path: Path) -> None:
    config = tiny_config(
        classes={"codes": ["NORMAL", "CNV"], "labels": {"DRUSEN": "-"}},
    )
    made = tiny_run(tmp_path / "three")
    parts = tuple(
        Fold(*(tuple(n for n in fold.part(p) if "DRUSEN" not in n)
               for p in ("train", "validation", "test")))
        for fold in made.split.folds
    )  # fmt: skip
    split = Split(made.manifest.sha256, ("NORMAL", "CNV"), parts, {})
    run = Run(made.folder, config, made.root, made.manifest, split, made.cache)
    add_network(run, 0, "student")
    found = evaluated(run)["roles"]["student"]["unlike"]["DRUSEN"]
    assert found["n"] == 18
    assert found["patients"] == 6
    assert 0.0 <= found["unlike_training"]["value"] <= 1.0


def test_a_run_is_reported_with_figures_and_summary(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    run.folder.log(0, "teacher").write_text(
        '{"epoch": 0, "loss": 1.1, "validation": {"raw": {"accuracy": 0.4}}, "chosen": "raw"}\n'
        '{"epoch": 1, "loss": 0.9, "validation": {"raw": {"accuracy": 0.5}}, "chosen": ""}\n{"ep'
    )
    report = evaluate_run(run.root, run.folder, run.manifest, run.split, run.config, faithful=1)
    assert json.loads(run.folder.report.read_text()) == report
    assert [one["fold"] for one in report["missing"]] == [1, 1]
    assert "missing-folds" in {one["code"] for one in report["signatures"]}
    for name in ("folds", "confusion", "roc", "reliability", "curves-teacher"):
        assert (run.folder.figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (run.folder.root / "summary.html").is_file()
    assert (run.folder.root / "summary.pdf").read_bytes().startswith(b"%PDF")


def test_unlabelled_bscans_of_held_out_volumes_are_asked_about(tmp_path: Path) -> None:
    made = tiny_run(tmp_path)
    rows = [replace(row, label="") if row.bscan == 1 else row for row in made.manifest.rows]
    manifest = write_manifest(tmp_path / "some.csv", rows)
    split = replace(made.split, manifest_sha256=manifest.sha256)
    run = replace(made, manifest=manifest, split=split)
    add_network(run, 0, "student")
    report = evaluated(run)
    saved = load_predictions(run.folder.predictions(0, "student", "test"),
                             split_sha256=split.sha256)  # fmt: skip
    assert saved.labels[6:].tolist() == [UNLABELLED] * 3
    assert {manifest.rows[k].bscan for k in saved.rows[6:].tolist()} == {1}
    table = report["roles"]["student"]["test"]["unfiltered"]["bscan"]
    assert table["n"] == report["data"]["test"]["n"] == 6


class TwoEyed(torch.nn.Module):
    """Answers with the mean of the B-scan and, where there is one, of the photograph."""

    fundus = True

    def forward(self, picture: torch.Tensor, fundus: torch.Tensor | None = None) -> torch.Tensor:
        seen = torch.zeros(len(picture)) if fundus is None else 1 + fundus.mean(dim=(1, 2, 3))
        return torch.stack([picture.mean(dim=(1, 2, 3)), seen, seen], dim=1)


def test_a_bscan_without_a_photograph_is_asked_about_without_one(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    rows = list(held_rows(run.manifest, run.split, run.config, 0).test.rows)
    Image.fromarray(np.full((20, 30, 3), 128, np.uint8)).save(run.root / "fundus.png")
    rows[1::2] = [replace(row, fundus="fundus.png") for row in rows[1::2]]
    logits, embeddings = ask(TwoEyed(), run.config, run.root, rows, batch=4)
    spec = run.config.input.spec
    wanted = 1 + np.mean([(128 / 255 - m) / s for m, s in zip(spec.mean, spec.std, strict=True)])
    assert logits[0::2, 0, 1].tolist() == [0.0] * len(rows[0::2])
    assert logits[1::2, 0, 1] == pytest.approx(wanted, abs=1e-5)
    plain = [preprocess(read_picture(run.root, row.path), spec)[0].mean() for row in rows]
    assert logits[:, 0, 0] == pytest.approx(plain, abs=1e-5)
    assert embeddings.shape == (len(rows), 0)


def test_the_faithfulness_sample_is_diseased_right_and_one_a_patient(tmp_path: Path) -> None:
    run = untrained_run(tmp_path)
    held = held_rows(run.manifest, run.split, run.config, 0)
    network = load_best(run.folder.best(0, "student")).network
    made = faithfulness(
        network, run.config, run.root, held.test.rows, held.test.labels, held.test.labels,
        temperature=1.0, most=5,
    )  # fmt: skip
    assert (made["n"], made["patients"]) == (2, 2)  # one DRUSEN and one CNV patient
    gain = made["insertion"]["value"] - made["random_insertion"]["value"]
    assert made["insertion_gain"]["value"] == pytest.approx(gain, abs=3e-6)
    wrong = np.full_like(held.test.labels, 0)
    none = faithfulness(
        network, run.config, run.root, held.test.rows, held.test.labels, wrong,
        temperature=1.0, most=5,
    )  # fmt: skip
    assert none["n"] == 0
