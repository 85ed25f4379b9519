"""The table of device formats: who claims a file, who parses it, and what was tried on what.

README's table is this one (``tests/io/devices/test_formats.py`` holds them together), and what is
``experimental`` here is so called in the window and in every result.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kdoct_desktop.io.devices.claims import (
    is_bioptigen,
    is_metaimage_file,
    is_nifti,
    is_optovue,
    is_zeiss_cube,
)
from kdoct_desktop.io.head import Head, starts


@dataclass(frozen=True, slots=True)
class DeviceFormat:
    """A format that a device or its software writes.

    Attributes:
        name: What the user is told.
        claims: Whether a file is of this format; first bytes decide wherever the format has any.
        parser: Module and function in the reading process.
        tested: On which files reading was tried.
        reads: What is read.
        lacks: What is not.
        doubt: Why the format is experimental, as one sentence for the user; empty where it was
            tried on complete files that devices wrote.
    """

    name: str
    claims: Callable[[Head], bool]
    parser: str
    tested: str = ""
    reads: str = ""
    lacks: str = ""
    doubt: str = ""


def _is_heidelberg_vol(head: Head) -> bool:
    """A device's export, or a file of eyepy, which writes the format under its own mark."""
    by_eyepy = head.data.startswith(b"ep-v") and head.name.endswith(".vol")
    return head.data.startswith(b"HSF-OCT-") or by_eyepy


FORMATS: tuple[DeviceFormat, ...] = (
    DeviceFormat(
        name="Heidelberg .vol",
        claims=_is_heidelberg_vol,
        parser="kdoct_desktop.io.devices.heidelberg_vol:parse",
        tested="line and circle scan of a Spectralis (version 103, right eye), raster of eyepy",
        reads="all scan patterns, eye, scale, order and gaps from positions, scan lines, "
        "localizer, layers, time (UTC), patient",
        lacks="thickness grid, image quality, alignment; scan lines of a circle",
        doubt="Heidelberg .vol was tried on a line and a circle scan of one device, but on no "
        "volume of one.",
    ),
    DeviceFormat(
        name="Heidelberg .e2e",
        claims=starts(b"CMDb", b"E2EMultipleVolumeFile"),
        parser="kdoct_desktop.io.devices.heidelberg_e2e:parse",
        tested="written files; one of a device, cut down to one B-scan and its eye",
        reads="every scan of every patient and visit, B-scans, eye, localizer, order and gaps, "
        "scan lines where the localizer's field is stated, axial scale, layers, time (UTC), device",
        lacks="lateral scale (the format states none), birth date, software version, angiography, "
        "previews, alignment; .sdb was not tried",
        doubt="Heidelberg .e2e was not tried on a complete file of a device, only on one B-scan; "
        "eye, order, positions and layers follow open descriptions of the format.",
    ),
    DeviceFormat(
        name="Heidelberg XML",
        claims=lambda head: b"<HEDX" in head.data,
        parser="kdoct_desktop.io.devices.heidelberg_xml:parse",
        tested="one export of Viewing Module 6.9 whose values and pictures are made up, and "
        "written files",
        reads="all series of a file with their pictures, eye, pattern, scale, order and gaps, scan "
        "lines, localizer, layers, time, patient, device and software",
        lacks="thickness grid, image quality, series without B-scans",
        doubt="Heidelberg XML was not tried on a complete export of a device; scan patterns other "
        "than volumes are not verified.",
    ),
    DeviceFormat(
        name="Layer surfaces (Iowa)",
        claims=lambda head: b"<surfaces>" in head.data,
        parser="kdoct_desktop.io.devices.iowa_surfaces:parse",
        tested="one file of OCTLayerSeg 3.8",
        reads="nothing: it is no scan, and the message says so",
        lacks="everything",
    ),
    DeviceFormat(
        name="Topcon .fds",
        claims=starts(b"FOCTFDS"),
        parser="kdoct_desktop.io.devices.topcon:parse",
        tested="written files; one of a 3D OCT-1000 Mark II, cut down to a few pixels",
        reads="B-scans (16 bit, one fixed window), fundus, box on it, scale, eye, time, device",
        lacks="the motion-corrected copy, obfuscated patient records, positions of single lines",
        doubt="Topcon .fds was tried on a file of one device, cut down to a few pixels; grey "
        "values, orientation and order of the B-scans are not verified.",
    ),
    DeviceFormat(
        name="Topcon .fda",
        claims=starts(b"FOCT"),
        parser="kdoct_desktop.io.devices.topcon:parse",
        tested="written files; one of a 3D OCT-1000 Mark II, cut down to one B-scan",
        reads="B-scans (JPEG 2000, else 16 bit), fundus, box on it, scale, eye, time, device, "
        "device layers",
        lacks="blood flow volumes, obfuscated patient records, positions of single lines",
        doubt="Topcon .fda was tried on a file of one device with a single B-scan; the order of "
        "the B-scans and all scan patterns but one are not verified.",
    ),
    DeviceFormat(
        name="Zeiss .img",
        claims=is_zeiss_cube,
        parser="kdoct_desktop.io.devices.zeiss_img:parse",
        tested="written files only",
        reads="processed cubes (macular, optic disc, anterior segment) and 5- and 21-line scans by "
        "name; the usual cubes by size; eye, time, patient from the name; 6 x 6 x 2 mm assumed",
        lacks="raw cubes, angiography, the fundus picture beside, the order of the B-scans",
        doubt="Zeiss .img was not tried on a device's own file; orientation and order of the "
        "B-scans and the scale are assumed.",
    ),
    DeviceFormat(
        name="Bioptigen .OCT",
        claims=is_bioptigen,
        parser="kdoct_desktop.io.devices.bioptigen_oct:parse",
        tested="written files only",
        reads="line, rectangular and radial scans of 8 and 16 bit, scale, time; eye from the name",
        lacks="Doppler data, scans of mixed density, repeated B-scans, positions",
        doubt="Bioptigen .OCT was not tried on a device's own file; order and grey values of the "
        "B-scans are assumed.",
    ),
    DeviceFormat(
        name="Optovue .OCT",
        claims=is_optovue,
        parser="kdoct_desktop.io.devices.optovue_oct:parse",
        tested="written files only",
        reads="every step of the protocol as a volume, by the .txt of the same name; scale, eye; "
        "time and patient from the name",
        lacks="flow, layers, the fundus picture, files without their .txt",
        doubt="Optovue .OCT was not tried on a device's own file; grey values and order of the "
        "B-scans are assumed.",
    ),
    DeviceFormat(
        name="MetaImage (RETOUCH)",
        claims=is_metaimage_file,
        parser="kdoct_desktop.io.devices.metaimage:parse",
        tested="written files only",
        reads="volumes of 8 and 16 bit, plain or packed, in one file or two; scale",
        lacks="eye, time, pattern, localizer (the format has none); other types of voxels",
        doubt="MetaImage was not tried on a published file; axes and order of the B-scans are "
        "assumed.",
    ),
    DeviceFormat(
        name="NIfTI",
        claims=is_nifti,
        parser="kdoct_desktop.io.devices.nifti:parse",
        tested="written files only, also by nibabel",
        reads="volumes of 8 and 16 bit, or with a stated display range, plain or packed; scale",
        lacks="eye, time, pattern, localizer (the format has none); directions; two-file NIfTI",
        doubt="NIfTI has no rule for OCT; axes and order of the B-scans are assumed.",
    ),
)
"""Every device format; the first claim wins."""
