"""The XML of a HEYEX export as a tree: bounded, without entities, namespaces and attributes."""

import math
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices.binary import damaged, truncated
from kdoct_desktop.io.limits import MIB, Limits

LARGEST = 64 * MIB
"""Bytes of the largest XML file; 512 B-scans with 17 layers of 768 heights take 40 MB."""

_PART = 1 << 20
_ENDS_EARLY = {3, 5, 6}  # codes of expat: no element, unclosed token, half a letter


class Bounded:
    """Builds a tree and refuses one that is nested too deeply or has too many elements."""

    def __init__(self, limits: Limits) -> None:
        self._builder = TreeBuilder()
        self._limits = limits
        self._depth = self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        """Open an element; its namespace and attributes tell nothing."""
        del attributes
        self._depth += 1
        self._elements += 1
        if self._depth > self._limits.depth:
            raise IngestError("nested-too-deeply", "The file is nested too deeply.")
        if self._elements > self._limits.elements:
            raise IngestError("too-many-elements", "The file has more elements than any export.")
        return self._builder.start(tag.rpartition("}")[2], {})

    def data(self, text: str) -> None:
        """Take text."""
        self._builder.data(text)

    def end(self, tag: str) -> Element:
        """Close an element."""
        self._depth -= 1
        return self._builder.end(tag.rpartition("}")[2])

    def close(self) -> Element:
        """The root."""
        return self._builder.close()


def read_tree(path: Path, limits: Limits) -> Element:
    """The root element of an XML file.

    Raises:
        IngestError: The file is too large, damaged, or defines entities.
    """
    if path.stat().st_size > LARGEST:
        raise IngestError("too-large", "The file is larger than any export.")
    data = path.read_bytes()
    parser = DefusedXMLParser(
        target=Bounded(limits), encoding=_encoding(data), forbid_dtd=True, forbid_external=True
    )
    try:
        for at in range(0, len(data), _PART):
            parser.feed(data[at : at + _PART])
        root = parser.close()
    except DefusedXmlException as error:
        text = "The file defines entities, which no export does; it is not read."
        raise IngestError("unsafe-xml", text) from error
    except ParseError as error:
        raise (
            truncated() if error.code in _ENDS_EARLY else damaged("its XML is broken")
        ) from error
    except (LookupError, ValueError) as error:
        raise damaged("its letters are in no known encoding") from error
    if not isinstance(root, Element):
        raise truncated()
    return root


def _encoding(data: bytes) -> str | None:
    """What to take letters for where the file does not say and is no UTF-8; None where it does."""
    if b"encoding" in data[:200] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None if error.end >= len(data) else "windows-1252"  # cut in the middle of a letter
    return None


def text_of(element: Element | None, path: str, *, longest: int = 200) -> str | None:
    """Printable text of the first element at `path`; None where there is none or it is longer."""
    found = element.find(path) if element is not None else None
    if found is None or found.text is None:
        return None
    plain = "".join(letter for letter in found.text[: 2 * longest] if letter.isprintable()).strip()
    return plain if 0 < len(plain) <= longest else None


def number_of(element: Element | None, path: str) -> float | None:
    """The number at `path`; None where there is none or it is not finite."""
    try:
        number = float(text_of(element, path) or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def whole_of(element: Element | None, path: str) -> int | None:
    """The whole number at `path`, none that is negative or beyond 2**31."""
    number = number_of(element, path)
    return int(number) if number is not None and 0.0 <= number < 2.0**31 else None
