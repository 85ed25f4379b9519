"""Sorts the chunks of a Heidelberg ``.e2e`` file to their series."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices import heidelberg_e2e_chunks as chunks
from kdoct_desktop.io.devices.binary import Binary
from kdoct_desktop.io.devices.fields import PatientInfo
from kdoct_desktop.io.devices.heidelberg_e2e_container import CHUNK, Index, newest
from kdoct_desktop.io.devices.heidelberg_e2e_series import CONTOURS, Contents, Key, Picture, Series
from kdoct_desktop.io.devices.heidelberg_vol_layout import MOST_LAYERS
from kdoct_desktop.io.devices.heidelberg_vol_times import acquired
from kdoct_desktop.io.limits import Limits

_EYES = {b"R": "OD", b"L": "OS"}


class Collector:
    """Reads the beginnings of the chunks that matter, kind by kind."""

    def __init__(self, file: Binary, found: Index, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._all = found.rows
        read = np.isin(found.rows["kind"], [k for k in _READ_KINDS if k != chunks.CONTOUR_KIND])
        self._newest = newest(found.rows[read])
        self._series: dict[Key, Series] = {}

    def contents(self) -> Contents:
        """Everything but the pixels and the heights of layers.

        Raises:
            IngestError: The file holds more series than any real file.
        """
        for row, head, body in self._each(chunks.IMAGE_KIND, chunks.IMAGE, keep_bad=True):
            self._image(row, head, body)
        self._series = {key: one for key, one in sorted(self._series.items()) if _is_scan(one)}
        if len(self._series) > self._limits.inputs:
            raise IngestError("too-large", "The file holds more scans than any real file.")
        for row, _, body in self._each(chunks.BSCAN_KIND, chunks.BSCAN):
            for one in self._of(row):
                one.meta[int(row["slice"])] = body
        self._eyes()
        self._fields()
        self._words()
        self._contours()
        known = chunks.PASSED_OVER | set(_READ_KINDS)
        kinds = set(np.unique(self._all["kind"]).tolist())
        return Contents(
            tuple(self._series.values()), self._patients(), self._devices(), len(kinds - known)
        )

    def _each(
        self, kind: int, layout: DTypeLike, *, every: bool = False, keep_bad: bool = False
    ) -> Iterator[tuple[np.void, np.void, np.void]]:
        """Entry, header and beginning of each chunk of a kind.

        Args:
            kind: Which.
            layout: Of its beginning.
            every: Also those that were written over by a newer one.
            keep_bad: Also those that cannot be read; their header is `_NOTHING`.
        """
        rows = self._all if every else self._newest
        rows = rows[rows["kind"] == kind]
        records, good = chunks.heads(self._file, rows, layout)
        for row, record, is_good in zip(rows, records, good.tolist(), strict=True):
            if is_good:
                yield row, record["head"], record["body"]
            elif keep_bad:
                yield row, _NOTHING, record["body"]

    def _of(self, row: np.void) -> Iterable[Series]:
        """The series that a chunk belongs to, where it holds a scan."""
        found = self._series.get(_key(row))
        return () if found is None else (found,)

    def _image(self, row: np.void, head: np.void, body: np.void) -> None:
        one = self._series.setdefault(_key(row), Series(_key(row)))
        at = int(row["at"]) + CHUNK.itemsize + body.dtype.itemsize
        picture = Picture(at, int(body["rows"]), int(body["columns"]), int(body["code"]))
        place = int(row["slice"])
        is_bscan = row["part"] == 1 and place >= 0
        sound = head is not _NOTHING and self._fits(picture, int(head["size"]))
        if is_bscan and sound and picture.code == chunks.FLOAT_IMAGE:
            one.bscans[place] = picture
        elif is_bscan and (not sound or picture.code not in _PIXEL_BYTES):
            one.lost.add(place)
        elif sound and row["part"] == 0 and picture.code == chunks.GREY_IMAGE:
            one.localizers[place] = picture
        else:
            one.unread += 1

    def _fits(self, picture: Picture, size: int) -> bool:
        """True when the picture lies in its chunk and in the file and is of a sane size."""
        count = picture.rows * picture.columns * _PIXEL_BYTES.get(picture.code, 1)
        head = np.dtype(chunks.IMAGE).itemsize
        return (
            0 < count <= min(size - head, self._limits.picture_bytes)
            and picture.at + count <= self._file.size
            and max(picture.rows, picture.columns) <= self._limits.rows
        )

    def _eyes(self) -> None:
        """Every statement counts, also one that was written over: a mistake may be either."""
        kinds: tuple[tuple[int, DTypeLike], ...] = (
            (chunks.EYE_KIND, chunks.EYE),
            (chunks.PREAMBLE_KIND, chunks.PREAMBLE),
            (chunks.FIELD_KIND, chunks.FIELD),
        )
        for kind, layout in kinds:
            for row, _, body in self._each(kind, layout, every=True):
                eye = _EYES.get(bytes(body["eye"]))
                for one in self._of(row):
                    one.eyes |= {eye} if eye is not None else set()

    def _fields(self) -> None:
        for row, _, body in self._each(chunks.FIELD_KIND, chunks.FIELD):
            confirmed = not body["zero"] and not body["zero2"].any()
            if confirmed and acquired(int(body["time"]), math.nan)[0] is not None:
                for one in self._of(row):
                    one.fields.add((int(body["rows"]), int(body["columns"]), int(body["degrees"])))

    def _words(self) -> None:
        for kind in (chunks.STRUCTURE_KIND, chunks.PATTERN_KIND, chunks.MODALITY_KIND):
            for row in self._newest[self._newest["kind"] == kind]:
                for one in self._of(row):
                    one.words |= {word.lower() for word in chunks.strings(self._file, row)}
        for row, _, body in self._each(chunks.EXAM_KIND, chunks.EXAM):
            for one in self._of(row):
                one.examined = int(body["time"])

    def _contours(self) -> None:
        """Where the heights lie: they are the last values of their chunk, whatever is before.

        A file may hold a hundred thousand, hence whole columns at a time.
        """
        rows = self._all[self._all["kind"] == chunks.CONTOUR_KIND]
        records, good = chunks.heads(self._file, rows, chunks.CONTOUR)
        size = records["head"]["size"].astype(np.int64)
        found = np.empty(len(rows), dtype=CONTOURS)
        found["slice"], found["layer"] = rows["slice"], records["body"]["id"] & 0x7FFFFFFF
        width = found["width"] = records["body"]["width"].astype(np.int64)
        at = found["at"] = rows["at"] + CHUNK.itemsize + size - 4 * width
        good &= (width > 0) & (width <= self._limits.rows)
        good &= 4 * width + records["body"].dtype.itemsize <= size
        good &= (at + 4 * width <= self._file.size) & (records["body"]["id"] < MOST_LAYERS)
        rows, found = rows[good], found[good]
        order = np.lexsort([rows[name] for name in ("series", "study", "patient")])
        rows, found = rows[order], found[order]
        begins = np.zeros(len(rows), dtype=bool)
        begins[:1] = True
        for name in ("patient", "study", "series"):
            begins[1:] |= rows[name][1:] != rows[name][:-1]
        starts = np.flatnonzero(begins).tolist()
        for start, end in zip(starts, [*starts, len(rows)][1:], strict=False):
            for one in self._of(rows[start]):
                one.contours = found[start:end]

    def _patients(self) -> dict[int, PatientInfo]:
        found = self._each(chunks.PATIENT_KIND, chunks.PATIENT)
        return {int(row["patient"]): chunks.patient(body) for row, _, body in found}

    def _devices(self) -> dict[tuple[int, int], str]:
        found: dict[tuple[int, int], str] = {}
        for row in self._newest[self._newest["kind"] == chunks.DEVICE_KIND]:
            for name in chunks.strings(self._file, row)[:1]:
                found[int(row["patient"]), int(row["study"])] = name
        return found


_READ_KINDS = (
    chunks.PREAMBLE_KIND, chunks.FIELD_KIND, chunks.PATIENT_KIND, chunks.EYE_KIND,
    chunks.DEVICE_KIND, chunks.STRUCTURE_KIND, chunks.PATTERN_KIND, chunks.MODALITY_KIND,
    chunks.BSCAN_KIND, chunks.EXAM_KIND, chunks.CONTOUR_KIND, chunks.IMAGE_KIND, 0,
)  # fmt: skip
_PIXEL_BYTES = {chunks.GREY_IMAGE: 1, chunks.FLOAT_IMAGE: 2}
_NOTHING = np.zeros(1, dtype=CHUNK)[0]


def _key(row: np.void) -> Key:
    return int(row["patient"]), int(row["study"]), int(row["series"])


def _is_scan(one: Series) -> bool:
    return bool(one.bscans or one.lost)
