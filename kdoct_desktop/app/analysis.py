"""Open, predict, find: the natural pass that the command line and the window both call."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.app.ahead import Ahead
from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import IngestError, KdoctError, ModelError
from kdoct_desktop.domain.eye_level import summarise
from kdoct_desktop.domain.finding import UrgencyMap
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, Prediction
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume, ScanPattern
from kdoct_desktop.inference.collect import BscanListener as OneVolumeListener
from kdoct_desktop.inference.collect import ignore_bscan
from kdoct_desktop.inference.worker import InferenceWorker, LoadedModel
from kdoct_desktop.io.contained import Contained
from kdoct_desktop.io.readers import (
    BscanListener,
    OpenedInput,
    open_volumes,
    start_reading,
)

PredictionListener = Callable[[int, BscanPrediction, NDArray[np.float32], Box], None]
"""Called as a B-scan's prediction is ready: position of its volume in the study, the prediction,
its activation maps, axes (class, row, column), and the box of pixels that they cover."""

NOT_MACULAR = {
    ScanPattern.CIRCLE: "this is a circle scan around the optic disc",
    ScanPattern.ONH: "this is a scan of the optic disc",
    ScanPattern.ANTERIOR: "this is a scan of the front of the eye",
    ScanPattern.ANGIOGRAPHY: "this is an angiography volume",
}
"""Scan patterns that are shown but not analysed, and why."""


class Analyzer(Closing):
    """Owns the inference process and makes a study's analysis from its files.

    Every call blocks; the window calls from a job. Use as a context manager or call :meth:`close`.
    """

    def __init__(self, *, trusted_keys: tuple[bytes, ...], urgency: UrgencyMap) -> None:
        """Prepare; nothing is started yet.

        Args:
            trusted_keys: Raw Ed25519 public keys that may sign a model package.
            urgency: The site's map from class to urgency.
        """
        self._trusted_keys = trusted_keys
        self._urgency = urgency
        self._worker = InferenceWorker()
        self._loaded: LoadedModel | None = None
        self._reading: Contained | None = None

    def close(self) -> None:
        """End the processes."""
        self._worker.close()
        self._loaded = None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.close()

    def interrupt(self) -> None:
        """End the inference process, and a running prediction with it; from any thread."""
        self._worker.close()

    def prepare_reading(self) -> None:
        """Start the reading process ahead of the next input; else it starts when needed."""
        if self._reading is None:
            self._reading = start_reading()

    def open_ahead(
        self,
        path: Path,
        *,
        eye: Laterality | None = None,
        tta: bool = False,
        progress: Progress = silent,
    ) -> tuple[OpenedInput, dict[str, Prediction]]:
        """Read an input and predict its volumes while they are decoded.

        Args:
            path: What the user chose.
            eye: The eye as the user states it.
            tta: Average the test-time views.
            progress: Called while reading and waiting.

        Returns:
            Studies and problems, and predictions by the key of the volume's source.
        """
        with Ahead(self._worker, tta=tta, skipped=frozenset(NOT_MACULAR)) as ahead:
            opened = self.open(path, eye=eye, progress=progress, on_bscan=ahead)
            return opened, ahead.finish(progress)

    @property
    def loaded(self) -> LoadedModel | None:
        """The model in use; None before :meth:`load_model`."""
        return self._loaded

    def load_model(self, package: Path, *, provider: str) -> LoadedModel:
        """Verify a model package and make it ready.

        Args:
            package: A ``.kdmodel`` file.
            provider: ``auto``, ``cuda`` or ``cpu``.

        Raises:
            ModelError: The package cannot be trusted or does not run.
        """
        self._loaded = None
        self._loaded = self._worker.load(
            package, provider=provider, trusted_keys=self._trusted_keys
        )
        return self._loaded

    def open(
        self,
        path: Path,
        *,
        eye: Laterality | None = None,
        progress: Progress = silent,
        on_bscan: BscanListener | None = None,
    ) -> OpenedInput:
        """Read every volume of a file, folder, DICOMDIR or zip.

        Args:
            path: What the user chose.
            eye: The eye as the user states it, for inputs that do not.
            progress: Called while reading.
            on_bscan: Called with each B-scan as soon as it is decoded.

        Returns:
            Studies and problems; a path that cannot be opened at all is one problem.
        """
        ready, self._reading = self._reading, None
        try:
            return open_volumes(path, eye=eye, progress=progress, on_bscan=on_bscan, ready=ready)
        except IngestError as error:
            problem = Problem(path.name or str(path), error.code, error.message)
            return OpenedInput(studies=(), problems=(problem,))

    def analyse(
        self,
        study: Study,
        *,
        tta: bool = False,
        progress: Progress = silent,
        on_bscan: PredictionListener | None = None,
        problems: tuple[Problem, ...] = (),
        ahead: Mapping[str, Prediction] | None = None,
    ) -> StudyAnalysis:
        """Run the model over every macular volume of a study.

        Args:
            study: What was opened.
            tta: Average the test-time views.
            progress: Called with B-scans done of all B-scans of the study.
            on_bscan: Called with each B-scan's prediction.
            problems: Inputs that were refused on the way, kept with the result.
            ahead: Predictions that are there already, by the key of the volume's source.

        Raises:
            ModelError: No model is loaded.
            InferenceError: The model could not run.
        """
        if self._loaded is None:
            raise ModelError("no-model", "No model is loaded; install one on the models page.")
        started = time.perf_counter()
        results: list[VolumeAnalysis] = []
        for position, volume in enumerate(study.volumes):
            shifted = _shifted(progress, results, study)
            listener = ignore_bscan if on_bscan is None else partial(on_bscan, position)
            known = (ahead or {}).get(volume.source.key)
            results.append(self._one(volume, known, tta=tta, progress=shifted, on_bscan=listener))
        predict_s = time.perf_counter() - started
        ran = [item.prediction.provider for item in results if item.prediction is not None]
        timing_s = {"predict": predict_s, "total": predict_s}
        provider = ran[-1] if ran else self._loaded.provider
        model = self._loaded.identity
        return StudyAnalysis(study, tuple(results), problems, model, provider, timing_s)

    def _one(
        self,
        volume: OctVolume,
        known: Prediction | None,
        *,
        tta: bool,
        progress: Progress,
        on_bscan: OneVolumeListener,
    ) -> VolumeAnalysis:
        """Predict and summarise one volume, or say why not."""
        refused = why_not_analysed(volume)
        if refused is not None:
            return VolumeAnalysis(volume, not_analysed=refused)
        assert self._loaded is not None  # noqa: S101 - checked by the only caller
        prediction = known or self._worker.predict(
            volume, tta=tta, progress=progress, on_bscan=on_bscan
        )
        finding = summarise(volume, prediction, rule=self._loaded.eye_rule, urgency=self._urgency)
        return VolumeAnalysis(volume, prediction=prediction, finding=finding)


def why_not_analysed(volume: OctVolume) -> Problem | None:
    """Why a volume is shown but not analysed; None where it is analysed."""
    reason = NOT_MACULAR.get(volume.scan_pattern)
    if reason is None:
        return None
    text = f"Not analysed: {reason}; the model knows macular volumes."
    return Problem(volume.source.label, f"{volume.scan_pattern.value}-scan", text)


def analyse_path(
    analyzer: Analyzer,
    path: Path,
    *,
    eye: Laterality | None = None,
    tta: bool = False,
    progress: Progress = silent,
) -> list[StudyAnalysis]:
    """One input from path to findings: one entry a study.

    The model works while the input is still being read. A study whose analysis fails becomes a
    problem, and the others go on. Problems of the input are kept with its first result; an input
    without any study gives one entry that holds them.

    Raises:
        Cancelled: `progress` asked to stop.
    """
    started = time.perf_counter()
    opened, ahead = analyzer.open_ahead(path, eye=eye, tta=tta, progress=progress)
    read_s = time.perf_counter() - started
    results: list[StudyAnalysis] = []
    problems = opened.problems
    for study in opened.studies:
        try:
            analysis = analyzer.analyse(study, tta=tta, progress=progress, ahead=ahead)
        except KdoctError as error:
            label = study.volumes[0].source.label if study.volumes else path.name
            problems = (*problems, Problem(label, error.code, error.message))
        else:
            results.append(analysis)
    if not results:
        results.append(StudyAnalysis(Study(uid="")))
    return [_with_reading(results[0], problems, read_s), *results[1:]]


def _with_reading(
    analysis: StudyAnalysis, problems: tuple[Problem, ...], read_s: float
) -> StudyAnalysis:
    """A result with what was refused on the way and the seconds before it.

    ``read`` holds the prediction that ran meanwhile, ``predict`` only what was left to do.
    """
    total_s = read_s + analysis.timing_s.get("total", 0.0)
    timing_s = {"read": read_s, **analysis.timing_s, "total": total_s}
    return replace(analysis, problems=(*analysis.problems, *problems), timing_s=timing_s)


def _shifted(progress: Progress, ready: Sequence[VolumeAnalysis], study: Study) -> Progress:
    """Progress over a whole study from that of the volume after those that are ready."""
    before = sum(item.volume.bscan_count for item in ready)
    whole = sum(volume.bscan_count for volume in study.volumes)

    def report(done: int, total: int, step: str) -> None:
        progress(before + done, whole, step)

    return report
