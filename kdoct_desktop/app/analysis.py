"""Open, predict, find: the natural pass that the command line and the window both call."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.app.ahead import Ahead, AheadListener, ignore_ahead
from kdoct_desktop.app.not_macular import why_not_analysed
from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import IngestError, KdoctError, ModelError
from kdoct_desktop.domain.eye_level import summarise
from kdoct_desktop.domain.finding import UrgencyMap
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, Prediction
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume
from kdoct_desktop.inference.collect import BscanListener as OneVolumeListener
from kdoct_desktop.inference.collect import ignore_bscan
from kdoct_desktop.inference.stream import STEP
from kdoct_desktop.inference.worker import InferenceWorker, LoadedModel
from kdoct_desktop.io.crew import Crew
from kdoct_desktop.io.readers import BscanListener, OpenedInput, open_volumes, start_reading

PredictionListener = Callable[[int, BscanPrediction, NDArray[np.float32], Box], None]
"""Called as a B-scan's prediction is ready: position of its volume in the study, the prediction,
its activation maps, axes (class, row, column), and the box of pixels that they cover."""


class Analyzer(Closing):
    """Owns the inference process and makes a study's analysis from its files.

    Every call blocks; the window calls from a job. Use as a context manager or call :meth:`close`.
    """

    def __init__(
        self, *, trusted_keys: tuple[bytes, ...], urgency: UrgencyMap, gentle: bool = False
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            trusted_keys: Raw Ed25519 public keys that may sign a model package.
            urgency: The site's map from class to urgency.
            gentle: Let a window have the processor before the model.
        """
        self._trusted_keys = trusted_keys
        self._urgency = urgency
        self._worker = InferenceWorker(self._forget_ahead, gentle=gentle)
        self._loaded: LoadedModel | None = None
        self._reading: Crew | None = None
        self._helpers = 0  # of use in the last input; the next one is probably alike
        self._ahead: Ahead | None = None

    def close(self) -> None:
        """End the processes."""
        self._worker.close()
        self._forget_ahead()
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
            self._reading = start_reading(helpers=self._helpers)

    def open_ahead(
        self,
        path: Path,
        *,
        eye: Laterality | None = None,
        tta: bool = False,
        progress: Progress = silent,
        on_bscan: BscanListener | None = None,
        on_ahead: AheadListener = ignore_ahead,
    ) -> OpenedInput:
        """Read an input and begin to predict while it is decoded; :meth:`analyse` goes on with it.

        Args as for :meth:`open`, and:
            tta: Average the test-time views.
            on_ahead: Called with each B-scan's prediction that is ready while reading goes on.
        """
        self._forget_ahead()
        ahead = self._ahead = Ahead(self._worker, tta=tta, listener=on_ahead, on_bscan=on_bscan)
        with ExitStack() as stack:
            stack.callback(ahead.close)  # where reading stops, the model is free again
            opened = self.open(path, eye=eye, progress=progress, on_bscan=ahead)
            stack.pop_all()
            return opened

    def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

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
        self._forget_ahead()  # another model's, and it would keep the process busy
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
            opened = open_volumes(path, eye=eye, progress=progress, on_bscan=on_bscan, ready=ready)
        except IngestError as error:
            problem = Problem(path.name or str(path), error.code, error.message)
            return OpenedInput(studies=(), problems=(problem,))
        self._helpers = opened.helpers
        return opened

    def analyse(
        self,
        study: Study,
        *,
        tta: bool = False,
        progress: Progress = silent,
        on_bscan: PredictionListener | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> StudyAnalysis:
        """Run the model over every macular volume of a study; goes on with what began in reading.

        Args:
            study: What was opened.
            tta: Average the test-time views.
            progress: Called with B-scans done of all B-scans of the study.
            on_bscan: Called with each B-scan's prediction.
            problems: Inputs that were refused on the way, kept with the result.

        Raises:
            ModelError: No model is loaded.
            InferenceError: The model could not run.
        """
        if self._loaded is None:
            raise ModelError("no-model", "No model is loaded; install one on the models page.")
        started = time.perf_counter()
        self._finish_ahead(study, tta=tta, progress=progress, on_bscan=on_bscan)
        ahead, results = self._ahead, list[VolumeAnalysis]()
        for position, volume in enumerate(study.volumes):
            shifted = _shifted(progress, results, study)
            listener = ignore_bscan if on_bscan is None else partial(on_bscan, position)
            known = ahead.take(volume) if ahead is not None else None
            results.append(self._one(volume, known, tta=tta, progress=shifted, on_bscan=listener))
        predict_s = time.perf_counter() - started
        ran = [item.prediction.provider for item in results if item.prediction is not None]
        timing_s = {"predict": predict_s, "total": predict_s}
        provider = ran[-1] if ran else self._loaded.provider
        model = self._loaded.identity
        return StudyAnalysis(study, tuple(results), problems, model, provider, timing_s)

    def _finish_ahead(
        self,
        study: Study,
        *,
        tta: bool,
        progress: Progress,
        on_bscan: PredictionListener | None,
    ) -> None:
        """Wait for the volume that was begun while it was read: the model has one at a time."""
        ahead = self._ahead
        if ahead is None:
            return
        if ahead.tta != tta:
            self._forget_ahead()
            return
        places = {volume.source.key: at for at, volume in enumerate(study.volumes)}

        def tell(key: str, bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
            if on_bscan is not None and key in places:
                on_bscan(places[key], bscan, cams, frame)

        ahead.finish(_shifted(progress, (), study), tell)

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
        if known is not None:
            progress(volume.bscan_count, volume.bscan_count, STEP)
        prediction = known or self._worker.predict(
            volume, tta=tta, progress=progress, on_bscan=on_bscan
        )
        finding = summarise(volume, prediction, rule=self._loaded.eye_rule, urgency=self._urgency)
        return VolumeAnalysis(volume, prediction=prediction, finding=finding)


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
    opened = analyzer.open_ahead(path, eye=eye, tta=tta, progress=progress)
    read_s = time.perf_counter() - started
    results: list[StudyAnalysis] = []
    problems = opened.problems
    for study in opened.studies:
        try:
            analysis = analyzer.analyse(study, tta=tta, progress=progress)
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

    ``read`` holds the part of the prediction that ran meanwhile, ``predict`` what was left to do.
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
