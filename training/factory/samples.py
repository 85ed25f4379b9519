"""One training picture from one number: same number, same bits."""

import contextlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from kdoct_desktop.inference.preprocess import InputSpec, unit_picture, without_wedges
from training.arrays import Grey, Mask, Random
from training.factory.config import DataConfig
from training.factory.sources import Row, read_grey
from training.painted.canvas import Ground, make_ground, random_geometry
from training.painted.painting import CLASSES, paint
from training.painted.styles import Look, dress, finish, random_look
from training.painted.surfaces import NoRetinaError, Surfaces, find_surfaces
from training.phantom import Phantom, PhantomSpec, generate
from training.phantoms.styles import STYLES

GRID = 32  # rows and columns of the input behind one cell of the activation map


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A real normal B-scan ready to be painted on."""

    picture: Grey
    surfaces: Surfaces
    field_um: float


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Everything real that training draws from."""

    normals: tuple[Normal, ...]
    labelled: tuple[tuple[Grey, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A training picture.

    Attributes:
        unit: uint8 input before mean and deviation, axes (row, column).
        label: Index into `CLASSES`.
        cells: uint8 share of lesion (0 … 255) behind each cell of the activation map.
        kind: ``painted``, ``phantom`` or ``real``.
    """

    unit: Grey
    label: int
    cells: Grey
    kind: str


def load_pool(normals: list[Row], labelled: list[Row]) -> Pool:
    """Read the real pictures and find their surfaces; those where that fails are left out."""
    ready = []
    for row in normals:
        with contextlib.suppress(NoRetinaError):
            ready.append(ready_to_paint(read_grey(row.path), row.dataset))
    real = [(read_grey(row.path), CLASSES.index(row.label)) for row in labelled]
    return Pool(tuple(ready), tuple(real))


def ready_to_paint(picture: Grey, dataset: str) -> Normal:
    """A normal B-scan with its surfaces.

    Raises:
        NoRetinaError: They cannot be found.
    """
    picture, _ = without_wedges(picture)
    return Normal(picture, find_surfaces(picture), 7500.0 if dataset == "octdl" else 6000.0)


def make_sample(
    pool: Pool, config: DataConfig, spec: InputSpec, *, seed: tuple[int, ...]
) -> Sample:
    """The picture that belongs to `seed`."""
    rng = np.random.default_rng(seed)
    kinds = ["painted", "phantom", "real"]
    kind = str(rng.choice(kinds, p=[config.painted, config.phantom, config.real]))
    label = int(rng.choice(4, p=config.balance))
    if kind == "real":
        fitting = [one for one in pool.labelled if one[1] == label]
        picture, label = fitting[int(rng.integers(len(fitting)))]
        picture = real_view(picture, rng)
        mask = np.zeros(picture.shape, dtype=bool)
    elif kind == "phantom":
        picture, mask, label = phantom_bscan(CLASSES[label], rng)
    else:
        normal = pool.normals[int(rng.integers(len(pool.normals)))]
        picture, mask = paint_on(normal, CLASSES[label], rng)
    return to_sample(picture, mask, label, kind=kind, spec=spec)


def to_sample(picture: Grey, mask: Mask, label: int, *, kind: str, spec: InputSpec) -> Sample:
    """Preprocess a picture and its mask as the desktop does."""
    unit, (top, bottom, left, right) = unit_picture(picture, spec)
    cells = cv2.resize(
        mask[top:bottom, left:right].astype(np.float32),
        (-(-spec.width // GRID), -(-spec.height // GRID)),
        interpolation=cv2.INTER_AREA,
    )
    return Sample(
        unit=np.round(unit * 255.0).astype(np.uint8),
        label=label,
        cells=np.ceil(np.clip(cells, 0.0, 1.0) * 255.0).astype(np.uint8),
        kind=kind,
    )


def paint_on(normal: Normal, label: str, rng: Random) -> tuple[Grey, Mask]:
    """A real normal B-scan in a random geometry, painted and dressed, and where the lesions are."""
    geometry = random_geometry(normal.surfaces, normal.picture.shape[1], rng)
    field = normal.field_um * float(rng.uniform(0.8, 1.15))
    ground = make_ground(normal.picture, normal.surfaces, geometry, rng, field_um=field)
    painting = paint(ground, label, rng)
    look = random_look(rng)
    dressed = dress(painting.picture, ground, look, rng)
    return finish(dressed, painting.masks, look, rng)


def phantom_bscan(label: str, rng: Random) -> tuple[Grey, Mask, int]:
    """One B-scan of a new phantom eye; the label is that of the B-scan, from its masks."""
    phantom = generate(phantom_spec(label, rng, bscans=1, pattern="line"))
    ((grey, mask),) = shown(phantom, rng)
    return grey, mask, CLASSES.index(phantom.labels[0])


def phantom_spec(label: str, rng: Random, *, bscans: int, pattern: str) -> PhantomSpec:
    """A random eye of a condition."""
    return PhantomSpec(
        seed=int(rng.integers(2**31)),
        condition=label,
        laterality=str(rng.choice(["OD", "OS"])),
        bscans=bscans,
        depth=int(rng.choice([420, 496])),
        ascans=512,
        style=str(rng.choice(sorted(STYLES))),
        severity=float(rng.uniform(0.3, 1.0)),
        pattern=pattern,
        axial_mm=float(rng.uniform(0.0034, 0.0050)),
        localizer_size=0,
    )


def shown(phantom: Phantom, rng: Random) -> list[tuple[Grey, Mask]]:
    """The B-scans of a phantom under one look, each with the union of its lesion masks."""
    look = random_look(rng)
    dressed = rng.random() < 0.5
    milder = replace(look, jpeg=max(look.jpeg, 75))
    ready = []
    for index, picture in enumerate(phantom.voxels):
        masks = {kind: mask[index] for kind, mask in phantom.masks.items()}
        one = _dressed(picture, look, rng) if dressed else picture
        ready.append(finish(one.astype(np.float32), masks, milder, rng))
    return ready


def real_view(picture: Grey, rng: Random) -> Grey:
    """A real B-scan moved and dressed; its lesions are not outlined."""
    moved = _moved(without_wedges(picture)[0], rng)
    look = random_look(rng)
    dressed = _dressed(moved, look, rng) if rng.random() < 0.8 else moved
    return finish(dressed.astype(np.float32), {}, look, rng)[0]


def _moved(picture: Grey, rng: Random) -> Grey:
    """Mirror, tilt, bow, stretch and crop a picture; whole columns move."""
    rows, columns = picture.shape
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
    share = float(rng.uniform(0.75, 1.0))
    left = float(rng.uniform(0.0, 1.0 - share)) * columns
    at = (left + np.linspace(0.0, share * columns - 1.0, columns)).astype(np.float32)
    across = np.linspace(-1.0, 1.0, columns, dtype=np.float32)
    shift = rng.normal(0.0, 0.04) * rows * across + rng.normal(0.0, 0.03) * rows * across**2
    down = np.arange(rows, dtype=np.float32)[:, None] - shift[None]
    down = (down - rows / 2) / float(rng.uniform(0.85, 1.2)) + rows / 2
    shape = (rows, columns)
    moved = cv2.remap(picture, np.broadcast_to(at[None], shape).copy(), down.astype(np.float32),
                      cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)  # fmt: skip
    return np.asarray(moved, dtype=np.uint8)


def _dressed(picture: Grey, look: Look, rng: Random) -> Grey:
    """A look for a picture whose surfaces are not known: nothing that depends on depth."""
    rows, columns = picture.shape
    flat = np.full(columns, rows * 4.0, dtype=np.float32)
    ground = Ground(picture.astype(np.float32), flat, flat + rows, 1.0, 1.0, columns // 2)
    milder = replace(look, noise=look.noise * 0.6, speckle=look.speckle * 0.6, fade=0.0)
    return np.round(dress(picture.astype(np.float32), ground, milder, rng)).astype(np.uint8)
