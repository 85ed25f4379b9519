"""What is open and how it is looked at: signals, no widgets.

Every view reads from here and tells here what the user wants; no view knows another.
"""

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from kdoct_desktop.domain.finding import NORMAL
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.ui.scan import Scan, Visit

OPACITY_STEP = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """How B-scans are shown.

    Attributes:
        heatmap: Whether evidence is drawn.
        opacity: Share of the full strength of the heatmap's fill, from 0 to 1.
        twin: Whether plain tissue is shown above the evidence where there is room for both.
        cells: Whether the honest cells of the activation map are drawn instead of a smooth map.
        layers: Whether the boundaries that the device found are drawn.
        low: Grey value that becomes black.
        high: Grey value that becomes white.
        inverted: Whether black and white change places.
    """

    heatmap: bool = True
    opacity: float = 1.0
    twin: bool = True
    cells: bool = False
    layers: bool = False
    low: int = 0
    high: int = 255
    inverted: bool = False


class Workbench(QObject):
    """The visits that are open, the current scan, B-scan and class, and the look.

    Attributes:
        visits_changed: Visits or scans came or went, or got results.
        scan_changed: Another scan is current, or the current one got a result.
        bscan_changed: Another B-scan is current.
        bscan_read: A B-scan of the current scan can be shown now.
        evidence_changed: The current scan's evidence grew.
        class_changed: Another class is chosen.
        look_changed: The look changed.
    """

    visits_changed = Signal()
    scan_changed = Signal()
    bscan_changed = Signal(int)
    bscan_read = Signal(int)
    evidence_changed = Signal()
    class_changed = Signal(int)
    look_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.visits: list[Visit] = []
        self._visit = 0
        self._scan = 0
        self._class: int | None = None
        self._look = Look()

    # What is open

    def show(self, visits: list[Visit], *, keep: Scan | None = None) -> None:
        """Show other visits.

        Args:
            visits: All that is open from now on.
            keep: The scan that stays current; without one the most urgent of the first visit is.
        """
        self.visits = visits
        self._visit, self._scan, self._class = 0, 0, None
        places = [(v, s) for v, visit in enumerate(visits) for s in range(len(visit.scans))]
        kept = [place for place in places if visits[place[0]].scans[place[1]] is keep]
        if kept:
            self._visit, self._scan = kept[0]
        elif visits:
            self._scan = self._first_scan(visits[0])
        self.visits_changed.emit()
        self.scan_changed.emit()

    @property
    def visit(self) -> Visit | None:
        """The current visit; None where nothing is open."""
        return self.visits[self._visit] if self.visits else None

    @property
    def scan(self) -> Scan | None:
        """The current scan; None where nothing is open."""
        visit = self.visit
        return visit.scans[self._scan] if visit and visit.scans else None

    @property
    def scan_index(self) -> int:
        """Position of the current scan in its visit."""
        return self._scan

    @property
    def visit_index(self) -> int:
        """Position of the current visit."""
        return self._visit

    def choose_visit(self, index: int) -> None:
        """Make another visit current."""
        if 0 <= index < len(self.visits) and index != self._visit:
            self._visit = index
            self._scan = self._first_scan(self.visits[index])
            self.visits_changed.emit()
            self.scan_changed.emit()

    def choose_scan(self, index: int) -> None:
        """Make another scan of the visit current."""
        if self.visit and 0 <= index < len(self.visit.scans) and index != self._scan:
            self._scan = index
            self._class = None
            self.scan_changed.emit()

    def step_scan(self, step: int) -> None:
        """Go to the next eye, and past the last one to the next study; the ends hold."""
        if self.visit is None:
            return
        index = self._scan + step
        if 0 <= index < len(self.visit.scans):
            self.choose_scan(index)
        elif 0 <= self._visit + step < len(self.visits):
            self.choose_visit(self._visit + step)
            scans = len(self.visits[self._visit].scans)
            self.choose_scan(0 if step > 0 else scans - 1)

    def scan_updated(self, scan: Scan) -> None:
        """Tell the views that a scan got its volume, its eye or its result."""
        self.visits_changed.emit()
        if scan is self.scan:
            self.scan_changed.emit()

    # B-scan

    @property
    def index(self) -> int:
        """Index of the current B-scan from 0."""
        return max(self.scan.at, 0) if self.scan else 0

    def go_to(self, index: int) -> None:
        """Make a B-scan current; beyond the ends the end."""
        scan = self.scan
        if scan is None:
            return
        index = min(max(index, 0), scan.shape[0] - 1)
        scan.touched = True
        if index != scan.at:
            scan.at = index
            self.bscan_changed.emit(index)

    def step(self, step: int) -> None:
        """Go some B-scans on or back."""
        self.go_to(self.index + step)

    def next_peak(self) -> None:
        """Go to the next B-scan where the evidence of the chosen class peaks."""
        scan = self.scan
        if scan is not None and scan.evidence is not None:
            peak = scan.evidence.next_peak(self.shown_class, self.index)
            if peak is not None:
                self.go_to(peak)

    # Class

    @property
    def shown_class(self) -> int:
        """Position of the chosen class in the evidence's order; the finding's where none is."""
        scan = self.scan
        if scan is None or scan.evidence is None:
            return 0
        if self._class is not None and self._class < len(scan.evidence.classes):
            return self._class
        return _leading(scan)

    def choose_class(self, shown: int) -> None:
        """Choose a class by its position."""
        scan = self.scan
        if scan is None or scan.evidence is None or not 0 <= shown < len(scan.evidence.classes):
            return
        if shown != self.shown_class or self._class is None:
            self._class = shown
            self.class_changed.emit(shown)

    # Look

    @property
    def look(self) -> Look:
        """How B-scans are shown."""
        return self._look

    def change_look(self, **changes: object) -> None:
        """Change parts of the look; keywords as in :class:`Look`."""
        look = replace(self._look, **changes)  # type: ignore[arg-type]
        if look != self._look:
            self._look = look
            self.look_changed.emit()

    def step_opacity(self, step: int) -> None:
        """Make the heatmap's fill stronger or weaker by some steps."""
        opacity = round(self._look.opacity + step * OPACITY_STEP, 2)
        self.change_look(opacity=min(max(opacity, 0.0), 1.0), heatmap=True)

    def reset_look(self) -> None:
        """Window, level and inversion as they were."""
        self.change_look(low=0, high=255, inverted=False)

    # Eye

    def state_eye(self, eye: Laterality) -> None:
        """Take over the eye of the current scan as the user states it."""
        if self.scan is not None:
            self.scan.state_eye(eye)
            self.scan_updated(self.scan)

    @staticmethod
    def _first_scan(visit: Visit) -> int:
        """The most urgent scan, the first of equals."""
        ranks = [_rank(scan) for scan in visit.scans]
        return ranks.index(min(ranks)) if ranks else 0


def _rank(scan: Scan) -> int:
    """Position of a scan's urgency, most urgent first; those without a finding last."""
    finding = scan.result.finding if scan.result else None
    if finding is None:
        return 99
    return list(type(finding.urgency)).index(finding.urgency)


def _leading(scan: Scan) -> int:
    """The reported class, or the likeliest disease so far."""
    evidence = scan.evidence
    assert evidence is not None  # noqa: S101 - the caller has looked
    finding = scan.result.finding if scan.result else None
    diseases = [at for at, code in enumerate(evidence.classes) if code != NORMAL]
    if finding is not None and finding.class_code in evidence.classes:
        found = evidence.classes.index(finding.class_code)
        if found in diseases:
            return found
    if finding is not None:
        return max(diseases, key=lambda at: finding.probabilities[evidence.classes[at]])
    if not evidence.known:
        return 0
    return max(diseases, key=lambda at: float(evidence.best[at]))
