"""What the model said about a volume, B-scan by B-scan, while it grows and when it is complete.

Numbers only; colours are in ``overlay``.
"""

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.finding import NORMAL
from kdoct_desktop.domain.heatmap import Box, en_face_evidence
from kdoct_desktop.domain.prediction import BscanPrediction, ModelIdentity, Prediction
from kdoct_desktop.report.colour import why_nothing_drawn

LEAST_PROBABILITY = 0.10
"""Below this probability of a class in a B-scan its evidence is neither drawn nor visited."""


_EN_FACE_COLUMNS = 96


class Evidence:
    """Probabilities and activation maps of one volume.

    Attributes:
        classes: Class codes in the order in which they are shown, "normal" last.
        names: What the user is shown for each class, in the same order.
        probabilities: float32, axes (bscan, class) in shown order; NaN where not known yet.
        best: Largest of them for each class; 0 where none is known yet.
        known: How many B-scans have a prediction.
    """

    def __init__(self, model: ModelIdentity, bscans: int, ascans: int) -> None:
        order = sorted(range(len(model.classes)), key=lambda index: model.classes[index] == NORMAL)
        self._order = order
        self._ascans = ascans
        self.classes = tuple(model.classes[index] for index in order)
        self.names = tuple(model.display_names[index] for index in order)
        self.probabilities = np.full((bscans, len(order)), np.nan, dtype=np.float32)
        self._bscans: list[BscanPrediction | None] = [None] * bscans
        self._cams: NDArray[np.float32] | None = None
        self._frames = np.zeros((bscans, 4), dtype=np.int32)
        self._peaks = np.zeros(len(order), dtype=np.float32)
        self.best: NDArray[np.float32] = np.zeros(len(order), dtype=np.float32)
        self.known = 0
        self._en_face: dict[int, NDArray[np.float32]] = {}

    @classmethod
    def of(cls, prediction: Prediction, ascans: int) -> "Evidence":
        """The evidence of a complete prediction over B-scans of so many A-scans."""
        evidence = cls(prediction.model, len(prediction.bscans), ascans)
        evidence._cams = prediction.cams
        evidence._frames = prediction.frames
        evidence._bscans = list(prediction.bscans)
        evidence.probabilities[:] = prediction.probabilities[:, evidence._order]
        peaks = prediction.cams.max(axis=(0, 2, 3))[evidence._order]
        evidence._peaks = np.maximum(peaks, 0.0)
        evidence.best = evidence.probabilities.max(axis=0)
        evidence.known = len(prediction.bscans)
        return evidence

    def add(self, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box) -> None:
        """Keep one more B-scan.

        Args:
            prediction: Of the B-scan.
            cam: Activation maps in the model's class order, axes (class, row, column).
            frame: Box of pixels that the network saw.
        """
        index = prediction.index
        if self._cams is None:
            self._cams = np.zeros((len(self._bscans), *cam.shape), dtype=np.float32)
        self._cams[index] = cam
        self._frames[index] = frame
        self.known += self._bscans[index] is None
        self._bscans[index] = prediction
        self.probabilities[index] = np.asarray(prediction.probabilities)[self._order]
        self.best = np.maximum(self.best, self.probabilities[index])
        self._peaks = np.maximum(self._peaks, cam.max(axis=(1, 2))[self._order])
        self._en_face.clear()

    def bscan(self, index: int) -> BscanPrediction | None:
        """The prediction of a B-scan; None where it is not known yet."""
        return self._bscans[index]

    def column(self, shown: int) -> NDArray[np.float32]:
        """Probability of a class by B-scan; NaN where not known yet."""
        column: NDArray[np.float32] = self.probabilities[:, shown]
        return column

    def peak(self, shown: int) -> float:
        """Largest evidence of a class in the whole volume; the unit of the heatmap's colours."""
        return float(self._peaks[shown])

    def cell_share(self, shown: int) -> float:
        """What the strongest cell adds to the logit."""
        cells = 1 if self._cams is None else self._cams.shape[2] * self._cams.shape[3]
        return self.peak(shown) / cells

    def cam(self, index: int, shown: int) -> tuple[NDArray[np.float32], Box]:
        """Activation map of a class on a B-scan and the box over which it lies.

        Raises:
            LookupError: The B-scan has no prediction yet.
        """
        if self._cams is None or self._bscans[index] is None:
            raise LookupError("no prediction yet")
        top, bottom, left, right = (int(edge) for edge in self._frames[index])
        return self._cams[index, self._order[shown]], (top, bottom, left, right)

    def withheld(self, index: int, shown: int) -> str | None:
        """Why no heatmap may be shown on a B-scan; None where one may."""
        bscan = self._bscans[index]
        if bscan is None or self._cams is None:
            return "Evidence follows."
        if bscan.evidence_holds and self.column(shown)[index] < LEAST_PROBABILITY:
            return f"No evidence drawn: too little speaks for {self.names[shown]} in this B-scan."
        cam = self._cams[index, self._order[shown]]
        return why_nothing_drawn(bscan, cam, self.names[shown])

    def en_face(self, shown: int) -> NDArray[np.float32]:
        """Evidence of a class from the front, axes (bscan, column); columns span the A-scans.

        B-scans whose evidence does not add up are zero; all are where none is strong enough.
        """
        if shown not in self._en_face:
            if self._cams is None:
                return np.zeros((len(self._bscans), _EN_FACE_COLUMNS), dtype=np.float32)
            self._en_face[shown] = self._make_en_face(shown, self._cams)
        return self._en_face[shown]

    def _make_en_face(self, shown: int, cams: NDArray[np.float32]) -> NDArray[np.float32]:
        result = np.zeros((len(self._bscans), _EN_FACE_COLUMNS), dtype=np.float32)
        holds = [at for at, bscan in enumerate(self._bscans) if bscan and bscan.evidence_holds]
        if all(self.withheld(at, shown) for at in holds):
            return result
        frames = self._frames[holds].copy()
        frames[:, 2:] = frames[:, 2:] * _EN_FACE_COLUMNS // self._ascans
        result[holds] = en_face_evidence(cams[holds, self._order[shown]], frames, _EN_FACE_COLUMNS)
        return result

    def strongest(self, shown: int, count: int = 3) -> list[int]:
        """Indices of the B-scans with the highest probability of a class, highest first."""
        column = np.nan_to_num(self.column(shown), nan=-1.0)
        order = np.argsort(-column, kind="stable")[:count]
        return [int(index) for index in order if column[index] >= 0.0]

    def next_peak(self, shown: int, after: int) -> int | None:
        """The next B-scan where the probability of a class peaks, going round; None for none."""
        column = np.nan_to_num(self.column(shown), nan=0.0)
        padded = np.concatenate([[-1.0], column, [-1.0]])
        rises = padded[1:-1] > padded[:-2]
        holds = padded[1:-1] >= padded[2:]
        strong = column >= max(LEAST_PROBABILITY, 0.5 * float(column.max(initial=0.0)))
        peaks = np.flatnonzero(rises & holds & strong)
        if not len(peaks):
            return None
        later = peaks[peaks > after]
        return int(later[0] if len(later) else peaks[0])
