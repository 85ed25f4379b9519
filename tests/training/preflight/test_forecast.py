"""Memory, disk and time by arithmetic, against numbers worked by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from training.config import make_config
from training.preflight.forecast import (
    Pace,
    Sizes,
    disk_bytes,
    largest_batch,
    run_s,
    same_effective_batch,
    saved_bytes,
    size_words,
    sizes_of,
)
from training.recipe import STUDENT

CONFIG = make_config(
    {
        "classes": {"codes": ["NORMAL", "CNV"]},
        "input": {"height": 96, "width": 192},
        "split": {"folds": 5},
        "teacher": {"epochs": 10, "patience": 3, "warmup_epochs": 1, "swa_start": 5},
        "student": {"epochs": 20, "patience": 4, "warmup_epochs": 1},
    }
)


def test_saved_tensors_are_counted_without_computing_or_touching_the_network() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.SiLU(), nn.Conv2d(8, 4, 1)
    )
    network.eval()
    before = [one.clone() for one in network.parameters()]
    # kept: input (3 planes), first convolution's output for SiLU (8), SiLU's for the last (8)
    assert saved_bytes(network, (2, 3, 10, 10)) == 4 * 2 * 100 * (3 + 8 + 8)
    assert saved_bytes(network, (4, 3, 10, 10)) == 2 * saved_bytes(network, (2, 3, 10, 10))
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not network.training
    assert next(network.parameters()).device.type == "cpu"


def test_a_network_in_training_is_weights_gradients_moments_and_averages() -> None:
    network = nn.Sequential(nn.Linear(10, 10, bias=False), nn.BatchNorm1d(10))
    # 120 parameters; running mean and variance and an int64 counter
    sizes = sizes_of(network, replace(STUDENT, ema=0.999, swa_start=3))
    assert sizes == Sizes(weights=480 + 80 + 8, parameters=480, averages=2)
    assert sizes.fixed == 3 * 568 + 3 * 480
    assert sizes.checkpoint == 3 * 568 + 2 * 480
    assert sizes_of(network, replace(STUDENT, ema=0.0, swa_start=-1)).averages == 0


def test_the_disk_holds_each_picture_at_each_size_and_four_checkpoints_a_network() -> None:
    sizes = {"teacher": Sizes(100, 100, 1), "student": Sizes(10, 10, 0)}
    # enlarged 104 x 208 in 8 bits, exact 96 x 192 in 16
    assert disk_bytes(CONFIG, 7, sizes) == {
        "cache": 7 * (104 * 208 + 2 * 96 * 192),
        "checkpoints": 5 * (4 * (200 + 200) + 4 * (10 + 20)),
    }


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 8, 31, 32, 33, 255, 256, 900])
def test_the_largest_batch_is_found_by_doubling_and_halving(limit: int) -> None:
    tried: list[int] = []

    def fits(batch: int) -> bool:
        tried.append(batch)
        return batch <= limit

    assert largest_batch(fits) == min(limit, 256)
    assert max(tried) <= max(1, min(2 * limit, 256))
    assert len(tried) <= 17


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(0, None), (1, (1, 16)), (3, (2, 8)), (7, (4, 4)), (8, (8, 2)), (500, (16, 1))],
)
def test_a_smaller_batch_keeps_the_effective_batch(
    largest: int, expected: tuple[int, int] | None
) -> None:
    assert same_effective_batch(replace(STUDENT, batch=8, accumulation=2), largest) == expected


def test_an_epoch_is_its_micro_batches_updates_and_looks_at_validation() -> None:
    pace = Pace(batch=4, micro_s=2.0, update_s=0.5, forward_s=1.0)
    config = replace(STUDENT, batch=4, accumulation=2, ema=0.0, swa_start=-1)
    # 100 / 4 micro-batches, 13 updates, 20 / 4 forward passes
    assert pace.epoch_s(config, 100, 20, 1) == pytest.approx(25 * 2.0 + 13 * 0.5 + 5 * 1.0)
    averaged = replace(config, ema=0.99)
    assert pace.epoch_s(averaged, 100, 20, 1) == pytest.approx(25 * 2.0 + 13 * 0.5 + 10 * 1.0)
    assert pace.epoch_s(config, 100, 20, 2) == pytest.approx(25.0 + 7 * 0.5 + 2.5)


def test_a_run_is_all_folds_from_earliest_stop_to_last_epoch() -> None:
    least, most = run_s(CONFIG, {"teacher": 10.0, "student": 1.0})
    assert least == pytest.approx(5 * (4 * 10.0 + 5 * 1.0))
    assert most == pytest.approx(5 * (10 * 10.0 + 20 * 1.0))


@pytest.mark.parametrize(
    ("amount", "words"), [(640e6, "640 MB"), (3.14e9, "3.1 GB"), (250e9, "250 GB")]
)
def test_sizes_are_said_as_people_do(amount: float, words: str) -> None:
    assert size_words(amount) == words
