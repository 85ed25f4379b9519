"""Scans to be written as DICOM, and the writing of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import FileDataset

from kdoct_desktop.domain.layers import LayerSurfaces
from kdoct_desktop.domain.study import Patient, Study
from kdoct_desktop.domain.volume import (
    Laterality,
    Localizer,
    LocalizerKind,
    LossyCompression,
    OctVolume,
    Provenance,
    ScanPattern,
    Spacing,
)
from kdoct_desktop.io.writing.subject import Rules, subject_of
from kdoct_desktop.io.writing.volume import WrittenFile, write_volume
from tests.sample_scans import localizer, volume

RULES = Rules(program="0.0.test")
NAMES = ("ILM", "RNFL/GCL", "a boundary of its own")


def scan(eye: Laterality | None = Laterality.OD, *, bscans: int = 5, **changes: Any) -> OctVolume:
    """A small raster whose scale, lines and localizer agree."""
    known = volume(eye, bscans=bscans, depth=60, ascans=64, label="Müller 17.e2e")
    step = 0.68 * 8.8 / (bscans - 1) if bscans > 1 else None
    spacing = Spacing(step, 0.00387167, 0.01182058, Provenance.DEVICE)
    return replace(known, spacing=spacing, software="6.12.4", **changes)


def layers(bscans: int = 5) -> LayerSurfaces:
    """Three boundaries with gaps, one of them none of the standard's."""
    random = np.random.default_rng(3)
    rows = random.uniform(0.0, 59.9, (len(NAMES), bscans, 64)).astype(np.float32)
    rows[0, -1, 3:9] = np.nan
    rows[2, 0] = np.nan
    return LayerSurfaces(NAMES, rows)


def fundus() -> Localizer:
    """A colour photograph without a scale."""
    grey = localizer(256).pixels
    colour = np.stack([grey, grey // 2, 255 - grey], axis=-1)
    return Localizer(colour, LocalizerKind.FUNDUS)


def every_kind() -> Mapping[str, OctVolume]:
    """A volume for each way in which objects differ."""
    plain = scan()
    return {
        "raster with layers": scan(layers=layers()),
        "left eye without anything": replace(
            volume(Laterality.OS, bscans=3, depth=60, ascans=64, located=False, scaled=False),
            device=None,
        ),
        "missing B-scans": scan(numbers=(0, 1, 3, 4, 6), planned=7),
        "one line": scan(bscans=1, scan_pattern=ScanPattern.LINE, layers=layers(1)),
        "circle": scan(bscans=1, scan_pattern=ScanPattern.CIRCLE, scan_lines=None),
        "disc": scan(scan_pattern=ScanPattern.ONH),
        "front of the eye": scan(scan_pattern=ScanPattern.ANTERIOR, scan_lines=None),
        "unknown pattern": scan(scan_pattern=ScanPattern.UNKNOWN, scan_lines=None, localizer=None),
        "colour localizer without scale": scan(localizer=fundus()),
        "lossy localizer": scan(
            localizer=replace(fundus(), lossy=LossyCompression(("ISO_10918_1",), (12.0,)))
        ),
        "lossy": scan(lossy=LossyCompression(("ISO_15444_1",), (7.123456789012345,))),
        "from DICOM": replace(plain, source=replace(plain.source, format="DICOM OPT")),
    }


def study(*volumes: OctVolume, patient: Patient | None = None, uid: str = "2.25.17") -> Study:
    """A visit that holds these volumes."""
    known = Patient("Müller-Lüdenscheidt, Erika Maria", "P-0042", date(1948, 3, 9), "F")
    return Study(uid, patient or known, date(2026, 11, 20), volumes)


def write(
    one: OctVolume, folder: Path, rules: Rules = RULES, *, visit: Study | None = None
) -> tuple[WrittenFile, ...]:
    """Write a volume into a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    files, _ = write_volume(subject_of(visit or study(one), 1, rules), folder)
    return files


def written(one: OctVolume, folder: Path, rules: Rules = RULES) -> dict[str, FileDataset]:
    """Write a volume and read it with pydicom: data set by kind."""
    return {file.kind: dcmread(folder / file.name) for file in write(one, folder, rules)}
