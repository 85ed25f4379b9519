"""One training picture from one number: same number, same bits."""

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
from training.phantom import PhantomSpec, generate
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
        picture, _ = without_wedges(read_grey(row.path))
        try:
            surfaces = find_surfaces(picture)
        except NoRetinaError:
            continue
        ready.append(Normal(picture, surfaces, 7500.0 if row.dataset == "octdl" else 6000.0))
    real = [(read_grey(row.path), CLASSES.index(row.label)) for row in labelled]
    return Pool(tuple(ready), tuple(real))


def make_sample(
    pool: Pool, config: DataConfig, spec: InputSpec, *, seed: tuple[int, ...]
) -> Sample:
    """The picture that belongs to `seed`."""
    rng = np.random.default_rng(seed)
    kinds = ["painted", "phantom", "real"]
    kind = str(rng.choice(kinds, p=[config.painted, config.phantom, config.real]))
    label = int(rng.choice(4, p=config.balance))
    if kind == "real":
        picture, mask, label = _real(pool, label, rng)
    elif kind == "phantom":
        picture, mask, label = phantom_bscan(CLASSES[label], rng)
    else:
        picture, mask = _painted(pool, CLASSES[label], rng)
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


def _painted(pool: Pool, label: str, rng: Random) -> tuple[Grey, Mask]:
    """A real normal B-scan in a random geometry, painted and dressed."""
    normal = pool.normals[int(rng.integers(len(pool.normals)))]
    geometry = random_geometry(normal.surfaces, normal.picture.shape[1], rng)
    field = normal.field_um * float(rng.uniform(0.8, 1.15))
    ground = make_ground(normal.picture, normal.surfaces, geometry, rng, field_um=field)
    painting = paint(ground, label, rng)
    look = random_look(rng)
    dressed = dress(painting.picture, ground, look, rng)
    return finish(dressed, painting.masks, look, rng)


def phantom_bscan(label: str, rng: Random) -> tuple[Grey, Mask, int]:
    """One B-scan of a new phantom eye; the label is that of the B-scan, from its masks."""
    phantom = generate(
        PhantomSpec(
            seed=int(rng.integers(2**31)),
            condition=label,
            laterality=str(rng.choice(["OD", "OS"])),
            bscans=1,
            depth=int(rng.choice([420, 496])),
            ascans=512,
            style=str(rng.choice(sorted(STYLES))),
            severity=float(rng.uniform(0.3, 1.0)),
            pattern="line",
            axial_mm=float(rng.uniform(0.0034, 0.0050)),
            localizer_size=0,
        )
    )
    mask = np.zeros(phantom.voxels.shape[1:], dtype=bool)
    for one in phantom.masks.values():
        mask |= one[0]
    picture = phantom.voxels[0]
    look = random_look(rng)
    if rng.random() < 0.5:
        picture = _dressed(picture, look, rng)
    look = replace(look, jpeg=max(look.jpeg, 75))
    grey, mask = finish(picture.astype(np.float32), {"all": mask}, look, rng)
    return grey, mask, CLASSES.index(phantom.labels[0])


def _real(pool: Pool, label: int, rng: Random) -> tuple[Grey, Mask, int]:
    """A real labelled B-scan, moved and dressed; no mask is known."""
    fitting = [one for one in pool.labelled if one[1] == label]
    picture, label = fitting[int(rng.integers(len(fitting)))]
    picture, _ = without_wedges(picture)
    moved = _moved(picture, rng)
    look = random_look(rng)
    dressed = _dressed(moved, look, rng) if rng.random() < 0.8 else moved
    grey, _ = finish(dressed.astype(np.float32), {}, look, rng)
    return grey, np.zeros(grey.shape, dtype=bool), label


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
