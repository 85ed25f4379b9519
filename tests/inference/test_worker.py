"""The inference process: real children that run the real tiny network."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled, InferenceError, ModelError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.volume import OctVolume, Source
from kdoct_desktop.inference.package import read_package
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.session import NO_CARD, InferenceSession
from kdoct_desktop.inference.shared_block import Layout
from kdoct_desktop.inference.worker import InferenceWorker
from tests.inference.conftest import CODES
from tests.tiny_model import CLASSES, volume

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shared(package_path: Path, key: bytes) -> Iterator[InferenceWorker]:
    """One worker for the tests that leave it alive."""
    with InferenceWorker() as worker:
        worker.load(package_path, provider="cpu", trusted_keys=[key])
        yield worker


def test_the_window_side_loads_neither_onnxruntime_nor_opencv() -> None:
    code = (
        "import sys, kdoct_desktop.inference.worker\n"
        "heavy = ('onnxruntime', 'cv2', 'cryptography', 'PySide6')\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_the_worker_says_what_the_predictor_says(
    shared: InferenceWorker, package_path: Path, key: bytes, scan: OctVolume
) -> None:
    package = read_package(package_path, trusted_keys=[key])
    expected = predict_volume(scan.voxels, package, InferenceSession(package, "cpu"))
    prediction = shared.predict(scan)
    assert prediction.bscans == expected.bscans
    assert prediction.model == package.identity
    assert prediction.preprocessing == package.preprocessing
    assert prediction.views == ("identity",)
    np.testing.assert_array_equal(prediction.cams, expected.cams)
    np.testing.assert_array_equal(prediction.frames, expected.frames)


def test_test_time_views_are_averaged_in_the_worker(
    shared: InferenceWorker, scan: OctVolume
) -> None:
    few = OctVolume(scan.voxels[:3].copy(), scan.source)
    prediction = shared.predict(few, tta=True)
    assert prediction.views == ("identity", "hflip", "zoom110", "rotate+5", "rotate-5")
    assert prediction.bscans != shared.predict(few).bscans


def test_results_stream_with_the_middle_b_scan_first(
    shared: InferenceWorker, scan: OctVolume
) -> None:
    order: list[int] = []
    done_when_first_came: list[int] = []
    counts: list[int] = []

    def on_bscan(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        if not order:
            done_when_first_came.append(counts[-1])
        order.append(bscan.index)
        assert cams.shape == (4, 16, 16)
        assert frame == (0, 120, 0, 100)

    def progress(done: int, total: int, step: str) -> None:
        assert total == len(CODES)
        counts.append(done)

    prediction = shared.predict(scan, on_bscan=on_bscan, progress=progress)
    assert order[0] == len(CODES) // 2
    assert sorted(order) == list(range(len(CODES)))
    assert done_when_first_came == [0]
    assert counts == sorted(counts)
    assert counts[-1] == len(CODES)
    assert prediction.probabilities.argmax(axis=1).tolist() == [CLASSES.index(c) for c in CODES]


def test_a_cancelled_volume_leaves_the_worker_usable(
    shared: InferenceWorker, scan: OctVolume
) -> None:
    before = shared.process_id
    for stop_at in (0, 1, 9):

        def progress(done: int, total: int, step: str, stop_at: int = stop_at) -> None:
            if done >= stop_at:
                raise Cancelled

        with pytest.raises(Cancelled):
            shared.predict(scan, progress=progress, tta=True)
    assert len(shared.predict(scan).bscans) == len(CODES)
    assert shared.process_id == before


def test_a_listener_that_fails_leaves_the_worker_usable(
    shared: InferenceWorker, scan: OctVolume
) -> None:
    def on_bscan(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        raise KeyError("a mistake of the caller")

    before = shared.process_id
    with pytest.raises(KeyError):
        shared.predict(scan, on_bscan=on_bscan)
    assert len(shared.predict(scan).bscans) == len(CODES)
    assert shared.process_id == before


def test_volumes_of_other_shapes_follow_each_other(shared: InferenceWorker) -> None:
    for shape, count in (((60, 300), 2), ((300, 60), 1), ((90, 90), 40)):
        voxels = volume(["DME"] * count, shape=shape)
        prediction = shared.predict(OctVolume(voxels, Source("scan", "0", "test")))
        assert (prediction.probabilities.argmax(axis=1) == CLASSES.index("DME")).all()
        assert tuple(prediction.frames[0]) == (0, shape[0], 0, shape[1])


def test_a_long_volume_takes_no_more_shared_memory_than_a_short_one(
    shared: InferenceWorker, scan: OctVolume
) -> None:
    shared.predict(scan)
    assert shared._process is not None
    (descriptor,) = shared._process.block.inherited or (None,)
    if descriptor is None:
        pytest.skip("shared memory has no descriptor here")
    size = os.fstat(descriptor).st_size
    long = OctVolume(np.concatenate([scan.voxels] * 4), scan.source)
    shared.predict(long)
    assert os.fstat(descriptor).st_size == size
    assert size < scan.voxels.nbytes + Layout(16, (1, 1), (4, 16, 16)).size


def test_what_cannot_be_loaded_is_refused_by_name_and_a_good_one_still_loads(
    package_path: Path, key: bytes, scan: OctVolume, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.kdmodel"
    bad.write_bytes(package_path.read_bytes()[:-1])
    with InferenceWorker() as worker:
        with pytest.raises(InferenceError) as nothing:
            worker.predict(scan)
        assert nothing.value.code == "no-model"
        with pytest.raises(ModelError) as damaged:
            worker.load(bad, provider="auto", trusted_keys=[key])
        assert damaged.value.code == "not-a-package"
        with pytest.raises(ModelError) as unknown:
            worker.load(package_path, provider="auto", trusted_keys=[])
        assert unknown.value.code == "unknown-key"
        with pytest.raises(InferenceError) as still_nothing:
            worker.predict(scan)
        assert still_nothing.value.code == "no-model"
        loaded = worker.load(package_path, provider="cuda", trusted_keys=[key])
        assert loaded.identity.name == "tiny"
        assert loaded.eye_rule.thresholds == dict.fromkeys(CLASSES[1:], 0.5)
        if loaded.provider.ran == "cpu":
            assert loaded.provider.note == NO_CARD


@pytest.mark.skipif(sys.platform != "linux", reason="threads are looked up in /proc")
def test_a_gentle_child_lets_the_window_have_the_processor_first(
    package_path: Path, key: bytes
) -> None:
    for gentle in (False, True):
        with InferenceWorker(gentle=gentle) as worker:
            worker.load(package_path, provider="cpu", trusted_keys=[key])
            child = worker.process_id
            assert child is not None
            tasks = [int(task.name) for task in Path(f"/proc/{child}/task").iterdir()]
            steps = {os.getpriority(os.PRIO_PROCESS, task) - os.nice(0) for task in tasks}
            assert steps == {5 if gentle else 0}
