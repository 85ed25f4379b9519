"""Where the pointer is, in words; only as far as the scale is known."""

from PySide6.QtCore import QObject, Signal

from kdoct_desktop.domain.volume import Provenance, ScanPattern
from kdoct_desktop.ui.bscan_view import BscanView
from kdoct_desktop.ui.enface_view import EnfaceView
from kdoct_desktop.ui.workbench import Workbench


class PointerWords(QObject):
    """Turns positions under the pointer into one short line.

    Attributes:
        changed: The line; empty where nothing can be said.
    """

    changed = Signal(str)

    def __init__(self, bench: Workbench, bscan: BscanView, enface: EnfaceView) -> None:
        super().__init__(bscan)
        self._bench = bench
        bscan.pointed.connect(self._over_bscan)
        enface.pointed.connect(self._over_enface)

    def _over_bscan(self, row: float, column: float) -> None:
        scan = self._bench.scan
        if scan is None or row < 0.0:
            self.changed.emit("")
            return
        distance = self.from_centre_mm(self._bench.index, column)
        parts = [] if distance is None else [f"{distance:.1f} mm from the middle of the scan"]
        share = self._cell_share(row, column)
        if share is not None:
            parts.insert(0, f"cell adds {share:+.2f} to the logit")
        self.changed.emit(" · ".join(parts))

    def _over_enface(self, row: float, column: float) -> None:
        scan = self._bench.scan
        if scan is None or row < 0.0 or scan.volume is None or scan.volume.localizer is not None:
            self.changed.emit("")
            return
        distance = self.from_centre_mm(row * scan.shape[0] - 0.5, column * scan.shape[2])
        text = "" if distance is None else f"{distance:.1f} mm from the middle of the scan"
        self.changed.emit(text)

    def from_centre_mm(self, bscan: float, ascan: float) -> float | None:
        """Distance from the middle of a raster; None where scale or pattern do not give one."""
        scan = self._bench.scan
        if scan is None or scan.volume is None:
            return None
        spacing, volume = scan.volume.spacing, scan.volume
        if spacing.provenance not in (Provenance.DEVICE, Provenance.DERIVED):
            return None
        if volume.scan_pattern is not ScanPattern.RASTER:
            return None
        if spacing.ascan_mm is None or spacing.bscan_mm is None:
            return None
        across = (ascan - scan.shape[2] / 2.0) * spacing.ascan_mm
        down = (bscan - (scan.shape[0] - 1) / 2.0) * spacing.bscan_mm
        return float((across**2 + down**2) ** 0.5)

    def _cell_share(self, row: float, column: float) -> float | None:
        """What the cell under the pointer adds to the logit of the chosen class."""
        scan, look = self._bench.scan, self._bench.look
        if scan is None or scan.evidence is None or not look.heatmap:
            return None
        index, shown = self._bench.index, self._bench.shown_class
        if scan.evidence.withheld(index, shown) is not None:
            return None
        cam, (top, bottom, left, right) = scan.evidence.cam(index, shown)
        if not (top <= row < bottom and left <= column < right):
            return None
        cell = (
            int((row - top) * cam.shape[0] / (bottom - top)),
            int((column - left) * cam.shape[1] / (right - left)),
        )
        return float(cam[cell]) / cam.size
