"""The two networks, their exactness, and the ImageNet weights carried over from Lite2."""

import math
from dataclasses import replace

import pytest
import timm
import torch

from training.errors import TrainingError
from training.networks.lite2 import _names as names
from training.networks.lite2 import carry_over
from training.networks.models import (
    FUNDUS_DROP,
    Network,
    Teacher,
    build_student,
    build_teacher,
)
from training.recipe import STUDENT, TEACHER

TINY_STUDENT = replace(STUDENT, model="test_efficientnet", weights="none")
TINY_TEACHER = replace(TEACHER, model="test_convnext3", weights="none")
SIZE = (64, 96)


@pytest.fixture(scope="module")
def network() -> Network:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    torch.manual_seed(0)
    return Network(4)


def lite2_like(network: Network) -> dict[str, torch.Tensor]:
    """Random tensors with the names and shapes of EfficientNet-Lite2."""
    state = network.trunk.state_dict()
    generator = torch.Generator().manual_seed(3)
    source = {}
    for ours, theirs in names():
        shape = list(state[ours].shape)
        if shape[0] == 1408:
            shape[0] = 1280
        source[theirs] = torch.rand(shape, generator=generator)
    return source


def test_the_evidence_adds_up_to_the_logits(network: Network) -> None:
    with torch.no_grad():
        logits, cam, embedding = network.eval()(torch.randn(2, 3, 64, 96))
    assert logits.shape == (2, 4)
    assert cam.shape == (2, 4, 2, 3)
    assert embedding.shape == (2, 1408)
    assert torch.allclose(cam.mean(dim=(2, 3)) + network.head.bias, logits, atol=1e-5)


def test_an_untrained_head_starts_near_even_odds(network: Network) -> None:
    with torch.no_grad():
        logits, _, _ = network.eval()(torch.randn(2, 3, 64, 64))
    assert float(logits.abs().max()) < 0.7
    assert float(network.head.bias.detach().abs().max()) == 0.0
    assert float(network.head.weight.detach().std()) == pytest.approx(0.01, rel=0.1)


def test_every_weight_of_lite2_finds_its_place_and_the_rest_does_nothing() -> None:
    torch.manual_seed(1)
    network = Network(4)
    source = lite2_like(network)
    copied = carry_over(network, source)
    state = network.trunk.state_dict()
    assert copied == len(source) == 320
    assert torch.equal(state["conv_stem.weight"], source["_conv_stem.weight"])
    assert torch.equal(
        state["blocks.5.4.conv_pwl.weight"], source["_blocks.19._project_conv.weight"]
    )
    assert torch.equal(state["conv_head.weight"][:1280], source["_conv_head.weight"])
    assert float(state["blocks.0.1.bn2.weight"].abs().max()) == 0.0
    assert float(state["blocks.6.1.bn3.weight"].abs().max()) == 0.0
    picture = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        block = network.trunk.blocks[0][1].eval()
        assert torch.equal(block(picture), picture)


def test_the_gates_start_open() -> None:
    network = Network(4)
    carry_over(network, lite2_like(network))
    gate = network.trunk.blocks[3][1].se
    with torch.no_grad():
        picture = torch.rand(1, gate.conv_reduce.in_channels, 4, 4)
        assert float((gate(picture) / picture).min()) > 0.9


@pytest.mark.parametrize(
    "model", ["test_efficientnet", "test_resnet", "test_byobnet", "swin_s3_tiny_224"]
)
def test_the_evidence_of_any_student_adds_up_to_its_logits(model: str) -> None:
    size = (64, 64) if model.startswith("swin") else SIZE
    config = replace(TINY_STUDENT, model=model)
    student, _ = build_student(config, 3, size=size)
    with torch.no_grad():
        student.head.weight.normal_(std=1.0)
        logits, cam, embedding = student.eval()(torch.randn(2, 3, *size))
    assert logits.shape == (2, 3)
    assert cam.shape[:2] == (2, 3)
    assert embedding.shape == (2, student.head.in_features)
    assert torch.allclose(cam.mean(dim=(2, 3)) + student.head.bias, logits, atol=1e-4)


def test_a_student_is_timms_own_network() -> None:
    torch.manual_seed(0)
    whole = timm.create_model("test_efficientnet", num_classes=3).eval()
    student = Network(3, model="test_efficientnet").eval()
    weights = whole.state_dict()
    student.head.load_state_dict(
        {part: weights.pop(f"classifier.{part}") for part in ("weight", "bias")}
    )
    student.trunk.load_state_dict(weights)
    picture = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        assert torch.allclose(student(picture)[0], whole(picture), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        "test_convnext",  # a norm stands between average and classifier
        "test_vit",  # tokens, no map
        "mobilenetv3_small_050",  # a layer stands between average and classifier
    ],
)
def test_a_student_without_exact_evidence_is_refused(model: str) -> None:
    with pytest.raises(TrainingError, match="efficientnet_b2") as refused:
        build_student(replace(TINY_STUDENT, model=model), 3, size=SIZE)
    assert refused.value.code == "inexact-student"


