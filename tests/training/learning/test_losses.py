"""Losses against numbers worked by hand, and their slopes against finite differences."""

import math

import numpy as np
import pytest
import torch

from training.data.batches import UNLABELLED
from training.errors import TrainingError
from training.learning.losses import (
    class_weights,
    cross_entropy_terms,
    focal_terms,
    label_weights,
    outline_terms,
    soft_terms,
)

# softmax (0, 2, 0): e^0 / (1 + e^2 + 1) = 1 / 9.38906 = 0.106507 and e^2 / 9.38906 = 0.786986
LOGITS = torch.tensor([[0.0, 2.0, 0.0]])
FIRST = torch.tensor([0])


def reference_focal(p: float, alpha: float) -> float:
    """The reference's loss: alpha inside p, ``(1 - p^alpha)^2 * -alpha log p``."""
    return float((1.0 - p**alpha) ** 2 * -alpha * math.log(p))


def test_alpha_stands_outside_the_focusing() -> None:
    # -log p = 2.239546; (1 - p)^2 = 0.798329; times 2: 3.575795; the reference gets 4.378
    heavy = focal_terms(LOGITS, FIRST, alpha=torch.tensor([2.0, 1.0, 1.0]), gamma=2.0)
    assert float(heavy) == pytest.approx(3.5758, abs=2e-4)
    assert round(float(heavy), 2) == 3.58
    assert round(reference_focal(0.106507, 2.0), 2) == 4.38


def test_a_light_class_loses_as_much_as_its_weight_says() -> None:
    light = focal_terms(LOGITS, FIRST, alpha=torch.tensor([0.5, 1.0, 1.0]), gamma=2.0)
    assert round(float(light), 2) == 0.89
    assert round(reference_focal(0.106507, 0.5), 2) == 0.51


def test_a_sure_right_answer_counts_little_in_the_focal_loss() -> None:
    # p = 0.786986: -log p = 0.239546, (1 - p)^2 = 0.045375
    sure = focal_terms(LOGITS, torch.tensor([1]), alpha=torch.ones(3), gamma=2.0)
    assert float(sure) == pytest.approx(0.010870, abs=1e-6)


def test_without_focusing_the_focal_loss_is_the_weighted_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    alpha = torch.tensor([0.5, 1.0, 2.5])
    focal = focal_terms(logits, labels, alpha=alpha, gamma=0.0)
    assert torch.allclose(focal, cross_entropy_terms(logits, labels, alpha=alpha), atol=1e-6)


def test_the_weighted_mean_divides_by_the_weights_of_the_labels() -> None:
    logits = LOGITS.repeat(2, 1)
    labels, alpha = torch.tensor([0, 1]), torch.tensor([2.0, 1.0, 1.0])
    terms = focal_terms(logits, labels, alpha=alpha, gamma=2.0)
    weights = label_weights(labels, alpha)
    assert weights.tolist() == [2.0, 1.0]
    # (3.575795 + 0.010870) / 3
    assert float(terms.sum() / weights.sum()) == pytest.approx(1.19556, abs=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_slope_of_the_focal_loss_is_right(gamma: float) -> None:
    torch.manual_seed(1)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 2, 1, UNLABELLED])
    alpha = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: focal_terms(z, labels, alpha=alpha, gamma=gamma), (logits,)
    )


def test_the_focal_loss_stays_finite_at_the_ends() -> None:
    logits = torch.tensor([[90.0, 0.0], [-90.0, 0.0]], requires_grad=True)
    terms = focal_terms(logits, torch.tensor([0, 0]), alpha=torch.ones(2), gamma=0.5)
    (slope,) = torch.autograd.grad(terms.sum(), logits)
    assert terms.detach().tolist() == pytest.approx([0.0, 90.0])
    assert bool(torch.isfinite(slope).all())


def test_cross_entropy_by_hand() -> None:
    assert float(cross_entropy_terms(LOGITS, FIRST)) == pytest.approx(2.239546, abs=1e-5)
    # smoothing 0.3 over three classes: 0.7 * 2.239546 + 0.1 * (2.239546 + 0.239546 + 2.239546)
    smooth = cross_entropy_terms(LOGITS, FIRST, smoothing=0.3)
    assert float(smooth) == pytest.approx(2.039546, abs=1e-5)
    # weights (2, 1, 1): 0.7 * 2 * 2.239546 + 0.1 * (2 * 2.239546 + 0.239546 + 2.239546)
    both = cross_entropy_terms(LOGITS, FIRST, alpha=torch.tensor([2.0, 1.0, 1.0]), smoothing=0.3)
    assert float(both) == pytest.approx(3.831183, abs=1e-5)


def test_soft_targets_by_hand() -> None:
    # student (0, 0), teacher (4, 0), T 4: teacher's softmax of (1, 0) is 0.731059, 0.268941;
    # KL against (0.5, 0.5) = ln 2 - entropy = 0.693147 - 0.582203 = 0.110944; times 16
    terms = soft_terms(torch.zeros(1, 2), torch.tensor([[4.0, 0.0]]), 4.0)
    assert float(terms) == pytest.approx(1.775105, abs=1e-4)


def test_the_teacher_stands_first_in_the_divergence() -> None:
    # the other way round: -0.5 ln(0.731059 * 0.268941) - ln 2 = 0.120115; times 16 = 1.92184
    terms = soft_terms(torch.tensor([[4.0, 0.0]]), torch.zeros(1, 2), 4.0)
    assert float(terms) == pytest.approx(1.92184, abs=1e-4)


