"""Pixels that a Zeiss device scrambled are explained, and never given to a codec."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    JPEG2000,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io import dicom_pixels
from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save, save_encoded
from tests.io.in_process import pixels_of

ZEISS: dict[str, Any] = {"Manufacturer": "Carl Zeiss Meditec"}
SYNTAXES = [
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    JPEGLSLossless,
    JPEGBaseline8Bit,
    RLELossless,
]
SPELLINGS: list[dict[str, Any]] = [
    {"Manufacturer": "CARL ZEISS MEDITEC, INC."},
    {"Manufacturer": "Carl Zeiss Meditec AG"},
    {"Manufacturer": "zeiss"},
    {"Manufacturer": "CZMI"},
    {"Manufacturer": "", "ManufacturerModelName": "CIRRUS HD-OCT 5000"},
    {"Manufacturer": "unknown", "ManufacturerModelName": "PLEX Elite 9000"},
]


def scrambled(path: Path, syntax: str, **tags: Any) -> Path:
    """A file whose frames are real codestreams with every seventh byte turned."""
    readable = JPEG2000Lossless if syntax == HTJ2KLossless else syntax
    save(opt(ramp(2)), path, readable)
    data = pydicom.dcmread(path)
    frames = []
    for frame in generate_frames(data.PixelData, number_of_frames=2):
        turned = bytearray(frame)
        turned[::7] = bytes(value ^ 0x5A for value in turned[::7])
        frames.append(bytes(turned))
    turned_data = opt(np.zeros((2, 40, 48), np.uint8), **tags)
    save_encoded(turned_data, path, syntax, frames)
    return path


def test_scrambled_pixels_are_explained_in_every_syntax_and_spelling(tmp_path: Path) -> None:
    for number, syntax in enumerate(SYNTAXES):
        scrambled(tmp_path / f"syntax {number}.dcm", syntax, **ZEISS)
    for number, tags in enumerate(SPELLINGS):
        scrambled(tmp_path / f"spelling {number}.dcm", JPEG2000Lossless, **tags)
    scrambled(tmp_path / "other.dcm", JPEG2000Lossless, Manufacturer="Maker")
    opened = open_volumes(tmp_path)
    assert opened.studies == ()
    codes = {problem.source: problem.code for problem in opened.problems}
    assert codes.pop("other.dcm") == "damaged-frame"
    assert len(codes) == len(SYNTAXES) + len(SPELLINGS)
    assert set(codes.values()) == {"zeiss-obfuscated"}
    assert all(
        "export un-obfuscated DICOM" in problem.message
        for problem in opened.problems
        if problem.code == "zeiss-obfuscated"
    )


def test_scrambled_pixels_never_reach_a_codec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoder(_syntax: str) -> None:
        raise AssertionError("a codec was asked for")

    monkeypatch.setattr(dicom_pixels, "get_decoder", decoder)
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        path = scrambled(tmp_path / f"{syntax}.dcm", syntax, **ZEISS)
        with pytest.raises(IngestError, match="scrambled"):
            pixels_of(path)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_plain_pixels_of_the_same_maker_are_read(tmp_path: Path, syntax: str) -> None:
    path = save(opt(ramp(2), **ZEISS), tmp_path / "a.dcm", syntax)
    np.testing.assert_array_equal(pixels_of(path), ramp(2))
