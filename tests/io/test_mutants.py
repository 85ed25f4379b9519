"""Sound files with random damage never take the program down."""

import random
from io import BytesIO
from pathlib import Path

from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from kdoct_desktop.io.readers import open_volumes
from tests.io.dicom_files import opt, ramp, raster_lines, save

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
)
FATAL = {"reader-crashed", "reader-garbage", "read-timeout", "too-much-memory"}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A copy with a few bytes changed, cut out, put in, or cut off."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(min(len(result), chance.choice((1500, 10**6))))
        kind = chance.randrange(5)
        if kind == 0:
            result[at] = chance.randrange(256)
        elif kind == 1:
            result[at : at + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f"))
        elif kind == 2:
            del result[at : at + chance.randrange(1, 40)]
        elif kind == 3:
            result[at:at] = chance.randbytes(chance.randrange(1, 40))
        elif at > 200:
            del result[at:]
    return bytes(result)


def test_damaged_files_are_read_or_refused_and_never_end_the_reading_process(
    tmp_path: Path,
) -> None:
    chance = random.Random(20250102)
    seeds = []
    for i, syntax in enumerate(SYNTAXES):
        data = opt(ramp(3), lines=raster_lines(3), SOPInstanceUID="1.2.3.9999", StudyInstanceUID="")
        seeds.append(save(data, tmp_path / f"seed{i}", syntax).read_bytes())
    for kind in ("PNG", "TIFF", "JPEG"):
        out = BytesIO()
        Image.fromarray(ramp(1)[0]).save(out, kind)
        seeds.append(out.getvalue())
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(150):
        mutant = damaged(chance.choice(seeds), chance)
        unique = mutant.replace(b"1.2.3.9999", f"1.2.3.{i + 1000}".encode())
        (folder / f"{i}x.dcm").write_bytes(unique)
    opened = open_volumes(folder)
    assert {problem.code for problem in opened.problems} & FATAL == set()
    assert len({problem.code for problem in opened.problems}) > 5
    assert sum(len(study.volumes) for study in opened.studies) > 5