def test_the_mean_of_soft_terms_is_batchmean() -> None:
    torch.manual_seed(2)
    student, teacher = torch.randn(6, 4), torch.randn(6, 4)
    theirs = torch.nn.functional.kl_div(
        torch.log_softmax(student / 3.0, 1), torch.softmax(teacher / 3.0, 1),
        reduction="batchmean",
    )  # fmt: skip
    ours = soft_terms(student, teacher, 3.0).mean()
    assert float(ours) == pytest.approx(float(theirs) * 9.0, rel=1e-5)


def test_soft_targets_come_out_of_inference_mode_and_get_no_slope() -> None:
    student = torch.zeros(2, 3, requires_grad=True)
    with torch.inference_mode():
        teacher = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    (slope,) = torch.autograd.grad(soft_terms(student, teacher, 1.0).sum(), student)
    # the slope of T^2 KL at T 1 is softmax(student) - softmax(teacher)
    expected = torch.softmax(student.detach(), 1) - torch.softmax(teacher.clone(), 1)
    assert torch.allclose(slope, expected, atol=1e-6)


def test_the_slope_of_soft_targets_is_right() -> None:
    torch.manual_seed(3)
    student = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: soft_terms(z, teacher, 4.0), (student,))


def test_unlabelled_samples_give_nothing() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    labels = torch.tensor([UNLABELLED, 1])
    alpha = torch.tensor([2.0, 3.0, 4.0])
    assert label_weights(labels, alpha).tolist() == [0.0, 3.0]
    for terms in (
        focal_terms(logits, labels, alpha=alpha, gamma=2.0),
        cross_entropy_terms(logits, labels, alpha=alpha, smoothing=0.1),
        cross_entropy_terms(logits, labels),
    ):
        assert float(terms.detach()[0]) == 0.0
        assert float(terms.detach()[1]) > 0.0
        (slope,) = torch.autograd.grad(terms.sum(), logits)
        assert float(slope[0].abs().max()) == 0.0


def test_losses_are_float32_under_mixed_precision() -> None:
    logits = torch.randn(2, 3)
    labels = torch.tensor([0, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = logits.bfloat16()
        whole = half.float()
        for terms, wanted in (
            (cross_entropy_terms(half, labels), cross_entropy_terms(whole, labels)),
            (soft_terms(half, half.flip(0), 4.0), soft_terms(whole, whole.flip(0), 4.0)),
            (
                focal_terms(half, labels, alpha=torch.ones(3), gamma=2.0),
                focal_terms(whole, labels, alpha=torch.ones(3), gamma=2.0),
            ),
        ):
            assert terms.dtype == torch.float32
            assert torch.equal(terms, wanted)


def test_balanced_weights_by_hand() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2] * 1 + [UNLABELLED] * 5)
    # ten labelled, three classes: 10/18, 10/9, 10/3
    weights = class_weights(labels, 3, "balanced")
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([0.5555556, 1.1111111, 3.3333333])
    # every class then weighs the same in a whole epoch
    assert [6 * weights[0], 3 * weights[1], weights[2]] == pytest.approx([10 / 3] * 3)
    assert class_weights(labels, 3, "none").tolist() == [1.0, 1.0, 1.0]


def test_an_empty_class_is_refused_with_its_number() -> None:
    with pytest.raises(TrainingError) as refused:
        class_weights(np.array([0, 0, 2]), 4, "balanced")
    assert refused.value.code == "empty-class"
    assert refused.value.details == ("class 1", "class 3")


def marked(*cells: tuple[int, int]) -> torch.Tensor:
    """An outline of one pixel in each of these cells of a 2 x 2 map over 8 x 8 pixels."""
    outline = torch.zeros(1, 8, 8, dtype=torch.bool)
    for row, column in cells:
        outline[0, 4 * row + 1, 4 * column + 2] = True
    return outline


def test_evidence_outside_the_outline_costs_what_its_share_says() -> None:
    # softmax (0, ln 2, ln 3, ln 4) = (1, 2, 3, 4) / 10
    places = torch.log(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    cam = torch.stack([torch.zeros(2, 2), places])[None]
    disease = torch.tensor([1])
    for cells, share in (([(0, 1)], 0.2), ([(1, 1)], 0.4), ([(0, 1), (1, 0)], 0.5)):
        term = outline_terms(cam, disease, marked(*cells), normal=0)
        assert float(term) == pytest.approx(-math.log(share), abs=1e-6)
    for label, outline in ((0, marked((0, 1))), (UNLABELLED, marked((0, 1))), (1, marked())):
        term = outline_terms(cam, torch.tensor([label]), outline, normal=0)
        assert float(term) == 0.0


def test_the_outline_moves_evidence_and_leaves_the_logit() -> None:
    torch.manual_seed(3)
    cam = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    labels, outlines = torch.tensor([2, 1]), torch.cat([marked((0, 0)), marked()])
    assert torch.autograd.gradcheck(
        lambda maps: outline_terms(maps, labels, outlines, normal=0), (cam,)
    )
    (slope,) = torch.autograd.grad(outline_terms(cam, labels, outlines, normal=0).sum(), cam)
    assert torch.allclose(slope.sum(dim=(2, 3)), torch.zeros(2, 3, dtype=torch.float64))
    assert float(slope[0, 2, 0, 0]) < 0.0 < float(slope[0, 2, 1, 1])
    assert bool((slope[1] == 0.0).all())
