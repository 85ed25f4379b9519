"""From voxels to a prediction with the real tiny network."""

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled, InferenceError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, Prediction
from kdoct_desktop.domain.quality import QualityState
from kdoct_desktop.inference.package import ModelPackage, Outputs, read_package
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.preprocess import VIEWS, preprocess, unview, view
from kdoct_desktop.inference.probability import softmax
from kdoct_desktop.inference.session import CARD_FAILED, InferenceSession, OrtBackend
from tests.tiny_model import CLASSES, picture, volume, write_tiny_package

CODES = ("NORMAL", "DRUSEN", "CNV", "DME", "CNV", "NORMAL", "DME", "DRUSEN", "NORMAL", "CNV", "DME")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    path = tmp_path_factory.mktemp("package") / "tiny.kdmodel"
    return read_package(path, trusted_keys=[write_tiny_package(path)])


@pytest.fixture(scope="module")
def session(package: ModelPackage) -> InferenceSession:
    return InferenceSession(package, "cpu")


@pytest.fixture(scope="module")
def voxels() -> NDArray[np.uint8]:
    return volume(CODES, shape=(200, 160))


class Card(OrtBackend):
    """A card that computes on the processor and fails on a given batch."""

    def __init__(self, network: bytes, provider: str) -> None:
        super().__init__(network, "cpu")
        self.provider = provider
        self.batches = 0
        self.fails_at = 10**9

    @property
    def ran(self) -> str:
        return self.provider

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        self.batches += 1
        if self.provider == "cuda" and self.batches >= self.fails_at:
            raise RuntimeError("CUDA out of memory")
        return super().run(batch)


def card_that_fails_at(batch: int) -> Callable[[bytes, str], Card]:
    """Opens a card that fails at a batch, counted after the canary's six."""

    def opened(network: bytes, provider: str) -> Card:
        card = Card(network, provider)
        card.fails_at = batch + 6
        return card

    return opened


def test_every_b_scan_gets_its_class_in_order(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    prediction = predict_volume(voxels, package, session)
    assert [bscan.index for bscan in prediction.bscans] == list(range(len(CODES)))
    assert [CLASSES[i] for i in prediction.probabilities.argmax(axis=1)] == list(CODES)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1.0)
    assert prediction.model == package.identity
    assert prediction.provider == session.report
    assert prediction.preprocessing == package.preprocessing
    assert prediction.views == ("identity",)
    assert {bscan.quality.state for bscan in prediction.bscans} == {QualityState.GOOD}


