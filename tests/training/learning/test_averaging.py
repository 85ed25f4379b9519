"""Averages of weights by hand, their state bit for bit, and norm statistics."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from tests.training.toy import ToyNetwork, toy
from training.learning.averaging import Average, has_batch_norm, refresh_batch_norm
from training.networks.models import Network, Teacher


class Counting(nn.Module):
    """One weight, one statistic and one counter."""

    statistic: Tensor
    steps: Tensor

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.register_buffer("statistic", torch.tensor([value]))
        self.register_buffer("steps", torch.tensor(0))


def put(network: Counting, value: float, steps: int) -> None:
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.fill_(steps if name == "steps" else value)


def test_an_equal_average_is_the_mean_of_its_updates() -> None:
    network = Counting(100.0)
    average = Average(network, decay=None)
    for steps, value in enumerate((1.0, 2.0, 6.0), start=1):
        put(network, value, steps)
        average.update(network)
    average.apply_to(network)
    # 100 was there before the first update and does not count
    assert float(network.weight.detach()) == pytest.approx(3.0)
    assert float(network.statistic) == pytest.approx(3.0)
    assert int(network.steps) == 3


def test_an_exponential_average_by_hand() -> None:
    network = Counting(0.0)
    average = Average(network, decay=0.2)
    put(network, 1.0, 1)
    average.update(network)  # decay 2 / 11: 0 + (1 - 2/11) * 1
    assert float(average.tensors["weight"]) == pytest.approx(9 / 11)
    put(network, 2.0, 2)
    average.update(network)  # decay min(0.2, 3/12): 9/11 + 0.8 * (2 - 9/11)
    assert float(average.tensors["weight"]) == pytest.approx(9 / 11 + 0.8 * 13 / 11)
    assert int(average.tensors["steps"]) == 2


def test_an_average_that_was_put_back_goes_on_bit_for_bit() -> None:
    for decay in (0.99, None):
        network = toy(1)
        whole = Average(network, decay=decay)
        halves = Average(network, decay=decay)
        for update in range(6):
            if update == 3:
                kept = {name: one.clone() for name, one in halves.state().items()}
                halves = Average(toy(9), decay=decay)
                halves.load(kept)
            with torch.no_grad():
                for weight in network.parameters():
                    weight.add_(torch.randn(weight.shape) * 0.1)
            whole.update(network)
            halves.update(network)
        assert whole.count == halves.count == 6
        assert all(torch.equal(one, halves.tensors[name]) for name, one in whole.tensors.items())


def test_what_is_put_back_is_independent_of_the_file() -> None:
    network = toy()
    average = Average(network, decay=0.5)
    state = {name: one.clone() for name, one in average.state().items()}
    average.load(state)
    state["head.weight"].zero_()
    assert float(average.tensors["head.weight"].abs().max()) > 0.0


def test_the_average_does_not_touch_the_network() -> None:
    network = toy()
    before = copy.deepcopy(network.state_dict())
    average = Average(network, decay=0.9)
    average.update(network)
    average.tensors["head.weight"].zero_()
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


def test_an_average_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was averaged"):
        Average(toy(), decay=None).apply_to(toy())


def test_statistics_are_the_mean_over_the_batches() -> None:
    network = toy()
    batches = [torch.randn(4, 3, 32, 32) + shift for shift in (0.0, 2.0)]
    conv, norm = network.trunk.layers[0], network.trunk.layers[1]
    norm.momentum = 0.3
    with torch.no_grad():
        outputs = [conv(batch) for batch in batches]
    assert refresh_batch_norm(network, batches) == 2
    means = torch.stack([one.mean(dim=(0, 2, 3)) for one in outputs]).mean(dim=0)
    variances = torch.stack([one.var(dim=(0, 2, 3)) for one in outputs]).mean(dim=0)
    assert torch.allclose(norm.running_mean, means, atol=1e-5)
    assert torch.allclose(norm.running_var, variances, atol=1e-5)
    assert norm.momentum == 0.3


def test_only_the_norms_stand_in_training_mode() -> None:
    class Dropping(ToyNetwork):
        def __init__(self) -> None:
            super().__init__()
            self.trunk.layers.append(nn.Dropout(0.9))
            self.trunk.layers.append(nn.BatchNorm2d(12))

    torch.manual_seed(0)
    first, second = Dropping(), Dropping()
    second.load_state_dict(first.state_dict())
    first.train()
    second.eval()
    batch = torch.randn(4, 3, 32, 32)
    for network in (first, second):
        refresh_batch_norm(network, [batch])
    state = second.state_dict()
    assert all(torch.equal(one, state[name]) for name, one in first.state_dict().items())
    assert first.training
    assert first.trunk.layers[6].training
    assert not second.trunk.layers[7].training


def test_timms_norms_take_the_cumulative_mean() -> None:
    torch.manual_seed(0)
    network = Network(3, model="test_efficientnet")
    batches = [torch.randn(2, 3, 32, 32) * scale for scale in (1.0, 3.0)]
    with torch.no_grad():
        stem = [network.trunk.conv_stem(batch).mean(dim=(0, 2, 3)) for batch in batches]
    refresh_batch_norm(network, batches)
    assert torch.allclose(network.trunk.bn1.running_mean, (stem[0] + stem[1]) / 2, atol=1e-6)
    assert int(network.trunk.bn1.num_batches_tracked) == 2


def test_a_network_without_batch_norm_draws_no_batch() -> None:
    def never() -> Iterator[Tensor]:
        raise AssertionError("a batch was drawn")
        yield

    teacher = Teacher(3, model="test_convnext")
    assert not has_batch_norm(teacher)
    assert refresh_batch_norm(teacher, never()) == 0


def test_no_batch_leaves_the_statistics_alone() -> None:
    network = toy()
    network(torch.randn(2, 3, 32, 32))
    mean = network.trunk.layers[1].running_mean.clone()
    with pytest.raises(ValueError, match="no batch"):
        refresh_batch_norm(network, [])
    assert torch.equal(network.trunk.layers[1].running_mean, mean)


def test_two_pictures_of_one_eye_are_passed_on() -> None:
    teacher = Teacher(3, model="test_resnet", fundus_model="test_efficientnet")
    pictures = (torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32))
    assert refresh_batch_norm(teacher, [pictures]) == 1
    assert int(teacher.fundus.bn1.num_batches_tracked) == 1
