"""The rest of the program as the window sees it, without files, processes or a model."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.progress import Progress
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, ScanPattern, Spacing
from kdoct_desktop.ui.services import OnAhead, OnPredicted, OnRead
from tests import samples

PATH = Path("input.dcm")


@dataclass(frozen=True)
class Header:
    key: str
    label: str
    shape: tuple[int, int, int]
    laterality: Laterality | None
    spacing: Spacing
    scan_pattern: ScanPattern


@dataclass(frozen=True)
class Opened:
    studies: tuple[Study, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Loaded:
    identity: ModelIdentity = samples.MODEL
    provider: ProviderReport = samples.PROVIDER


@dataclass(frozen=True)
class Installed:
    identity: ModelIdentity = samples.MODEL
    active: bool = True
    card: str = "# Card\n\n<b>plain</b>"


@dataclass(frozen=True)
class Chosen:
    theme: str = "dark"
    clinic: str = ""
    provider: str = "auto"
    heatmap_at_opening: bool = True
    tta: bool = False


def frame(said: Prediction, index: int) -> Box:
    top, bottom, left, right = (int(edge) for edge in said.frames[index])
    return top, bottom, left, right


class FakeServices:
    """Gives back what it was made with.

    Attributes:
        read_gate: Reading waits before this many B-scans are delivered; None never waits.
        predict_gate: The same for predictions.
        ahead: B-scans of the first volume that are predicted while it is read.
        load_gate: Loading the model waits for it; None never waits.
        opened: Set to let a waiting call go on; it also goes on when it is cancelled.
    """

    def __init__(
        self,
        *analyses: StudyAnalysis,
        problems: tuple[Problem, ...] = (),
        model: Loaded | None = Loaded(),
        settings: Chosen = Chosen(),
    ) -> None:
        self.analyses = analyses
        self.problems = problems
        self.model = model
        self.chosen = settings
        self.read_gate: int | None = None
        self.predict_gate: int | None = None
        self.ahead = 0
        self.load_gate: threading.Event | None = None
        self.opened = threading.Event()
        self.open_error: Exception | None = None
        self.exported: list[StudyAnalysis] = []
        self.remembered: list[Path] = []
        self.installed: list[Installed] = [Installed()] if model is not None else []

    def open(
        self,
        path: Path,
        *,
        eye: Laterality | None,
        progress: Progress,
        on_bscan: OnRead,
        on_ahead: OnAhead | None,
    ) -> Opened:
        if self.open_error is not None:
            raise self.open_error
        volumes = [volume for each in self.analyses for volume in each.study.volumes]
        total, done = sum(volume.bscan_count for volume in volumes), 0
        for volume in volumes:
            bscans, depth, ascans = volume.voxels.shape
            header = Header(
                volume.source.key,
                volume.source.label,
                (bscans, depth, ascans),
                volume.laterality,
                volume.spacing,
                volume.scan_pattern,
            )
            middle = bscans // 2
            for index in sorted(range(bscans), key=lambda at: at != middle):
                self._wait_at(self.read_gate, done, total, progress, "reading B-scans")
                on_bscan(header, index, volume.voxels[index])
                if on_ahead is not None and done < self.ahead:
                    said = self.analyses[0].volumes[0].prediction
                    assert said is not None
                    on_ahead(header.key, said.bscans[index], said.cams[index], frame(said, index))
                done += 1
                progress(done, total, "reading B-scans")
        return Opened(tuple(each.study for each in self.analyses), self.problems)

    def _wait_at(
        self, gate: int | None, done: int, total: int, progress: Progress, step: str
    ) -> None:
        while gate is not None and done >= gate and not self.opened.wait(0.005):
            progress(done, total, step)

    def load_model(self) -> Loaded:
        if self.load_gate is not None:
            self.load_gate.wait(10)
        if self.model is None:
            raise ModelError("no-model", "No model is installed.")
        return self.model

    def analyse(
        self,
        study: Study,
        *,
        tta: bool,
        progress: Progress,
        on_bscan: OnPredicted,
        problems: tuple[Problem, ...] = (),
    ) -> StudyAnalysis:
        analysis = next(each for each in self.analyses if each.study.uid == study.uid)
        done = 0
        for volume, item in enumerate(analysis.volumes):
            if item.prediction is None:
                continue
            said = item.prediction
            for index, bscan in enumerate(said.bscans):
                total = len(said.bscans) * len(analysis.volumes)
                self._wait_at(self.predict_gate, done, total, progress, "analysing B-scans")
                on_bscan(volume, bscan, said.cams[index], frame(said, index))
                done += 1
                progress(done, total, "analysing B-scans")
        return analysis

    def export_report(self, analysis: StudyAnalysis, path: Path) -> None:
        self.exported.append(analysis)
        path.write_bytes(b"%PDF-")

    def report_name(self, analysis: StudyAnalysis) -> str:
        return "report.pdf"

    def demo_path(self) -> Path | None:
        return Path("demo")

    def recent(self) -> Sequence[Path]:
        return self.remembered

    def remember(self, path: Path) -> None:
        self.remembered.insert(0, path)

    def settings(self) -> Chosen:
        return self.chosen

    def change_settings(self, **changes: Any) -> None:
        self.chosen = replace(self.chosen, **changes)

    def models(self) -> Sequence[Installed]:
        return self.installed

    def install_model(self, path: Path, *, progress: Progress) -> Installed:
        progress(0, 1, "verifying")
        self.installed = [replace(each, active=False) for each in self.installed]
        self.installed.append(Installed(replace(samples.MODEL, version="2.0.0")))
        return self.installed[-1]

    def verify_model(self, sha256: str, *, progress: Progress) -> str:
        return "Signature, hashes and golden outputs are in order."

    def rollback_model(self) -> Installed:
        self.installed = [
            replace(each, active=each is self.installed[0]) for each in self.installed
        ]
        return self.installed[0]

    def interrupt(self) -> None:
        self.opened.set()
