"""Writes HEYEX XML exports as text, with their pictures beside, independent of the reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.io.devices.write_vol import MM, phantom, raster
from tests.sample_scans import localizer

Heights = Mapping[str, Sequence[float]]


@dataclass
class Series:
    """One series; B-scans in the order of the file.

    Attributes:
        voxels: Axes (bscan, depth, ascan).
        positions: Start Y, X, end Y, X of each B-scan in millimetres.
        kind: Its type.
        eye: Of the series.
        image_eyes: Of the localizer and of each B-scan; the series' where it is empty.
        prefix: Of the names of its pictures.
        layers: Name to heights of each B-scan; none where it is empty.
        lost: B-scans whose pictures are not written.
        unlisted: B-scans that the XML leaves out.
        slo: The localizer; None for none.
        clock: Elements of the time of each image.
        extra: XML within the series.
        context: Elements of each B-scan's acquisition, replaced.
        suffix: Of the pictures.
        location: Where the pictures lay, with ``{}`` for the name.
    """

    voxels: NDArray[np.uint8] = field(default_factory=phantom)
    positions: NDArray[np.float64] | None = None
    kind: str | None = "Volume"
    eye: str | None = "R"
    image_eyes: Sequence[str] = ()
    prefix: str = "B"
    layers: Sequence[Heights] = ()
    lost: Sequence[int] = ()
    unlisted: Sequence[int] = ()
    slo: NDArray[np.uint8] | None = field(default_factory=lambda: localizer(64).pixels)
    clock: str = "<Hour>11</Hour><Minute>15</Minute><Second>40.693</Second><UTCBias>120</UTCBias>"
    extra: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    suffix: str = "tif"
    location: str = "file:///\\\\server\\export\\{}"


def write_export(
    path: Path,
    *series: Series,
    patient: str = "",
    study_day: tuple[int, int, int] | None = (2024, 5, 17),
    before: str = "",
    encoding: str = "utf-8",
) -> Path:
    """Write an export of one study.

    Args:
        path: The XML file; pictures go beside it.
        series: Its series; one plain volume where there are none.
        patient: Elements of the patient, in place of the usual ones.
        study_day: Year, month and day of the study.
        before: What stands before the root.
        encoding: Of the file.
    """
    patient = patient or (
        "<ID>5</ID><PatientID>ID-77</PatientID><LastName>Müller</LastName>"
        "<FirstNames>Ada Eva</FirstNames><Sex>F</Sex><Birthdate><Date><Year>1948</Year>"
        "<Month>3</Month><Day>9</Day></Date></Birthdate>"
    )
    day = ""
    if study_day is not None:
        year, month, number = study_day
        date = f"<Year>{year}</Year><Month>{month:02d}</Month><Day>{number:02d}</Day>"
        day = f"<StudyDate><Date>{date}</Date></StudyDate>"
    written = "".join(_series(one, path.parent) for one in series or (Series(),))
    text = (
        f"{before}<HEDX>\r\n <BODY><ExportType>Data</ExportType><SWVersion>"
        "<Name>Spectralis Viewing Module</Name><Version>6.9.53.0</Version></SWVersion>"
        f"<Patient>{patient}<Study>{day}{written}</Study></Patient></BODY>\r\n</HEDX>\r\n"
    )
    path.write_bytes(text.encode(encoding))
    return path


def _series(one: Series, folder: Path) -> str:
    positions = raster(len(one.voxels)) if one.positions is None else one.positions
    images = []
    if one.slo is not None:
        name = f"{one.prefix}-NIR1.{one.suffix}"
        Image.fromarray(one.slo).save(folder / name)
        eye = one.image_eyes[0] if one.image_eyes else one.eye
        scale = f"<ScaleX>{MM}</ScaleX><ScaleY>{MM}</ScaleY>"
        images.append(_image(one, 0, name, one.slo.shape, eye=eye, inner=scale))
    for at, voxels in enumerate(one.voxels):
        name = f"{one.prefix}{at + 1}.{one.suffix}"
        if at not in one.lost:
            Image.fromarray(voxels).save(folder / name)
        if at in one.unlisted:
            continue
        eye = one.image_eyes[at + 1] if one.image_eyes else one.eye
        start_y, start_x, end_y, end_x = positions[at].tolist()
        inner = (
            f"<ScaleX>0.0113</ScaleX><ScaleY>0.00387</ScaleY><ImageQuality>26</ImageQuality>"
            f"<Start><Coord><X>{start_x:.4f}</X><Y>{start_y:.4f}</Y></Coord></Start>"
            f"<End><Coord><X>{end_x:.4f}</X><Y>{end_y:.4f}</Y></Coord></End>"
        )
        after = _layers(one.layers[at]) if one.layers else ""
        images.append(_image(one, at + 1, name, voxels.shape, eye=eye, inner=inner, after=after))
    kind = f"<Type>{one.kind}</Type>" if one.kind is not None else ""
    eye = f"<Laterality>{one.eye}</Laterality>" if one.eye is not None else ""
    count = len(one.voxels) + (one.slo is not None)
    return (
        f"<Series><ID>7</ID>{kind}{eye}<ReferenceSeries><ExamDate><Date><Year>1999</Year>"
        "<Month>01</Month><Day>01</Day></Date></ExamDate></ReferenceSeries><GeneralEquipment>"
        "<Manufacturer>Heidelberg Engineering</Manufacturer><ManufacturerModelName>Spectralis"
        f"</ManufacturerModelName></GeneralEquipment>{one.extra}<NumImages>{count}</NumImages>"
        f"{''.join(images)}</Series>"
    )


def _image(
    one: Series,
    number: int,
    name: str,
    shape: tuple[int, ...],
    *,
    eye: str | None,
    inner: str,
    after: str = "",
) -> str:
    kind = "OCT" if number else "LOCALIZER"
    size = f"<Width>{shape[1]}</Width><Height>{shape[0]}</Height>"
    for tag, value in one.context.items() if number else ():
        old = (size + inner).split(f"<{tag}>")[1].split("<")[0]
        size, inner = (part.replace(f"<{tag}>{old}<", f"<{tag}>{value}<") for part in (size, inner))
    light = "" if number else "<LightSource>IR</LightSource>"
    return (
        f"<Image><ID>{number}</ID><ImageNumber>{number}</ImageNumber>"
        + (f"<Laterality>{eye}</Laterality>" if eye is not None else "")
        + f"<AcquisitionTime><Time>{one.clock}</Time></AcquisitionTime>"
        f"<ImageType><Type>{kind}</Type>{light}</ImageType>"
        f"<OphthalmicAcquisitionContext>{size}{inner}</OphthalmicAcquisitionContext>"
        f"<ImageData><Extension>TIF</Extension><ExamURL>{one.location.format(name)}</ExamURL>"
        f"</ImageData>{after}</Image>"
    )


def _layers(layers: Heights) -> str:
    lines = "".join(
        f"<SegLine><Name>{name}</Name><Enabled>true</Enabled><Manual>false</Manual>"
        f'<Array n="{len(heights)}" type="real">{" ".join(_height(h) for h in heights)}</Array>'
        "</SegLine>"
        for name, heights in layers.items()
    )
    count = f"<NumSegmentations>{len(layers)}</NumSegmentations>"
    return f"<Segmentation>{count}{lines}</Segmentation>"


def _height(height: float) -> str:
    return "3e+038" if np.isnan(height) else f"{height:.1f}"
