"""Install, verify and roll back models: jobs in, models page out."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kdoct_desktop.ui.asking import ask_for_package
from kdoct_desktop.ui.desk import Desk
from kdoct_desktop.ui.jobs import JobRunner, Lane, Report, Work
from kdoct_desktop.ui.models_page import ModelsPage
from kdoct_desktop.ui.problem import explain
from kdoct_desktop.ui.services import InstalledModel, Services


class ModelDesk(QObject):
    """Carries out what the models page wants.

    Attributes:
        troubled: A ``ProblemText``.
        told: One sentence about what was done.
    """

    troubled = Signal(object)
    told = Signal(str)

    def __init__(self, services: Services, runner: JobRunner, desk: Desk, page: ModelsPage) -> None:
        super().__init__()
        self._services, self._runner, self._desk, self._page = services, runner, desk, page
        self._models: Sequence[InstalledModel] = ()
        page.install_wanted.connect(self._ask_for_package)
        page.verify_wanted.connect(self._verify)
        page.rollback_wanted.connect(self._roll_back)

    def refresh(self) -> None:
        """Read which models are installed and show the active one."""
        job = self._runner.start(lambda report: self._services.models(), "models", Lane.LIGHT)
        job.succeeded.connect(self._show)
        job.failed.connect(self._fail)

    def install(self, path: Path) -> None:
        """Verify, install and activate a package."""

        def work(report: Report) -> str:
            model = self._services.install_model(path, progress=report)
            return f"Installed and active: {model.identity.name} {model.identity.version}."

        self._run(work, "installing", reload=True)

    def _ask_for_package(self) -> None:
        path = ask_for_package(self._page)
        if path is not None:
            self.install(path)

    def _verify(self) -> None:
        active = next((model for model in self._models if model.active), None)
        if active is not None:
            sha256 = active.identity.sha256
            self._run(
                lambda report: self._services.verify_model(sha256, progress=report),
                "verifying",
                reload=False,
            )

    def _roll_back(self) -> None:
        def work(report: Report) -> str:
            model = self._services.rollback_model()
            return f"Active again: {model.identity.name} {model.identity.version}."

        self._run(work, "rolling back", reload=True)

    def _run(self, work: Work, name: str, *, reload: bool) -> None:
        """Do one thing to the models; afterwards the active one is loaded again."""
        self._page.set_busy(True)
        job = self._runner.start(work, name, Lane.MODEL)
        job.succeeded.connect(lambda sentence: self.told.emit(str(sentence)))
        job.failed.connect(self._fail)
        job.finished.connect(lambda: self._page.set_busy(False))
        if reload:
            job.succeeded.connect(lambda sentence: self._desk.load_model())

    def _show(self, models: Sequence[InstalledModel]) -> None:
        self._models = models
        model = self._desk.model
        self._page.show_models(models, model.provider if model is not None else None)

    def _fail(self, error: Exception) -> None:
        self.troubled.emit(explain(error))
