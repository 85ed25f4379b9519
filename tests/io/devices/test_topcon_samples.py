"""Topcon files of a 3D OCT-1000 Mark II, cut down by who published them, and what is seen there."""

import struct
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance, ScanPattern
from kdoct_desktop.io.devices.topcon import parse
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "formats"
FDA = DATA / "topcon_fda" / "panimg_minimized.fda"
FDS = DATA / "topcon_fds" / "panimg_minimized.fds"

pytestmark = pytest.mark.skipif(not FDA.is_file(), reason="the development data is not there")


def only(path: Path) -> OctVolume:
    """The only volume of a file."""
    opened = open_volumes(path)
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    return volume


def test_the_fda_is_a_left_eye_with_its_vitreous_at_the_top() -> None:
    volume = only(FDA)
    assert volume.voxels.shape == (1, 650, 512)
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OS, Provenance.DEVICE)
    assert volume.scan_pattern is ScanPattern.LINE  # one B-scan of a volume is left in the file
    assert volume.spacing.axial_mm == pytest.approx(0.0035)
    assert volume.spacing.ascan_mm == pytest.approx(6.0 / 512)
    assert volume.spacing.bscan_mm is None
    assert volume.acquired == datetime(2010, 7, 9, 9, 23, 36)
    assert (volume.device, volume.software) == ("Topcon 3DOCT-1000MK2", "3.21.1.11")
    assert {notice.code for notice in volume.notices} == {
        "experimental-format",
        "layers-left-out",  # they are of 128 B-scans
        "pattern-derived",
        "scan-lines-outside",  # the fundus is cut down to 3 x 2 pixels
    }
    bands = volume.voxels[0].reshape(13, 50, 512).mean(axis=(1, 2))
    assert bands.argmax() == 6  # rows 300 to 349
    assert bands[:4].max() < 15.0 < bands[8]  # vitreous dark, choroid not


def test_the_boundaries_of_the_fda_lie_on_the_tissue(tmp_path: Path) -> None:
    volume = parse(with_one_row_of_heights(tmp_path), Limits())
    (info,) = volume.info.volumes
    assert info.layers == ("ILM", "RETINA_2", "RETINA_3", "BM")
    rows, picture = volume.layers(0)[:, 0], volume.picture(0, colour=False)
    assert np.isfinite(rows).all()
    assert (np.diff(rows, axis=0) >= 0).all()
    assert step(picture, rows[0]) > 80.0  # dark vitreous to bright nerve fibres
    assert step(picture, rows[3]) < -35.0  # bright epithelium to darker choroid
    for shift in (-12, 12):
        assert abs(step(picture, rows[0] + shift)) < 45.0


def step(picture: NDArray[np.uint8], rows: NDArray[np.float32]) -> float:
    """Mean grey of the five pixels below a boundary less that of the five above."""
    at, columns = rows.astype(int), np.arange(picture.shape[1])
    below = sum(picture[at + k, columns].astype(float) for k in range(5))
    above = sum(picture[at - k, columns].astype(float) for k in range(1, 6))
    return float(np.mean(below - above) / 5.0)


def with_one_row_of_heights(folder: Path) -> Path:
    """The file with the first of the 128 rows of heights only, which is that of its B-scan."""
    data = FDA.read_bytes()
    new, at = [data[:15]], 15
    while length := data[at]:
        start = at + 1 + length + 4
        (size,) = struct.unpack_from("<I", data, start - 4)
        payload = data[start : start + size]
        if data[at + 1 : at + 1 + length] == b"@CONTOUR_INFO":
            payload = payload[:26] + struct.pack("<II", 1, 1024) + payload[34 : 34 + 1024]
        new.append(data[at : start - 4] + struct.pack("<I", len(payload)) + payload)
        at = start + size
    path = folder / "one.fda"
    path.write_bytes(b"".join(new) + b"\0")
    return path


def test_the_fds_holds_a_volume_of_a_few_pixels() -> None:
    volume = only(FDS)
    assert volume.voxels.shape == (4, 3, 2)
    assert volume.voxels[0].tolist() == [[37, 40], [25, 20], [35, 0]]
    assert volume.laterality is Laterality.OS
    assert (volume.scan_pattern, volume.pattern_provenance) == (
        ScanPattern.RASTER,
        Provenance.DEVICE,
    )
    assert volume.spacing.axial_mm == pytest.approx(0.0035)
    assert volume.spacing.ascan_mm is None  # 6 mm over the two A-scans that are left
    assert volume.localizer is not None
    assert volume.localizer.pixels.shape == (3, 2, 3)
    assert volume.acquired == datetime(2010, 7, 9, 9, 23, 36)
