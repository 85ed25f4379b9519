"""Checkpoints: newest whole one, damaged ones stepped over, chosen weights that are verified."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.training.tensors import tensors_sha256
from training.errors import TrainingError
from training.events import Silent
from training.files import file_sha256
from training.networks.checkpoint import (
    load_best,
    load_state,
    read_best,
    save_best,
    save_state,
)


class Heard(Silent):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def warning(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        self.codes.append(code)


def write(folder: Path, number: int, *, identity: str = "x") -> Path:
    tensors = {"network/weight": torch.full((3, 4), float(number)).t()}
    return save_state(
        folder, number, tensors, {"identity": identity, "position": {"epoch": number}}
    )


def test_the_newest_checkpoint_comes_back_and_three_are_kept(tmp_path: Path) -> None:
    for number in (5, 10, 15, 20):
        write(tmp_path, number)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000010", "step-00000015", "step-00000020",
    ]  # fmt: skip
    found = load_state(tmp_path, identity="x", events=Silent())
    assert found is not None
    tensors, facts = found
    assert facts["position"] == {"epoch": 20}
    assert torch.equal(tensors["network/weight"], torch.full((4, 3), 20.0))


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none", identity="x", events=Silent()) is None


@pytest.mark.parametrize("damage", ["flip", "cut", "no-json", "bad-json", "gone"])
def test_a_damaged_checkpoint_is_stepped_over_with_a_warning(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 1)
    newest = write(tmp_path, 2)
    state = newest / "state.safetensors"
    data = bytearray(state.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
        state.write_bytes(data)
    elif damage == "cut":
        state.write_bytes(data[:-8])
    elif damage == "gone":
        state.unlink()
    elif damage == "no-json":
        (newest / "state.json").unlink()
    else:
        (newest / "state.json").write_text("{", "utf-8")
    heard = Heard()
    found = load_state(tmp_path, identity="x", events=heard)
    assert found is not None
    assert found[1]["position"] == {"epoch": 1}
    assert heard.codes == ["damaged-checkpoint"]


def test_when_every_checkpoint_is_damaged_nothing_starts_over_silently(tmp_path: Path) -> None:
    (write(tmp_path, 1) / "state.safetensors").write_bytes(b"")
    with pytest.raises(TrainingError) as raised:
        load_state(tmp_path, identity="x", events=Silent())
    assert raised.value.code == "no-whole-checkpoint"


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 1, identity="other")
    with pytest.raises(TrainingError) as raised:
        load_state(tmp_path, identity="x", events=Silent())
    assert raised.value.code == "other-run"


def test_a_draft_that_a_kill_left_is_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)
    draft = tmp_path / ".draft-12345"
    draft.mkdir()
    (draft / "state.safetensors").write_bytes(b"half")
    found = load_state(tmp_path, identity="x", events=Silent())
    assert found is not None
    assert found[1]["position"] == {"epoch": 1}


def test_chosen_weights_are_replaced_as_a_pair(tmp_path: Path) -> None:
    save_best(tmp_path, {"a": torch.zeros(2)}, {"epoch": 0})
    save_best(tmp_path, {"a": torch.ones(2)}, {"epoch": 1})
    weights, facts = read_best(tmp_path)
    assert torch.equal(weights["a"], torch.ones(2))
    assert facts["epoch"] == 1
    assert facts["weights_sha256"] == file_sha256(tmp_path / facts["weights"])
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    save_best(tmp_path, {"a": torch.zeros(2)}, {"epoch": 0})
    (path,) = tmp_path.glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrainingError) as raised:
        read_best(tmp_path)
    assert raised.value.code == "tampered-model"


def test_a_description_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    save_best(tmp_path / "best", {"a": torch.zeros(2)}, {"epoch": 0})
    (path,) = (tmp_path / "best").glob("*.safetensors")
    (tmp_path / "out.safetensors").write_bytes(path.read_bytes())
    values = json.loads((tmp_path / "best" / "model.json").read_text("utf-8"))
    values["weights"] = "../out.safetensors"
    (tmp_path / "best" / "model.json").write_text(json.dumps(values), "utf-8")
    with pytest.raises(TrainingError) as raised:
        read_best(tmp_path / "best")
    assert raised.value.code == "tampered-model"


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as raised:
        load_best(tmp_path / "teacher" / "best")
    assert raised.value.code == "no-model"


def test_the_hash_of_tensors_knows_names_shapes_and_bits() -> None:
    one = {"a": torch.zeros(2, 3)}
    assert tensors_sha256(one) == tensors_sha256({"a": torch.zeros(2, 3)})
    for other in (
        {"b": torch.zeros(2, 3)},
        {"a": torch.zeros(3, 2)},
        {"a": torch.full((2, 3), -0.0)},
    ):
        assert tensors_sha256(one) != tensors_sha256(other)
