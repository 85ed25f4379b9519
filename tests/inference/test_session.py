"""Where a model runs is what the session answers, proven by the golden inputs."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import InferenceError, ModelError
from kdoct_desktop.inference.package import Golden, ModelPackage, Outputs, read_package
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.session import (
    CARD_FAILED,
    DIFFERENT,
    NO_CARD,
    InferenceSession,
    OrtBackend,
    thread_count,
)
from kdoct_desktop.inference.signing import public_bytes
from tests.tiny_model import build_tiny, tiny_key, write_tiny_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    path = tmp_path_factory.mktemp("package") / "tiny.kdmodel"
    return read_package(path, trusted_keys=[write_tiny_package(path)])


class Card(OrtBackend):
    """A graphics card: computes on the processor but says that it is a card."""

    def __init__(self, network: bytes, provider: str) -> None:
        super().__init__(network, "cpu")
        self.provider = provider

    @property
    def ran(self) -> str:
        return self.provider


class DriftingCard(Card):
    """A card whose logits are off, as with TF32 or a bad driver."""

    drift = 0.05

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        logits, cams, embeddings = super().run(batch)
        if self.provider == "cuda":
            logits = logits + np.float32(self.drift) * np.arange(4, dtype=np.float32)
            cams = cams + np.float32(self.drift) * np.arange(4, dtype=np.float32).reshape(4, 1, 1)
        return logits, cams, embeddings


class BrokenCard(Card):
    """A card that fails from the n-th batch on."""

    batches_left = 10**9

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        if self.provider == "cuda":
            type(self).batches_left -= 1
            if type(self).batches_left < 0:
                raise RuntimeError("CUDA failure 700: an illegal memory access was encountered")
        return super().run(batch)


class SilentFallback(Card):
    """Asked for a card, answers that it runs on the processor."""

    @property
    def ran(self) -> str:
        return "cpu"


def test_the_processor_gives_the_golden_outputs_and_its_time(package: ModelPackage) -> None:
    report = InferenceSession(package, "cpu").report
    assert (report.asked, report.ran, report.note) == ("cpu", "cpu", "")
    assert report.parity <= 1e-6
    assert report.canary_ms > 0.0


def test_cuda_asked_on_a_computer_without_a_card_runs_on_the_processor_and_says_so(
    package: ModelPackage,
) -> None:
    report = InferenceSession(package, "cuda").report
    if report.ran == "cuda":
        pytest.skip("this computer has a graphics card")
    assert (report.asked, report.ran) == ("cuda", "cpu")
    assert report.note == NO_CARD


def test_auto_without_any_card_is_no_news(package: ModelPackage) -> None:
    report = InferenceSession(package, "auto").report
    if report.ran == "cuda":
        pytest.skip("this computer has a graphics card")
    assert (report.asked, report.ran, report.note) == ("auto", "cpu", "")


def test_a_card_that_agrees_is_used(package: ModelPackage) -> None:
    session = InferenceSession(package, "auto", backend=Card)
    assert (session.report.ran, session.report.note) == ("cuda", "")
    assert session.batch_size == 32


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_card_that_gives_other_results_is_not_used(package: ModelPackage, asked: str) -> None:
    session = InferenceSession(package, asked, backend=DriftingCard)
    assert (session.report.asked, session.report.ran) == (asked, "cpu")
    assert session.report.note == DIFFERENT
    assert session.report.parity <= 1e-6
    assert session.batch_size < 32


def test_a_card_whose_evidence_does_not_add_up_is_not_used(package: ModelPackage) -> None:
    class ZeroMaps(Card):
        def run(self, batch: NDArray[np.float32]) -> Outputs:
            logits, cams, embeddings = super().run(batch)
            return logits, cams * np.float32(self.provider != "cuda"), embeddings

    assert InferenceSession(package, "cuda", backend=ZeroMaps).report.note == DIFFERENT


def test_a_silent_fallback_is_found_out(package: ModelPackage) -> None:
    report = InferenceSession(package, "cuda", backend=SilentFallback).report
    assert (report.ran, report.note) == ("cpu", NO_CARD)


def test_a_card_that_does_not_load_is_no_card(package: ModelPackage) -> None:
    def without_driver(network: bytes, provider: str) -> OrtBackend:
        if provider == "cuda":
            raise RuntimeError("CUDA driver version is insufficient")
        return OrtBackend(network, provider)

    report = InferenceSession(package, "cuda", backend=without_driver).report
    assert (report.ran, report.note) == ("cpu", NO_CARD)


def test_other_golden_outputs_make_a_model_unusable(tmp_path: Path) -> None:
    tiny, other = build_tiny(), build_tiny(seed=3)
    path = tmp_path / "x.kdmodel"
    write_package(
        path,
        onnx_bytes=other.onnx_bytes,
        manifest=tiny.manifest,
        golden=tiny.golden,
        bias=tiny.bias,
        ood_means=tiny.ood_means,
        card="",
        private_key=tiny_key(),
    )
    package = read_package(path, trusted_keys=[public_bytes(tiny_key())])
    with pytest.raises(ModelError) as caught:
        InferenceSession(package, "cpu")
    assert caught.value.code == "golden-mismatch"


def with_golden(package: ModelPackage, change: Callable[[Golden], Golden]) -> ModelPackage:
    return replace(package, golden=change(package.golden))


def test_parity_is_the_largest_difference_in_calibrated_probability(
    package: ModelPackage,
) -> None:
    def shift(golden: Golden) -> Golden:
        inputs = np.zeros_like(golden.inputs[:1])  # a blank picture is undecided
        logits, cams, embeddings = OrtBackend(package.onnx_bytes, "cpu").run(inputs)
        moved = np.array([0.001, 0.0, 0.0, 0.0], dtype=np.float32)
        return Golden(inputs, logits + moved, cams, embeddings)

    report = InferenceSession(with_golden(package, shift), "cpu").report
    # dp = p (1 - p) dz / T with p near a quarter and T = 1.5
    assert report.parity == pytest.approx(0.25 * 0.75 * 0.001 / 1.5, rel=0.25)


def test_a_failing_card_is_named_and_the_processor_goes_on(package: ModelPackage) -> None:
    class Breaks(BrokenCard):
        batches_left = 6  # the canary takes one and five

    session = InferenceSession(package, "auto", backend=Breaks)
    batch = package.golden.inputs[:2]
    with pytest.raises(InferenceError) as caught:
        session.run(batch)
    assert caught.value.code == "gpu-failed"
    session.fall_back()
    assert (session.report.asked, session.report.ran) == ("auto", "cpu")
    assert session.report.note == CARD_FAILED
    np.testing.assert_allclose(session.run(batch)[0], package.golden.logits[:2], atol=1e-5)


def test_numbers_that_are_none_are_a_failure_too(package: ModelPackage) -> None:
    class Nan(Card):
        good = 6

        def run(self, batch: NDArray[np.float32]) -> Outputs:
            logits, cams, embeddings = super().run(batch)
            self.good -= 1
            return (logits if self.good >= 0 else logits * np.float32("nan")), cams, embeddings

    session = InferenceSession(package, "cuda", backend=Nan)
    with pytest.raises(InferenceError) as caught:
        session.run(package.golden.inputs[:1])
    assert caught.value.code == "gpu-failed"


def test_a_failure_on_the_processor_has_no_way_out(package: ModelPackage) -> None:
    session = InferenceSession(package, "cpu")
    with pytest.raises(InferenceError) as caught:
        session.run(np.zeros((1, 3, 8, 8), dtype=np.float32))
    assert caught.value.code == "inference-failed"


def test_an_unknown_provider_is_a_mistake_of_the_caller(package: ModelPackage) -> None:
    with pytest.raises(ValueError, match="provider"):
        InferenceSession(package, "tpu")


def test_threads_stay_within_what_the_process_may_use() -> None:
    assert 1 <= thread_count() <= (os.cpu_count() or 1)