def test_the_check_leaves_the_random_generator_alone() -> None:
    heads = []
    for model in ("test_resnet", "test_resnet"):
        torch.manual_seed(4)
        student, _ = build_student(replace(TINY_STUDENT, model=model), 3, size=SIZE)
        heads.append(student.head.weight)
    assert torch.equal(*heads)


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("convnextv2_larg", "convnextv2_large"),
        ("efficientnet_b2.wrong_tag", "efficientnet_b2.ra_in1k"),
        ("hf-hub:somebody/something", ""),
    ],
)
def test_an_unknown_model_is_answered_with_near_names(model: str, near: str) -> None:
    with pytest.raises(TrainingError) as refused:
        build_teacher(replace(TINY_TEACHER, model=model), 3, size=SIZE)
    assert refused.value.code == "unknown-model"
    assert near in str(refused.value)


def test_the_paper_sizes_of_both_networks() -> None:
    with torch.device("meta"):
        teacher = Teacher(3, model=TEACHER.model)
        student = Network(3, model=STUDENT.model)
    assert sum(weight.numel() for weight in teacher.parameters()) == 196_424_451
    assert sum(weight.numel() for weight in student.parameters()) == 7_705_221
    norms = [one for one in student.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert len(norms) == 69


@pytest.mark.parametrize(
    "model", ["test_convnext3", "test_vit", "test_nfnet", "mobilenetv3_small_050"]
)
def test_a_teacher_can_be_any_model(model: str) -> None:
    teacher, weights = build_teacher(
        replace(TINY_TEACHER, model=model, drop_path=0.0), 4, size=SIZE
    )
    logits = teacher.eval()(torch.randn(2, 3, *SIZE))
    assert logits.shape == (2, 4)
    assert not weights.pretrained


def test_an_untrained_teacher_starts_at_even_odds() -> None:
    torch.manual_seed(0)
    teacher, _ = build_teacher(replace(TINY_TEACHER, model="convnextv2_atto"), 3, size=SIZE)
    with torch.no_grad():
        logits = teacher.eval()(torch.randn(4, 3, *SIZE))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0]))
    assert float(loss) == pytest.approx(math.log(3.0), abs=0.2)
    assert float(teacher.head.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
    assert float(teacher.head.bias.detach().abs().max()) == 0.0


def test_drop_path_and_dropout_act_in_training_only() -> None:
    torch.manual_seed(0)
    teacher, _ = build_teacher(TINY_TEACHER, 3, size=SIZE)
    rates = [one.drop_prob for one in teacher.trunk.modules() if type(one).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(TINY_TEACHER.drop_path)
    picture = torch.randn(4, 3, *SIZE)
    with torch.no_grad():
        assert not torch.equal(teacher.train()(picture), teacher(picture))
        assert torch.equal(teacher.eval()(picture), teacher(picture))


def test_drop_path_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="drop_path has no effect with vgg11"):
        build_teacher(replace(TINY_TEACHER, model="vgg11", drop_path=0.1), 3, size=SIZE)


@pytest.fixture(scope="module")
def pair() -> Teacher:
    """A teacher that sees B-scan and photograph."""
    torch.set_num_threads(1)
    torch.manual_seed(2)
    config = replace(TINY_TEACHER, fundus_model="test_efficientnet", dropout=0.0, drop_path=0.0)
    teacher, _ = build_teacher(config, 3, size=SIZE)
    torch.nn.init.normal_(teacher.head.weight)
    return teacher


def test_both_pictures_count_and_one_may_be_missing(pair: Teacher) -> None:
    pair.eval()
    picture, fundus = torch.randn(2, 3, *SIZE), torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        both, alone = pair(picture, fundus), pair(picture)

        assert not torch.allclose(both, alone)
        # without a photograph its embedding is zero: only the B-scan's columns act
        own = pair.trunk(picture)
        expected = own @ pair.head.weight[:, : own.shape[1]].T + pair.head.bias
    assert torch.allclose(alone, expected, atol=1e-5)


def test_some_photographs_are_left_out_in_training(pair: Teacher) -> None:
    pair.train()
    for norm in pair.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
    picture, fundus = torch.randn(1, 3, *SIZE), torch.randn(1, 3, 48, 48)
    torch.manual_seed(0)
    with torch.no_grad():
        alone = pair(picture)
        many = pair(picture.expand(400, -1, -1, -1), fundus.expand(400, -1, -1, -1))
    left_out = float((many - alone).abs().amax(dim=1).lt(1e-4).float().mean())
    assert left_out == pytest.approx(FUNDUS_DROP, abs=0.07)


def test_a_photograph_for_a_teacher_without_eyes_for_it_is_an_error() -> None:
    teacher, _ = build_teacher(TINY_TEACHER, 3, size=SIZE)
    with pytest.raises(ValueError, match="no trunk for fundus"):
        teacher(torch.randn(1, 3, *SIZE), torch.randn(1, 3, *SIZE))
