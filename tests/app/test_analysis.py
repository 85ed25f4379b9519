"""The natural pass: open, predict, find."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.app.analysis import Analyzer, analyse_path
from kdoct_desktop.app.settings import load_urgency
from kdoct_desktop.domain.errors import Cancelled, ModelError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.study import Study
from kdoct_desktop.domain.volume import OctVolume, ScanPattern, Source
from tests.tiny_model import volume, write_tiny_package


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzer]:
    """With the tiny model loaded on the processor."""
    package = tmp_path_factory.mktemp("model") / "tiny.kdmodel"
    key = write_tiny_package(package)
    with Analyzer(trusted_keys=(key,), urgency=load_urgency()) as ready:
        ready.load_model(package, provider="cpu")
        yield ready


def scan(*codes: str, pattern: ScanPattern = ScanPattern.RASTER) -> OctVolume:
    source = Source("scan.dcm", "0" * 64, "DICOM OPT")
    return OctVolume(volume(codes, shape=(96, 128)), source, scan_pattern=pattern)


def test_every_macular_volume_of_a_study_gets_its_own_finding(analyzer: Analyzer) -> None:
    study = Study("1.2", volumes=(scan(*["CNV"] * 6), scan(*["NORMAL"] * 6)))

    analysis = analyzer.analyse(study)

    codes = [item.finding.class_code for item in analysis.volumes if item.finding]
    assert codes == ["CNV", "NORMAL"]
    assert analysis.provider is not None
    assert analysis.provider.ran == "cpu"


@pytest.mark.parametrize(
    "pattern",
    [ScanPattern.CIRCLE, ScanPattern.ONH, ScanPattern.ANTERIOR, ScanPattern.ANGIOGRAPHY],
)
def test_a_scan_that_is_not_macular_is_shown_but_never_classified(
    analyzer: Analyzer, pattern: ScanPattern
) -> None:
    study = Study("1.2", volumes=(scan(*["CNV"] * 6, pattern=pattern), scan(*["NORMAL"] * 6)))

    first, second = analyzer.analyse(study).volumes

    assert first.prediction is None
    assert first.not_analysed is not None
    assert first.not_analysed.message.startswith("Not analysed: this is a")
    assert second.finding is not None


def test_progress_counts_the_bscans_of_the_whole_study_and_results_name_their_volume(
    analyzer: Analyzer,
) -> None:
    seen: list[tuple[int, int]] = []
    told: set[tuple[int, int]] = set()

    def listen(at: int, bscan: BscanPrediction, cam: NDArray[np.float32], frame: Box) -> None:
        told.add((at, bscan.index))
        assert cam.shape[0] == 4
        assert frame[1] > frame[0]

    study = Study("1.2", volumes=(scan(*["CNV"] * 4), scan(*["NORMAL"] * 5)))
    analyzer.analyse(
        study, progress=lambda done, total, step: seen.append((done, total)), on_bscan=listen
    )

    assert seen[-1] == (9, 9)
    assert {total for _, total in seen} == {9}
    assert told == {(0, i) for i in range(4)} | {(1, i) for i in range(5)}


def test_a_stopped_analysis_leaves_the_analyzer_usable(analyzer: Analyzer) -> None:
    def stop(done: int, total: int, step: str) -> None:
        raise Cancelled

    study = Study("1.2", volumes=(scan(*["CNV"] * 6),))
    with pytest.raises(Cancelled):
        analyzer.analyse(study, progress=stop)

    (item,) = analyzer.analyse(study).volumes
    assert item.finding is not None


def test_without_a_model_nothing_is_analysed() -> None:
    with Analyzer(trusted_keys=(), urgency=load_urgency()) as bare:
        with pytest.raises(ModelError) as refused:
            bare.analyse(Study("1.2", volumes=(scan("CNV"),)))
        assert refused.value.code == "no-model"


def test_a_path_that_does_not_exist_is_one_problem(analyzer: Analyzer, tmp_path: Path) -> None:
    (analysis,) = analyse_path(analyzer, tmp_path / "nowhere")

    assert analysis.volumes == ()
    assert [problem.code for problem in analysis.problems] == ["missing-path"]


def test_the_same_scan_gives_the_same_numbers_twice(analyzer: Analyzer) -> None:
    study = Study("1.2", volumes=(scan("NORMAL", "CNV", "DME", "DRUSEN", "CNV"),))
    runs = [analyzer.analyse(study).volumes[0].prediction for _ in range(2)]

    first, second = [replace(run, provider=runs[0].provider) for run in runs if run and runs[0]]
    assert np.array_equal(first.cams, second.cams)
    assert first.bscans == second.bscans
