"""Where a Topcon file puts things: the fundus with its box, and the layers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.io.limits import Limits
from tests.io.devices.parsed_topcon import codes, deep, parsed, ramp, volume
from tests.io.devices.write_topcon import (
    BOX,
    SMALL_BOX,
    contour,
    fda,
    fds,
    frames,
    fundus,
    infrared,
    instead,
    photograph,
    plain_picture,
    registration,
    without,
)


def test_the_picture_that_holds_the_box_is_the_localizer(tmp_path: Path) -> None:
    parts = without(fda(ramp()), b"@IMG_FUNDUS", b"@REGIST_INFO")
    small = np.repeat(photograph(40, 50)[..., :1], 3, axis=2)
    both = [*parts, fundus(photograph(36, 40)), infrared(small), registration(BOX, SMALL_BOX)]
    file = parsed(tmp_path, both)
    (one,) = file.info.volumes
    assert one.localizer is not None
    assert one.localizer.shape == (40, 50, 3)
    np.testing.assert_array_equal(file.picture(one.localizer.picture, colour=True), small)
    assert one.lines[0] == pytest.approx((7.5, 4.0, 7.5, 35.0))
    one = volume(tmp_path, [*parts, fundus(photograph(36, 40)), registration(BOX, SMALL_BOX)])
    assert one.localizer is not None
    assert "scan-lines-outside" in codes(one)
    assert one.lines == ()
    assert one.localizer.pixel_mm is None


@pytest.mark.parametrize("box", [(40, 30, 20, 0), (0, 0, 0, 0), (60, 10, 20, 50)])
def test_a_circle_or_an_empty_box_has_no_lines(
    tmp_path: Path, box: tuple[int, int, int, int]
) -> None:
    one = volume(tmp_path, instead(fda(ramp()), registration(box, (0, 0, 0, 0))))
    assert one.lines == ()
    assert one.localizer is not None


def test_a_grey_picture_stays_grey(tmp_path: Path) -> None:
    grey = photograph(70, 90)[..., 0]
    for picture in (plain_picture(b"@IMG_OBS", grey), infrared(grey)):
        file = parsed(tmp_path, [frames(ramp(2)), picture])
        np.testing.assert_array_equal(file.picture(2, colour=True), grey)


@pytest.mark.parametrize("double", [False, True])
def test_heights_count_from_the_bottom_and_none_is_none(tmp_path: Path, double: bool) -> None:
    rows = np.add.outer(np.arange(6.0), np.linspace(4, 20, 64).round())
    rows[1, 3] = np.nan
    rows[4, 8] = 31.0  # a height of 0 stands for none
    file = parsed(tmp_path, [frames(ramp()), contour(b"RETINA_1", rows, depth=32, double=double)])
    assert file.info.volumes[0].layers == ("ILM",)
    rows[4, 8] = np.nan
    np.testing.assert_array_equal(file.layers(0)[0], rows)


def test_layers_of_another_size_or_of_no_known_form_are_left_out(tmp_path: Path) -> None:
    rows = np.full((6, 64), 12.0)
    name, data = contour(b"RETINA_2", rows, depth=32)
    unknown = (name, data[:21] + b"\7" + data[22:])
    short = (name, data[: 34 + 6 * 64])
    one = volume(
        tmp_path,
        [
            frames(ramp()),
            contour(b"RETINA_1", rows, depth=32),
            contour(b"RETINA_1", rows, depth=32),
            contour(b"FLA_1", rows[:5], depth=32),
            contour(b"FLA_2", rows[:, :32], depth=32),
            unknown,
            short,
            (name, b""),
        ],
    )
    assert one.layers == ("ILM",)
    (told,) = (one for one in one.notices if one.code == "layers-left-out")
    assert told.message.startswith("6 layer boundaries")


def test_thousands_of_layers_and_parts_are_bounded(tmp_path: Path) -> None:
    rows = np.full((2, 64), 12.0)
    many = [contour(f"L{number}".encode(), rows, depth=32) for number in range(3000)]
    limits = replace(Limits(), elements=4000)
    (one,) = parsed(tmp_path, [frames(ramp(2)), *many], limits=limits).info.volumes
    assert len(one.layers) == 64


def test_an_fds_reads_the_box_of_its_own_record(tmp_path: Path) -> None:
    one = volume(tmp_path, fds(deep()), kind=b"FDS")
    assert one.localizer is not None
    assert one.localizer.shape == (80, 100, 3)
    assert one.lines[0] == pytest.approx((13.5, 20.0, 13.5, 83.0))
