"""Mixup and cutmix: they act, from a seed, and the labels get the share of the picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.data.batches import UNLABELLED
from training.learning.losses import cross_entropy_terms
from training.learning.mixing import Mixed, mix
from training.recipe import STUDENT, NetworkConfig

MIXUP = replace(STUDENT, mixup=0.4, mix_probability=1.0)
CUTMIX = replace(STUDENT, cutmix=1.0, mix_probability=1.0)
LABELS = torch.tensor([0, 1, 2, 1, 0, 2])


def flat(count: int = 6, side: int = 16) -> torch.Tensor:
    """Pictures with one grey value each: their number."""
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(count, 3, side, side).clone()


def mixed(config: NetworkConfig, *, step: int = 0, part: int = 0, seed: int = 7) -> Mixed:
    return mix(flat(), LABELS, config, seed=seed, epoch=2, step=step, part=part)


def test_mixup_blends_picture_and_label_by_the_same_share() -> None:
    result = mixed(MIXUP)
    assert result.kind == "mixup"
    own = torch.arange(6.0)
    expected = result.share * own + (1 - result.share) * own[result.partner]
    assert torch.allclose(result.pictures[:, 1, 4, 9], expected, atol=1e-5)
    assert bool((result.pictures != flat()).any())
    assert torch.equal(result.labels_b, LABELS[result.partner])
    assert torch.allclose(result.blend(own), expected, atol=1e-5)


def test_nobody_is_his_own_partner() -> None:
    for step in range(20):
        partner = mixed(MIXUP, step=step).partner
        assert bool((partner != torch.arange(6)).all())
        assert sorted(partner.tolist()) == list(range(6))


def test_the_share_of_cutmix_is_the_area_that_is_left() -> None:
    for step in range(12):
        result = mixed(CUTMIX, step=step)
        assert result.kind == "cutmix"
        for index in range(6):
            own = result.pictures[index] == index
            other = result.pictures[index] == float(result.partner[index])
            assert bool((own | other).all())
            assert float(own.float().mean()) == pytest.approx(float(result.share[index]))


def test_the_pasted_part_is_one_rectangle() -> None:
    for step in range(12):
        result = mixed(CUTMIX, step=step)
        for index in range(6):
            pasted = (result.pictures[index, 0] != index).numpy()
            rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
            if len(rows):
                inside = pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                assert inside.all()


def test_the_shares_of_cutmix_are_spread_as_beta_says() -> None:
    # Beta(1, 1) is even, and a rectangle that is cut off at the border leaves more of the own
    shares = torch.cat([mixed(CUTMIX, step=step).share for step in range(60)])
    assert 0.5 < float(shares.mean()) < 0.75
    assert float(shares.min()) < 0.2


def test_the_same_step_is_mixed_in_the_same_way() -> None:
    first, second = mixed(MIXUP, step=3), mixed(MIXUP, step=3)
    assert torch.equal(first.pictures, second.pictures)
    assert torch.equal(first.share, second.share)
    for other in (
        mixed(MIXUP, step=4),
        mixed(MIXUP, step=3, seed=8),
        mixed(MIXUP, step=3, part=1),
    ):
        assert not torch.equal(first.share, other.share)


def test_the_torch_and_numpy_generators_are_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    mixed(CUTMIX)
    assert torch.equal(torch.get_rng_state(), before)


def test_mixing_happens_as_often_as_asked_and_alike_in_all_parts_of_a_step() -> None:
    both = replace(STUDENT, mixup=0.4, cutmix=1.0, mix_probability=0.8)
    kinds = [mixed(both, step=step).kind for step in range(300)]
    assert kinds.count("none") == pytest.approx(60, abs=25)
    assert kinds.count("mixup") == pytest.approx(120, abs=35)
    assert kinds.count("cutmix") == pytest.approx(120, abs=35)
    assert kinds == [mixed(both, step=step, part=3).kind for step in range(300)]


def test_a_step_that_does_not_mix_is_left_as_it_is() -> None:
    pictures = flat()
    result = mix(pictures, LABELS, STUDENT, seed=0, epoch=0, step=0)
    assert result.kind == "none"
    assert result.pictures is pictures
    assert torch.equal(result.labels_a, LABELS)
    assert result.share.tolist() == [1.0] * 6
    terms = result.terms(lambda labels: labels.float())
    assert torch.equal(terms, LABELS.float())


def test_unlabelled_samples_mix_among_themselves() -> None:
    labels = torch.tensor([0, UNLABELLED, 1, UNLABELLED, UNLABELLED, 2])
    result = mix(flat(), labels, MIXUP, seed=1, epoch=0, step=0)
    known = labels != UNLABELLED
    assert torch.equal(labels[result.partner] != UNLABELLED, known)
    targets = result.targets(3)
    assert torch.allclose(targets.sum(dim=1), known.float())
    terms = result.terms(lambda one: cross_entropy_terms(torch.zeros(6, 3), one))
    assert torch.allclose(terms, known * np.log(3.0).astype(np.float32))


def test_a_sample_without_a_partner_stays_itself() -> None:
    labels = torch.tensor([0, UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED])
    result = mix(flat(), labels, MIXUP, seed=1, epoch=0, step=0)
    assert int(result.partner[0]) == 0
    assert torch.equal(result.pictures[0], flat()[0])


def test_the_loss_of_a_mixed_sample_is_that_of_its_soft_target() -> None:
    torch.manual_seed(0)
    result, logits = mixed(MIXUP), torch.randn(6, 3)
    terms = result.terms(lambda labels: cross_entropy_terms(logits, labels))
    soft = -(result.targets(3) * torch.log_softmax(logits, dim=1)).sum(dim=1)
    assert torch.allclose(terms, soft, atol=1e-6)


def test_grey_pictures_and_half_precision_are_mixed_too() -> None:
    result = mix(flat()[:, 0].half(), LABELS, MIXUP, seed=1, epoch=0, step=0)
    assert result.pictures.dtype == torch.float16
    assert result.pictures.shape == (6, 16, 16)
