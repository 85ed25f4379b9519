"""The loop: one step is the same however it is spread over micro-batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.learning.first_step import first_step
from tests.training.tiny_run import tiny_config, tiny_run
from training.config import Config
from training.data.batches import UNLABELLED, Batch, Step
from training.learning.tasks import (
    DistillTask,
    Inputs,
    StoredTargets,
    SupervisedTask,
    alpha_sum,
    to_inputs,
)
from training.recipe import NetworkConfig

LABELS = np.array([0, 1, 2, UNLABELLED, 1], dtype=np.int64)


class Table(nn.Module):
    """A network whose logits are its weights, row by row."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, pictures: Tensor) -> Tensor:
        return self.logits[pictures[:, 0, 0, 0].long()]


def inputs(at: list[int], weights: list[float] | None = None) -> Inputs:
    rows = np.array(at, dtype=np.int64)
    pictures = torch.from_numpy(rows).float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    return Inputs(pictures, None, torch.from_numpy(LABELS[rows]),
                  torch.tensor(weights or [1.0] * len(at)), rows)  # fmt: skip


def step() -> Step:
    return Step(0, (), LABELS)


@pytest.fixture
def logits() -> Tensor:
    return torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1], [0.0, 1.0, 3.0], [9.0, 0.0, 0.0],
                         [0.0, -2.0, 0.0]])  # fmt: skip


def network_config(**over: object) -> NetworkConfig:
    return replace(tiny_config().teacher, **over)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["focal", "cross-entropy"])
def test_the_shares_of_micro_batches_add_up_to_the_weighted_mean(logits: Tensor, loss: str) -> None:
    alpha = torch.tensor([0.5, 2.0, 1.0])
    task = SupervisedTask(network_config(loss=loss), alpha)
    whole, _ = task.share(Table(logits), inputs([0, 1, 2, 3, 4]), step())
    parts = [task.share(Table(logits), inputs(at), step())[0] for at in ([0, 1], [2, 3], [4])]
    p = torch.softmax(logits, 1)
    known = [(0, 0), (1, 1), (2, 2), (4, 1)]
    gamma = 2.0 if loss == "focal" else 0.0
    terms = [-alpha[y] * (1 - p[i, y]) ** gamma * torch.log(p[i, y]) for i, y in known]
    mean = torch.stack(terms).sum() / sum(float(alpha[y]) for _, y in known)
    assert whole.item() == pytest.approx(mean.item(), rel=1e-5)
    assert torch.stack(parts).sum().item() == pytest.approx(whole.item(), rel=1e-6)


def test_a_filler_adds_nothing(logits: Tensor) -> None:
    task = SupervisedTask(network_config(), torch.ones(3))
    one, _ = task.share(Table(logits), inputs([0, 1]), step())
    filled, _ = task.share(Table(logits), inputs([0, 1, 2], [1.0, 1.0, 0.0]), step())
    assert one.item() == pytest.approx(filled.item())


def distill(config: Config, table: Tensor | None, alpha: Tensor) -> DistillTask:
    soft = None if table is None else StoredTargets(table)
    return DistillTask(config.distill, config.student, alpha, soft)


def test_distillation_is_the_paper_s_sum_worked_by_hand(logits: Tensor) -> None:
    teacher = torch.tensor([[1.0, 0.0, 0.0]] * 5)
    config = tiny_config()
    got, _ = distill(config, teacher, torch.ones(3)).share(
        Table(logits), inputs([0, 1, 2, 3, 4]), step()
    )
    log_s = torch.log_softmax(logits / 4.0, 1)
    p_t = torch.softmax(teacher / 4.0, 1)
    kl = (p_t * (p_t.log() - log_s)).sum(1).mean() * 16.0
    hard = -torch.log_softmax(logits, 1)[[0, 1, 2, 4], [0, 1, 2, 1]].mean()
    assert got.item() == pytest.approx((0.7 * kl + 0.3 * hard).item(), rel=1e-5)


def test_unlabelled_b_scans_count_in_the_soft_term_only(logits: Tensor) -> None:
    config = tiny_config(distill={"soft_weight": 0.0, "hard_weight": 1.0})
    hard, _ = distill(config, None, torch.ones(3)).share(Table(logits), inputs([3]), step())
    assert hard.item() == 0.0
    config = tiny_config(distill={"soft_weight": 1.0, "hard_weight": 0.0})
    soft, _ = distill(config, torch.zeros(5, 3), torch.ones(3)).share(
        Table(logits), inputs([3]), step()
    )
    assert soft.item() > 0.1


def test_no_gradient_reaches_the_teacher_and_the_student_gets_one(logits: Tensor) -> None:
    table = torch.zeros(5, 3, requires_grad=True)
    network = Table(logits)
    loss, _ = distill(tiny_config(), table, torch.ones(3)).share(network, inputs([0, 1]), step())
    loss.backward()  # type: ignore[no-untyped-call]
    assert table.grad is None
    assert network.logits.grad is not None
    assert float(network.logits.grad[:2].abs().sum()) > 0.0


def test_the_divisor_of_a_step_counts_the_labels_of_all_its_parts() -> None:
    assert alpha_sum(torch.tensor([0.5, 2.0, 1.0]), step()) == pytest.approx(5.5)
    nothing = Step(0, (), np.array([UNLABELLED], dtype=np.int64))
    assert alpha_sum(torch.ones(3), nothing) == 1.0


def test_inputs_are_normalised_as_the_desktop_normalises() -> None:
    from kdoct_desktop.inference.input_spec import InputSpec

    spec = InputSpec(16, 16)
    units = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)
    batch = Batch(units, np.zeros(2, np.int64), np.arange(2), np.ones(2, np.float32), None)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
    got = to_inputs(batch, device=torch.device("cpu"), mean=mean, std=std, channels_last=True)
    unit = units[:, None].astype(np.float32) / np.float32(255)
    wanted = (unit - np.array(spec.mean, np.float32).reshape(1, 3, 1, 1)) / np.array(
        spec.std, np.float32
    ).reshape(1, 3, 1, 1)
    assert np.abs(got.pictures.numpy() - wanted).max() < 1e-6


def gradients(place: Path, *, batch: int, accumulation: int) -> dict[str, Tensor]:
    """Gradients of the first step of the tiny teacher, dropout off."""
    over = {"batch": batch, "accumulation": accumulation, "dropout": 0.0, "drop_path": 0.0,
            "freeze_epochs": 0, "clip": 0.0}  # fmt: skip
    return first_step(replace(tiny_run(place), config=tiny_config(teacher=over)))[0]


def test_accumulated_micro_batches_give_the_gradients_of_the_whole(tmp_path: Path) -> None:
    one = gradients(tmp_path, batch=8, accumulation=1)
    four = gradients(tmp_path, batch=2, accumulation=4)
    assert one
    assert one.keys() == four.keys()
    for name, gradient in one.items():
        assert torch.allclose(gradient, four[name], atol=1e-6), name
