"""Predicting while the input is still being read: the same results, and nothing in the way."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.app.analysis import Analyzer
from kdoct_desktop.app.settings import load_urgency
from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import Cancelled
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.study import Study
from kdoct_desktop.inference import worker_process
from kdoct_desktop.inference.preprocess import VIEWS
from kdoct_desktop.inference.session import CARD_FAILED
from kdoct_desktop.io.readers import OpenedInput, VolumeHeader
from tests.cli.conftest import write_scan
from tests.inference.test_worker_failures import FAILING_CARD, child_script
from tests.io.dicom_files import opt, raster_lines, save
from tests.tiny_model import volume, write_tiny_package

CNV_EYE = ["NORMAL"] * 4 + ["CNV"] * 4 + ["NORMAL"] * 4
_LIMIT_S = 20.0


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.kdmodel"
    write_tiny_package(path)
    return path


def analyzer_of(package: Path) -> Analyzer:
    key = write_tiny_package(package.with_name("again.kdmodel"))
    return Analyzer(trusted_keys=(key,), urgency=load_urgency())


@pytest.fixture
def analyzer(package: Path) -> Iterator[Analyzer]:
    """With the tiny model loaded on the processor."""
    with analyzer_of(package) as ready:
        ready.load_model(package, provider="cpu")
        yield ready


class Said:
    """Who listens while an input is read slowly enough for the model to say something."""

    def __init__(self, least: int = 1) -> None:
        self.keys: list[str] = []
        self.indices: list[int] = []
        self._least = least

    def on_ahead(
        self, key: str, bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box
    ) -> None:
        self.keys.append(key)
        self.indices.append(bscan.index)

    def on_bscan(self, header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        # B-scans go to the model after this; what is ready comes back with the next one
        if self._least and len(self.indices) < self._least:
            time.sleep(0.1)


def opened_ahead(analyzer: Analyzer, path: Path, said: Said, *, tta: bool = False) -> OpenedInput:
    return analyzer.open_ahead(path, tta=tta, on_bscan=said.on_bscan, on_ahead=said.on_ahead)


def same(one: StudyAnalysis, other: StudyAnalysis) -> None:
    for ours, theirs in zip(one.volumes, other.volumes, strict=True):
        assert ours.prediction is not None
        assert theirs.prediction is not None
        assert ours.prediction.bscans == theirs.prediction.bscans
        assert ours.prediction.views == theirs.prediction.views
        np.testing.assert_array_equal(ours.prediction.cams, theirs.prediction.cams)
        assert ours.finding == theirs.finding


def two_eyes(folder: Path) -> Path:
    """A folder with both eyes, twelve B-scans each."""
    folder.mkdir()
    for name, eye, code in (("right", "R", "CNV"), ("left", "L", "DME")):
        codes = ["NORMAL"] * 4 + [code] * 4 + ["NORMAL"] * 4
        data = opt(
            volume(codes, shape=(120, 160)),
            eye=eye,
            lines=raster_lines(12),
            StudyInstanceUID="1.2.3.4",
            SeriesInstanceUID=f"1.2.3.4.{len(name)}",
        )
        save(data, folder / f"{name}.dcm")
    return folder


def test_results_come_while_reading_goes_on_and_are_those_of_the_plain_way(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    path = two_eyes(tmp_path / "in")
    plain = analyzer.analyse(analyzer.open(path).studies[0])
    said, later = Said(), set[tuple[int, int]]()
    (study,) = opened_ahead(analyzer, path, said).studies
    assert said.indices[0] == 6  # the middle one, before all were read

    counts: list[int] = []
    analysis = analyzer.analyse(
        study,
        progress=lambda done, total, step: counts.append(done),
        on_bscan=lambda at, bscan, cams, frame: later.add((at, bscan.index)),
    )
    same(analysis, plain)
    assert counts[-1] == 24
    place = {item.source.key: at for at, item in enumerate(study.volumes)}
    told = {(place[key], at) for key, at in zip(said.keys, said.indices, strict=True)}
    assert len(told | later) == 24  # each is told of, before or after


def test_reading_that_is_stopped_leaves_the_model_free(analyzer: Analyzer, tmp_path: Path) -> None:
    path = two_eyes(tmp_path / "in")
    read: list[int] = []

    def stop(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        read.append(index)
        if len(read) == 7:
            raise Cancelled

    with pytest.raises(Cancelled):
        analyzer.open_ahead(path, on_bscan=stop)
    assert not analyzer._worker._busy.locked()
    (study,) = analyzer.open(path).studies
    assert analyzer.analyse(study).volumes[0].finding is not None


def test_an_input_that_is_never_analysed_does_not_hold_the_model(
    analyzer: Analyzer, package: Path, tmp_path: Path
) -> None:
    path = two_eyes(tmp_path / "in")
    opened_ahead(analyzer, path, Said())
    assert analyzer._worker._busy.locked()
    (study,) = opened_ahead(analyzer, path, Said()).studies  # another input
    analyzer.load_model(package, provider="cpu")  # another model
    assert not analyzer._worker._busy.locked()
    assert analyzer.analyse(study).volumes[1].finding is not None


def test_a_thread_that_needs_the_model_is_not_locked_out_by_an_unfinished_reading(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    (study,) = opened_ahead(analyzer, two_eyes(tmp_path / "in"), Said()).studies
    held = analyzer._worker._busy
    assert held.locked()
    done: list[object] = []
    thread = threading.Thread(
        target=lambda: done.append(analyzer._worker.predict(study.volumes[0]))
    )
    thread.start()
    thread.join(_LIMIT_S)
    assert len(done) == 1


def test_a_cancelled_analysis_ends_what_was_begun(analyzer: Analyzer, tmp_path: Path) -> None:
    (study,) = opened_ahead(analyzer, two_eyes(tmp_path / "in"), Said()).studies

    def stop(done: int, total: int, step: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        analyzer.analyse(study, progress=stop)
    assert not analyzer._worker._busy.locked()
    assert analyzer.analyse(study).volumes[0].finding is not None


def test_without_a_loaded_model_reading_waits_for_nothing(package: Path, tmp_path: Path) -> None:
    path = two_eyes(tmp_path / "in")
    with analyzer_of(package) as analyzer:
        said = Said(least=0)
        (study,) = opened_ahead(analyzer, path, said).studies
        assert said.indices == []
        analyzer.load_model(package, provider="cpu")
        assert analyzer.analyse(study).volumes[0].finding is not None


def test_a_model_that_comes_while_a_scan_is_read_takes_it_from_its_start(
    package: Path, tmp_path: Path
) -> None:
    with analyzer_of(package) as analyzer:
        said = Said(least=0)

        def on_bscan(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
            if index == 9:
                analyzer._worker.load(package, provider="cpu", trusted_keys=analyzer._trusted_keys)
            if index == 11:
                time.sleep(0.3)

        path = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
        analyzer.open_ahead(path, on_bscan=on_bscan, on_ahead=said.on_ahead)
        assert 6 in said.indices  # read long before the model was there


def test_a_scan_that_the_model_does_not_know_is_never_given_to_it(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    angles = np.linspace(0.0, 2.0 * np.pi, 33)
    ring = np.stack([100 + 40 * np.sin(angles), 100 + 40 * np.cos(angles)], axis=1)
    data = opt(volume(["CNV"], shape=(120, 160)), lines=[ring.ravel().tolist()])
    said = Said(least=0)
    opened = opened_ahead(analyzer, save(data, tmp_path / "circle.dcm"), said)
    (item,) = analyzer.analyse(opened.studies[0]).volumes
    assert item.not_analysed is not None
    assert said.indices == []


def test_a_setting_that_changed_meanwhile_counts(analyzer: Analyzer, tmp_path: Path) -> None:
    path = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    (study,) = opened_ahead(analyzer, path, Said()).studies
    (item,) = analyzer.analyse(study, tta=True).volumes
    assert item.prediction is not None
    assert item.prediction.views == VIEWS


def test_a_prediction_belongs_to_the_voxels_and_not_to_their_name(
    analyzer: Analyzer, tmp_path: Path
) -> None:
    path = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    (study,) = opened_ahead(analyzer, path, Said()).studies
    (read,) = study.volumes
    twin = replace(read, voxels=volume(["DME"] * 12, shape=(120, 160)))  # the same key
    analysis = analyzer.analyse(Study("1", volumes=(twin, read)))
    codes = [item.finding.class_code for item in analysis.volumes if item.finding]
    assert codes == ["DME", "CNV"]


def test_a_scan_whose_reading_fails_loses_only_itself(analyzer: Analyzer, tmp_path: Path) -> None:
    folder = two_eyes(tmp_path / "in")
    whole = (folder / "right.dcm").read_bytes()
    said = Said(least=0)

    def break_off(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        if header.shape[0] == 12 and index == 6:
            (folder / "right.dcm").write_bytes(whole[: len(whole) // 3])

    opened = analyzer.open_ahead(folder, on_bscan=break_off, on_ahead=said.on_ahead)
    assert [problem.source for problem in opened.problems] == ["right.dcm"]
    (analysis,) = (analyzer.analyse(study) for study in opened.studies)
    (item,) = analysis.volumes
    assert item.finding is not None
    assert item.finding.class_code == "DME"


def test_a_card_that_fails_meanwhile_has_the_volume_done_again_by_the_processor(
    package: Path, analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    plain = analyzer.analyse(analyzer.open(path).studies[0])
    monkeypatch.setattr(worker_process, "worker_command", child_script(tmp_path, FAILING_CARD))
    with analyzer_of(package) as broken:
        assert broken.load_model(package, provider="auto").provider.ran == "cuda"
        (study,) = opened_ahead(broken, path, Said()).studies
        analysis = broken.analyse(study)
    same(analysis, plain)
    (item,) = analysis.volumes
    assert item.prediction is not None
    assert item.prediction.provider.note == CARD_FAILED
