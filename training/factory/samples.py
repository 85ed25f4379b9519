"""One training picture from one number: same number, same bits."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from kdoct_desktop.inference.preprocess import without_wedges
from training.arrays import Grey, Mask, Random
from training.painted.canvas import Ground, make_ground, random_geometry
from training.painted.painting import paint
from training.painted.styles import Look, dress, finish, random_look
from training.painted.surfaces import Surfaces, find_surfaces
from training.phantom import Phantom, PhantomSpec
from training.phantoms.styles import STYLES


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A real normal B-scan ready to be painted on."""

    picture: Grey
    surfaces: Surfaces
    field_um: float


def ready_to_paint(picture: Grey, dataset: str) -> Normal:
    """A normal B-scan with its surfaces.

    Raises:
        NoRetinaError: They cannot be found.
    """
    picture, _ = without_wedges(picture)
    return Normal(picture, find_surfaces(picture), 7500.0 if dataset == "octdl" else 6000.0)


def paint_on(normal: Normal, label: str, rng: Random) -> tuple[Grey, Mask]:
    """A real normal B-scan in a random geometry, painted and dressed, and where the lesions are."""
    geometry = random_geometry(normal.surfaces, normal.picture.shape[1], rng)
    field = normal.field_um * float(rng.uniform(0.8, 1.15))
    ground = make_ground(normal.picture, normal.surfaces, geometry, rng, field_um=field)
    painting = paint(ground, label, rng)
    look = random_look(rng)
    dressed = dress(painting.picture, ground, look, rng)
    return finish(dressed, painting.masks, look, rng)


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
