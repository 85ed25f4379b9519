"""What happens when somebody opens, analyses, exports: jobs in, workbench and signals out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.ui.desk_work import ReadBscan, SaidAhead, project, read, remember
from kdoct_desktop.ui.evidence import Evidence
from kdoct_desktop.ui.jobs import Job, JobRunner, Lane, Report
from kdoct_desktop.ui.problem import explain, explain_refused
from kdoct_desktop.ui.scan import Scan, Visit
from kdoct_desktop.ui.services import LoadedModel, Services
from kdoct_desktop.ui.workbench import Workbench

_GROWS_MS = 80

PredictedItem = tuple[int, BscanPrediction, NDArray[np.float32], Box]


class Desk(QObject):
    """Carries out what the user wants; never touches a widget.

    Attributes:
        working: Whether reading or analysing goes on.
        began: Name of work that has begun.
        progressed: Done, total, step of that work.
        troubled: A ``ProblemText``.
        exported: The path that was written.
        model_changed: The model in use is another, or none.
    """

    working = Signal(bool)
    began = Signal(str)
    progressed = Signal(int, int, str)
    troubled = Signal(object)
    exported = Signal(object)
    model_changed = Signal()

    def __init__(self, services: Services, bench: Workbench, runner: JobRunner) -> None:
        super().__init__()
        self._services, self._bench, self._runner = services, bench, runner
        self.model: LoadedModel | None = None
        self.model_known = False
        self._current: list[Job] = []
        self._loading: dict[str, Scan] = {}
        self._visit = Visit()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_GROWS_MS)
        self._soon.timeout.connect(bench.evidence_changed)

    @property
    def busy(self) -> bool:
        """True while reading or analysing goes on."""
        return bool(self._current)

    def cancel(self) -> None:
        """Stop reading and analysing."""
        for job in self._current:
            job.cancel()

    # The model

    def load_model(self) -> None:
        """Make the active model ready, and tell when it is or why not."""
        job = self._runner.start(lambda report: self._services.load_model(), "model", Lane.MODEL)
        job.succeeded.connect(self._have_model)
        job.failed.connect(self._have_no_model)

    def _have_model(self, model: LoadedModel) -> None:
        self.model, self.model_known = model, True
        self.model_changed.emit()

    def _have_no_model(self, error: Exception) -> None:
        self.model, self.model_known = None, True
        self.model_changed.emit()
        if not (isinstance(error, ModelError) and error.code == "no-model"):
            self.troubled.emit(explain(error))

    # Opening

    def open(self, paths: Sequence[Path]) -> None:
        """Open inputs in place of what is open; what still runs for that is stopped."""
        self.cancel()
        self._current.clear()
        self._loading, self._visit = {}, Visit()
        self._bench.show([self._visit])
        self._bench.change_look(heatmap=self._services.settings().heatmap_at_opening)
        self._runner.start(partial(remember, self._services, list(paths)), "recent", Lane.LIGHT)
        work = partial(read, self._services, list(paths))
        job = self._track(self._runner.start(work, "reading", Lane.READ), "Opening")
        job.delivered.connect(lambda item: self._read_one(job, item))
        job.succeeded.connect(lambda read: self._read_all(job, read))
        job.cancelled.connect(lambda: self._gave_up(job))
        job.failed.connect(lambda error: self._gave_up(job))

    def _read_one(self, job: Job, item: ReadBscan | SaidAhead) -> None:
        if job not in self._current:
            return
        if isinstance(item, SaidAhead):
            scan = self._loading.get(item.key)
            if scan is not None:
                self._evidence_grew(scan, item.prediction, item.cam, item.frame)
            return
        key, header, index, pixels, row = item
        scan = self._loading.get(key)
        if scan is None:
            scan = self._loading[key] = Scan.reading(header)
            scan.add(index, pixels, row)
            self._visit.scans.append(scan)
            self._bench.show([self._visit], keep=self._bench.scan)
            return
        scan.add(index, pixels, row)
        if scan is self._bench.scan:
            self._bench.bscan_read.emit(index)

    def _read_all(self, job: Job, read: tuple[list[Study], list[Problem]]) -> None:
        if job not in self._current:
            return
        studies, problems = read
        visits = [self._visit_of(study) for study in studies]
        self._loading = {}
        self._bench.show(visits, keep=self._bench.scan)
        if problems:
            self.troubled.emit(explain_refused(tuple(problems)))
        self._complete_projections(visits)
        for visit in visits:
            self.analyse(visit, tuple(problems))
            problems = []

    def _visit_of(self, study: Study) -> Visit:
        """A visit whose scans go on from what was shown while reading."""
        scans = []
        for volume in study.volumes:
            scan = self._loading.pop(volume.source.key, None)
            if scan is None or scan.shape != volume.voxels.shape:
                scan = Scan.whole(volume)
            scan.fill(volume)
            scans.append(scan)
        return Visit(study=study, scans=scans)

    def _gave_up(self, job: Job) -> None:
        """Reading was stopped or failed: nothing half-read stays."""
        if job in self._current:
            self._bench.show([])

    def complete_projections(self) -> None:
        """Make the projections of what is open."""
        self._complete_projections(self._bench.visits)

    def _complete_projections(self, visits: list[Visit]) -> None:
        for scan in (scan for visit in visits for scan in visit.scans):
            if scan.volume is not None and np.isnan(scan.projection[:, 0]).any():
                work = partial(project, scan.volume)
                job = self._runner.start(work, "projection", Lane.LIGHT)
                job.succeeded.connect(partial(self._projected, scan))

    def _projected(self, scan: Scan, rows: NDArray[np.float32]) -> None:
        scan.projection[:] = rows
        if scan is self._bench.scan:
            self._bench.bscan_read.emit(self._bench.index)

    # Analysing

    def analyse(self, visit: Visit, problems: tuple[Problem, ...] = ()) -> None:
        """Queue the analysis of a visit; nothing happens where there is no model."""
        if self.model_known and self.model is None:
            return
        work = partial(self._analyse, visit, problems)
        job = self._track(self._runner.start(work, "analysing", Lane.MODEL), "Analysing")
        job.delivered.connect(lambda item: self._predicted(job, visit, item))
        job.succeeded.connect(lambda analysis: self._analysed(job, visit, analysis))

    def _analyse(self, visit: Visit, problems: tuple[Problem, ...], report: Report) -> object:
        study = visit.study
        # self.model may be late: it is set in the window's thread, and the services load it anyway
        if study is None or (self.model_known and self.model is None):
            return None
        volumes = tuple(scan.volume for scan in visit.scans if scan.volume is not None)

        def on_bscan(
            volume: int, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box
        ) -> None:
            report.deliver((volume, prediction, cam, frame))

        return self._services.analyse(
            replace(study, volumes=volumes),
            tta=self._services.settings().tta,
            progress=report,
            on_bscan=on_bscan,
            problems=problems,
        )

    def _predicted(self, job: Job, visit: Visit, item: PredictedItem) -> None:
        if job in self._current:
            volume, prediction, cam, frame = item
            self._evidence_grew(visit.scans[volume], prediction, cam, frame)

    def _evidence_grew(
        self, scan: Scan, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box
    ) -> None:
        if self.model is None:
            return
        if scan.evidence is None:
            scan.evidence = Evidence(self.model.identity, scan.shape[0], scan.shape[2])
            if scan is self._bench.scan:
                self._bench.scan_changed.emit()
        scan.evidence.add(prediction, cam, frame)
        if scan is self._bench.scan and not self._soon.isActive():
            self._soon.start()

    def _analysed(self, job: Job, visit: Visit, analysis: StudyAnalysis | None) -> None:
        if job not in self._current or analysis is None:
            return
        visit.analysis = analysis
        for scan, result in zip(visit.scans, analysis.volumes, strict=True):
            scan.finish(result)
        self._bench.visits_changed.emit()
        if self._bench.visit is visit:
            self._bench.scan_changed.emit()

    # Exporting

    def export(self, path: Path) -> None:
        """Write the report of the current visit."""
        visit = self._bench.visit
        analysis = visit.current_analysis() if visit is not None else None
        if analysis is None:
            return

        def write(report: Report) -> Path:
            report(0, 1, "writing the report")
            self._services.export_report(analysis, path)
            return path

        job = self._runner.start(write, "report", Lane.READ)
        job.succeeded.connect(self.exported)
        job.failed.connect(self._fail)

    # Jobs that the user waits for

    def _track(self, job: Job, name: str) -> Job:
        self._current.append(job)
        job.progressed.connect(self.progressed)
        job.failed.connect(self._fail)
        job.finished.connect(lambda: self._untrack(job))
        if len(self._current) == 1:
            self.began.emit(name)
            self.working.emit(True)
        return job

    def _untrack(self, job: Job) -> None:
        if job in self._current:
            self._current.remove(job)
            if not self._current:
                self.working.emit(False)

    def _fail(self, error: Exception) -> None:
        self.troubled.emit(explain(error))
