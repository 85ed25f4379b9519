"""Heidelberg's RAW export: scale, grey values, times and layers, value by value."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.io.devices.fields import VolumeInfo
from kdoct_desktop.io.devices.heidelberg_vol_layout import grey_of
from tests.io.devices.parsed_vol import codes, heights, only, parsed
from tests.io.devices.write_vol import (
    NONE,
    STEP_MM,
    days,
    raster,
    reflectance,
    ticks,
    write_vol,
)
from tests.sample_scans import retina


def with_header(path: Path, changed: Mapping[int, tuple[str, object]]) -> VolumeInfo:
    """What is said of a file in whose header something else stands."""
    return only(write_vol(path / "a.vol", header=changed))


@pytest.mark.parametrize(
    ("stated", "step", "expected", "code"),
    [
        (STEP_MM, STEP_MM, STEP_MM, None),
        (0.0, STEP_MM, STEP_MM, "bscan-distance-derived"),
        (np.nan, STEP_MM, STEP_MM, "bscan-distance-derived"),
        (99.0, STEP_MM, STEP_MM, "bscan-distance-derived"),
        (0.24, STEP_MM, None, "bscan-distance-unknown"),
        (0.0, 0.001, None, "bscan-distance-unknown"),
    ],
)
def test_distance_between_bscans(
    tmp_path: Path, stated: float, step: float, expected: float | None, code: str | None
) -> None:
    positions = raster(5, step_mm=step)
    found = only(write_vol(tmp_path / "a.vol", positions=positions, header={32: ("d", stated)}))
    assert found.bscan_mm == (pytest.approx(expected) if expected is not None else None)
    assert codes(found) == ([code] if code is not None else [])


@pytest.mark.parametrize("bad", [0.0, -0.004, 1.0, np.nan, np.inf])
def test_a_scale_that_cannot_be_is_unknown_on_its_own_axis(tmp_path: Path, bad: float) -> None:
    found = with_header(tmp_path, {40: ("d", bad)})
    assert (found.axial_mm, found.ascan_mm) == (None, 0.0113)
    found = with_header(tmp_path, {24: ("d", bad)})
    assert (found.axial_mm, found.ascan_mm) == (0.00387, None)
    found = with_header(tmp_path, {56: ("d", bad)})
    assert found.localizer is not None
    assert found.localizer.pixel_mm is None
    assert found.lines == ()
    assert found.order_provenance == "derived"


def test_grey_is_the_fourth_root(tmp_path: Path) -> None:
    values = np.array([
        [0.0, 1.0, 0.5, 1 / 16, 1e-4, 2.0],
        [NONE, np.nan, np.inf, -np.inf, -1.0, 1e-45],
    ], np.float32)  # fmt: skip
    expected = [[0, 255, 214, 128, 26, 255], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(grey_of(values), expected)
    steps = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(grey_of(reflectance(steps)), steps)
    many = np.random.default_rng(3).random(200_000, np.float32) ** 4
    exact = np.rint(255.0 * many.astype(np.float64) ** 0.25)
    assert np.abs(grey_of(many) - exact).max() <= 1.0
    assert np.count_nonzero(grey_of(many) != exact) < 5


def test_every_step_of_grey_lies_within_eight_numbers_of_the_exact_one() -> None:
    apart = 0
    for grey in range(1, 256):
        exact = Fraction(2 * grey - 1, 510) ** 4
        near = int(np.float32(float(exact)).view(np.int32))
        around = np.arange(near - 10, near + 11, dtype=np.int32).view(np.float32)
        first = int(np.argmax(grey_of(around) >= grey))
        right = next(at for at, value in enumerate(around) if Fraction(float(value)) >= exact)
        assert abs(first - right) < 8
        apart += abs(first - right)
    assert apart == 519


@pytest.mark.parametrize(
    ("exam", "visit", "expected", "provenance"),
    [
        ("2017-01-11T14:28", "2017-01-11T15:23", "2017-01-11T14:28:00", "assumed"),
        ("2017-01-11T23:50", "2017-01-12T08:40", "2017-01-12T00:00:00", "derived"),
        ("2017-01-12T01:10", "2017-01-11T17:05", "2017-01-11T00:00:00", "derived"),
        ("2017-01-11T14:28", "2016-03-01T09:00", "2017-01-11T14:28:00", "assumed"),
        ("2017-01-11T14:28", None, "2017-01-11T14:28:00", "assumed"),
        (None, "2017-01-11T15:23", "2017-01-11T15:23:00", "derived"),
        (None, None, None, "unknown"),
    ],
)
def test_time_is_utc_but_for_the_day_of_the_visit(
    tmp_path: Path, exam: str | None, visit: str | None, expected: str | None, provenance: str
) -> None:
    found = with_header(
        tmp_path,
        {
            88: ("Q", ticks(datetime.fromisoformat(exam)) if exam else 2**64 - 1),
            200: ("d", days(datetime.fromisoformat(visit)) if visit else np.nan),
        },
    )
    assert (found.acquired, found.acquired_provenance) == (expected, provenance)
    told = [notice.code for notice in found.notices]
    assert told == (["time-zone-unknown"] if exam else [])


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        (days(datetime(1948, 3, 9)), "19480309"),
        (days(datetime(1948, 3, 9, 12)), "19480309"),
        (0.0, None), (-4.0, None), (1e300, None), (np.nan, None), (np.inf, None), (80_000.0, None),
    ],
)  # fmt: skip
def test_birth_dates(tmp_path: Path, birth: float, expected: str | None) -> None:
    assert with_header(tmp_path, {164: ("d", birth)}).patient.birth_date == expected


def test_layers_are_named_by_their_place_and_empty_ones_left_out(tmp_path: Path) -> None:
    layers = [heights((0, 1, 2, 8, 14, 15, 16, 18), bscan) for bscan in range(5)]
    layers[2] = heights((0,), 2)
    path = write_vol(tmp_path / "a.vol", layers=layers, header_bytes=4096)
    names = ("ILM", "BM", "RNFL", "ELM", "PR1", "PR2", "RPE", "boundary 19")
    assert only(path).layers == names
    rows = parsed(path).layers(0)
    assert rows.shape == (8, 5, 48)
    np.testing.assert_allclose(rows[:, 0, 1], [5.4, 6.4, 7.4, 13.4, 19.4, 20.4, 21.4, 23.4])
    assert np.isnan(rows[:, :, 0]).all()
    assert np.isnan(rows[1:, 2]).all()


@pytest.mark.parametrize(
    ("there", "stated", "numbers", "bscan_mm"),
    [
        ((0, 1, 3, 4, 6), STEP_MM, (0, 2, 3, 5, 6), STEP_MM),
        ((0, 1, 3, 4, 6), 0.0, (0, 2, 3, 5, 6), STEP_MM),
        ((0, 1, 3, 4, 6), 0.25, (0, 2, 3, 5, 6), None),  # contradicts the positions
        ((0, 2, 4, 6), STEP_MM, (0, 2, 4, 6), STEP_MM),  # only the distance tells the gaps
        ((0, 2, 4, 6), 0.0, (0, 1, 2, 3), 2 * STEP_MM),
        ((0, 3, 4), STEP_MM, (0, 1, 4), STEP_MM),
    ],
)
def test_gaps_stay_where_as_many_steps_span_one(
    tmp_path: Path,
    there: tuple[int, ...],
    stated: float,
    numbers: tuple[int, ...],
    bscan_mm: float | None,
) -> None:
    path = write_vol(
        tmp_path / "a.vol",
        reflectance(retina(len(there), 40, 48)),
        positions=raster(7)[list(there)],
        header={32: ("d", stated)},
    )
    found = only(path)
    assert (found.numbers, found.planned) == (numbers, numbers[-1] + 1)
    assert found.bscan_mm == (None if bscan_mm is None else pytest.approx(bscan_mm))
