"""The use cases behind the window: everything ``ui.services.Services`` asks for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kdoct_desktop.app.ahead import AheadListener
from kdoct_desktop.app.analysis import Analyzer, PredictionListener
from kdoct_desktop.app.export import write_report
from kdoct_desktop.app.models import InstalledModel, ModelRegistry
from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.app.settings import Settings, load_settings, load_urgency, save_settings
from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import Cancelled
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.inference.worker import LoadedModel
from kdoct_desktop.io.readers import BscanListener, OpenedInput


class DesktopServices:
    """One object that the window is given. Calls block; the window calls them from its jobs."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Read the settings; the model is loaded later.

        Args:
            settings: Instead of the user's own, for a demo that must look the same everywhere.
        """
        self._keep_settings = settings is None
        self._settings = settings if settings is not None else load_settings()
        self._registry = ModelRegistry()
        self._analyzer = Analyzer(
            trusted_keys=self._registry.trusted_keys(),
            urgency=load_urgency(self._settings.urgency_file),
            gentle=True,
        )
        self._interrupted = False

    def close(self) -> None:
        """End the processes."""
        self._analyzer.close()

    def open(
        self,
        path: Path,
        *,
        eye: Laterality | None = None,
        progress: Progress = silent,
        on_bscan: BscanListener | None = None,
        on_ahead: AheadListener | None = None,
    ) -> OpenedInput:
        """Read every volume of a path; refused pieces are problems.

        With `on_ahead` the model, if it is loaded, begins while the rest is still being read.
        """
        stoppable = self._stoppable(progress)
        if on_ahead is None:
            opened = self._analyzer.open(path, eye=eye, progress=stoppable, on_bscan=on_bscan)
        else:
            opened = self._analyzer.open_ahead(
                path,
                eye=eye,
                tta=self._settings.tta,
                progress=stoppable,
                on_bscan=on_bscan,
                on_ahead=on_ahead,
            )
        self._analyzer.prepare_reading()  # the next input finds its process running
        return opened

    def load_model(self) -> LoadedModel:
        """Make the active model ready.

        Raises:
            ModelError: There is no usable model.
        """
        package = self._registry.active().path
        return self._analyzer.load_model(package, provider=self._settings.provider)

    def analyse(
        self,
        study: Study,
        *,
        tta: bool = False,
        progress: Progress = silent,
        on_bscan: PredictionListener | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> StudyAnalysis:
        """Run the model over a study, loading it first where that was not done."""
        if self._analyzer.loaded is None:
            self.load_model()
        return self._analyzer.analyse(
            study,
            tta=tta,
            progress=self._stoppable(progress),
            on_bscan=on_bscan,
            problems=problems,
        )

    def export_report(self, analysis: StudyAnalysis, path: Path) -> None:
        """Write the PDF of a study."""
        write_report(analysis, path, clinic=self._settings.clinic)

    def report_name(self, analysis: StudyAnalysis) -> str:
        """A file name without patient data."""
        performed = analysis.study.performed
        return f"oct-report-{performed.isoformat()}.pdf" if performed else "oct-report.pdf"

    def demo_path(self) -> Path | None:
        """The bundled demo study; None where it is not there."""
        path = demo_study()
        return path if path.is_dir() else None

    def recent(self) -> Sequence[Path]:
        """Inputs opened before, the latest first."""
        return self._settings.recent

    def remember(self, path: Path) -> None:
        """Put an input on top of the recent ones; the demo is not remembered."""
        if path != demo_study():
            self._change(self._settings.remembering(path))

    def settings(self) -> Settings:
        """The settings as they are."""
        return self._settings

    def change_settings(self, **changes: Any) -> None:
        """Keep new values."""
        self._change(replace(self._settings, **changes))

    def models(self) -> Sequence[InstalledModel]:
        """Models that are installed and sound."""
        return self._registry.models()

    def install_model(self, path: Path, *, progress: Progress = silent) -> InstalledModel:
        """Verify a package, install it and put it to use."""
        model = self._registry.install(
            path, provider=self._settings.provider, progress=self._stoppable(progress)
        )
        return self._registry.activate(model.reference)

    def verify_model(self, sha256: str, *, progress: Progress = silent) -> str:
        """Check a model again; one sentence for the user."""
        progress(0, 1, "checking the golden outputs")
        report = self._registry.verify(sha256, provider=self._settings.provider)
        return (
            f"Signature, hashes and golden outputs are in order "
            f"(largest difference {report.parity:.1e} on {report.ran.upper()})."
        )

    def rollback_model(self) -> InstalledModel:
        """Use the model that was in use before this one."""
        return self._registry.rollback()

    def interrupt(self) -> None:
        """Make every blocking call return soon.

        Reading stops at its next sign of life, a running model ends with its process.
        """
        self._interrupted = True
        self._analyzer.interrupt()

    def _change(self, settings: Settings) -> None:
        self._settings = settings
        if self._keep_settings:
            save_settings(settings)

    def _stoppable(self, progress: Progress) -> Progress:
        """The same progress that also ends with the window."""

        def report(done: int, total: int, step: str) -> None:
            if self._interrupted:
                raise Cancelled
            progress(done, total, step)

        return report


def demo_study() -> Path:
    """Where the bundled demo study lies."""
    return resource_path("demo/study")
