"""What is open: a scan while it is read, predicted and found, and the visit it belongs to."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.analysis import StudyAnalysis, VolumeAnalysis
from kdoct_desktop.domain.study import Study
from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance, ScanPattern, Spacing
from kdoct_desktop.ui.evidence import Evidence
from kdoct_desktop.ui.services import Header


class Scan:
    """One volume, from the first decoded B-scan to the finding.

    Attributes:
        label: What the user is shown.
        shape: B-scans, depth, A-scans.
        volume: The whole scan; None while it is read.
        result: What was found; None before.
        evidence: What the model has said so far; None before it spoke.
        at: B-scan index that is looked at; -1 for none yet.
        touched: True once the user has chosen a B-scan.
        spacing: Sampling distances; known from the header on.
        pattern: How the beam moved; known from the header on.
        projection: float32 mean over depth, axes (bscan, ascan); NaN where not known.
    """

    def __init__(
        self,
        label: str,
        shape: tuple[int, int, int],
        eye: Laterality | None,
        *,
        spacing: Spacing,
        pattern: ScanPattern,
    ) -> None:
        self.label = label
        self.shape = shape
        self.volume: OctVolume | None = None
        self.result: VolumeAnalysis | None = None
        self.evidence: Evidence | None = None
        self.at = -1
        self.touched = False
        self.projection = np.full((shape[0], shape[2]), np.nan, dtype=np.float32)
        self._eye = eye
        self.spacing = spacing
        self.pattern = pattern
        self._read: dict[int, NDArray[np.uint8]] = {}

    @classmethod
    def reading(cls, header: Header) -> "Scan":
        """A scan of which only the header is known."""
        return cls(
            header.label,
            header.shape,
            header.laterality,
            spacing=header.spacing,
            pattern=header.scan_pattern,
        )

    @classmethod
    def whole(cls, volume: OctVolume) -> "Scan":
        """A scan that is read."""
        bscans, depth, ascans = volume.voxels.shape
        scan = cls(
            volume.source.label,
            (bscans, depth, ascans),
            volume.laterality,
            spacing=volume.spacing,
            pattern=volume.scan_pattern,
        )
        scan.fill(volume)
        return scan

    @classmethod
    def of(cls, result: VolumeAnalysis) -> "Scan":
        """A scan that is complete."""
        scan = cls.whole(result.volume)
        scan.finish(result)
        return scan

    def add(self, index: int, pixels: NDArray[np.uint8], row: NDArray[np.float32]) -> None:
        """Keep a decoded B-scan and its row of the projection."""
        self._read[index] = np.ascontiguousarray(pixels)
        self.projection[index] = row
        if self.at < 0:
            self.at = index

    def fill(self, volume: OctVolume) -> None:
        """Replace what was read so far by the whole scan."""
        self.volume = volume
        self._eye = volume.laterality
        self.spacing, self.pattern = volume.spacing, volume.scan_pattern
        self._read.clear()
        if self.at < 0:
            self.at = volume.bscan_count // 2

    def finish(self, result: VolumeAnalysis) -> None:
        """Take over the result, and its strongest B-scan where the user has chosen none.

        An eye that the user stated while the model ran is kept.
        """
        stated = self.volume is not None and (self.volume.laterality_provenance is Provenance.USER)
        if stated and self._eye is not None and result.volume.laterality is None:
            volume = result.volume.with_laterality(self._eye, Provenance.USER)
            result = replace(result, volume=volume)
        self.fill(result.volume)
        self.result = result
        if result.prediction is not None:
            self.evidence = Evidence.of(result.prediction, self.shape[2])
        finding = result.finding
        if not self.touched and finding is not None and finding.evidence_range is not None:
            self.at = finding.strongest_bscan

    def bscan(self, index: int) -> NDArray[np.uint8] | None:
        """Grey values of a B-scan, axes (depth, ascan); None where it is not read yet."""
        if self.volume is not None:
            return np.ascontiguousarray(self.volume.voxels[index])
        return self._read.get(index)

    def is_read(self, index: int) -> bool:
        """True where a B-scan can be shown."""
        return self.volume is not None or index in self._read

    @property
    def read_count(self) -> int:
        """How many B-scans can be shown."""
        return self.shape[0] if self.volume is not None else len(self._read)

    @property
    def eye(self) -> Laterality | None:
        """Which eye; None where nobody has said."""
        return self._eye

    @property
    def eye_missing(self) -> bool:
        """True where somebody must be asked for the eye."""
        return self.volume is not None and self._eye is None

    @property
    def pixel_mm(self) -> tuple[float, float] | None:
        """Size of a B-scan pixel (depth, ascan) in mm where device or file give it, else None."""
        spacing = self.spacing
        if spacing.provenance not in (Provenance.DEVICE, Provenance.DERIVED):
            return None
        if spacing.axial_mm is None or spacing.ascan_mm is None:
            return None
        return spacing.axial_mm, spacing.ascan_mm

    def state_eye(self, eye: Laterality) -> None:
        """Take over the eye that the user states."""
        if self.volume is None:
            return
        self.volume = self.volume.with_laterality(eye, Provenance.USER)
        self._eye = eye
        if self.result is not None:
            self.result = replace(self.result, volume=self.volume)


@dataclass(eq=False)
class Visit:
    """One study with its scans.

    Attributes:
        study: What was read; None while it is read.
        scans: In the study's order.
        analysis: The last result of the whole study; None before.
    """

    study: Study | None = None
    scans: list[Scan] = field(default_factory=list)
    analysis: StudyAnalysis | None = None

    @classmethod
    def of(cls, analysis: StudyAnalysis) -> "Visit":
        """A visit that is complete."""
        scans = [Scan.of(result) for result in analysis.volumes]
        return cls(study=analysis.study, scans=scans, analysis=analysis)

    @property
    def has_finding(self) -> bool:
        """True where a scan was analysed."""
        return any(scan.result is not None and scan.result.finding for scan in self.scans)

    @property
    def may_report(self) -> bool:
        """True where a report can be written: analysed, and every analysed eye is stated."""
        found = [scan for scan in self.scans if scan.result is not None and scan.result.finding]
        return bool(found) and all(scan.eye is not None for scan in found)

    def current_analysis(self) -> StudyAnalysis | None:
        """The analysis with the eyes as the user has stated them; None before there is one."""
        if self.analysis is None or self.study is None:
            return None
        volumes = tuple(scan.result for scan in self.scans if scan.result is not None)
        study = replace(self.study, volumes=tuple(result.volume for result in volumes))
        return replace(self.analysis, study=study, volumes=volumes)
