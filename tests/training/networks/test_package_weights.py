"""A model package back into a network that can be trained: the same answers, and living norms."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kdoct_desktop.inference.input_spec import InputSpec
from kdoct_desktop.inference.package import Golden, read_package
from kdoct_desktop.inference.signing import load_trusted_keys
from training.errors import TrainingError
from training.networks.initial_weights import InitialWeights
from training.networks.models import Network, build_student, build_teacher, run_network
from training.networks.package_weights import _tensors as tensors_of
from training.networks.package_weights import fill_trunk, fold_of, open_package
from training.recipe import STUDENT, TEACHER
from training.ship.export import onnx_runner, to_onnx
from training.ship.half import half_weights

RESOURCES = Path(__file__).parents[3] / "resources"
FACTORY = RESOURCES / "models" / "factory.kdmodel"
CODES = ("NORMAL", "DRUSEN", "CNV", "DME")


def start(weights: Path, *, model: str) -> None:
    config = replace(TEACHER, model=model, weights=str(weights), drop_path=0.0)
    build_teacher(config, 4, size=(64, 64), codes=CODES)


@pytest.fixture(scope="module")
def golden() -> Golden:
    keys = load_trusted_keys(RESOURCES / "keys")
    return read_package(FACTORY, trusted_keys=keys).golden


@pytest.fixture(scope="module")
def factory() -> tuple[Network, InitialWeights]:
    """The factory model as a student that can be trained further."""
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    config = replace(STUDENT, weights=str(FACTORY), dropout=0.0)
    return build_student(config, 4, size=(192, 256), codes=CODES)


def test_the_factory_model_gives_its_golden_outputs(
    factory: tuple[Network, InitialWeights], golden: Golden
) -> None:
    network, weights = factory
    logits, cams, embeddings = run_network(network, torch.from_numpy(np.array(golden.inputs)))
    assert np.abs(logits - golden.logits).max() < 1e-4
    assert np.abs(embeddings - golden.embeddings).max() < 1e-4
    assert np.abs(cams - golden.cams).max() < 1e-3
    assert weights.carried == 232
    assert weights.left == ()
    assert weights.licence == "Apache-2.0"
    assert weights.name.startswith("kdoct-factory ")
    stated = open_package(FACTORY).manifest["training"]
    assert (weights.split, weights.fold) == (stated["split_sha256"], stated["fold"])


@pytest.mark.parametrize(("facts", "fold"), [({"fold": 3}, 3), ({}, -1), ({"fold": None}, -1)])
def test_a_package_tells_the_fold_that_it_learned_from(
    facts: dict[str, int | None], fold: int
) -> None:
    assert fold_of(facts) == fold


def test_the_factory_model_keeps_what_it_knows_in_training_mode(
    factory: tuple[Network, InitialWeights], golden: Golden
) -> None:
    # a norm that only adds the folded bias would wipe out every channel's scale here
    network, _ = factory
    network.train()
    norms = [one for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 0.0
    with torch.no_grad():
        logits, _, _ = network(torch.from_numpy(np.array(golden.inputs)))
    assert float((logits - torch.from_numpy(np.array(golden.logits))).abs().max()) < 0.7
    assert torch.equal(logits.argmax(1), torch.from_numpy(golden.logits.argmax(1)))
    scales = torch.cat([norm.weight.detach() for norm in norms])
    assert float(scales.std()) > 0.01


@pytest.fixture(scope="module")
def exported() -> tuple[Network, bytes]:
    """A student with lived-in norms, some biases still zero, and its graph."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Network(3, model="test_efficientnet")
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias, std=0.3)
            state = norm.state_dict()
            state["running_mean"].uniform_(-0.5, 0.5)
            state["running_var"].uniform_(0.5, 2.0)
    return network, to_onnx(network, InputSpec(64, 64))


@pytest.mark.parametrize("half", [False, True])
def test_what_the_exporter_folded_comes_back(exported: tuple[Network, bytes], half: bool) -> None:
    old, graph = exported
    graph = half_weights(graph) if half else graph
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(4, 3, 64, 64)).astype(np.float32)
    golden = Golden(inputs, *onnx_runner(graph)(inputs))
    network = Network(3, model="test_efficientnet").train()
    carried, difference = fill_trunk(network.trunk, tensors_of(graph), golden)
    assert carried == 34
    assert difference < 1e-5
    assert network.trunk.training
    others: NDArray[np.float32] = rng.normal(size=(2, 3, 96, 96)).astype(np.float32)
    with torch.no_grad():
        ours = network.eval().trunk(torch.from_numpy(others))
        theirs = old.eval().trunk(torch.from_numpy(others))
    assert torch.allclose(ours, theirs, atol=1e-2 if half else 1e-4)


def test_a_tensor_that_the_graph_lacks_is_named(exported: tuple[Network, bytes]) -> None:
    _, graph = exported
    tensors = tensors_of(graph)
    del tensors["trunk.conv_stem.weight"]
    inputs = np.zeros((1, 3, 64, 64), np.float32)
    golden = Golden(inputs, *onnx_runner(graph)(inputs))
    with pytest.raises(TrainingError) as refused:
        fill_trunk(Network(3, model="test_efficientnet").trunk, tensors, golden)
    assert refused.value.details == ("missing: conv_stem.weight",)


def test_other_answers_than_the_golden_ones_are_refused(exported: tuple[Network, bytes]) -> None:
    _, graph = exported
    inputs = np.ones((1, 3, 64, 64), np.float32)
    logits, cams, embeddings = onnx_runner(graph)(inputs)
    golden = Golden(inputs, logits + 0.01, cams, embeddings)
    with pytest.raises(TrainingError, match="do not fit") as refused:
        fill_trunk(Network(3, model="test_efficientnet").trunk, tensors_of(graph), golden)
    assert refused.value.details == ("golden outputs differ by 1.0e-02",)


def test_a_package_signed_by_a_stranger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.networks.package_weights._SHIPPED_KEYS", tmp_path / "none")
    shutil.copyfile(FACTORY, tmp_path / "factory.kdmodel")
    with pytest.raises(TrainingError) as refused:
        start(tmp_path / "factory.kdmodel", model="efficientnet_b2")
    assert refused.value.code == "unknown-key"


def test_the_head_of_a_package_is_mapped_by_class(golden: Golden) -> None:
    config = replace(TEACHER, model="efficientnet_b2", weights=str(FACTORY), drop_path=0.2)
    codes = ("DME", "MH", "NORMAL")
    teacher, weights = build_teacher(config, 3, size=(192, 256), codes=codes)
    assert weights.left == (
        "head: MH starts anew",
        "head: DRUSEN is left out",
        "head: CNV is left out",
    )
    with torch.no_grad():
        logits = teacher.eval()(torch.from_numpy(np.array(golden.inputs[:2])))
    assert np.allclose(logits[:, 0], golden.logits[:2, 3], atol=1e-4)
    assert np.allclose(logits[:, 2], golden.logits[:2, 0], atol=1e-4)


def test_a_package_of_another_network_is_refused() -> None:
    with pytest.raises(TrainingError) as refused:
        start(FACTORY, model="efficientnet_b0")
    assert refused.value.code == "weights-do-not-fit"
    assert any("other shape" in line for line in refused.value.details)


def test_a_changed_package_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "changed.kdmodel"
    shutil.copyfile(FACTORY, copy)
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(bytes(data))
    with pytest.raises(TrainingError):
        start(copy, model="efficientnet_b2")
