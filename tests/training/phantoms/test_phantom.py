"""The phantom is reproducible, consistent with its ground truth, and built like a retina."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from training.phantom import CONDITIONS, PATTERNS, Phantom, PhantomSpec, generate, random_spec
from training.phantoms.layers import SURFACES
from training.phantoms.masks import LEAST_AREA_MM2
from training.phantoms.styles import QUALITIES, STYLES

SMALL = PhantomSpec(seed=5, bscans=3, depth=248, ascans=256, axial_mm=0.0078, localizer_size=64)


def small(**changes: object) -> Phantom:
    """A phantom with few pixels."""
    return generate(replace(SMALL, **changes))  # type: ignore[arg-type]


def test_the_same_spec_gives_the_same_bytes() -> None:
    first, second = small(condition="DME"), small(condition="DME")
    assert first.voxels.tobytes() == second.voxels.tobytes()
    assert first.localizer.tobytes() == second.localizer.tobytes()
    assert first.labels == second.labels
    for kind, mask in first.masks.items():
        assert np.array_equal(mask, second.masks[kind])


def test_another_seed_gives_another_eye() -> None:
    first, second = small(seed=5), small(seed=6)
    assert np.abs(first.surfaces["ILM"] - second.surfaces["ILM"]).mean() > 1


def test_the_left_eye_is_the_mirror_of_the_right() -> None:
    right = small(condition="CNV", laterality="OD")
    left = small(condition="CNV", laterality="OS")
    assert np.array_equal(left.voxels, right.voxels[..., ::-1])
    assert np.array_equal(left.localizer, right.localizer[:, ::-1])
    assert np.array_equal(left.surfaces["BM"], right.surfaces["BM"][:, ::-1])
    for kind, mask in right.masks.items():
        assert np.array_equal(left.masks[kind], mask[..., ::-1])
    assert np.all(left.scan_lines[:, 0, 1] < left.scan_lines[:, 1, 1])


def test_the_nerve_fibres_are_thicker_toward_the_nose() -> None:
    for eye, nasal_right in (("OD", True), ("OS", False)):
        surfaces = small(laterality=eye).surfaces
        fibres = (surfaces["RNFL"] - surfaces["ILM"]).mean(axis=0)
        left, right = fibres[:40].mean(), fibres[-40:].mean()
        assert (right > 1.5 * left) == nasal_right
        assert (left > 1.5 * right) != nasal_right


@pytest.mark.parametrize("seed", range(4))
def test_the_fovea_is_thinner_than_its_rim(seed: int) -> None:
    phantom = small(seed=seed, bscans=49, extent_mm=(6.0, 6.0), ascans=64, localizer_size=0)
    thickness = (phantom.surfaces["BM"] - phantom.surfaces["ILM"]) * phantom.spec.axial_mm
    middle = thickness[16:33, 20:44]
    assert 0.16 < middle.min() < 0.28
    assert 0.28 < middle.max() < 0.42
    assert middle.max() - middle.min() > 0.07


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("seed", range(4))
def test_layers_never_cross(condition: str, seed: int) -> None:
    phantom = small(seed=seed, condition=condition, severity=1.0, localizer_size=0)
    for upper, lower in pairwise(SURFACES):
        gap = phantom.surfaces[lower] - phantom.surfaces[upper]
        assert gap.min() >= -1e-3, (upper, lower)


@pytest.mark.parametrize("condition", ["DRUSEN", "CNV", "DME"])
@pytest.mark.parametrize("seed", range(4))
def test_masks_lie_between_inner_limiting_and_bruchs_membrane(condition: str, seed: int) -> None:
    phantom = small(seed=seed, condition=condition, severity=0.9, localizer_size=0)
    rows = np.arange(phantom.spec.depth)[None, :, None]
    inner, outer = (phantom.surfaces[name][:, None, :] for name in ("ILM", "BM"))
    inside = (rows >= inner - 1) & (rows <= outer + 1)
    for mask in phantom.masks.values():
        assert not np.any(mask & ~inside)


@pytest.mark.parametrize("condition", ["DRUSEN", "CNV", "DME"])
@pytest.mark.parametrize("seed", range(4))
def test_a_diseased_eye_shows_its_disease(condition: str, seed: int) -> None:
    line = small(seed=seed, condition=condition, severity=0.2, pattern="line", bscans=1)
    assert line.labels == (condition,)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_labels_agree_with_masks(condition: str) -> None:
    phantom = small(condition=condition, bscans=9, seed=11)
    pixel_mm2 = phantom.spacing_mm[1] * phantom.spacing_mm[2]
    for index, label in enumerate(phantom.labels):
        large = {
            kind
            for kind, mask in phantom.masks.items()
            if mask[index].sum() * pixel_mm2 >= LEAST_AREA_MM2[kind]
        }
        if label == "NORMAL":
            assert not large
        elif label == "DRUSEN":
            assert large == {"drusen"}
        else:
            assert label == condition
            assert large - {"drusen"}


def test_a_normal_eye_has_no_lesion() -> None:
    for seed in range(5):
        phantom = small(seed=seed)
        assert set(phantom.labels) == {"NORMAL"}
        assert not any(mask.any() for mask in phantom.masks.values())


@pytest.mark.parametrize("condition", ["DRUSEN", "CNV", "DME"])
def test_lesions_change_the_picture_where_the_mask_says(condition: str) -> None:
    healthy = small(seed=3, style="cirrus", localizer_size=0)
    ill = small(seed=3, style="cirrus", condition=condition, severity=0.8, localizer_size=0)
    mask = np.logical_or.reduce(list(ill.masks.values()))
    difference = np.abs(ill.voxels.astype(int) - healthy.voxels)
    changed = difference[mask]
    assert mask.any()
    assert changed.mean() > 2 * difference[:, :20].mean() + 10


def test_fluid_is_darker_than_the_tissue_around_it() -> None:
    phantom = small(condition="DME", severity=0.9, style="cirrus", seed=2)
    fluid = phantom.masks["intraretinal_fluid"]
    rows = np.arange(phantom.spec.depth)[None, :, None]
    inner = rows > phantom.surfaces["GCL"][:, None, :]
    outer = rows < phantom.surfaces["ELM"][:, None, :]
    tissue = inner & outer & ~fluid
    assert phantom.voxels[fluid].mean() < 0.7 * phantom.voxels[tissue].mean()


def test_layers_are_bright_and_dark_in_the_order_of_the_retina() -> None:
    phantom = small(bscans=5, depth=496, axial_mm=0.0039, style="spectralis_fine", seed=4)
    mean = {
        lower: phantom.voxels[_within(phantom, upper, lower)].mean()
        for upper, lower in (
            ("ILM", "RNFL"),
            ("RNFL", "GCL"),
            ("IPL", "INL"),
            ("INL", "OPL"),
            ("OPL", "ELM"),
            ("EZ", "OS"),
            ("RPE", "RPE_BOTTOM"),
        )
    }
    assert mean["RNFL"] > mean["GCL"] > mean["INL"] > mean["ELM"]
    assert mean["OPL"] > mean["INL"]
    assert mean["OS"] > mean["GCL"]
    assert mean["RPE_BOTTOM"] == max(mean.values())
    vitreous = phantom.voxels[:, :10].mean()
    assert vitreous < 0.7 * mean["ELM"]


def _within(phantom: Phantom, upper: str, lower: str) -> np.ndarray:
    rows = np.arange(phantom.spec.depth)[None, :, None]
    top, bottom = phantom.surfaces[upper][:, None, :], phantom.surfaces[lower][:, None, :]
    return (rows > top + 0.5) & (rows < bottom - 0.5)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_pattern_and_style_makes_a_valid_volume(pattern: str, style: str) -> None:
    phantom = small(pattern=pattern, style=style, condition="CNV", depth=124, ascans=96)
    assert phantom.voxels.shape == (3, 124, 96)
    assert phantom.voxels.dtype == np.uint8
    assert phantom.voxels.std() > 5
    assert phantom.localizer.shape == (64, 64)
    assert phantom.scan_lines.shape == (3, 2, 2)
    assert np.all((phantom.scan_paths > -1) & (phantom.scan_paths < 65))
    assert (phantom.spacing_mm[0] is None) == (pattern in ("radial", "circle"))


def test_bad_scans_are_worse_than_good_ones() -> None:
    signal = {}
    for quality in QUALITIES:
        phantom = small(quality=quality, style="cirrus", seed=9)
        retina = _within(phantom, "ILM", "BM")
        noise = phantom.voxels[:, :8].mean() if quality != "clipped" else 0
        signal[quality] = phantom.voxels[retina].mean() - noise if retina.any() else 0
    assert signal["good"] > 1.2 * signal["poor"] > 3 * signal["ungradable"]


def test_a_clipped_scan_leaves_the_frame() -> None:
    for seed in range(4):
        phantom = small(seed=seed, quality="clipped")
        above = (phantom.surfaces["ILM"] < 0).mean()
        below = (phantom.surfaces["BM"] > phantom.spec.depth).mean()
        assert max(above, below) > 0.2


def test_vessels_shadow_what_lies_below() -> None:
    phantom = small(seed=5, pattern="circle", bscans=1, ascans=512, depth=496, axial_mm=0.0039)
    band = phantom.voxels[0][_within(phantom, "RPE", "RPE_BOTTOM")[0]]
    columns = np.nonzero(_within(phantom, "RPE", "RPE_BOTTOM")[0])[1]
    profile = np.bincount(columns, band, minlength=512) / np.maximum(np.bincount(columns), 1)
    assert profile.min() < 0.7 * np.median(profile)


def test_a_random_spec_keeps_what_was_fixed_and_can_be_generated() -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        spec = random_spec(rng, depth=96, ascans=64, bscans=1, condition="DME", localizer_size=0)
        assert spec.condition == "DME"
        assert generate(spec).voxels.shape == (1, 96, 64)


def test_random_specs_differ() -> None:
    rng = np.random.default_rng(1)
    specs = [random_spec(rng) for _ in range(40)]
    assert {spec.condition for spec in specs} == set(CONDITIONS)
    assert len({spec.seed for spec in specs}) == 40
    assert {spec.style for spec in specs} == set(STYLES)


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": "ERM"},
        {"pattern": "spiral"},
        {"style": "toy"},
        {"quality": "perfect"},
        {"laterality": "OU"},
        {"severity": 1.5},
        {"bscans": 0},
    ],
)
def test_an_impossible_spec_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        replace(SMALL, **changes)  # type: ignore[arg-type]
