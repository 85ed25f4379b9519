"""Our readers against those of others, on written files and on samples of devices.

They do not agree with each other on grey values, so the stored values are compared: what the other
reader gives before its own transform, through the transform that ours documents.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.volume import Laterality, OctVolume
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices import write_e2e, write_optovue, write_topcon, write_vol, write_zeiss_img
from tests.io.devices.write_bioptigen import Bioptigen
from tests.oracles.oracle import OracleError, ask, needs_oracles
from tests.sample_scans import retina

SAMPLES = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "formats"
EYES = {"R": Laterality.OD, "L": Laterality.OS, "OD": Laterality.OD, "OS": Laterality.OS, "": None}

pytestmark = needs_oracles


def ours(path: Path) -> list[OctVolume]:
    opened = open_volumes(path)
    assert opened.problems == ()
    return [volume for study in opened.studies for volume in study.volumes]


def only(path: Path) -> OctVolume:
    (volume,) = ours(path)
    return volume


def fourth_root(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Heidelberg's stored values as grey: round(255 * v ** 0.25), invalid ones black."""
    sound = np.where(values < write_vol.NONE, values, 0.0).astype(np.float64)
    return np.floor(255.0 * np.clip(sound, 0.0, 1.0) ** 0.25 + 0.5).astype(np.uint8)


