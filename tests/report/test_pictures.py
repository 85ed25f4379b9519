"""B-scans for paper and export: true proportions, the same crop, neutral names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdoct_desktop.domain.volume import Spacing
from kdoct_desktop.report import geometry, pictures
from tests import samples
from tests.sample_scans import volume


def test_a_millimetre_is_as_long_down_as_across() -> None:
    scan = volume(depth=240, ascans=256)
    (pair,) = pictures.pairs(scan, None, [12], class_index=None, width=600)
    deep_mm = pair.window.rows * 1.9 / 240
    assert pair.plain.shape[0] / deep_mm == pytest.approx(600 / 6.0, rel=0.01)


def test_without_scale_pixels_stay_square() -> None:
    scan = volume(scaled=False, depth=120, ascans=100)
    (pair,) = pictures.pairs(scan, None, [0], class_index=None, width=100)
    assert pair.plain.shape == (pair.window.rows, 100)


def test_plain_and_drawn_show_the_same_tissue() -> None:
    item = samples.found("CNV")
    (pair,) = pictures.pairs(item.volume, item.prediction, [10], class_index=2, width=512)
    assert pair.drawn is not None
    assert pair.drawn.shape == (*pair.plain.shape, 3)
    change = np.abs(pair.drawn.mean(axis=2) - pair.plain)
    assert change.mean() < 8.0
    assert change.max() > 60.0
    assert (pair.drawn[:, -60:] == pair.plain[:, -60:, None]).all()


def test_the_strongest_evidence_lies_where_the_activation_map_has_it() -> None:
    item = samples.found("CNV")  # blob at A-scan 90, row 4.6 of 8
    (pair,) = pictures.pairs(item.volume, item.prediction, [10], class_index=2, width=512)
    assert pair.drawn is not None
    change = np.abs(pair.drawn.mean(axis=2) - pair.plain)
    lit = np.argwhere(change > 40)
    assert lit[:, 1].mean() == pytest.approx(90.5 / 256 * 512, abs=14)
    source_row = lit[:, 0].mean() / pair.plain.shape[0] * pair.window.rows + pair.window.top
    assert source_row == pytest.approx((4.6 + 0.5) / 8 * 240, abs=14)


def test_the_crop_keeps_all_tissue_and_all_strong_evidence() -> None:
    item = samples.found("CNV")
    indices = [10, 9, 11]
    shown = pictures.pairs(item.volume, item.prediction, indices, class_index=2, width=300)
    assert len({pair.window for pair in shown}) == 1
    window = shown[0].window
    assert item.prediction is not None
    bright = item.volume.voxels[indices].mean(axis=(0, 2)) > 45
    assert window.top <= np.flatnonzero(bright)[0]
    assert window.bottom > np.flatnonzero(bright)[-1]
    for index in indices:
        evidence = pictures.evidence_at(item.volume, item.prediction, index, 2)
        rows = np.flatnonzero(evidence.max(axis=1) >= 0.5 * evidence.max())
        assert window.top <= rows[0]
        assert window.bottom > rows[-1]


def test_a_crop_shows_no_less_than_its_least_depth() -> None:
    thin = np.zeros((1, 496, 64), np.uint8)
    thin[:, 240:250] = 200
    window = geometry.tissue_window(thin, Spacing(None, 0.0039, 0.011))
    assert window.rows * 0.0039 >= 1.39
    assert window.top < 240
    assert window.bottom > 250


def test_a_black_bscan_is_shown_whole() -> None:
    window = geometry.tissue_window(np.zeros((2, 90, 40), np.uint8), Spacing())
    assert (window.top, window.bottom) == (0, 90)


def test_evidence_that_may_not_be_drawn_gives_a_sentence_instead() -> None:
    item = samples.every_state()["evidence does not add up"].volumes[0]
    (pair,) = pictures.pairs(item.volume, item.prediction, [4], class_index=2, width=200)
    assert pair.drawn is None
    assert "does not add up" in pair.why_not


def test_heatmaps_are_written_under_neutral_names(tmp_path: Path) -> None:
    study = samples.study_analysis(
        samples.found("CNV", bscans=9), samples.not_analysed(), samples.found("DME", None, bscans=9)
    )
    files = pictures.save_heatmaps(study, tmp_path / "heatmaps")
    assert [file.name for file in files] == [
        "volume1_OD_bscan003.png",
        "volume1_OD_bscan004.png",
        "volume1_OD_bscan005.png",
        "volume1_OD_enface.png",
        "volume3_unknown-eye_bscan003.png",
        "volume3_unknown-eye_bscan004.png",
        "volume3_unknown-eye_bscan005.png",
        "volume3_unknown-eye_enface.png",
    ]
    assert sorted(each.name for each in (tmp_path / "heatmaps").iterdir()) == sorted(
        file.name for file in files
    )
    with Image.open(files[1]) as image:
        drawn = np.asarray(image)
    grey = study.volumes[0].volume.voxels[3]
    assert drawn.shape == (*grey.shape, 3)
    assert (drawn[:, -40:] == grey[:, -40:, None]).all()
    assert (drawn != grey[:, :, None]).any()


def test_all_bscans_are_written_when_asked_for(tmp_path: Path) -> None:
    study = samples.every_state()["found CNV"]
    files = pictures.save_heatmaps(study, tmp_path, first=4, every_bscan=True)
    assert len(files) == 10
    assert files[0].name == "volume4_OD_bscan001.png"


def test_an_exported_bscan_without_sound_evidence_is_plain(tmp_path: Path) -> None:
    study = samples.every_state()["evidence does not add up"]
    files = pictures.save_heatmaps(study, tmp_path)
    with Image.open(files[0]) as image:
        drawn = np.asarray(image)
    assert (drawn[:, :, 0] == drawn[:, :, 2]).all()


def test_a_picture_that_cannot_be_written_leaves_no_part_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        pictures.save_heatmaps(samples.every_state()["found CNV"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_own_maximum_of_a_bscan_is_what_its_lines_refer_to() -> None:
    item = samples.found("CNV")
    assert item.prediction is not None
    weaker = replace(item.prediction, cams=item.prediction.cams * 0.5)
    first = pictures.pairs(item.volume, item.prediction, [10], class_index=2, width=256)[0]
    second = pictures.pairs(item.volume, weaker, [10], class_index=2, width=256)[0]
    assert first.drawn is not None
    assert second.drawn is not None
    assert np.abs(first.drawn.astype(int) - second.drawn).mean() < 0.5
