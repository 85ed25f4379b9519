"""Which height maps hold the layers of which DICOM volume."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdoct_desktop.domain.study import Problem
from kdoct_desktop.domain.volume import Notice
from kdoct_desktop.io.dicom_fields import HeightsInfo
from kdoct_desktop.io.dicom_localizer import DicomFile
from kdoct_desktop.io.plan import LayersPlan, VolumePlan

TASK = "dicom-layers"
"""Task of the reading process that reads a height map."""


def with_layers(
    plans: Sequence[VolumePlan], maps: Sequence[DicomFile], owners: Sequence[DicomFile]
) -> tuple[list[VolumePlan], list[Problem]]:
    """The plans with their layers, and the height maps that belong to no file.

    Args:
        plans: Volumes.
        maps: Files that hold height maps.
        owners: Files that hold B-scans.
    """
    instances = {entry.file.path: entry.info.instance for entry in owners}
    by_source: dict[str, list[tuple[DicomFile, HeightsInfo]]] = {}
    for entry in maps:
        if entry.info.heights is not None:
            by_source.setdefault(entry.info.heights.source, []).append((entry, entry.info.heights))
    text = "The layers in the file belong to a scan that is not among the files."
    alone = [
        Problem(entry.file.label, "layers-alone", text)
        for source, several in by_source.items()
        for entry, _ in several
        if source not in instances.values()
    ]
    return [_with(plan, instances, by_source) for plan in plans], alone


def _with(
    plan: VolumePlan,
    instances: dict[Path, str],
    by_source: dict[str, list[tuple[DicomFile, HeightsInfo]]],
) -> VolumePlan:
    files = {frame.file.path for frame in plan.frames}
    found = [one for path in files for one in by_source.get(instances.get(path, ""), ())]
    if not found:
        return plan
    if len(found) > 1 or len(files) > 1:
        text = "Several sets of layers refer to the scan; none is shown."
        return replace(plan, notices=(*plan.notices, Notice("several-layers", text)))
    ((entry, heights),) = found
    if heights.columns != plan.ascans or not _covers(heights, plan):
        text = "The layers that refer to the scan have another size; they are not shown."
        return replace(plan, notices=(*plan.notices, Notice("layers-unreadable", text)))
    return replace(plan, layers=LayersPlan(entry.file, 0, heights.names, task=TASK))


def _covers(heights: HeightsInfo, plan: VolumePlan) -> bool:
    """Whether there is a row for each B-scan."""
    rows = set(heights.bscans) if heights.bscans else set(range(1, heights.rows + 1))
    return {frame.index + 1 for frame in plan.frames} <= rows
