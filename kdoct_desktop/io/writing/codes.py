"""Coded terms that are written, from DICOM PS3.16."""

from pydicom.dataset import Dataset

from kdoct_desktop.domain.volume import LocalizerKind, ScanPattern

Term = tuple[str, str, str]
"""Value, scheme, meaning."""

RETINA: Term = ("5665001", "SCT", "Retina")
DISC: Term = ("81016008", "SCT", "Optic nerve head")
EYE: Term = ("81745001", "SCT", "Eye")
OCT_SCANNER: Term = ("392012008", "SCT", "Optical Coherence Tomography Scanner")
LOCALIZER: Term = ("121311", "DCM", "Localizer")
SOURCE: Term = ("121322", "DCM", "Source Image for Image Processing Operation")
SEGMENTATION: Term = ("113076", "DCM", "Segmentation")
STRUCTURE: Term = ("91723000", "SCT", "Anatomical Structure")
PROCESSING: Term = ("109102", "DCM", "Processing Equipment")
UNKNOWN: Term = ("261665006", "SCT", "Unknown")
MILLIMETRE: Term = ("mm", "UCUM", "mm")

CAMERAS: dict[LocalizerKind, Term] = {
    LocalizerKind.SLO: ("392001008", "SCT", "Scanning Laser Ophthalmoscope"),
    LocalizerKind.FUNDUS: ("409898007", "SCT", "Fundus Camera"),
}
"""What took the localizer, context group 4202. An en-face picture is no photograph."""

PATTERNS: dict[ScanPattern, Term] = {
    ScanPattern.RASTER: ("128280", "DCM", "Raster B-scan pattern"),
    ScanPattern.LINE: ("128281", "DCM", "Line B-scan pattern"),
    ScanPattern.RADIAL: ("128282", "DCM", "Radial B-scan pattern"),
    ScanPattern.CIRCLE: ("128284", "DCM", "Circle B-scan pattern"),
}
"""How the beam moved, context group 4272."""

REGIONS: dict[ScanPattern, Term] = {ScanPattern.ONH: DISC, ScanPattern.ANTERIOR: EYE}
"""What was scanned where it is not the retina, context group 4209."""

SURFACES: dict[str, Term] = {
    "ILM": ("280677004", "SCT", "ILM - Internal limiting membrane"),
    "ELM": ("76710003", "SCT", "ELM - External limiting membrane"),
    "RNFL": ("128289", "DCM", "Outer surface of RNFL"),
    "NFL": ("128289", "DCM", "Outer surface of RNFL"),
    "GCL": ("128290", "DCM", "Outer surface of GCL"),
    "IPL": ("128291", "DCM", "Outer surface of IPL"),
    "INL": ("128292", "DCM", "Outer surface of INL"),
    "OPL": ("128293", "DCM", "Outer surface of OPL"),
    "IOS": ("128295", "DCM", "Surface between Inner and Outer Segments of the photoreceptors"),
    "BM": ("128300", "DCM", "Outer surface of the BM"),
    "CSI": ("128301", "DCM", "Surface of the choroid-sclera interface"),
}
"""Boundaries by the layer that lies above them, context group 4273."""


def code(term: Term) -> Dataset:
    """A coded entry."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = term
    return item


def surface(name: str) -> Term:
    """The boundary that a device calls `name`; the retina where that is none of the standard's.

    ``"GCL/IPL"`` and ``"GCL"`` are both the outer surface of the ganglion cell layer.
    """
    return SURFACES.get(name.partition("/")[0].strip().upper(), RETINA)
