"""Makes the seeds: a few small files of every format that is read."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.fuzz.seeds import Seed
from tests.io.devices import (
    write_e2e,
    write_heyex_xml,
    write_metaimage,
    write_nifti,
    write_topcon,
    write_vol,
    write_zeiss_img,
)
from tests.io.devices.write_bioptigen import Bioptigen
from tests.io.devices.write_optovue import Optovue
from tests.io.dicom_files import opt, ramp, raster_lines, save
from tests.sample_scans import retina

_SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpegls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
}
Maker = Callable[[Path], Iterator[Seed]]


def make_seeds() -> list[Seed]:
    """Every seed of every format."""
    made: list[Seed] = []
    for maker in MAKERS:
        with tempfile.TemporaryDirectory() as folder:
            made += maker(Path(folder))
    return made


def _dicom(folder: Path) -> Iterator[Seed]:
    for name, syntax in _SYNTAXES.items():
        data = opt(ramp(3), lines=raster_lines(3), SOPInstanceUID="1.2.3.9999", StudyInstanceUID="")
        raw = save(data, folder / name, syntax).read_bytes()
        yield Seed(f"dicom~{name}", "", "dicom", ".dcm", raw)


def _pictures(_: Path) -> Iterator[Seed]:
    for kind, suffix in (("PNG", ".png"), ("TIFF", ".tif"), ("JPEG", ".jpg"), ("BMP", ".bmp")):
        out = BytesIO()
        Image.fromarray(ramp(1)[0]).save(out, kind)
        yield Seed(f"picture~{kind.lower()}", "", "image", suffix, out.getvalue())


def device(name: str, kind: str, path: Path, beside: Mapping[str, bytes] | None = None) -> Seed:
    """A seed of a device format from a file."""
    return Seed(name, kind, "device", path.suffix, path.read_bytes(), beside or {})


def _heidelberg_vol(folder: Path) -> Iterator[Seed]:
    kind = "Heidelberg .vol"
    rows = {0: np.full(48, 9.0, np.float32), 1: np.full(48, 30.0, np.float32)}
    plain = write_vol.write_vol(folder / "a.vol", layers=[rows] * 5)
    yield device("vol~raster", kind, plain)
    circle = write_vol.write_vol(folder / "b.vol", header={96: ("i", 2), 84: ("4s", b"OS")})
    yield device("vol~circle", kind, circle)


def _heidelberg_e2e(folder: Path) -> Iterator[Seed]:
    grey = retina(4, 40, 48)
    lines = write_e2e.raster(4)
    right = write_e2e.Scan(grey, lines, eye="R")
    left = write_e2e.Scan(grey[:2], write_e2e.star(2), eye="L", series=9, missing=frozenset({1}))
    path = write_e2e.write_e2e(folder / "a.e2e", right, left)
    yield device("e2e~both", "Heidelberg .e2e", path)


def _topcon(folder: Path) -> Iterator[Seed]:
    grey = retina(3, 60, 64)
    fda = write_topcon.save(folder / "a.fda", write_topcon.fda(grey))
    yield device("fda~cube", "Topcon .fda", fda)
    stored = grey.astype(np.uint16) * 200
    fds = write_topcon.save(folder / "a.fds", write_topcon.fds(stored), kind=b"FDS")
    yield device("fds~cube", "Topcon .fds", fds)


def _heidelberg_xml(folder: Path) -> Iterator[Seed]:
    path = write_heyex_xml.write_export(folder / "a.xml")
    beside = {one.name: one.read_bytes() for one in folder.iterdir() if one != path}
    yield device("xml~volume", "Heidelberg XML", path, beside)


def _zeiss(folder: Path) -> Iterator[Seed]:
    name = write_zeiss_img.zeiss_name("HD 5 Line Raster", kind="lineEnhanced")
    path = folder / name
    path.write_bytes(np.tile(retina(5, 256, 256), (1, 4, 4)).tobytes())
    yield replace(device("img~lines", "Zeiss .img", path), suffix=f"_{name}")


def _bioptigen(folder: Path) -> Iterator[Seed]:
    path = Bioptigen(retina(3, 40, 48).astype(np.uint16) * 257).write(folder / "a_OD_.OCT")
    yield device("bioptigen~rectangle", "Bioptigen .OCT", path)


def _optovue(folder: Path) -> Iterator[Seed]:
    steps = [700.0 + 6.0 * retina(3, 40, 48).astype(np.float32) for _ in range(2)]
    path = Optovue(steps).write(folder, "a")
    text = path.with_suffix(".txt").read_bytes()
    yield device("optovue~steps", "Optovue .OCT", path, {"{stem}.txt": text})


def _metaimage(folder: Path) -> Iterator[Seed]:
    grey = retina(3, 40, 48)
    kind = "MetaImage (RETOUCH)"
    path = write_metaimage.write_metaimage(folder / "w.mhd", grey)
    yield device("mhd~raw", kind, path, {"w.raw": (folder / "w.raw").read_bytes()})
    packed = write_metaimage.write_metaimage(folder / "p.mha", grey, local=True, packed=True)
    yield device("mhd~packed", kind, packed)


def _nifti(folder: Path) -> Iterator[Seed]:
    stored = write_nifti.grey16(retina(3, 40, 48))
    for name, version in (("a.nii", 1), ("b.nii", 2), ("c.nii.gz", 1)):
        path = write_nifti.Nifti(stored, version=version).write(folder / name)
        seed = device(f"nifti~{name[0]}", "NIfTI", path)
        yield replace(seed, suffix=name[1:])


MAKERS: tuple[Maker, ...] = (
    _dicom, _pictures, _heidelberg_vol, _heidelberg_e2e, _heidelberg_xml, _topcon, _zeiss,
    _bioptigen, _optovue, _metaimage, _nifti,
)  # fmt: skip
