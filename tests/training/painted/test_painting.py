"""Lesions painted into a normal retina: exact masks, plausible places, one seed one picture."""

import numpy as np
import pytest

from tests.training.drawn import ground
from training.painted.painting import CLASSES, drusen_profile, paint
from training.painted.relief import Relief, raise_layers
from training.painted.styles import dress, finish, random_look

SEEDS = range(3)


@pytest.mark.parametrize("label", CLASSES)
def test_the_same_seed_paints_the_same_picture(label: str) -> None:
    one = paint(ground(), label, np.random.default_rng(5))
    two = paint(ground(), label, np.random.default_rng(5))
    assert np.array_equal(one.picture, two.picture)
    assert one.label == CLASSES.index(label)
    assert one.picture.min() >= 0.0
    assert one.picture.max() <= 255.0


def test_a_normal_picture_has_no_mask_and_keeps_its_pigment_epithelium() -> None:
    base = ground()
    for seed in SEEDS:
        painting = paint(base, "NORMAL", np.random.default_rng(seed))
        assert painting.masks == {}
        column = np.arange(base.picture.shape[1])
        band = (base.bruch - 4).astype(int)
        before = float(np.median(base.picture[band, column]))
        after = float(np.median(painting.picture[band, column]))
        assert after > 0.7 * before


@pytest.mark.parametrize(
    ("label", "kinds"),
    [
        ("DRUSEN", {"drusen"}),
        ("CNV", {"ped", "material", "fluid"}),
        ("DME", {"cysts", "foci", "fluid"}),
    ],
)
def test_each_disease_leaves_lesions_of_its_kinds(label: str, kinds: set[str]) -> None:
    for seed in SEEDS:
        masks = paint(ground(), label, np.random.default_rng(seed)).masks
        marked = {kind for kind, mask in masks.items() if mask.any()}
        assert marked & kinds
    if label == "DRUSEN":
        assert "cysts" not in marked


def test_drusen_lie_between_the_raised_epithelium_and_bruchs_membrane() -> None:
    base = ground()
    rows = np.arange(base.picture.shape[0])[:, None]
    for seed in SEEDS:
        mask = paint(base, "DRUSEN", np.random.default_rng(seed)).masks["drusen"]
        assert mask.any()
        assert not mask[(rows >= base.bruch[None]) & mask].any()
        assert not mask[(rows < base.ilm[None]) & mask].any()


def test_cysts_lie_inside_the_retina_and_are_darker_than_it() -> None:
    base = ground()
    seen = 0
    for seed in range(8):
        painting = paint(base, "DME", np.random.default_rng(seed))
        mask = painting.masks.get("cysts")
        if mask is None or mask.sum() < 60:
            continue
        seen += 1
        rows = np.arange(base.picture.shape[0])[:, None]
        assert not (mask & (rows >= base.bruch[None])).any()
        assert float(np.median(painting.picture[mask])) < 0.75 * 110.0
    assert seen >= 3


def test_where_nothing_is_planned_no_pixel_changes() -> None:
    base = ground()
    easel = raise_layers(base, Relief.flat(base.picture.shape[1]))
    assert float(np.abs(easel.picture - base.picture).max()) < 1e-2
    assert np.allclose(easel.ilm, base.ilm)
    assert np.allclose(easel.base, base.bruch)


def test_a_raised_epithelium_leaves_the_choroid_and_distant_columns_alone() -> None:
    base = ground()
    columns = base.picture.shape[1]
    relief = Relief.flat(columns)
    relief.under[140:180] = 10.0
    easel = raise_layers(base, relief)
    rows = np.arange(base.picture.shape[0])[:, None]
    choroid = np.broadcast_to(rows > base.bruch[None] + 1, base.picture.shape)
    assert np.allclose(easel.picture[choroid], base.picture[choroid], atol=1e-2)
    assert np.allclose(easel.picture[:, :60], base.picture[:, :60], atol=1e-2)
    assert np.allclose(easel.bruch - easel.base, relief.under)


def test_drusen_are_high_enough_to_be_seen_and_not_needles() -> None:
    base = ground()
    for seed in SEEDS:
        height = drusen_profile(base, np.random.default_rng(seed)) * base.um_per_row
        assert 15.0 < float(height.max()) < 260.0


def test_a_look_changes_grey_values_and_keeps_the_mask_in_register() -> None:
    base = ground()
    rng = np.random.default_rng(3)
    painting = paint(base, "DME", rng)
    look = random_look(rng)
    dressed = dress(painting.picture, base, look, rng)
    grey, mask = finish(dressed, painting.masks, look, rng)
    assert grey.dtype == np.uint8
    assert grey.shape == mask.shape == base.picture.shape
    assert mask.any()
    assert not np.array_equal(grey, painting.picture.astype(np.uint8))
