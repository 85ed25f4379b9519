"""Makes the small scans that the self-check decodes: ``python -m tests.self_check_scans``.

One tiny phantom in every compression. No free encoder writes high-throughput JPEG 2000, but an
empty one can be written by hand: in a picture of one grey no code block holds a bit, so a plain
JPEG 2000 stream becomes a high-throughput one by saying that it is.
"""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from openjpeg.utils import encode_array
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.io.readers import open_volumes
from training.phantom import Phantom, PhantomSpec, generate
from training.phantoms.dicom import write_opt

SPEC = PhantomSpec(seed=1, bscans=5, depth=48, ascans=64, localizer_size=0)
SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg": JPEGBaseline8Bit,
    "jpeg-ls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
}
_COD, _SIZ, _HIGH_THROUGHPUT = b"\xff\x52", b"\xff\x51", 0x40


def write_scans(folder: Path) -> None:
    """Write one file a compression, and what each must decode to."""
    folder.mkdir(parents=True, exist_ok=True)
    phantom = generate(SPEC)
    expected = {}
    for name, syntax in SYNTAXES.items():
        write_opt(phantom, folder / f"{name}.dcm", transfer_syntax=syntax, located=False)
        expected[f"{name}.dcm"] = _digest(phantom.voxels)
    expected["jpeg.dcm"] = _digest(_read(folder / "jpeg.dcm"))  # the one that loses
    grey = replace(phantom, voxels=np.full_like(phantom.voxels, 128))
    _write_high_throughput(grey, folder / "htj2k.dcm")
    expected["htj2k.dcm"] = _digest(grey.voxels)
    text = json.dumps(expected, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def high_throughput(stream: bytes) -> bytes:
    """A JPEG 2000 stream of one grey as high-throughput JPEG 2000 (ITU-T T.814).

    Sets the capability bit of SIZ, adds the CAP segment after it, and states in COD that the code
    blocks, of which none is there, are coded the high-throughput way.
    """
    size = stream.index(_SIZ)
    length = int.from_bytes(stream[size + 2 : size + 4], "big")
    siz = bytearray(stream[size : size + 2 + length])
    siz[4] |= 0x40
    capabilities = b"\xff\x50" + (8).to_bytes(2, "big") + (1 << 17).to_bytes(4, "big") + b"\0\0"
    rest = bytearray(stream[size + 2 + length :])
    style = rest.index(_COD) + 12
    rest[style] |= _HIGH_THROUGHPUT
    return stream[:size] + bytes(siz) + capabilities + bytes(rest)


def _write_high_throughput(phantom: Phantom, path: Path) -> None:
    frames = [high_throughput(encode_array(frame)) for frame in phantom.voxels]

    def change(ds: Dataset) -> None:
        ds.file_meta.TransferSyntaxUID = HTJ2KLossless
        ds.PixelData = encapsulate(frames)

    write_opt(phantom, path, transfer_syntax=JPEG2000Lossless, located=False, change=change)


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    (study,) = open_volumes(path).studies
    (volume,) = study.volumes
    return volume.voxels


def _digest(voxels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    return hashlib.sha256(np.ascontiguousarray(voxels).tobytes()).hexdigest()


def main(arguments: list[str]) -> int:
    """Write into the folder of the self-check, or into the one that is named."""
    write_scans(Path(arguments[0]) if arguments else resource_path("self-check"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
