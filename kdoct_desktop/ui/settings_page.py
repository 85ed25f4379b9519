"""The few settings that exist; each is kept as soon as it is changed."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from kdoct_desktop.ui.services import WindowSettings
from kdoct_desktop.ui.widgets import text_label

_THEMES = (("dark", "Dark"), ("light", "Light"))
_PROVIDERS = (("auto", "Automatic"), ("cuda", "Graphics card (CUDA)"), ("cpu", "Processor (CPU)"))
_WIDTH = 320


class SettingsPage(QWidget):
    """Shows the settings.

    Attributes:
        changed: Name and new value of a setting.
    """

    changed = Signal(str, object)

    def __init__(self, settings: WindowSettings) -> None:
        super().__init__()
        self.setObjectName("page")
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(24)
        column.addWidget(text_label("Settings", "finding"))
        form = QFormLayout()
        form.setHorizontalSpacing(32)
        form.setVerticalSpacing(16)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        self._add_choice(form, "Colours", "theme", _THEMES, settings.theme)
        self._add_choice(form, "Model runs on", "provider", _PROVIDERS, settings.provider)
        self._add_clinic(form, settings.clinic)
        for name, words, value in (
            ("heatmap_at_opening", "Show the heatmap when a scan is opened",
             settings.heatmap_at_opening),
            ("tta", "Average five views of each B-scan (slower)", settings.tta),
        ):  # fmt: skip
            self._add_switch(form, name, words, value)
        column.addLayout(form)
        column.addStretch(1)

    def _add_choice(
        self,
        form: QFormLayout,
        words: str,
        name: str,
        options: tuple[tuple[str, str], ...],
        value: str,
    ) -> None:
        box = QComboBox()
        box.setFixedWidth(_WIDTH)
        box.setAccessibleName(words)
        for code, shown in options:
            box.addItem(shown, code)
        box.setCurrentIndex(max(box.findData(value), 0))
        box.currentIndexChanged.connect(lambda at: self.changed.emit(name, box.itemData(at)))
        form.addRow(text_label(words, "second"), box)

    def _add_clinic(self, form: QFormLayout, value: str) -> None:
        line = QLineEdit(value)
        line.setFixedWidth(_WIDTH)
        line.setMaxLength(80)
        line.setAccessibleName("Clinic on the report")
        line.setPlaceholderText("Printed on the report")
        line.editingFinished.connect(lambda: self.changed.emit("clinic", line.text()))
        form.addRow(text_label("Clinic", "second"), line)

    def _add_switch(self, form: QFormLayout, name: str, words: str, value: bool) -> None:
        box = QCheckBox(words)
        box.setAccessibleName(words)
        box.setChecked(value)
        box.toggled.connect(lambda on: self.changed.emit(name, bool(on)))
        form.addRow(text_label("", "second"), box)
