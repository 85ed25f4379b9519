"""In the reading process: which lossy compression a DICOM file's pixels went through."""

import re

from pydicom.dataset import Dataset

from kdoct_desktop.io.dicom_layout import Layout

_ALWAYS = {"1.2.840.10008.1.2.4.50": "ISO_10918_1"}
_PERHAPS = {
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
"""Transfer syntaxes that are lossy, or lossy unless the file says otherwise, with the method."""


_METHOD = re.compile(r"ISO_[0-9]{4,5}_[0-9]{1,2}")


def lossy_of(data: Dataset, layout: Layout) -> tuple[tuple[str, ...], tuple[float, ...]] | None:
    """Methods and ratios as the file states them, or else as it is encoded; see PS3.3 C.7.6.1.1.5.

    Args:
        data: The header.
        layout: How the frames are stored.

    Returns:
        None where the pixels are as they were taken; empty lists for what is not known.
    """
    stated = str(data.get("LossyImageCompression") or "").strip()
    if stated == "01":
        methods = _values(data, "LossyImageCompressionMethod")
        ratios = _values(data, "LossyImageCompressionRatio")
        if methods and len(methods) == len(ratios) and all(map(_METHOD.fullmatch, methods)):
            return methods, tuple(_positive(ratio) for ratio in ratios)
    method = _ALWAYS.get(layout.syntax)
    if method is None and stated != "00":
        method = _PERHAPS.get(layout.syntax)
    if method is not None:
        return (method,), (_ratio(layout),)
    return ((), ()) if stated == "01" else None


def _ratio(layout: Layout) -> float:
    stored = sum(length for spans in layout.spans for _, length in spans)
    return layout.frame_bytes * layout.frames / max(stored, 1)


def _values(data: Dataset, keyword: str) -> tuple[str, ...]:
    value = data.get(keyword)
    if value is None or value == "":
        return ()
    parts = list(value) if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
    return tuple(str(part).strip() for part in parts)


def _positive(text: str) -> float:
    """A ratio; 1 where it is none, which claims nothing."""
    try:
        ratio = float(text)
    except ValueError:
        return 1.0
    return ratio if 0.0 < ratio < 1e6 else 1.0
