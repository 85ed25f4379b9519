"""The loop: light augmentation, steps that learn, checkpoints that go on where they stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.toy import ToyNetwork, toy
from training.factory.checkpoint import load_averaged, load_checkpoint, read_facts, save_checkpoint
from training.factory.config import FACTORY, TrainConfig, load_config
from training.factory.loop import (
    State,
    augment,
    focus_loss,
    rate_share,
    start,
    to_input,
    train_step,
)
from training.networks.models import run_network

CONFIG = replace(
    load_config(FACTORY).train,
    head_rate=0.02,
    trunk_rate=0.02,
    warmup=0.1,
    smoothing=0.0,
    dropout=0.0,
)


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eight pictures: class 0 dark above, class 3 bright above; the lesion is above."""
    rng = np.random.default_rng(0)
    units = rng.integers(0, 40, (8, 64, 64)).astype(np.uint8)
    units[4:, :32] += 150
    labels = torch.tensor([0] * 4 + [3] * 4)
    share = torch.zeros(8, 4, 4)
    share[4:, :2] = 1.0
    return to_input(units), labels, share


def fresh(config: TrainConfig = CONFIG, *, steps: int = 12) -> State:
    return start(toy(), config, steps=steps)


def test_a_few_steps_lower_the_loss_and_move_the_averaged_weights() -> None:
    state = fresh()
    before = state.averaged.head.weight.detach().clone()
    losses = [train_step(state, CONFIG, batch())[0] for _ in range(8)]
    assert losses[-1] < 0.7 * losses[0]
    assert not torch.equal(before, state.averaged.head.weight)
    assert state.step == 8


def test_norms_and_biases_are_not_decayed() -> None:
    for group in fresh().optimizer.param_groups:
        for weight in group["params"]:
            assert (group["weight_decay"] > 0.0) == (weight.ndim > 1)


def test_the_rate_rises_and_falls() -> None:
    shares = [rate_share(step, 100, 0.1) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == pytest.approx(1.0)
    assert int(np.argmax(shares)) in (9, 10)
    assert shares[-1] < 0.02


def test_evidence_inside_the_lesion_costs_less_than_outside() -> None:
    labels = torch.tensor([1])
    share = torch.zeros(1, 4, 4)
    share[0, 1, 1] = 0.5
    inside = torch.zeros(1, 4, 4, 4)
    inside[0, 1, 1, 1] = 5.0
    outside = torch.zeros(1, 4, 4, 4)
    outside[0, 1, 3, 3] = 5.0
    assert float(focus_loss(inside, labels, share)) < float(focus_loss(outside, labels, share))
    assert float(focus_loss(inside, labels, torch.zeros(1, 4, 4))) == 0.0


def test_light_augmentation_follows_its_generator_and_stays_in_range() -> None:
    units = np.random.default_rng(1).integers(0, 255, (6, 32, 48)).astype(np.uint8)
    cells = np.zeros((6, 1, 2), np.uint8)
    cells[:, 0, 0] = 255
    one, left = augment(units, cells, torch.Generator().manual_seed(4))
    two, _ = augment(units, cells, torch.Generator().manual_seed(4))
    assert torch.equal(one, two)
    assert float(one.min()) >= 0.0
    assert float(one.max()) <= 1.0
    assert {float(v) for v in left[:, 0, 0]} == {0.0, 1.0}


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole = fresh()
    for _ in range(2):
        train_step(whole, CONFIG, batch())
    save_checkpoint(whole, tmp_path, {"epoch": 0})
    train_step(whole, CONFIG, batch())
    again = fresh()
    facts = load_checkpoint(again, tmp_path)
    assert facts["epoch"] == 0
    assert again.step == 2
    train_step(again, CONFIG, batch())
    for one, two in zip(whole.network.parameters(), again.network.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5)
    assert not list(tmp_path.glob("*.draft"))
    assert read_facts(tmp_path)["step"] == 2


def test_the_averaged_weights_can_be_loaded_alone_and_another_run_is_refused(
    tmp_path: Path,
) -> None:
    state = fresh()
    save_checkpoint(state, tmp_path, {"epoch": 0})
    network = ToyNetwork()
    network.load_state_dict(load_averaged(tmp_path))
    inputs = batch()[0][:2]
    ours, theirs = run_network(network, inputs), run_network(state.averaged, inputs)
    assert np.allclose(ours[0], theirs[0], atol=1e-6)
    with pytest.raises(ValueError, match="another run"):
        load_checkpoint(fresh(steps=99), tmp_path)
