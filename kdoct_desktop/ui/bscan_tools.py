"""The tools over the upper right corner of the B-scan; they fade when the pointer rests."""

from PySide6.QtCore import QEasingCurve, QPropertyAnimation, QTimer
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QToolButton, QWidget

from kdoct_desktop.ui.bscan_geometry import Aspect
from kdoct_desktop.ui.bscan_view import BscanView
from kdoct_desktop.ui.theme import DARK
from kdoct_desktop.ui.widgets import Act, icon_button
from kdoct_desktop.ui.workbench import Workbench

_REST_MS = 2500
_FADED = 0.3


class BscanTools(QWidget):
    """Heatmap, cells, how the B-scan is laid, inversion, reset, keys."""

    def __init__(self, bench: Workbench, view: BscanView, show_keys: Act) -> None:
        super().__init__(view)
        self.setObjectName("tools")
        self._bench, self._view = bench, view
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._heat = self._add("heat", "Heatmap (H)", self._toggle_heat, checkable=True)
        self._cells = self._add("cells", "Cells as the model has them (G)", self._toggle_cells,
                                checkable=True)  # fmt: skip
        self._twin = self._add("twin", "Plain tissue above the evidence (T)", self._toggle_twin,
                               checkable=True)  # fmt: skip
        self._layers = self._add("layers", "Layers as the device found them (L)",
                                 self._toggle_layers, checkable=True)  # fmt: skip
        self._row.addSpacing(8)
        self._aspects = {
            aspect: self._add(picture, name, self._chooser(aspect), checkable=True)
            for aspect, picture, name in (
                (Aspect.TRUE, "true", "True proportions (U)"),
                (Aspect.FILL, "fill", "Fit to the view, axial stretched (F)"),
                (Aspect.PIXEL, "pixel", "One pixel a pixel (P)"),
            )
        }
        self._row.addSpacing(8)
        self._invert = self._add("invert", "Invert (I)", self._toggle_invert, checkable=True)
        self._add("reset", "Reset the view (R)", view.reset)
        self._add("keys", "All keys (?)", show_keys)
        self._prepare_fading()
        view.moved.connect(self.wake)
        view.aspect_changed.connect(self._refresh)
        bench.look_changed.connect(self._refresh)
        bench.scan_changed.connect(self._refresh)
        self._refresh()

    def _prepare_fading(self) -> None:
        """Fade some time after the pointer has come to rest."""
        self._effect = QGraphicsOpacityEffect(self)
        self._effect.setEnabled(False)
        self.setGraphicsEffect(self._effect)
        self._fade = QPropertyAnimation(self._effect, b"opacity", self)
        self._fade.setDuration(240)
        self._fade.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._faint)

    def wake(self) -> None:
        """Be fully visible, until the pointer rests."""
        self._rest.start()
        if self._effect.opacity() < 1.0:
            self._fade.stop()
            self._effect.setOpacity(1.0)
            self._effect.setEnabled(False)

    def enterEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """The pointer came."""
        self.wake()
        self._rest.stop()

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """The pointer left."""
        self._rest.start()

    def _faint(self) -> None:
        if self.underMouse() or any(b.hasFocus() for b in self.findChildren(QToolButton)):
            return
        self._effect.setEnabled(True)
        self._fade.setStartValue(self._effect.opacity())
        self._fade.setEndValue(_FADED)
        self._fade.start()

    def _add(self, picture: str, name: str, act: Act, *, checkable: bool = False) -> QToolButton:
        button = icon_button(picture, name, DARK, checkable=checkable)
        button.setProperty("fixedTheme", DARK.name)
        button.setFixedSize(32, 32)
        button.clicked.connect(lambda _checked=False: act())
        self._row.addWidget(button)
        return button

    def _refresh(self, *_: object) -> None:
        look = self._bench.look
        evidence = self._bench.scan is not None and self._bench.scan.evidence is not None
        self._heat.setChecked(look.heatmap)
        self._heat.setEnabled(evidence)
        self._cells.setChecked(look.cells)
        self._cells.setEnabled(evidence and look.heatmap)
        self._twin.setChecked(look.twin)
        self._twin.setEnabled(evidence and look.heatmap)
        self._layers.setChecked(look.layers)
        self._layers.setVisible(self._has_layers())
        self._invert.setChecked(look.inverted)
        for aspect, button in self._aspects.items():
            button.setChecked(aspect is self._view.aspect)

    def _toggle_heat(self) -> None:
        self._bench.change_look(heatmap=not self._bench.look.heatmap)

    def _toggle_cells(self) -> None:
        self._bench.change_look(cells=not self._bench.look.cells, heatmap=True)

    def _toggle_twin(self) -> None:
        self._bench.change_look(twin=not self._bench.look.twin, heatmap=True)

    def _has_layers(self) -> bool:
        volume = self._bench.scan.volume if self._bench.scan is not None else None
        return volume is not None and volume.layers is not None

    def _toggle_layers(self) -> None:
        self._bench.change_look(layers=not self._bench.look.layers)

    def _toggle_invert(self) -> None:
        self._bench.change_look(inverted=not self._bench.look.inverted)

    def _chooser(self, aspect: Aspect) -> Act:
        def choose() -> None:
            self._view.set_aspect(aspect)
            self._refresh()

        return choose
