"""Writes MetaImage files, as ITK does: header lines, then voxels beside or behind them."""

import zlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

TYPES = {"u1": "MET_UCHAR", "u2": "MET_USHORT", "i2": "MET_SHORT", "f4": "MET_FLOAT"}

_USUAL = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "0 0 0",
    "CenterOfRotation": "0 0 0",
    "AnatomicalOrientation": "RAI",
    "ElementSpacing": "0.0117 0.0039 0.12",
}


def write_metaimage(
    path: Path,
    voxels: NDArray[Any],
    *,
    local: bool = False,
    packed: bool = False,
    big_endian: bool = False,
    changes: dict[str, str | None] | None = None,
    after: bytes = b"",
) -> Path:
    """Write a volume, axes (bscan, depth, ascan).

    Args:
        path: Of the header; the voxels get the same name with ``.raw`` or ``.zraw``.
        voxels: As stored.
        local: The voxels follow the header in its own file.
        packed: As one zlib stream.
        big_endian: Byte order of the voxels.
        changes: Header lines that differ; None leaves one out.
        after: What follows the header's last line.
    """
    stored = voxels.astype(voxels.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    data = zlib.compress(stored) if packed else stored
    raw = path.with_suffix(".zraw" if packed else ".raw")
    lines: dict[str, str | None] = {
        **_USUAL,
        "BinaryDataByteOrderMSB": str(big_endian),
        "CompressedData": str(packed),
        "CompressedDataSize": str(len(data)) if packed else None,
        "DimSize": " ".join(str(size) for size in reversed(voxels.shape)),
        "ElementType": TYPES[voxels.dtype.str[1:]],
        **(changes or {}),
    }
    lines.setdefault("ElementDataFile", "LOCAL" if local else raw.name)
    lines["ElementDataFile"] = lines.pop("ElementDataFile")  # the last one, by the format
    text = "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)
    path.write_bytes(text.encode() + after + (data if local else b""))
    if not local:
        raw.write_bytes(data)
    return path
