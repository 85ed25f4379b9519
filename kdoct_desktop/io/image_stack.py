"""Pictures to volumes: which files and pages are B-scans of one scan.

A picture file says nothing about eye, scale or neighbours. The pages of a file that follow each
other with the same size are one volume. Single-page files of a folder are one volume when they
share format, size and a name that differs in its last number only, as devices export them
(``B1.tif`` to ``B49.tif``); everything else is a volume of one B-scan, so that unrelated pictures
are not taken for neighbours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import LossyCompression, Notice, Provenance, ScanPattern, Source
from kdoct_desktop.io.image_fields import ImageInfo, PageInfo
from kdoct_desktop.io.natural import NUMBER
from kdoct_desktop.io.plan import FrameRef, InputFile, VolumePlan, combined_hash
from kdoct_desktop.io.session import Session


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture file with its header."""

    file: InputFile
    info: ImageInfo


def read(
    session: Session, files: Sequence[InputFile], *, whole_folder: bool
) -> tuple[list[VolumePlan], list[Problem]]:
    """Every volume of some picture files, and what was refused.

    Args:
        session: Gives access to headers.
        files: In natural order of their names.
        whole_folder: Not needed here.
    """
    del whole_folder
    problems: list[Problem] = []
    entries: list[ImageFile] = []
    for done, file in enumerate(files):
        session.reporter.report(done, len(files), "reading headers")
        try:
            entries.append(ImageFile(file, session.header("image-header", file, ImageInfo)))
        except IngestError as error:
            problems.append(Problem(file.label, error.code, error.message))
    return plans_of(entries), problems


def plans_of(files: Sequence[ImageFile]) -> list[VolumePlan]:
    """Every volume of the picture files.

    Args:
        files: In natural order of their names.
    """
    plans: list[VolumePlan] = []
    single: dict[tuple[object, ...], list[ImageFile]] = {}
    for entry in files:
        if len(entry.info.pages) > 1:
            plans += _pages(entry)
        else:
            mask = NUMBER.sub("#", entry.file.path.name.casefold())
            page = entry.info.pages[0]
            key = (entry.file.path.parent, mask, page.rows, page.columns, entry.info.format)
            single.setdefault(key, []).append(entry)
    for alike in single.values():
        plans += [_stack(stack) for stack in _differing_in_last_number(alike)]
    return plans


def _differing_in_last_number(files: list[ImageFile]) -> list[list[ImageFile]]:
    """Split files whose names differ in numbers only: in a part only the last number varies."""
    parts: dict[tuple[int, ...], list[tuple[int, ImageFile]]] = {}
    for entry in files:
        numbers = [int(number) for number in NUMBER.findall(entry.file.path.name)] or [0]
        parts.setdefault(tuple(numbers[:-1]), []).append((numbers[-1], entry))
    return [
        [entry for _, entry in sorted(part, key=lambda item: item[0])] for part in parts.values()
    ]


def _pages(entry: ImageFile) -> list[VolumePlan]:
    """Volumes of a multi-page file: runs of pages of the same size."""
    runs: list[list[int]] = []
    for index, page in enumerate(entry.info.pages):
        if runs and _size(entry.info.pages[runs[-1][-1]]) == _size(page):
            runs[-1].append(index)
        else:
            runs.append([index])
    text = "The file states no positions; the B-scans are in the order of its pages."
    plans = []
    for run in runs:
        frames = tuple(FrameRef(entry.file, index) for index in run)
        notice = (Notice("order-assumed", text),) if len(run) > 1 else ()
        first_last = f"pages {run[0] + 1}-{run[-1] + 1}"
        plans.append(_plan([entry], frames, key=first_last, page=run[0], notices=notice))
    return plans


def _stack(files: list[ImageFile]) -> VolumePlan:
    """One volume of one or several single-page files."""
    frames = tuple(FrameRef(entry.file, 0) for entry in files)
    first = files[0].file
    if len(files) == 1:
        return _plan(files, frames, key=first.label, page=0, notices=())
    text = "The B-scans are ordered by the numbers in their file names."
    key = f"{first.label} to {files[-1].file.label}"
    return _plan(files, frames, key=key, page=0, notices=(Notice("order-assumed", text),))


def _plan(
    files: Sequence[ImageFile],
    frames: tuple[FrameRef, ...],
    *,
    key: str,
    page: int,
    notices: Iterable[Notice],
) -> VolumePlan:
    first = files[0]
    size = first.info.pages[page]
    text = "Pictures carry no scale and no eye; nothing can be measured."
    return VolumePlan(
        source=Source(
            label=first.file.label if len(files) == 1 else first.file.folder,
            sha256=combined_hash([entry.info.sha256 for entry in files]),
            format=first.info.format,
            key=key,
        ),
        task="image-frames",
        frames=frames,
        depth=size.rows,
        ascans=size.columns,
        scan_pattern=ScanPattern.UNKNOWN,
        order_provenance=Provenance.ASSUMED if len(frames) > 1 else Provenance.UNKNOWN,
        notices=(Notice("not-calibrated", text), *notices),
        lossy=_lossy(files),
        narrow_check=size.bits > 8,
    )


def _lossy(files: Sequence[ImageFile]) -> LossyCompression | None:
    """The JPEG compression of the file that lost most."""
    ratios = [file.info.lossy_ratio for file in files if file.info.lossy_ratio is not None]
    return LossyCompression(("ISO_10918_1",), (max(ratios),)) if ratios else None


def _size(page: PageInfo) -> tuple[int, int]:
    return page.rows, page.columns
