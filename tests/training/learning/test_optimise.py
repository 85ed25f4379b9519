"""Groups of parameters, rates and freezing."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.training.toy import ToyNetwork
from training.errors import TrainingError
from training.learning.optimise import (
    freeze,
    is_head,
    make_optimizer,
    parameter_groups,
    rate_factor,
    set_rates,
)
from training.networks.models import Network, Teacher
from training.recipe import STUDENT, TEACHER

TINY = replace(TEACHER, model="test_convnext3")


def names_by_group(network: torch.nn.Module, groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = {weight: name for name, weight in network.named_parameters()}
    return {group["name"]: [found[weight] for weight in group["params"]] for group in groups}


def total(group: dict[str, Any]) -> int:
    return sum(weight.numel() for weight in group["params"])


@pytest.fixture(scope="module")
def large() -> Teacher:
    """The recipe's teacher without memory for its weights."""
    with torch.device("meta"):
        return Teacher(3, model=TEACHER.model)


def test_the_recipes_teacher_has_two_rates_and_undecayed_norms(large: Teacher) -> None:
    groups = {group["name"]: group for group in parameter_groups(large, TEACHER)}
    assert {name: (group["peak"], group["weight_decay"]) for name, group in groups.items()} == {
        "head": (1e-4, 0.05),
        "head no decay": (1e-4, 0.0),
        "backbone": (2e-5, 0.05),
        "backbone no decay": (2e-5, 0.0),
    }
    assert total(groups["head"]) == 3 * 1536
    assert total(groups["head no decay"]) == 3 + 2 * 1536  # bias, and scale and shift of head.norm
    assert sum(total(group) for group in groups.values()) == 196_424_451


def test_grn_is_not_decayed(large: Teacher) -> None:
    names = names_by_group(large, parameter_groups(large, TEACHER))
    decayed = names["head"] + names["backbone"]
    assert not [name for name in decayed if ".grn." in name or name.endswith(".bias")]
    assert "trunk.stages.2.blocks.5.mlp.grn.weight" in names["backbone no decay"]


def test_the_reference_decays_everything(large: Teacher) -> None:
    groups = parameter_groups(large, replace(TEACHER, decay_norms=True))
    assert [(group["name"], group["weight_decay"]) for group in groups] == [
        ("backbone", 0.05),
        ("head", 0.05),
    ]


def test_every_layer_has_its_rate_with_layer_decay(large: Teacher) -> None:
    groups = parameter_groups(large, replace(TEACHER, layer_decay=0.5))
    names = names_by_group(large, groups)
    assert sum(len(group) for group in names.values()) == len(list(large.parameters()))
    peaks = {group["name"]: group["peak"] for group in groups}
    last = max(int(name.split()[0].split(".")[1]) for name in names if name.startswith("trunk."))
    stem = next(name for name, members in names.items() if "trunk.stem.0.weight" in members)
    assert stem == "trunk.0"
    assert peaks[f"trunk.{last}"] == TEACHER.backbone_rate
    for layer in range(1, last + 1):
        assert peaks[f"trunk.{layer - 1}"] == pytest.approx(0.5 * peaks[f"trunk.{layer}"])
    assert "trunk.stages.3.blocks.2.mlp.fc1.weight" in names[f"trunk.{last}"]
    assert peaks["head"] == TEACHER.head_rate


@pytest.mark.parametrize("model", ["test_vit", "test_efficientnet", "test_resnet", "test_nfnet"])
def test_layers_are_known_for_other_families(model: str) -> None:
    teacher = Teacher(3, model=model, fundus_model="test_convnext", size=(160, 160))
    groups = parameter_groups(teacher, replace(TINY, layer_decay=0.75))
    members = [weight for group in groups for weight in group["params"]]
    assert len(members) == len(set(members)) == len(list(teacher.parameters()))
    peaks = {group["name"].split()[0]: group["peak"] for group in groups}
    assert len({peak for name, peak in peaks.items() if name.startswith("trunk.")}) >= 3
    assert max(peaks[name] for name in peaks if name.startswith("fundus.")) == TINY.backbone_rate


def test_position_embeddings_are_not_decayed() -> None:
    teacher = Teacher(3, model="test_vit", size=(160, 160))
    names = names_by_group(teacher, parameter_groups(teacher, TINY))
    assert {"trunk.pos_embed", "trunk.cls_token"} <= set(names["backbone no decay"])


def test_a_network_whose_layers_are_unknown_refuses_layer_decay() -> None:
    with pytest.raises(TrainingError, match="layer_decay has no effect"):
        parameter_groups(ToyNetwork(), replace(STUDENT, layer_decay=0.9))


