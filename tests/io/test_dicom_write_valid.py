"""What is written is DICOM to a validator and to the standard's tables of attributes."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.io.iod_tables import violations
from tests.io.written_scans import RULES, every_kind, layers, scan, write

CONTRADICTION = {
    "ConcatenationFrameOffsetNumber",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
}
"""Of type 1 in Ophthalmic Tomography (PS3.3 C.8.17.7), where they say that there is only one part;
the validator also holds them against the rule for other objects, that they be left out then."""


def complaints(path: Path) -> list[str]:
    """Errors and warnings of dciodvfy but for those that the standard itself causes."""
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    found = [line for line in lines if line.startswith(("Error", "Warning"))]
    kept = [
        line
        for line in found
        if not line.endswith("would be needed to build DICOMDIR")  # type 2 attributes, empty
        and not any(f"{name}(" in line for name in CONTRADICTION)
    ]
    return kept if done.returncode == 0 else [*kept, f"dciodvfy answered {done.returncode}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of volume, and some of them anonymous and compressed, too."""
    root = tmp_path_factory.mktemp("written")
    hidden = replace(RULES, anonymous=True, compress=True)
    for name, one in every_kind().items():
        write(one, root / name)
        if one.layers is not None or name.startswith("colour"):
            write(one, root / f"{name} anonymous", hidden)
    return root


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_the_validator_finds_nothing_wrong(folder: Path) -> None:
    files = [path for path in folder.rglob("*.dcm") if not path.stem.endswith("layers")]
    assert len(files) > 2 * len(every_kind())
    found = {f"{path.parent.name}/{path.stem}": complaints(path) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_the_validator_would_notice(tmp_path: Path) -> None:
    (*_, file) = write(scan(), tmp_path)
    path = tmp_path / file.name
    data = dcmread(path)
    del data.AcquisitionDateTime
    data.save_as(path)
    assert any("AcquisitionDateTime" in line for line in complaints(path))


def test_every_attribute_that_the_standard_demands_is_there_and_no_other(folder: Path) -> None:
    found = {str(path.relative_to(folder)): violations(dcmread(path)) for path in _all(folder)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_tables_would_notice(tmp_path: Path) -> None:
    (*_, file) = write(scan(layers=layers()), tmp_path)
    data = dcmread(tmp_path / file.name)
    assert violations(data) == []
    del data.SegmentSequence[1].SegmentLabel
    data.FloatPixelData = None
    data.BodyPartThickness = "3"
    assert violations(data) == [
        "BodyPartThickness is not in the standard's object",
        "floating-point-image-pixel: FloatPixelData is of type 1",
        "height-map-segmentation-image: SegmentSequence/SegmentLabel is of type 1",
    ]


def _all(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.dcm"))
