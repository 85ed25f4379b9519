"""Real pixels: the one .e2e file of a device (one B-scan and its eye), and a .vol export."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.volume import Laterality, Provenance, ScanPattern
from kdoct_desktop.io.devices import heidelberg_e2e, heidelberg_vol
from kdoct_desktop.io.devices.heidelberg_e2e import GREY
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.write_e2e import IMAGE, Scan, chunks_of, container, picture

FORMATS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "formats"
SAMPLE = FORMATS / "heidelberg_e2e" / "panimg_minimized.E2E"
EXPORT = FORMATS / "heidelberg_vol" / "spectralis_linescan_OD.vol"

pytestmark = pytest.mark.skipif(not SAMPLE.is_file(), reason="the development data is not there")


def test_the_file_opens_with_what_it_has_and_unknown_for_the_rest() -> None:
    opened = open_volumes(SAMPLE)
    assert opened.problems == ()
    (study,) = opened.studies
    (volume,) = study.volumes
    assert volume.voxels.shape == (1, 496, 512)
    assert (volume.laterality, volume.laterality_provenance) == (Laterality.OS, Provenance.DEVICE)
    assert volume.scan_pattern is ScanPattern.UNKNOWN
    assert (volume.spacing.axial_mm, volume.acquired, volume.scan_lines) == (None, None, None)
    assert volume.localizer is None  # cut down to 3 x 2 pixels
    assert (volume.layers, volume.software) == (None, None)
    codes = {notice.code for notice in volume.notices}
    assert {
        "experimental-format",
        "directory-missing",
        "pattern-unknown",
        "not-calibrated",
    } <= codes
    assert (study.patient.name, study.patient.identifier) == (None, None)


def test_the_retina_lies_as_it_was_seen_vitreous_above_choroid_below() -> None:
    (volume,) = open_volumes(SAMPLE).studies[0].volumes
    rows = volume.voxels[0].astype(float).mean(axis=1)
    assert 230 <= rows.argmax() <= 270  # pigment epithelium
    assert rows[:40].mean() < 12.0 < rows[270:300].mean()
    stored = np.frombuffer(SAMPLE.read_bytes(), "<u2", 496 * 512, 428).reshape(496, 512)
    exponent, mantissa = stored >> 10, stored & 1023
    value = np.ldexp(1.0 + mantissa / 1024.0, exponent.astype(int) - 63)
    assert np.abs(volume.voxels[0] - 255.0 * np.minimum(value, 1.0) ** 0.25).max() < 0.51


def test_every_value_of_a_vol_export_is_a_value_of_the_e2e_code() -> None:
    """So both formats hold the same quantity, and one transform serves both."""
    data = EXPORT.read_bytes()
    values = np.unique(np.frombuffer(data, "<f4", 768 * 496, 2048 + 768 * 768 + 55_296))
    values = values[(values > 0) & (values <= 1)].astype(np.float64)
    assert len(values) > 20_000
    fraction, exponent = np.frexp(values)
    mantissa = (2.0 * fraction - 1.0) * 1024.0
    np.testing.assert_array_equal(mantissa, np.rint(mantissa))
    stored = ((exponent - 1 + 63) << 10) + mantissa.astype(int)
    assert 0 < stored.min() <= stored.max() == 63 << 10
    assert np.abs(GREY[stored] - 255.0 * values**0.25).max() < 0.51


def test_one_scan_is_the_same_from_a_vol_and_from_an_e2e_file(tmp_path: Path) -> None:
    """Real pixels, layers and positions of a .vol export, written anew by the .e2e layout."""
    data = EXPORT.read_bytes()
    at = 2048 + 768 * 768
    values = np.frombuffer(data, "<f4", 768 * 496, at + 55_296).reshape(496, 768)
    fraction, exponent = np.frexp(values.astype(np.float64))
    code = ((exponent + 62) << 10) + np.rint((2.0 * fraction - 1.0) * 1024.0).astype(np.int64)
    stored = np.where(values > 0.0, code, 0).astype(np.uint16)
    millimetres = np.frombuffer(data, "<f8", 4, at + 16)
    (pixel,) = struct.unpack_from("<d", data, 56)
    (layers_at,) = struct.unpack_from("<I", data, at + 52)
    heights = {
        layer: np.frombuffer(data, "<f4", 768, at + layers_at + 4 * 768 * layer)[None]
        for layer in (0, 1)
    }
    scan = Scan(
        np.zeros((1, 496, 768), np.uint8),
        lines=30.0 * (millimetres / pixel / 768.0 - 0.5)[None],
        localizer=np.frombuffer(data, np.uint8, 768 * 768, 2048).reshape(768, 768),
        contours=heights,
    )
    chunks = [
        replace(chunk, payload=picture(stored)) if (chunk.kind, chunk.part) == (IMAGE, 1) else chunk
        for chunk in chunks_of(scan)
    ]
    (tmp_path / "a.e2e").write_bytes(container(chunks))
    by_e2e = heidelberg_e2e.parse(tmp_path / "a.e2e", Limits())
    by_vol = heidelberg_vol.parse(EXPORT, Limits())
    (ours,), (theirs,) = by_e2e.info.volumes, by_vol.info.volumes
    np.testing.assert_array_equal(
        by_e2e.picture(ours.pictures[0], colour=False),
        by_vol.picture(theirs.pictures[0], colour=False),
    )
    np.testing.assert_array_equal(by_e2e.layers(0), by_vol.layers(0))
    np.testing.assert_allclose(ours.lines, theirs.lines, atol=1e-4)
    for name in ("laterality", "pattern", "layers", "depth", "ascans", "numbers"):
        assert getattr(ours, name) == getattr(theirs, name)