def test_the_students_groups_take_one_rate() -> None:
    groups = parameter_groups(Network(3, model="test_efficientnet"), STUDENT)
    assert {group["peak"] for group in groups} == {1e-3}
    assert {group["weight_decay"] for group in groups} == {0.0, 0.01}


def test_rates_rise_over_the_warm_up_and_fall_to_the_floor() -> None:
    assert rate_factor(0.1, TEACHER) == pytest.approx(0.01)  # a tenth of the first of ten epochs
    assert rate_factor(5.0, TEACHER) == pytest.approx(0.5)
    assert rate_factor(10.0, TEACHER) == pytest.approx(1.0)
    # half way between 10 and 150: the middle of floor and peak
    assert rate_factor(80.0, TEACHER) == pytest.approx((1.0 + 1e-3) / 2.0)
    # a third of the way: cos 60 degrees = 0.5, so 0.001 + 0.999 * 0.75
    assert rate_factor(10.0 + 140.0 / 3.0, TEACHER) == pytest.approx(0.75025)
    assert rate_factor(150.0, TEACHER) == pytest.approx(1e-3)
    assert rate_factor(151.0, TEACHER) == pytest.approx(1e-3)


def test_a_run_without_warm_up_starts_at_the_peak() -> None:
    config = replace(STUDENT, warmup_epochs=0, epochs=4)
    assert rate_factor(0.0, config) == pytest.approx(1.0)
    assert rate_factor(2.0, config) == pytest.approx((1.0 + 1e-3) / 2.0)


def test_a_run_that_is_all_warm_up_never_divides_by_nothing() -> None:
    config = replace(STUDENT, warmup_epochs=3, epochs=3)
    assert rate_factor(1.5, config) == pytest.approx(0.5)
    assert rate_factor(3.0, config) == pytest.approx(1.0)


def test_each_group_has_its_own_floor_and_the_averaging_phase_one_rate() -> None:
    teacher = Teacher(3, model="test_convnext3")
    optimizer = make_optimizer(teacher, TINY)
    set_rates(optimizer, 1e-3)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates["head"] == pytest.approx(1e-7)
    assert rates["backbone"] == pytest.approx(2e-8)
    set_rates(optimizer, 1e-3, swa_rate=1e-5)
    assert {group["lr"] for group in optimizer.param_groups} == {1e-5}


def test_a_frozen_backbone_neither_learns_nor_drops_paths() -> None:
    torch.manual_seed(0)
    teacher = Teacher(3, model="test_convnext3", drop_path=0.9, dropout=0.0)
    optimizer = make_optimizer(teacher, TINY)
    before = {name: weight.detach().clone() for name, weight in teacher.named_parameters()}
    teacher.train()
    freeze(teacher, True)
    assert teacher.training
    assert teacher.trunk.head.norm.training
    assert not teacher.trunk.stages.training
    picture = torch.randn(2, 3, 32, 32)
    assert torch.equal(teacher(picture), teacher(picture))
    teacher(picture).square().sum().backward()
    optimizer.step()
    changed = {name for name, weight in teacher.named_parameters()
               if not torch.equal(weight.detach(), before[name])}  # fmt: skip
    assert changed == {name for name in before if is_head(name)}
    assert "trunk.head.norm.weight" in changed


def test_a_frozen_student_keeps_its_norm_statistics() -> None:
    student = Network(3, model="test_efficientnet")
    student.train()
    freeze(student, True)
    mean = student.trunk.bn1.running_mean.clone()
    student(torch.randn(2, 3, 32, 32))
    assert torch.equal(student.trunk.bn1.running_mean, mean)
    student.train()
    freeze(student, False)
    student(torch.randn(2, 3, 32, 32))
    assert not torch.equal(student.trunk.bn1.running_mean, mean)
    assert all(weight.requires_grad for weight in student.parameters())


def test_evaluation_mode_survives_freezing() -> None:
    teacher = Teacher(3, model="test_convnext3").eval()
    freeze(teacher, True)
    assert not teacher.trunk.head.norm.training


def test_the_fused_step_is_the_plain_one() -> None:
    torch.manual_seed(0)
    networks = [ToyNetwork(3), ToyNetwork(3)]
    networks[1].load_state_dict(networks[0].state_dict())
    fused = make_optimizer(networks[0], STUDENT)
    plain = make_optimizer(networks[1], STUDENT, scaled=True)
    assert fused.defaults["fused"]
    assert not plain.defaults["fused"]
    for turn in range(5):
        for network, optimizer in zip(networks, (fused, plain), strict=True):
            torch.manual_seed(turn)
            network(torch.randn(2, 3, 32, 32))[0].square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    for one, two in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-6)
