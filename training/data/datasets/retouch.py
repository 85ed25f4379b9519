"""RETOUCH: volumes with fluid drawn in every B-scan, from three vendors.

``<set>-<vendor>/<volume>/{oct.mhd,oct.raw,reference.mhd}``, axes x, y, z with B-scans along z.
Reference voxels: 0 background, 1 intraretinal (IRF), 2 subretinal fluid (SRF), 3 pigment
epithelial detachment (PED). The label of a B-scan is what is drawn in it: ``IRF``, ``IRF+SRF`` …
or ``NO_FLUID``; test volumes have no reference and are unlabelled. A volume is a patient; the eye
is not told.
"""

from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.metaimage import MetaHeader, read_header, read_stored
from kdoct_desktop.io.limits import Limits
from training.data.datasets.layout import folded
from training.data.datasets.survey import Candidate, Importer, Survey
from training.errors import TrainingError

FLUIDS = ("IRF", "SRF", "PED")
"""What the reference values 1, 2 and 3 mean."""

NO_FLUID = "NO_FLUID"
_VENDORS = {"cirrus": "Zeiss Cirrus", "spectralis": "Heidelberg Spectralis", "topcon": "Topcon"}
_LAYOUT = "RETOUCH: <set>-{Cirrus,Spectralis,Topcon}/<volume>/{oct.mhd,oct.raw,reference.mhd}"


def read(survey: Survey) -> list[Candidate]:
    """Candidates of all volumes; see the module."""
    scans = [
        path
        for path in survey.files(suffixes=(".mhd",))
        if PurePosixPath(path).name.lower() == "oct.mhd"
    ]
    if not scans:
        raise TrainingError("wrong-layout", f"The folder does not look like {_LAYOUT}.")
    candidates: list[Candidate] = []
    for done, path in enumerate(scans):
        survey.events.progress(done, len(scans), "reading references")
        try:
            candidates += _volume(survey, path)
        except (IngestError, OSError) as error:
            reason = error.message if isinstance(error, IngestError) else "it cannot be opened"
            survey.unreadable(path, reason)
    bare = len({one.volume for one in candidates if not one.label})
    if bare:
        survey.note("unlabelled-volumes", f"{bare} test volumes have no reference: unlabelled.")
    return candidates


def _volume(survey: Survey, path: str) -> list[Candidate]:
    """All B-scans of a volume; none, and a finding, where its place tells no vendor."""
    parts = PurePosixPath(path).parts
    title, _, vendor = parts[-3].rpartition("-") if len(parts) >= 3 else ("", "", "")
    device = folded(_VENDORS, vendor)
    if device is None:
        survey.unknown(path, f"does not fit {_LAYOUT}")
        return []
    header = read_header(survey.root / path, Limits())
    reference = str(PurePosixPath(path).with_name("reference.mhd"))
    testing = "test" in title.lower()
    labels = [""] * header.bscans
    if not testing or (survey.root / reference).exists():
        reason = survey.inside(reference)
        if reason is not None:
            survey.unknown(path, f"has no label, for its reference.mhd: {reason}")
            return []
        labels = _labels(survey, reference, header)
    patient = f"retouch:{vendor}_{parts[-2]}"
    return [
        Candidate(
            path=path,
            frame=frame,
            dataset="retouch",
            patient=patient,
            volume=patient,
            bscan=frame,
            label=label,
            device=device,
            part="test" if testing else "train",
        )
        for frame, label in enumerate(labels)
    ]


def _labels(survey: Survey, reference: str, scan: MetaHeader) -> list[str]:
    """What is drawn in each B-scan.

    Raises:
        IngestError: The reference is damaged, of another size, or holds values above 3.
    """
    header = read_header(survey.root / reference, Limits())
    if (header.bscans, header.depth, header.ascans) != (scan.bscans, scan.depth, scan.ascans):
        raise IngestError("damaged-file", "reference.mhd has another size than the scan")
    path = survey.root / reference
    return [
        _label(header.stored(read_stored(path, header, frame))) for frame in range(header.bscans)
    ]


def _label(bscan: NDArray[np.unsignedinteger]) -> str:
    counts = np.bincount(bscan.reshape(-1), minlength=len(FLUIDS) + 1)
    if len(counts) > len(FLUIDS) + 1:
        raise IngestError("damaged-file", "reference.mhd holds values other than 0, 1, 2 and 3")
    drawn = [fluid for fluid, count in zip(FLUIDS, counts[1:], strict=True) if count]
    return "+".join(drawn) or NO_FLUID


IMPORTER = Importer("RETOUCH", _LAYOUT, read)
