"""What the desk's jobs do off the window's thread; no Qt."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.ui.jobs import Report
from kdoct_desktop.ui.services import Header, Services


class ReadBscan(NamedTuple):
    """A B-scan that was read, and its row of the projection; keys are unique over all inputs."""

    key: str
    header: Header
    at: int
    pixels: NDArray[np.uint8]
    row: NDArray[np.float32]


class SaidAhead(NamedTuple):
    """What the model said of a B-scan while the rest was still being read."""

    key: str
    prediction: BscanPrediction
    cam: NDArray[np.float32]
    frame: Box


def remember(services: Services, paths: list[Path], report: Report) -> None:
    """Put inputs on top of the recent ones; a file is written for it."""
    for path in paths:
        services.remember(path)


def read(services: Services, paths: list[Path], report: Report) -> object:
    """Read every path; the same study in several inputs becomes one.

    Delivers `ReadBscan` and, where the model begins meanwhile, `SaidAhead`. It begins with the
    first path only: the model works on one volume at a time.
    """
    studies: dict[str, Study] = {}
    problems: list[Problem] = []

    def on_ahead(
        key: str, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box
    ) -> None:
        report.deliver(SaidAhead(key, prediction, cam, frame))

    for at, path in enumerate(paths):
        opened = services.open(
            path,
            eye=None,
            progress=report,
            on_bscan=partial(_deliver, report, at),
            on_ahead=None if at else on_ahead,
        )
        problems += opened.problems
        for study in opened.studies:
            problems += _add(_of_input(study, at), studies)
    return list(studies.values()), problems


def _deliver(
    report: Report, at: int, header: Header, index: int, pixels: NDArray[np.uint8]
) -> None:
    """Hand a B-scan over to the window."""
    row = pixels.mean(axis=0, dtype=np.float32)
    report.deliver(ReadBscan(_key(header.key, at), header, index, pixels, row))


def _key(key: str, at: int) -> str:
    """A key that no other input has: each counts its volumes for itself."""
    return key if at == 0 else f"input {at + 1}: {key}"


def _of_input(study: Study, at: int) -> Study:
    """The study with the keys of its input."""
    volumes = tuple(
        replace(volume, source=replace(volume.source, key=_key(volume.source.key, at)))
        for volume in study.volumes
    )
    return replace(study, volumes=volumes)


def _add(study: Study, studies: dict[str, Study]) -> list[Problem]:
    """Add a study to those that are open; never to one of another person."""
    known = studies.get(study.uid)
    if known is not None and not known.patient.may_be(study.patient):
        text = "Another file of the same study names another patient; correct the source."
        labels = dict.fromkeys(volume.source.label for volume in study.volumes)
        return [Problem(label, "patient-conflict", text) for label in labels]
    volumes = (known.volumes if known is not None else ()) + study.volumes
    studies[study.uid] = replace(study, volumes=volumes)
    return []


def project(volume: OctVolume, report: Report) -> NDArray[np.float32]:
    """Mean over depth, B-scan by B-scan so that it can be stopped."""
    rows = np.empty((volume.bscan_count, volume.voxels.shape[2]), dtype=np.float32)
    for index, bscan in enumerate(volume.voxels):
        report(index, volume.bscan_count, "projecting")
        rows[index] = bscan.mean(axis=0, dtype=np.float32)
    return rows
