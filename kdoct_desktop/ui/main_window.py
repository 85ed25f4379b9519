"""The window: pages, keys, drops, and how they hang together."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.ui.actions import Actions, bind_keys
from kdoct_desktop.ui.asking import (
    ask_for_folder,
    ask_for_report,
    ask_for_scans,
    local_paths,
)
from kdoct_desktop.ui.desk import Desk
from kdoct_desktop.ui.empty_page import EmptyPage
from kdoct_desktop.ui.header import Header
from kdoct_desktop.ui.jobs import JobRunner
from kdoct_desktop.ui.keyboard import Keyboard
from kdoct_desktop.ui.keys import KeySheet
from kdoct_desktop.ui.model_desk import ModelDesk
from kdoct_desktop.ui.models_page import ModelsPage
from kdoct_desktop.ui.pointer_words import PointerWords
from kdoct_desktop.ui.problem import explain_refused
from kdoct_desktop.ui.problem_line import ProblemLine
from kdoct_desktop.ui.rail import Rail
from kdoct_desktop.ui.read_page import ReadPage
from kdoct_desktop.ui.scan import Visit
from kdoct_desktop.ui.services import Services
from kdoct_desktop.ui.settings_page import SettingsPage
from kdoct_desktop.ui.status_bar import StatusBar
from kdoct_desktop.ui.theme import THEMES, Theme, style_sheet
from kdoct_desktop.ui.widgets import retint
from kdoct_desktop.ui.workbench import Workbench

TITLE = "KD-OCT Desktop"
_READ, _MODELS, _SETTINGS = range(3)


class MainWindow(QWidget):
    """Everything that one sees."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle(TITLE)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self.setMinimumSize(1024, 640)
        self._services = services
        self.bench = Workbench(self)
        self.runner = JobRunner(self)
        self.desk = Desk(services, self.bench, self.runner)
        self.desk.setParent(self)
        self._make_pages()
        self.model_desk = ModelDesk(services, self.runner, self.desk, self.models)
        self.model_desk.setParent(self)
        self._lay_out()
        self._connect()
        self._reading_keys = bind_keys(self, self.actions_)
        self.apply_theme(THEMES.get(services.settings().theme, THEMES["dark"]))
        self._show_empty_or_read()

    # Building

    def _make_pages(self) -> None:
        self.rail, self.header, self.status = Rail(), Header(self.bench), StatusBar()
        self.problem_line = ProblemLine()
        self.sheet = KeySheet(self)
        self.empty = EmptyPage(demo=self._services.demo_path() is not None)
        self.read = ReadPage(self.bench, self.sheet.open)
        self.models = ModelsPage()
        self.settings = SettingsPage(self._services.settings())
        self.pages = QStackedWidget()
        for page in (self.empty, self.read, self.models, self.settings):
            self.pages.addWidget(page)
        self.actions_ = Actions(self)
        self._keyboard = Keyboard(self.read.bscan)

    def _lay_out(self) -> None:
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.header)
        right.addWidget(self.problem_line)
        right.addWidget(self.pages, 1)
        above = QHBoxLayout()
        above.setSpacing(0)
        above.addWidget(self.rail)
        above.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(above, 1)
        column.addWidget(self.status)

    def _connect(self) -> None:
        panel = self.read.panel
        self.bench.visits_changed.connect(self._show_empty_or_read)
        self.rail.page_chosen.connect(self.show_page)
        self.rail.open_wanted.connect(self.ask_for_file)
        self.empty.open_wanted.connect(self.ask_for_file)
        self.empty.folder_wanted.connect(self.ask_for_folder)
        self.empty.demo_wanted.connect(self.open_demo)
        self.empty.path_wanted.connect(lambda path: self.open([path]))
        panel.export_wanted.connect(self.ask_for_report)
        panel.cancel_wanted.connect(self.desk.cancel)
        panel.analysis_wanted.connect(self._analyse)
        panel.models_wanted.connect(lambda: self.show_page(_MODELS))
        self.desk.working.connect(lambda on: panel.set_program(working=on))
        self.desk.working.connect(lambda on: self._show_empty_or_read())
        self.desk.began.connect(panel.progress.begin)
        self.desk.progressed.connect(panel.progress.show_progress)
        self.desk.troubled.connect(self.problem_line.show_problem)
        self.desk.exported.connect(self._tell_exported)
        self.desk.model_changed.connect(self._show_model)
        self.model_desk.troubled.connect(self.problem_line.show_problem)
        self.model_desk.told.connect(self.problem_line.show_done)
        self.runner.changed.connect(self.status.show_queue)
        self.settings.changed.connect(self._change_setting)
        self.pointer = PointerWords(self.bench, self.read.bscan, self.read.enface)
        self.pointer.changed.connect(self.status.show_distance)

    # Beginning and end

    def start(self) -> None:
        """Begin the work that a new window has: the model, the recent list."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            self._keyboard.start(application)
        self.empty.show_recent(self._services.recent())
        self.status.show_provider(None, loading=True)
        self.desk.load_model()
        self.model_desk.refresh()
        QTimer.singleShot(0, self.read, self.read.prepare)

    def show_analyses(self, analyses: Sequence[StudyAnalysis]) -> None:
        """Show results that already exist."""
        self.bench.show([Visit.of(analysis) for analysis in analyses if analysis.volumes])
        problems = tuple(problem for analysis in analyses for problem in analysis.problems)
        if problems:
            self.problem_line.show_problem(explain_refused(problems))
        self.desk.complete_projections()
        for analysis in analyses:
            if analysis.model is not None:
                model = analysis.model
                self.status.show_notice(model.notice, demonstration=model.demonstration)
                self.status.show_provider(analysis.provider)

    def project_now(self) -> None:
        """Make every projection in this thread: for pictures, where nobody waits."""
        for scan in (scan for visit in self.bench.visits for scan in visit.scans):
            if scan.volume is not None:
                scan.projection[:] = scan.volume.voxels.mean(axis=1, dtype="float32")
        self.read.enface.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop every job; no thread outlives the window."""
        self._keyboard.stop()
        self.hide()
        self.runner.close(unblock=self._services.interrupt)
        event.accept()

    # Opening and exporting

    def open(self, paths: Sequence[Path]) -> None:
        """Open inputs in place of what is open."""
        self.problem_line.clear()
        self.show_page(_READ)
        self.desk.open(paths)

    def open_demo(self) -> None:
        """Open the bundled demo study."""
        path = self._services.demo_path()
        if path is not None:
            self.open([path])

    def ask_for_file(self) -> None:
        """Let the user choose files to open."""
        self._open_asked(ask_for_scans(self))

    def ask_for_folder(self) -> None:
        """Let the user choose a folder to open."""
        self._open_asked(ask_for_folder(self))

    def _open_asked(self, paths: list[Path]) -> None:
        if paths:
            self.open(paths)

    def ask_for_report(self) -> None:
        """Let the user choose where the report goes; nothing where none can be written."""
        visit = self.bench.visit
        analysis = visit.current_analysis() if visit is not None and visit.may_report else None
        if analysis is None or self.desk.busy:
            return
        path = ask_for_report(self, self._services.report_name(analysis))
        if path is not None:
            self.desk.export(path)

    def _tell_exported(self, path: Path) -> None:
        url = QUrl.fromLocalFile(str(path))
        self.problem_line.show_done(
            f"Report written: {path.name}", "Show it", lambda: QDesktopServices.openUrl(url)
        )

    def _analyse(self) -> None:
        if self.bench.visit is not None:
            self.desk.analyse(self.bench.visit)

    # Showing

    def show_page(self, index: int) -> None:
        """Show reading, models or settings."""
        self.rail.show_page(index)
        before = self.pages.currentWidget()
        if index == _READ:
            something = bool(self.bench.visits) or self.desk.busy
            if not something and before is not self.empty:
                self.empty.show_recent(self._services.recent())
            self.pages.setCurrentWidget(self.read if something else self.empty)
        else:
            self.pages.setCurrentWidget({_MODELS: self.models, _SETTINGS: self.settings}[index])
        reading = self.pages.currentWidget() is self.read
        if reading and before is not self.read:
            self.read.bscan.setFocus(Qt.FocusReason.OtherFocusReason)
        self.header.setVisible(reading)
        for shortcut in self._reading_keys:
            shortcut.setEnabled(reading)

    def _show_empty_or_read(self) -> None:
        if self.pages.currentWidget() in (self.empty, self.read):
            self.show_page(_READ)

    def _show_model(self) -> None:
        model = self.desk.model
        self.read.panel.set_program(no_model=self.desk.model_known and model is None)
        self.status.show_provider(model.provider if model is not None else None)
        if model is not None:
            identity = model.identity
            self.status.show_notice(identity.notice, demonstration=identity.demonstration)
        self.model_desk.refresh()

    def _change_setting(self, name: str, value: object) -> None:
        self._services.change_settings(**{name: value})
        if name == "theme":
            self.apply_theme(THEMES[str(value)])
        if name == "provider":
            self.desk.load_model()

    def apply_theme(self, theme: Theme) -> None:
        """Use other colours everywhere."""
        self.setStyleSheet(style_sheet(theme))
        self.header.theme = theme
        self.header.refresh()
        self.rail.set_theme(theme)
        self.empty.set_theme(theme)
        self.read.set_theme(theme)
        retint(self, theme)

    # Events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Say yes to local files and folders."""
        if local_paths(event):
            event.acceptProposedAction()
            self.empty.show_over(True)

    def dragLeaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is held over the window any more."""
        self.empty.show_over(False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped."""
        self.empty.show_over(False)
        paths = local_paths(event)
        if paths:
            event.acceptProposedAction()
            self.open(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit to the new size."""
        self.sheet.setGeometry(self.rect())