def topcon_window(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Topcon's 16-bit values through the fixed window 13264 to 49136."""
    share = (values.astype(np.float64) - 13_264) / (49_136 - 13_264)
    return np.floor(255.0 * np.clip(share, 0.0, 1.0) + 0.5).astype(np.uint8)


def mantissa_turned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of oct-converter's ufloat16 with the ten bits of the mantissa the other way round.

    It takes the lowest bit for the highest. In a real B-scan the mantissas of that reading are
    spread evenly, those of ours fall off as the density of a logarithm does.
    """
    exponent = np.floor(np.log2(values))
    mantissa = np.rint((values / 2.0**exponent - 1.0) * 1024.0).astype(np.int64)
    carried = mantissa == 1024
    backwards = sum(((mantissa >> bit) & 1) << (9 - bit) for bit in range(10))
    return np.where(carried, 2.0, 1.0 + np.asarray(backwards) / 1024.0) * 2.0**exponent


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the development data is not there")
    return path


def written_vol(folder: Path) -> Path:
    rows = {0: np.full(48, 9.25, np.float32), 1: np.full(48, 30.5, np.float32)}
    rows[1][5:9] = write_vol.NONE
    return write_vol.write_vol(folder / "w.vol", layers=[rows] * 5)


VOLS: dict[str, Callable[[Path], Path]] = {
    "written": written_vol,
    "line scan": lambda _: sample("heidelberg_vol/spectralis_linescan_OD.vol"),
    "raster": lambda _: sample("heidelberg_vol/eyepy_test_volume.vol"),
}


@pytest.mark.parametrize("which", VOLS)
def test_vol_like_eyepy(which: str, tmp_path: Path) -> None:
    path = VOLS[which](tmp_path)
    told, mine = ask("eyepy-vol", path, tmp_path), only(path)
    theirs = fourth_root(told.volumes[0])

    # eyepy turns a volume so that its first B-scan is the upper one, by the direction of the scan
    np.testing.assert_array_equal(mine.voxels, _same_order(mine, theirs))
    assert mine.laterality is EYES[told.eyes[0] or ""]


def _same_order(mine: OctVolume, theirs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    turned = np.array_equal(mine.voxels[0], theirs[-1]) and len(theirs) > 1
    return theirs[::-1] if turned else theirs


def test_layers_of_vol_like_eyepy(tmp_path: Path) -> None:
    path = written_vol(tmp_path)
    told, mine = ask("eyepy-vol", path, tmp_path), only(path)

    assert mine.layers is not None
    for name, heights in told.layers[0].items():
        rows = mine.layers.rows[mine.layers.names.index(name)]
        np.testing.assert_allclose(rows, heights, atol=1e-5)


def test_a_circle_scan_is_read_where_eyepy_gives_up(tmp_path: Path) -> None:
    path = write_vol.write_vol(tmp_path / "c.vol", header={96: ("i", 2)})
    with pytest.raises(OracleError):
        ask("eyepy-vol", path, tmp_path)
    assert only(path).scan_pattern.value == "circle"


def test_xml_like_eyepy(tmp_path: Path) -> None:
    folder = sample("heidelberg_xml")
    told, mine = ask("eyepy-xml", folder, tmp_path), only(folder / "test_dummy.xml")

    np.testing.assert_array_equal(mine.voxels, _same_order(mine, told.volumes[0]))
    assert mine.laterality is EYES[told.eyes[0] or ""]


def test_e2e_like_oct_converter(tmp_path: Path) -> None:
    scan = write_e2e.Scan(retina(5, 60, 64), write_e2e.raster(5))
    path = write_e2e.write_e2e(tmp_path / "w.e2e", scan)
    told, mine = ask("E2E", path, tmp_path), only(path)

    theirs = fourth_root(mantissa_turned(np.asarray(told.volumes[0]) ** 2.4))
    np.testing.assert_array_equal(mine.voxels, theirs[::-1])  # the upper B-scan first


def test_e2e_of_several_series_keeps_each_eye_where_oct_converter_leaks(tmp_path: Path) -> None:
    scans = [
        write_e2e.Scan(retina(3, 60, 64, seed=seed), write_e2e.raster(3), series=seed, eye=eye)
        for seed, eye in ((1, "R"), (2, "L"), (3, "R"))
    ]
    mine = ours(write_e2e.write_e2e(tmp_path / "w.e2e", *scans))

    assert sorted(str(volume.laterality) for volume in mine) == ["OD", "OD", "OS"]


@pytest.mark.parametrize("which", ["written", "device"])
def test_fda_like_oct_converter(which: str, tmp_path: Path) -> None:
    path = (
        write_topcon.save(tmp_path / "w.fda", write_topcon.fda(retina(4, 60, 64)))
        if which == "written"
        else sample("topcon_fda/panimg_minimized.fda")
    )
    told, mine = ask("FDA", path, tmp_path), only(path)

    np.testing.assert_array_equal(mine.voxels, told.volumes[0])
    assert mine.laterality is EYES[told.eyes[0] or ""]


def test_an_eye_code_that_nobody_knows_ends_oct_converter_and_is_unknown_to_us(
    tmp_path: Path,
) -> None:
    path = write_topcon.save(tmp_path / "w.fda", write_topcon.fda(retina(2, 60, 64), eye=7))
    with pytest.raises(OracleError):
        ask("FDA", path, tmp_path)
    assert only(path).laterality is None


@pytest.mark.parametrize("which", ["written", "device"])
def test_fds_like_oct_converter(which: str, tmp_path: Path) -> None:
    stored = retina(3, 60, 64).astype(np.uint16) * 200
    path = (
        write_topcon.save(tmp_path / "w.fds", write_topcon.fds(stored), kind=b"FDS")
        if which == "written"
        else sample("topcon_fds/panimg_minimized.fds")
    )
    told, mine = ask("FDS", path, tmp_path), only(path)

    np.testing.assert_array_equal(mine.voxels, topcon_window(told.volumes[0]))
    assert mine.laterality is EYES[told.eyes[0] or ""]


def test_bioptigen_like_oct_converter(tmp_path: Path) -> None:
    stored = retina(4, 60, 64).astype(np.uint16) * 257
    path = Bioptigen(stored).write(tmp_path / "scan_OD_1.OCT")
    told, mine = ask("BOCT", path, tmp_path), only(path)
    # they give a volume a frame, and A-scans as rows
    theirs = np.concatenate(told.volumes).transpose(0, 2, 1)

    np.testing.assert_array_equal(mine.voxels, theirs // 257)
    assert mine.laterality is EYES[told.eyes[0] or ""]


def test_optovue_like_oct_converter(tmp_path: Path) -> None:
    stored = 700.0 + 6.0 * retina(4, 60, 64).astype(np.float32)
    path = write_optovue.Optovue([stored]).write(tmp_path)
    # theirs finds numbers only with blanks around them, and wants the general part first
    about = path.with_suffix(".txt")
    steps, mark, general = about.read_text("latin-1").replace("=", " = ").partition("[General]")
    about.write_text(mark + general + steps, "latin-1")
    told, mine = ask("POCT", path, tmp_path), only(path)

    share = np.clip((told.volumes[0].astype(np.float64) - 800.0) / 1200.0, 0.0, 1.0)
    np.testing.assert_array_equal(mine.voxels, np.floor(share * 255.0 + 0.5))
    assert mine.laterality is EYES[told.eyes[0] or ""]


def test_a_cube_of_zeiss_has_the_bytes_that_oct_converter_lays_out_otherwise(
    tmp_path: Path,
) -> None:
    cube = np.tile(retina(4, 256, 128), (32, 4, 4))
    path = tmp_path / write_zeiss_img.zeiss_name("Macular Cube 512x128")
    told, mine = ask("IMG", write_zeiss_img.write_zeiss(path, cube), tmp_path), only(path)

    # theirs takes 1,024 bytes in a row for an A-scan; 512 A-scans in a row are what others read
    rows = [bscan.ravel(order="F").reshape(1024, 512) for bscan in told.volumes[0]]
    np.testing.assert_array_equal(mine.voxels, np.stack(rows)[:, ::-1, ::-1])
    assert mine.laterality is EYES[told.eyes[0] or ""]
