"""Every transfer syntax gives the pixels back."""

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, save, save_encoded

LOSSLESS = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]

# HTJ2K codestreams of `(9 * row + 3 * (column // 4))` at 24 rows and 32 columns, encoded once
# with OpenJPH, because none of the project's codecs encodes HTJ2K.
PLAIN = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUE"
    "BEAB/1wAEyBIUFBQUFBQUFBQUFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAALgAAf+TwCXb"
    "AId0AMASwBKA+gDHdAAyAYd0AMASwBIA5ABCdACZEjMAwBLAFUDAqOJ0AFAoFPrAEIG+tgDAFoQBaAD/f/9//38A"
    "cBpwGr5UrboApjHGGGP++gAAe/YAAey6AMAuugFsAP9//3//f/9//3//fxzzzzzyU555555Kc88888lOeeeeeSnP"
    "PPPPJQiiiiij4gIQAAAAAAAAAP7/cYcnv3ye/fJ798nsvwD/2Q=="
)
RPCL = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAME"
    "BEAB/1wADSBIUFBQUFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv9VAAoAYAAAAAAAqf+QAAoAAAAAAKkA"
    "Af+TwC0g/3f5+HzNJmVfwf4PrgAA0LcAwBLAFUDAqOJ0AFAoFPrAEIG+tgDAFoQBaAD/f/9//38AcBpwGr5UrboA"
    "pjHGGGP++gAAe/YAAey6AMAuugFsAP9//3//f/9//3//fxzzzzzyU555555Kc88888lOeeeeeSnPPPPPJQiiiiij"
    "4gIQAAAAAAAAAP7/cYcnv3ye/fJ798nsvwD/2Q=="
)
LOSSY = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABBwEB/1AACAACAAAAIP9SAAwAAgABAAUE"
    "BEAA/1wAIyJZqVmLWYtZblGZUZlRhknLSctJ2kJCQkJCljogOiA52P9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/"
    "kAAKAAAAAABwAAH/k8AJgEn+Agd0AMAJYATAwgCHdAC6/gIHdADAEsASAAAAwnQAvTIzAMAlgFYA+KxydADeu9OU"
    "0kDk9zoxtwCgLTAA0dAoGkWj6HQBJTpklN0xjOsAoFYAAAD/cYOuuuuuupoA/9k="
)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: str(uid.name))
def test_lossless_syntaxes_are_bit_equal(tmp_path: Path, syntax: str) -> None:
    volume = ramp(3, depth=41, ascans=51)
    (study,) = open_volumes(save(opt(volume), tmp_path / "a.dcm", syntax)).studies
    np.testing.assert_array_equal(study.volumes[0].voxels, volume)


@pytest.mark.parametrize(
    ("syntax", "error"), [(JPEGBaseline8Bit, 4), (JPEGLSNearLossless, 2), (JPEG2000, 6)]
)
def test_lossy_syntaxes_are_close(tmp_path: Path, syntax: str, error: int) -> None:
    volume = np.minimum(ramp(2, depth=64, ascans=64, step=1), 190)
    (study,) = open_volumes(save(opt(volume), tmp_path / "a.dcm", syntax)).studies
    difference = study.volumes[0].voxels.astype(int) - volume
    assert np.abs(difference).max() <= error
    assert study.volumes[0].voxels.std() > 10


@pytest.mark.parametrize(
    ("syntax", "stream", "error"),
    [(HTJ2KLossless, PLAIN, 0), (HTJ2KLosslessRPCL, RPCL, 0), (HTJ2K, LOSSY, 6)],
)
def test_high_throughput_jpeg_2000_is_read(
    tmp_path: Path, syntax: str, stream: str, error: int
) -> None:
    row, column = np.mgrid[0:24, 0:32]
    expected = row * 9 + column // 4 * 3
    data = opt(np.zeros((2, 24, 32), np.uint8))
    path = save_encoded(data, tmp_path / "a.dcm", syntax, [b64decode(stream)] * 2)
    (study,) = open_volumes(path).studies
    assert np.abs(study.volumes[0].voxels.astype(int) - expected).max() <= error


@pytest.mark.parametrize("syntax", [*LOSSLESS, JPEG2000Lossless], ids=lambda uid: str(uid.name))
def test_sixteen_bit_pixels_keep_their_order_in_every_syntax(tmp_path: Path, syntax: str) -> None:
    deep = (ramp(2).astype(np.uint16) << 8) + 128
    (study,) = open_volumes(save(opt(deep), tmp_path / "a.dcm", syntax)).studies
    expected = np.floor(deep / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(study.volumes[0].voxels, expected)


def test_frames_spread_over_fragments_are_put_together(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    volume = ramp(3)
    whole = save(opt(volume), tmp_path / "whole.dcm", JPEGLSLossless)
    import pydicom
    from pydicom.encaps import generate_frames

    data = pydicom.dcmread(whole)
    frames = list(generate_frames(data.PixelData, number_of_frames=3))
    for name, table in (("table", True), ("markers", False)):
        data.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=table)
        data["PixelData"].is_undefined_length = True
        data.save_as(tmp_path / f"{name}.dcm")
        (study,) = open_volumes(tmp_path / f"{name}.dcm").studies
        np.testing.assert_array_equal(study.volumes[0].voxels, volume)
