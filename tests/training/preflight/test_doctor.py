"""What the doctor sees before any epoch is spent."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tiny_run import CODES, tiny_config, write_data
from training.data.manifest import Manifest
from training.errors import TrainingError
from training.preflight import doctor as doctor_module
from training.preflight import dry_step
from training.preflight.checks import FAILED, OK, WARNING, Check
from training.preflight.doctor import disk_check, doctor, guarded, version_checks
from training.preflight.doctor_compute import (
    build_networks,
    device_check,
    network_check,
    time_check,
)
from training.preflight.doctor_data import data_checks
from training.preflight.dry_step import Bench, Forecast, Measured
from training.preflight.forecast import CHECKPOINTS, Pace, Sizes, sizes_of
from training.run_folder import ROLES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def manifest(place: Path) -> Manifest:
    return write_data(place / "data", bscans=2)


def by_name(checks: list[Check]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def bench(role: str = "student", **values: Any) -> Bench:
    config = tiny_config()
    networks = build_networks(config)
    teacher = networks["teacher"] if role == "student" else None
    return Bench(
        networks[role], getattr(config, role), classes=3, size=(32, 48),
        device=torch.device("cpu"), precision="fp32", teacher=teacher, **values,
    )  # fmt: skip


def test_a_healthy_machine_and_a_whole_manifest_pass_with_times_sizes_and_batches(
    place: Path, manifest: Manifest
) -> None:
    config = tiny_config(split={"folds": 2})
    run = place / "not" / "there"
    checks = by_name(doctor(config, root_data=place / "data", manifest=manifest, folder=run))
    assert [name for name, check in checks.items() if check.state == FAILED] == []
    assert list(checks) == [
        "versions", "device", "teacher weights", "student weights", "patients", "files",
        "teacher step", "student step", "time", "disk",
    ]  # fmt: skip
    for role in ("teacher", "student"):
        values = checks[f"{role} step"].values
        assert values["largest_batch"] >= 4
        assert values["forecast_bytes"] > 0
        assert values["measured_bytes"] > values["weights_bytes"]
        assert values["pace"]["batch"] == 4
        assert "memory forecast" in checks[f"{role} step"].sentence
    assert checks["time"].values["least_s"] <= checks["time"].values["most_s"]
    assert checks["patients"].values["patients"] == dict.fromkeys(CODES, 6)
    different = len({row.sha256 for row in manifest.rows})
    # 35 x 52 enlarged for both networks, 32 x 48 twice as wide
    assert checks["disk"].values["cache"] == different * (35 * 52 + 2 * 32 * 48)
    assert not run.parent.exists()


def test_quick_takes_no_step_and_still_knows_the_disk(place: Path, manifest: Manifest) -> None:
    checks = by_name(doctor(tiny_config(), manifest=manifest, folder=place, quick=True))
    assert "teacher step" not in checks
    assert "checkpoints" in checks["disk"].values


def test_a_teacher_that_is_not_trained_is_neither_looked_for_nor_counted(
    place: Path, manifest: Manifest
) -> None:
    config = tiny_config(
        teacher={"model": "no-such-model", "weights": "gone", "fundus_model": "test_convnext"},
        distill={"soft_weight": 0.0, "hard_weight": 1.0},
    )
    checks = by_name(doctor(config, manifest=manifest, folder=place))
    assert [name for name, check in checks.items() if check.state == FAILED] == []
    assert not {"teacher weights", "teacher step", "photographs"} & set(checks)
    assert set(checks["time"].values["epoch_s"]) == {"student"}
    (student,) = build_networks(config).values()
    alone = CHECKPOINTS * sizes_of(student, config.student).checkpoint
    assert checks["disk"].values["checkpoints"] == config.split.folds * alone


def test_time_and_disk_are_of_the_bscans_that_take_part(place: Path, manifest: Manifest) -> None:
    config = tiny_config(classes={"labels": {"DRUSEN": "-"}, "codes": ["NORMAL", "CNV"]})
    checks = by_name(doctor(config, manifest=manifest, folder=place))
    used = [row for row in manifest.rows if row.label != "DRUSEN"]
    different = len({row.sha256 for row in used})
    assert checks["disk"].values["cache"] == different * (35 * 52 + 2 * 32 * 48)
    paces = {role: Pace(**checks[f"{role} step"].values["pace"]) for role in ROLES}
    assert checks["time"].values == time_check(config, len(used), paces).values


def test_a_library_that_is_too_old_fails_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (good,) = version_checks()
    assert good.state == OK
    monkeypatch.setitem(doctor_module.LEAST, "torch", (99, 0))
    monkeypatch.setitem(doctor_module.LEAST, "no-such-library", (1, 0))
    (bad,) = version_checks()
    assert bad.state == FAILED
    assert "torch is too old" in bad.sentence
    assert "no-such-library is missing" in bad.sentence
    assert "torch 99.0" in bad.sentence


def test_a_gpu_that_was_asked_for_and_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_check(tiny_config(compute={"accelerator": "cuda"})).state == FAILED
    assert device_check(tiny_config(compute={"accelerator": "cpu"})).state == OK


def test_a_card_that_torch_cannot_use_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / ("nvidia-smi.exe" if os.name == "nt" else "nvidia-smi")
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check = device_check(tiny_config(compute={"accelerator": "auto"}))
    assert check.state == WARNING
    assert "cannot use it" in check.sentence


def test_a_network_that_does_not_fit_is_refused_without_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = bench("teacher")
    monkeypatch.setattr(dry_step, "free_memory", lambda device: 1_000_000)
    monkeypatch.setattr(one, "measure", lambda batch: pytest.fail("a step was taken"))
    check, measured = network_check("teacher", one.config, one)
    assert (check.state, measured) == (FAILED, None)
    assert "not even 1 fits" in check.sentence


def test_a_batch_that_does_not_fit_on_a_cpu_is_measured_smaller_and_advised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = bench("student")
    whole = one.forecast()
    room = whole.sizes.fixed + whole.beside + int(2.5 * whole.sample)
    monkeypatch.setattr(dry_step, "free_memory", lambda device: int(room / dry_step.SHARE) + 1)
    tried: list[int] = []

    def measure(batch: int) -> Measured:
        tried.append(batch)
        return Measured(Pace(batch, 0.1, 0.1, 0.1), one.forecast().needed(batch))

    monkeypatch.setattr(one, "measure", measure)
    check, _ = network_check("student", one.config, one)
    assert tried == [2]
    assert check.state == FAILED
    assert "student.batch=2 student.accumulation=4" in check.sentence


def test_on_a_gpu_the_batch_is_searched_by_trying_until_memory_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = bench("student")
    one.device = torch.device("cuda")
    tried: list[int] = []

    def measure(batch: int) -> Measured:
        tried.append(batch)
        if batch > 11:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Measured(Pace(batch, 0.1, 0.1, 0.1), 0)

    monkeypatch.setattr(one, "measure", measure)
    monkeypatch.setattr(dry_step, "_empty", lambda device: None)
    forecast = Forecast(Sizes(1, 1, 0), 1, 0, 100)
    assert one.largest(forecast, None) == 11
    assert tried == [1, 2, 4, 8, 16, 12, 10, 11]


def test_a_real_step_moves_weights_and_counts_the_teacher_beside_the_student() -> None:
    one = bench("student")
    before = one.network.state_dict()["head.weight"].clone()
    forecast = one.forecast()
    measured = one.measure(4)
    assert not torch.equal(before, one.network.state_dict()["head.weight"])
    assert forecast.beside > forecast.sizes.weights  # the tiny teacher is the larger one
    assert measured.peak >= forecast.beside + forecast.sizes.weights
    assert measured.pace.micro_s > measured.pace.forward_s > 0.0
    assert forecast.needed(5) - forecast.needed(4) == forecast.sample


def test_a_measured_step_that_grew_more_than_forecast_lowers_the_largest_batch() -> None:
    one = bench("student")
    forecast = Forecast(Sizes(0, 0, 0), 10, 0, 1000)  # 850 may be used
    pace = Pace(4, 0.1, 0.1, 0.1)
    assert one.largest(forecast, None) == 85
    assert one.largest(forecast, Measured(pace, 80)) == 42  # 20 a B-scan
    assert one.largest(forecast, Measured(pace, 8)) == 85


def test_the_time_of_a_run_follows_from_the_measured_steps() -> None:
    config = tiny_config(split={"folds": 5, "validation": 0.25})
    pace = Pace(batch=4, micro_s=0.4, update_s=0.0, forward_s=0.1)
    check = time_check(config, 100, {"teacher": pace, "student": pace})
    # 60 train and 20 validate in a fold; raw and EMA look
    epoch = 60 / 4 * 0.4 + 2 * 20 / 4 * 0.1
    assert check.values["epoch_s"] == pytest.approx({"teacher": epoch, "student": epoch})
    assert check.values["most_s"] == pytest.approx(5 * 2 * 3 * epoch)
    assert check.state == OK
    slow = dataclasses.replace(pace, micro_s=1e6)
    assert time_check(config, 100, {"teacher": slow, "student": slow}).state == WARNING


def test_a_class_with_too_few_patients_for_the_folds_fails(place: Path, manifest: Manifest) -> None:
    (check,) = data_checks(tiny_config(split={"folds": 7}), None, manifest)
    assert check.state == FAILED
    assert "needs 7 patients" in check.sentence
    (few,) = data_checks(tiny_config(split={"folds": 3}), None, manifest)
    assert few.state == WARNING


def test_an_unknown_label_is_a_failed_check_with_the_list(manifest: Manifest) -> None:
    rows = (dataclasses.replace(manifest.rows[0], label="MACULAR HOLE"), *manifest.rows[1:])
    odd = dataclasses.replace(manifest, rows=rows)
    checks = by_name(doctor(tiny_config(), manifest=odd, quick=True))
    assert checks["data"].state == FAILED
    assert checks["data"].values["code"] == "unknown-label"
    assert "MACULAR HOLE" in checks["data"].values["details"][0]


def test_files_that_are_gone_or_changed_are_named(place: Path, manifest: Manifest) -> None:
    rows = list(manifest.rows)
    rows[0] = dataclasses.replace(rows[0], path="gone.png")
    rows[-1] = dataclasses.replace(rows[-1], sha256="0" * 64)
    odd = dataclasses.replace(manifest, rows=tuple(rows))
    check = by_name(data_checks(tiny_config(), place / "data", odd))["files"]
    assert check.state == FAILED
    assert check.values["unreadable"] == ["gone.png"]
    assert check.values["changed"] == [rows[-1].path]


def test_missing_photographs_are_counted(manifest: Manifest) -> None:
    config = tiny_config(teacher={"fundus_model": "test_convnext"})
    assert by_name(data_checks(config, None, manifest))["photographs"].state == FAILED
    rows = (dataclasses.replace(manifest.rows[0], fundus="f.png"), *manifest.rows[1:])
    some = by_name(data_checks(config, None, dataclasses.replace(manifest, rows=rows)))
    assert some["photographs"].state == WARNING
    assert f"{len(rows) - 1} of {len(rows)}" in some["photographs"].sentence


def test_a_full_disk_is_foreseen(
    place: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config()
    teacher = build_networks(config)["teacher"]
    sizes = dict.fromkeys(("teacher", "student"), sizes_of(teacher, config.teacher))
    good = disk_check(config, place / "a" / "b", manifest.rows, sizes)
    assert good.state == OK
    needed = good.values["cache"] + good.values["checkpoints"]
    usage = shutil.disk_usage(place)
    for free, state in ((needed - 1, FAILED), (needed + 1, WARNING), (needed * 2, OK)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(free=free))
        assert disk_check(config, place, manifest.rows, sizes).state == state


def test_what_a_part_raises_is_a_failed_check_and_a_fault_of_the_program_is_not_hidden() -> None:
    def refuse() -> list[Check]:
        raise TrainingError("unknown-model", "No such model.", ["x"])

    def ends() -> list[Check]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def fault() -> list[Check]:
        raise RuntimeError("shapes differ")

    assert guarded("a", refuse)[0].values == {"code": "unknown-model", "details": ["x"]}
    assert guarded("a", ends)[0].values["code"] == "out-of-memory"
    with pytest.raises(RuntimeError, match="shapes"):
        guarded("a", fault)
