"""Distillation: who may teach, where soft targets come from, what else the student may see."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from kdoct_desktop.inference.preprocess import preprocess
from tests.training.tensors import tensors_sha256
from tests.training.tiny_run import TINY, hand_split, tiny_config, tiny_fold, tiny_run, write_data
from training.config import make_config
from training.data.manifest import write_manifest
from training.data.read_picture import read_picture
from training.errors import TrainingError
from training.events import Silent
from training.learning.distill import distill_student
from training.learning.tasks import Inputs, OnlineTeacher
from training.learning.teacher import train_teacher
from training.networks.checkpoint import load_best, read_best, save_best
from training.open_run import Run, create_run
from training.settings_file import merged
from training.splits.split import save_split


class Heard(Silent):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        self.codes.append(code)


def teach(run: Run) -> None:
    train_teacher(run.config, tiny_fold(run), run.folder, events=Silent(), cache=run.cache)


def distil(run: Run, events: Silent | None = None) -> dict[str, Any]:
    return distill_student(
        run.config, tiny_fold(run), run.folder, events=events or Silent(), cache=run.cache
    )


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    run = tiny_run(tmp_path_factory.mktemp("taught"))
    teach(run)
    return run


def borrowed(taught: Run, place: Path, **changes: Any) -> Run:
    """A run with a copy of the teacher whose description says something else."""
    run = tiny_run(place)
    weights, facts = read_best(taught.folder.best(0, "teacher"))
    for name, value in changes.items():
        facts[name] = value
    facts.setdefault("split_sha256", run.split.sha256)
    save_best(run.folder.best(0, "teacher"), weights, facts)
    return run


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"split_sha256": "0" * 64}, "split"),
        ({"fold": 1}, "fold"),
        ({"classes": ["NORMAL", "CNV", "DRUSEN"]}, "classes"),
        ({"role": "student"}, "role"),
    ],
)
def test_a_teacher_of_something_else_is_refused(
    taught: Run, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    run = borrowed(taught, tmp_path, **changes)
    if named == "role":
        facts = json.loads((run.folder.best(0, "teacher") / "model.json").read_text("utf-8"))
        facts["network"] = {**facts["network"], "model": "test_efficientnet"}
        from training.learning.distill import check_teacher

        with pytest.raises(TrainingError) as raised:
            check_teacher(run.config, tiny_fold(run), facts, Silent())
    else:
        with pytest.raises(TrainingError) as raised:
            distil(run)
    assert raised.value.code == "wrong-teacher"
    assert named in raised.value.message
    assert not (run.folder.role(0, "student") / "checkpoints").exists()


def test_no_teacher_no_distillation(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as raised:
        distil(tiny_run(tmp_path))
    assert raised.value.code == "no-model"


def test_a_tampered_teacher_is_refused(taught: Run, tmp_path: Path) -> None:
    run = borrowed(taught, tmp_path)
    (path,) = run.folder.best(0, "teacher").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(TrainingError) as raised:
        distil(run)
    assert raised.value.code == "tampered-model"


def validated(accuracy: float) -> dict[str, Any]:
    return {"raw": {"accuracy": accuracy, "balanced_accuracy": accuracy, "loss": 1.0}}


def gate(taught: Run, accuracy: float, waiver: str) -> list[str]:
    from training.learning.distill import check_teacher

    _, facts = read_best(taught.folder.best(0, "teacher"))
    facts |= {"validation": validated(accuracy), "chosen": "raw"}
    heard = Heard()
    check_teacher(tiny_config(distill={"waiver": waiver}), tiny_fold(taught), facts, heard)
    return heard.codes


def test_the_gate_lets_good_teachers_pass_and_others_with_a_reason(taught: Run) -> None:
    assert gate(taught, 0.90, "") == []
    assert gate(taught, 0.88, "pilot") == []
    assert gate(taught, 0.84, "pilot") == ["weak-teacher"]
    for accuracy in (0.899, 0.5):
        with pytest.raises(TrainingError) as raised:
            gate(taught, accuracy, "")
        assert raised.value.code == "teacher-below-gate"


def test_the_online_teacher_stays_as_it_is_and_gives_plain_tensors(taught: Run) -> None:
    network = load_best(taught.folder.best(0, "teacher")).network
    before = tensors_sha256(network.state_dict())
    teacher = OnlineTeacher(network, dtype=None)
    pictures = torch.randn(2, 3, 32, 48)
    given = Inputs(pictures, None, torch.zeros(2, dtype=torch.int64), torch.ones(2), np.arange(2))
    answer = teacher.logits(given)
    assert not answer.is_inference()
    assert not answer.requires_grad
    assert torch.equal(answer, teacher.logits(given))
    assert tensors_sha256(network.state_dict()) == before


def variant(place: Path, taught: Run, **over: Any) -> Run:
    """A run like the taught one with another distillation; it borrows the teacher."""
    run = tiny_run(place, tiny_config(**over))
    weights, facts = read_best(taught.folder.best(0, "teacher"))
    save_best(run.folder.best(0, "teacher"), weights, facts)
    return run


def weights_of(run: Run) -> str:
    return tensors_sha256(read_best(run.folder.best(0, "student"))[0])


def test_stored_targets_are_the_teacher_s_answers_to_the_plain_views(
    taught: Run, tmp_path: Path
) -> None:
    offline = variant(tmp_path / "a", taught, distill={"soft_targets": "offline"})
    online = variant(tmp_path / "b", taught)
    distil(offline)
    distil(online)
    assert weights_of(offline) != weights_of(online)


def test_without_soft_targets_no_teacher_is_asked(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, tiny_config(distill={"soft_weight": 0.0, "hard_weight": 1.0}))
    distil(run)
    _, facts = read_best(run.folder.best(0, "student"))
    assert facts["teacher"] == {}


def test_the_student_mixes_views_and_asks_the_teacher_about_the_mixed_one(
    taught: Run, tmp_path: Path
) -> None:
    mixing = variant(tmp_path / "a", taught, student={"mixup": 0.4, "cutmix": 1.0})
    plain = variant(tmp_path / "b", taught)
    distil(mixing)
    distil(plain)
    assert weights_of(mixing) != weights_of(plain)


def test_hidden_labels_still_teach_through_the_soft_targets(taught: Run, tmp_path: Path) -> None:
    run = variant(tmp_path, taught, data={"labelled_share": 0.5})
    data = tiny_fold(run)
    assert 0 < int((data.train.labels == -1).sum()) < len(data.train.labels)
    distil(run)
    log = run.folder.log(0, "student").read_text("utf-8").splitlines()
    assert json.loads(log[0])["seen"] == len(data.train.labels)


def share_inside(run: Run) -> float:
    """Share of the evidence for the disease in the lowest row of cells, over training rows."""
    student = load_best(run.folder.best(0, "student")).network.eval()
    data = tiny_fold(run)
    found = []
    for row, label in zip(data.train.rows, data.train.labels.tolist(), strict=True):
        if not row.outline:
            continue
        inputs = preprocess(read_picture(data.root, row.path), run.config.input.spec)[0]
        with torch.inference_mode():
            cam = student(torch.from_numpy(inputs)[None])[1][0, label]
        places = torch.softmax(cam.flatten(), dim=0).reshape(cam.shape)
        found.append(float(places[-1].sum()))
    return float(np.mean(found))


def with_outlines(run: Run, place: Path) -> Run:
    """The lowest tissue of every B-scan of a disease is outlined."""
    root, rows = run.root, []
    for row in run.manifest.rows:
        picture = read_picture(root, row.path)
        outline = np.zeros_like(picture)
        top, bottom, *_ = preprocess(picture, run.config.input.spec)[1]
        outline[bottom - (bottom - top) // 4 : bottom] = 255
        name = f"outline-{row.path.replace('/', '-')}"
        cv2.imwrite(str(root / name), outline)
        rows.append(replace(row, outline=name if row.label != "NORMAL" else ""))
    manifest = write_manifest(place / "outlined.csv", rows)
    save_split(place / "outlined.json", hand_split(manifest))
    return create_run(
        place / "outlined", run.config, root=root, manifest_file=place / "outlined.csv",
        cache=None, split_file=place / "outlined.json", events=Silent(),
    )  # fmt: skip


def test_the_outline_draws_the_evidence_into_the_lesion(tmp_path: Path) -> None:
    alone = {"soft_weight": 0.0, "hard_weight": 1.0}
    shares = []
    for weight in (0.0, 5.0):
        config = tiny_config(
            distill={**alone, "outline_weight": weight},
            student={"epochs": 12, "warmup_epochs": 1, "ema": 0.0, "swa_start": -1},
            input={"height": 96, "width": 96},
        )
        place = tmp_path / f"{weight}"
        run = with_outlines(tiny_run(place, config), place)
        distil(run)
        shares.append(share_inside(run))
    assert shares[1] > shares[0] + 0.1


def test_a_loss_that_wants_outlines_refuses_data_without(tmp_path: Path) -> None:
    alone = {"soft_weight": 0.0, "hard_weight": 1.0, "outline_weight": 0.1}
    with pytest.raises(TrainingError) as raised:
        distil(tiny_run(tmp_path, tiny_config(distill=alone)))
    assert raised.value.code == "missing-outlines"


@pytest.fixture
def two_modalities(tmp_path: Path) -> Run:
    """The tiny data with a fundus photograph beside each B-scan."""
    manifest = write_data(tmp_path / "data")
    colour = {"NORMAL": (20, 60, 120), "DRUSEN": (60, 200, 200), "CNV": (20, 20, 220)}
    for label, value in colour.items():
        picture = np.full((40, 40, 3), value, dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "data" / f"{label}.png"), picture)
    rows = [replace(row, fundus=f"{row.label}.png") for row in manifest.rows]
    manifest = write_manifest(tmp_path / "manifest.csv", rows)
    save_split(tmp_path / "split.json", hand_split(manifest))
    config = make_config(merged(TINY, {"teacher": {"fundus_model": "test_efficientnet"}}))
    return create_run(
        tmp_path / "run", config, root=tmp_path / "data", manifest_file=tmp_path / "manifest.csv",
        cache=None, split_file=tmp_path / "split.json", events=Silent(),
    )  # fmt: skip


def test_a_teacher_of_two_modalities_teaches_a_student_that_sees_oct_alone(
    two_modalities: Run,
) -> None:
    run = two_modalities
    teach(run)
    distil(run)
    teacher = load_best(run.folder.best(0, "teacher")).network
    student = load_best(run.folder.best(0, "student")).network
    assert any(name.startswith("fundus.") for name in teacher.state_dict())
    assert not any(name.startswith("fundus") for name in student.state_dict())
    assert len(student(torch.zeros(1, 3, 32, 48))) == 3
