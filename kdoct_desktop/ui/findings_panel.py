"""The finding in words first, then how likely, where, why, and one thing to do."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from kdoct_desktop.domain.finding import Finding, Urgency
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.ui import words
from kdoct_desktop.ui.panel_words import say, shows_evidence
from kdoct_desktop.ui.probability_bars import ProbabilityBars
from kdoct_desktop.ui.progress_box import ProgressBox
from kdoct_desktop.ui.scan import Scan
from kdoct_desktop.ui.theme import DARK, Theme
from kdoct_desktop.ui.widgets import Act, Badge, push_button, set_role, text_label
from kdoct_desktop.ui.workbench import Workbench

_STRONGEST = 3


class FindingsPanel(QWidget):
    """Everything that is said about the current scan.

    Attributes:
        export_wanted: The report shall be written.
        cancel_wanted: The running work shall stop.
        analysis_wanted: The scan shall be analysed after all.
        models_wanted: The models page shall be shown.
    """

    export_wanted = Signal()
    cancel_wanted = Signal()
    analysis_wanted = Signal()
    models_wanted = Signal()

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setObjectName("right")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._bench = bench
        self._theme: Theme = DARK
        self._no_model = False
        self._working = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._make_scroll(), 1)
        outer.addWidget(self._make_foot())
        bench.scan_changed.connect(self.refresh)
        bench.class_changed.connect(self._show_strongest)
        bench.bscan_changed.connect(self._mark_strongest)
        bench.evidence_changed.connect(self._show_live)
        self.refresh()

    # Building

    def _make_scroll(self) -> QScrollArea:
        content = QWidget()
        content.setObjectName("content")
        column = QVBoxLayout(content)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addLayout(self._make_eye_line())
        self._headline = text_label("", "finding", wrap=True)
        self._urgency = text_label("", "heading", wrap=True)
        self._doubt = text_label("", "heading", wrap=True)
        self._doubt.setProperty("level", Urgency.NEEDS_HUMAN_READ.name)
        self._where = text_label("", "second", wrap=True)
        self._progress = ProgressBox()
        self._progress.cancel_wanted.connect(self.cancel_wanted)
        for widget in (self._headline, self._urgency, self._doubt, self._where, self._progress):
            column.addWidget(widget)
        column.addWidget(self._make_question())
        self._bars_title = text_label("Eye level, each class on its own scale", "section")
        self._bars = ProbabilityBars(self._bench)
        column.addSpacing(8)
        column.addWidget(self._bars_title)
        column.addWidget(self._bars)
        column.addLayout(self._make_strongest())
        self._notes_title = text_label("Notes", "section")
        self._note_labels: list[QLabel] = []
        self._notes = QVBoxLayout()
        self._notes.setSpacing(8)
        column.addSpacing(8)
        column.addWidget(self._notes_title)
        column.addLayout(self._notes)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return scroll

    def _make_eye_line(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._eye = text_label("", "heading")
        self._eye_words = text_label("", "second")
        self._eye_badge = Badge(self._theme)
        row.addWidget(self._eye)
        row.addWidget(self._eye_words)
        row.addStretch(1)
        row.addWidget(self._eye_badge)
        return row

    def _make_question(self) -> QWidget:
        self._question = QWidget()
        self._question.setObjectName("raised")
        self._question.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self._question)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(12)
        column.addWidget(text_label(words.EYE_QUESTION, wrap=True))
        row = QHBoxLayout()
        row.setSpacing(8)
        for eye in Laterality:
            text = f"{eye.value} · {words.SIDES[eye]}"
            name = f"{eye.value}, {words.EYES[eye]}"
            row.addWidget(push_button(text, self._answer(eye), kind="chip", name=name), 1)
        column.addLayout(row)
        return self._question

    def _make_strongest(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._strongest_title = text_label("Strongest", "second")
        row.addWidget(self._strongest_title)
        self._strongest: list[QPushButton] = []
        for place in range(_STRONGEST):
            button = push_button("", self._jump(place), kind="chip")
            button.setCheckable(True)
            self._strongest.append(button)
            row.addWidget(button, 1)
        return row

    def _make_foot(self) -> QWidget:
        foot = QWidget()
        column = QVBoxLayout(foot)
        column.setContentsMargins(16, 8, 16, 16)
        column.setSpacing(8)
        self._foot_note = text_label("", "small", wrap=True)
        self._export = push_button("Export report", self.export_wanted.emit, kind="main")
        self._analyse = push_button("Analyse", self.analysis_wanted.emit, kind="main")
        self._models = push_button("Open models", self.models_wanted.emit, kind="main")
        for widget in (self._foot_note, self._analyse, self._models, self._export):
            column.addWidget(widget)
        return foot

    def _answer(self, eye: Laterality) -> Act:
        return lambda: self._bench.state_eye(eye)

    def _jump(self, place: int) -> Act:
        return lambda: self._jump_to(place)

    # State of the program

    @property
    def progress(self) -> ProgressBox:
        """Where running work is shown."""
        return self._progress

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self._theme = theme
        self.refresh()

    def set_program(self, *, no_model: bool | None = None, working: bool | None = None) -> None:
        """Tell whether a model is missing and whether work runs."""
        self._no_model = self._no_model if no_model is None else no_model
        self._working = self._working if working is None else working
        self.refresh()

    # Showing

    def refresh(self) -> None:
        """Show the current scan."""
        scan = self._bench.scan
        self._show_eye(scan)
        finding = scan.result.finding if scan is not None and scan.result is not None else None
        self._progress.setVisible(self._working)
        self._question.setVisible(scan is not None and scan.eye_missing)
        self._show_words(scan)
        known = scan is not None and scan.evidence is not None
        self._bars_title.setVisible(known)
        self._bars.setVisible(known)
        self._bars.show_scan(self._theme)
        self._show_strongest()
        self._show_foot(scan, finding)

    def _show_eye(self, scan: Scan | None) -> None:
        eye = scan.eye if scan is not None else None
        self._eye.setText(words.eye(eye) if scan is not None else "")
        text = words.EYES[eye] if eye is not None else "eye not stated"
        self._eye_words.setText(text if scan is not None else "")
        volume = scan.volume if scan is not None else None
        if volume is None:
            self._eye_badge.show_word("", self._theme)
            return
        value = volume.laterality_provenance
        warn = words.doubtful(value)
        self._eye_badge.show_word(words.provenance(value), self._theme, warn=warn)

    def _show_words(self, scan: Scan | None) -> None:
        said = say(scan, working=self._working, no_model=self._no_model)
        texts = (said.headline, said.urgency, said.doubt, said.where)
        labels = (self._headline, self._urgency, self._doubt, self._where)
        for label, text in zip(labels, texts, strict=True):
            label.setText(words.breakable(words.plain(text)))
            label.setAccessibleName(words.plain(text))
            label.setVisible(bool(text))
        if said.level is not None:
            set_role(self._urgency, said.level.name, "level")
        self._show_notes(said.notes)

    def _show_live(self) -> None:
        """The evidence grew while the model runs: the chart shows it, the finding waits."""
        if not self._bars.isVisible():
            self.refresh()

    def _show_strongest(self, *_: object) -> None:
        scan = self._bench.scan
        done = scan is not None and scan.result is not None and scan.result.finding is not None
        places: list[int] = []
        shown = self._bench.shown_class
        if scan is not None and scan.evidence is not None and done and shows_evidence(scan, shown):
            places = scan.evidence.strongest(shown, _STRONGEST)
        self._strongest_title.setVisible(bool(places))
        for at, button in enumerate(self._strongest):
            button.setVisible(at < len(places))
            if at < len(places):
                button.setProperty("bscan", places[at])
                button.setText(str(places[at] + 1))
                button.setAccessibleName(f"Go to B-scan {places[at] + 1}")
        self._mark_strongest()

    def _mark_strongest(self, *_: object) -> None:
        for button in self._strongest:
            button.setChecked(button.property("bscan") == self._bench.index)

    def _show_notes(self, notes: tuple[str, ...]) -> None:
        self._notes_title.setVisible(bool(notes))
        while len(self._note_labels) < len(notes):
            label = text_label("", wrap=True)
            self._notes.addWidget(label)
            self._note_labels.append(label)
        for at, label in enumerate(self._note_labels):
            label.setVisible(at < len(notes))
            label.setText(words.breakable(words.plain(notes[at])) if at < len(notes) else "")

    def _show_foot(self, scan: Scan | None, finding: Finding | None) -> None:
        visit = self._bench.visit
        idle = scan is not None and scan.result is None and not self._working
        self._models.setVisible(idle and self._no_model)
        self._analyse.setVisible(idle and not self._no_model and scan is not None)
        found = visit is not None and visit.has_finding
        self._export.setVisible(found)
        may = visit is not None and visit.may_report and not self._working
        self._export.setEnabled(may)
        note = ""
        if finding is not None and not may and not self._working:
            note = "A report can be written once every eye is stated."
        self._foot_note.setText(note)
        self._foot_note.setVisible(bool(note))

    def _jump_to(self, place: int) -> None:
        index = self._strongest[place].property("bscan")
        self._bench.go_to(int(index))
        self._mark_strongest()