def test_the_result_of_a_volume_is_that_of_its_b_scans_one_by_one(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    prediction = predict_volume(voxels, package, session)
    for index, bscan in enumerate(prediction.bscans):
        tensor, frame = preprocess(voxels[index], package.input_spec)
        logits, cams, _ = session.run(tensor[None])
        np.testing.assert_allclose(bscan.logits, logits[0], atol=1e-5)
        np.testing.assert_allclose(
            bscan.probabilities, softmax(logits, package.temperature)[0], atol=1e-6
        )
        np.testing.assert_allclose(prediction.cams[index], cams[0], atol=1e-5)
        assert tuple(prediction.frames[index]) == frame


def test_the_evidence_adds_up_to_the_logit(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    prediction = predict_volume(voxels, package, session)
    sums = prediction.cams.mean(axis=(2, 3)) + package.bias
    logits = np.array([bscan.logits for bscan in prediction.bscans])
    np.testing.assert_allclose(sums, logits, atol=1e-4)
    assert all(bscan.evidence_holds for bscan in prediction.bscans)


def test_evidence_that_does_not_add_up_is_not_to_be_shown(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    class LostCorner:
        report, fall_back = session.report, session.fall_back
        batch_size, lanes = session.batch_size, session.lanes

        def run(self, batch: NDArray[np.float32]) -> Outputs:
            logits, cams, embeddings = session.run(batch)
            cams = cams.copy()
            cams[..., 0, 0] += 1.0
            return logits, cams, embeddings

    prediction = predict_volume(voxels[:3], package, LostCorner())
    assert not any(bscan.evidence_holds for bscan in prediction.bscans)
    assert prediction.bscans[0].completeness_error == pytest.approx(1.0 / 256.0, rel=1e-2)


def test_the_middle_b_scan_comes_first_and_each_comes_once(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    seen: list[int] = []
    maps: dict[int, NDArray[np.float32]] = {}

    def on_bscan(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        seen.append(bscan.index)
        maps[bscan.index] = cams.copy()
        assert frame == (0, 200, 0, 160)

    prediction = predict_volume(voxels, package, session, on_bscan=on_bscan)
    assert seen[0] == len(CODES) // 2
    assert sorted(seen) == list(range(len(CODES)))
    for index, cams in maps.items():
        np.testing.assert_array_equal(cams, prediction.cams[index])


def test_one_b_scan_is_a_volume_too(package: ModelPackage, session: InferenceSession) -> None:
    prediction = predict_volume(picture("CNV")[None], package, session)
    assert prediction.probabilities.argmax() == CLASSES.index("CNV")


def test_progress_counts_up_and_can_stop_the_work(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    counts: list[int] = []

    def progress(done: int, total: int, step: str) -> None:
        assert total == len(CODES)
        counts.append(done)
        if done >= 5:
            raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        predict_volume(voxels, package, session, progress=progress)
    assert counts == [0, 1, 2, 3, 4, 5]
    assert threading.active_count() == before


def test_no_thread_is_left_when_a_listener_fails(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    def on_bscan(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        raise KeyError("a mistake of the caller")

    before = threading.active_count()
    with pytest.raises(KeyError):
        predict_volume(voxels, package, session, on_bscan=on_bscan)
    assert threading.active_count() == before


def by_view(
    package: ModelPackage, session: InferenceSession, bscan: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits (view, class) and maps (view, class, row, column) laid back on the B-scan."""
    tensor, _ = preprocess(bscan, package.input_spec)
    outputs = [session.run(view(tensor, name)[None]) for name in VIEWS]
    maps = [unview(part[1], name)[0] for part, name in zip(outputs, VIEWS, strict=True)]
    return np.stack([part[0][0] for part in outputs]), np.stack(maps)


def test_test_time_views_are_averaged_as_logits_and_maps(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    prediction = predict_volume(voxels[:3], package, session, views=VIEWS)
    plain = predict_volume(voxels[:3], package, session)
    assert prediction.views == VIEWS
    for index, bscan in enumerate(prediction.bscans):
        logits, maps = by_view(package, session, voxels[index])
        np.testing.assert_allclose(bscan.logits, logits.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(prediction.cams[index], maps.mean(axis=0), atol=1e-4)
        assert np.abs(np.array(bscan.logits) - plain.bscans[index].logits).max() > 1e-3
        assert bscan.evidence_holds
        assert bscan.ood_distance == pytest.approx(plain.bscans[index].ood_distance, abs=1e-9)


def test_test_time_views_are_the_same_every_time(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    first, second = (predict_volume(voxels[:5], package, session, views=VIEWS) for _ in range(2))
    np.testing.assert_array_equal(first.cams, second.cams)
    assert [b.logits for b in first.bscans] == [b.logits for b in second.bscans]


def test_unknown_views_are_a_mistake_of_the_caller(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    for views in ((), ("hflip",), ("identity", "vflip")):
        with pytest.raises(ValueError, match="views"):
            predict_volume(voxels, package, session, views=views)


def test_what_is_unlike_the_training_data_is_flagged(
    package: ModelPackage, session: InferenceSession
) -> None:
    blank = np.zeros((200, 160), dtype=np.uint8)
    stack = np.stack([picture("CNV", shape=(200, 160)), blank, np.full_like(blank, 255)])
    bscans = predict_volume(stack, package, session).bscans
    assert [bscan.ood for bscan in bscans] == [False, True, True]
    assert bscans[1].ood_distance == pytest.approx(2.0)
    assert [b.quality.state for b in bscans[1:]] == [QualityState.UNGRADABLE] * 2


def test_the_threshold_of_the_package_decides_what_is_unlike(
    package: ModelPackage, session: InferenceSession
) -> None:
    white = np.full((1, 200, 160), 255, dtype=np.uint8)
    tolerant = replace(package, ood_threshold=0.5)
    assert predict_volume(white, package, session).bscans[0].ood
    assert not predict_volume(white, tolerant, session).bscans[0].ood


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_card_that_fails_in_the_middle_has_the_whole_volume_done_by_the_processor(
    package: ModelPackage, voxels: NDArray[np.uint8], fails_at: int
) -> None:
    broken = InferenceSession(package, "auto", backend=card_that_fails_at(fails_at))
    assert broken.report.ran == "cuda"
    seen: list[int] = []
    prediction = predict_volume(
        voxels, package, broken, on_bscan=lambda bscan, cams, frame: seen.append(bscan.index)
    )
    assert prediction.provider.asked == "auto"
    assert prediction.provider.ran == "cpu"
    assert prediction.provider.note == CARD_FAILED
    assert sorted(seen[-len(CODES) :]) == list(range(len(CODES)))
    expected = predict_volume(voxels, package, InferenceSession(package, "cpu"))
    same(prediction, expected)


def same(one: Prediction, other: Prediction) -> None:
    np.testing.assert_array_equal(one.cams, other.cams)
    assert [b.logits for b in one.bscans] == [b.logits for b in other.bscans]


def test_a_failure_of_the_processor_is_not_hidden(
    package: ModelPackage, session: InferenceSession, voxels: NDArray[np.uint8]
) -> None:
    class Broken:
        report, fall_back = session.report, session.fall_back
        batch_size, lanes = session.batch_size, session.lanes

        def run(self, batch: NDArray[np.float32]) -> Outputs:
            raise InferenceError("inference-failed", "The model could not be run.")

    with pytest.raises(InferenceError) as caught:
        predict_volume(voxels, package, Broken())
    assert caught.value.code == "inference-failed"
