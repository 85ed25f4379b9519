"""Which model speaks, who signed it, what its card says; install, verify, go back."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from kdoct_desktop.domain.prediction import ProviderReport
from kdoct_desktop.ui import words
from kdoct_desktop.ui.card_text import TAB, lined_up
from kdoct_desktop.ui.services import InstalledModel
from kdoct_desktop.ui.widgets import ElidedLabel, push_button, text_label

_NAMES = ("Model", "Version", "Classes", "Signed with key", "Package SHA-256", "Runs on")


class ModelsPage(QWidget):
    """Shows the active model.

    Attributes:
        install_wanted: A package shall be chosen and installed.
        verify_wanted: The active package shall be checked again.
        rollback_wanted: The model before shall be active again.
    """

    install_wanted = Signal()
    verify_wanted = Signal()
    rollback_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("page")
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(16)
        column.addWidget(text_label("Models", "finding"))
        self._notice = text_label("", "second", wrap=True)
        column.addWidget(self._notice)
        form = QFormLayout()
        form.setHorizontalSpacing(24)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._values = {name: ElidedLabel() for name in _NAMES}
        for name, value in self._values.items():
            form.addRow(text_label(name, "second"), value)
        self._details = QWidget()
        self._details.setLayout(form)
        form.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._details)
        column.addLayout(self._make_buttons())
        self._card_title = text_label("Model card", "section")
        column.addWidget(self._card_title)
        self._card = QPlainTextEdit()
        self._card.setReadOnly(True)
        self._card.setAccessibleName("Model card")
        self._card.setTabChangesFocus(True)
        self._card.setTabStopDistance(TAB)
        column.addWidget(self._card, 1)
        column.addStretch(0)
        self.show_models([], None)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._install = push_button("Install a package", self.install_wanted.emit, kind="main")
        self._verify = push_button("Verify", self.verify_wanted.emit, kind="tall")
        self._back = push_button("Go back to the model before", self.rollback_wanted.emit,
                                 kind="tall")  # fmt: skip
        for button in (self._install, self._verify, self._back):
            row.addWidget(button)
        row.addStretch(1)
        return row

    @property
    def card_text(self) -> str:
        """Text of the card that is shown, its tables lined up."""
        return self._card.toPlainText()

    def set_busy(self, busy: bool) -> None:
        """Take no orders while one is carried out."""
        self._install.setEnabled(not busy)
        self._verify.setEnabled(not busy and bool(self._values["Model"].text))
        self._back.setEnabled(not busy and self._many)

    def show_models(
        self, models: Sequence[InstalledModel], provider: ProviderReport | None
    ) -> None:
        """Show the active one of the installed models and where it runs."""
        self._many = len(models) > 1
        active = next((model for model in models if model.active), None)
        if active is None:
            self._notice.setText("No model is active. Install a package (.kdmodel) to analyse.")
            for value in self._values.values():
                value.set_text("")
            self._card.setPlainText("")
        else:
            identity = active.identity
            self._notice.setText(words.plain(identity.notice, 400))
            classes = ", ".join(identity.display_names)
            texts = (
                identity.name,
                identity.version,
                classes,
                identity.key_id or words.UNSET,
                identity.sha256,
                words.provider(provider) if provider is not None else words.UNSET,
            )
            for name, text in zip(_NAMES, texts, strict=True):
                self._values[name].set_text(text)
            measure = QFontMetricsF(self._card.font()).horizontalAdvance
            self._card.setPlainText(lined_up(active.card, measure))
        self._notice.setVisible(bool(self._notice.text()))
        for widget in (self._details, self._card_title, self._card):
            widget.setVisible(active is not None)
        self.set_busy(False)
