"""A training that is put back is the one that was taken apart."""

from dataclasses import replace

import torch
from safetensors.torch import load, save

from tests.training.toy import ToyNetwork
from training.config import ComputeConfig
from training.events import Silent
from training.learning.assemble import make_session
from training.learning.compute import start_fabric
from training.learning.session import Session
from training.recipe import STUDENT


def session() -> Session:
    torch.manual_seed(1)
    fabric = start_fabric(ComputeConfig(accelerator="cpu"), "fp32")
    config = replace(STUDENT, channels_last=True, compile="off")
    return make_session(
        ToyNetwork(3), config, size=(32, 32), deterministic=False, fabric=fabric, events=Silent()
    )


def step(one: Session, seed: int) -> None:
    torch.manual_seed(seed)
    network = one.ready(frozen=False)
    one.fabric.backward(network(torch.randn(2, 3, 32, 32))[0].square().sum())
    one.optimizer.step()
    one.optimizer.zero_grad()


def test_moments_lie_in_memory_as_their_weights_do_after_a_restart() -> None:
    first, second = session(), session()
    step(first, 1)
    stored = load(save({name: one.contiguous() for name, one in first.tensors().items()}))
    second.restore(stored, first.facts())
    weights = [one for group in second.optimizer.param_groups for one in group["params"]]
    assert any(not one.is_contiguous() for one in weights)  # channels last
    for index, moments in second.optimizer.state_dict()["state"].items():
        assert moments["exp_avg"].stride() == weights[index].stride()
    for seed in (2, 3):
        step(first, seed)
        step(second, seed)
    for one, two in zip(first.raw.parameters(), second.raw.parameters(), strict=True):
        assert torch.equal(one, two)
