"""Real pixels from devices, where the development data lies beside the repository."""

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from kdoct_desktop.domain.volume import Laterality, LocalizerKind, Provenance, ScanPattern
from kdoct_desktop.io.readers import open_volumes

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not there")


def test_one_spectralis_line_scan_in_four_transfer_syntaxes() -> None:
    opened = open_volumes(DATA / "dicom")
    assert opened.problems == ()
    (study,) = opened.studies
    assert len(study.volumes) == 4
    plain = pydicom.dcmread(DATA / "dicom" / "opt_linescan_explicitLE.dcm").pixel_array
    picture = pydicom.dcmread(DATA / "dicom" / "slo_localizer_OP8.dcm").pixel_array
    for volume in study.volumes:
        np.testing.assert_array_equal(volume.voxels[0], plain)
        assert (volume.laterality, volume.laterality_provenance) == (
            Laterality.OD,
            Provenance.DEVICE,
        )
        assert volume.scan_pattern is ScanPattern.LINE
        assert volume.spacing.axial_mm == pytest.approx(0.00387167)
        assert volume.spacing.ascan_mm == pytest.approx(0.01182058)
        assert volume.spacing.bscan_mm is None
        assert volume.localizer is not None
        np.testing.assert_array_equal(volume.localizer.pixels, picture)
        assert volume.localizer.kind is LocalizerKind.SLO
        assert volume.localizer.pixel_mm == pytest.approx((0.01182058, 0.01182058), rel=1e-5)
        assert volume.scan_lines is not None
        np.testing.assert_array_equal(volume.scan_lines, [[[384.0, 0.0], [384.0, 768.0]]])


def test_every_format_of_the_samples_is_read_or_refused_by_name() -> None:
    opened = open_volumes(DATA / "formats")
    refused = {problem.source: problem.code for problem in opened.problems}
    assert refused == {"TEST_T_566581_Surfaces_Iowa.xml": "layer-surfaces"}
    pictures = [
        volume
        for study in opened.studies
        for volume in study.volumes
        if volume.source.format == "TIFF"
    ]
    counts = {volume.source.key: volume.bscan_count for volume in pictures}
    assert counts == {"B11.tif": 1}  # the XML export beside it does not name it


def test_real_bscan_pictures_are_read_as_they_are_and_never_joined_across_patients() -> None:
    folder = DATA / "bscans" / "kermany" / "CNV"
    with (DATA / "bscans" / "manifest.csv").open(newline="", encoding="utf-8") as table:
        group = {Path(row["path"]).name: row["group"] for row in csv.DictReader(table)}
    opened = open_volumes(folder)
    assert opened.problems == ()
    files = sorted(folder.iterdir())
    (study,) = opened.studies
    assert sum(volume.bscan_count for volume in study.volumes) == len(files)
    for volume in study.volumes:
        first, _, last = volume.source.key.partition(" to ")
        assert group[first] == group[last or first]
        expected = np.asarray(Image.open(folder / first).convert("L"))
        np.testing.assert_array_equal(volume.voxels[0], expected)
