"""Ground truth: which voxel belongs to which lesion, and what that makes of a B-scan."""

import numpy as np
from numpy.typing import NDArray

from training.phantoms.canvas import Slice
from training.phantoms.fields import Floats
from training.phantoms.lesions import KINDS, BlobCut

Mask = NDArray[np.bool_]

LEAST_MM = {
    "drusen": 0.012,
    "ped": 0.012,
    "subretinal_fluid": 0.008,
    "hyperreflective_material": 0.01,
}
"""Elevations lower than this are no lesion."""

LEAST_AREA_MM2 = {
    "drusen": 0.0012,
    "ped": 0.004,
    "subretinal_fluid": 0.003,
    "intraretinal_fluid": 0.0015,
    "hyperreflective_material": 0.004,
    "exudates": 0.0012,
}
"""A lesion smaller than this in a B-scan does not make its label."""


def between(upper: Floats, lower: Floats, *, depth: int, chosen: Mask) -> Mask:
    """Pixels with their centre between two surfaces in the `chosen` columns, (depth, ascan)."""
    rows = np.arange(depth, dtype=np.float32)[:, None]
    return np.asarray((rows >= upper) & (rows < lower) & chosen)


def bscan_masks(s: Slice, exudates: list[BlobCut]) -> dict[str, Mask]:
    """Masks of one B-scan by kind, only the kinds that occur, axes (depth, ascan)."""
    surfaces, lesion, depth = s.surfaces, s.lesion, s.depth
    found: dict[str, Mask] = {}
    druse = lesion["druse"] > np.maximum(LEAST_MM["drusen"], lesion["ped"])
    ped = lesion["ped"] > np.maximum(LEAST_MM["ped"], lesion["druse"])
    for kind, chosen in (("drusen", druse), ("ped", ped)):
        if chosen.any():
            found[kind] = between(
                surfaces["RPE_BOTTOM"], surfaces["BM"], depth=depth, chosen=chosen
            )
    deposit = lesion["deposit"] > LEAST_MM["drusen"]
    if deposit.any():
        mask = between(s.crust, surfaces["RPE"], depth=depth, chosen=deposit)
        found["drusen"] = found.get("drusen", np.zeros_like(mask)) | mask
    material = (lesion["shrm"] > LEAST_MM["hyperreflective_material"]) & ~deposit
    if material.any():
        found["hyperreflective_material"] = between(
            s.crust, surfaces["RPE"], depth=depth, chosen=material
        )
    fluid = lesion["srf"] > LEAST_MM["subretinal_fluid"]
    if fluid.any():
        found["subretinal_fluid"] = between(surfaces["OS"], s.crust, depth=depth, chosen=fluid)
    for kind, blobs in (("exudates", exudates), ("intraretinal_fluid", s.cysts)):
        if blobs:
            mask = _blob_mask(blobs, depth, ascans=s.ascans)
            found[kind] = mask & ~found.get("exudates", np.zeros_like(mask))
    return {kind: mask for kind, mask in found.items() if mask.any()}


def _blob_mask(blobs: list[BlobCut], depth: int, *, ascans: int) -> Mask:
    mask = np.zeros((depth, ascans), bool)
    for item in blobs:
        low, high = max(0, int(item.top.min())), min(depth, int(item.bottom.max()) + 2)
        if low >= high:
            continue
        rows = np.arange(low, high, dtype=np.float32)[:, None]
        mask[low:high, item.columns] |= (rows >= item.top) & (rows < item.bottom)
    return mask


def label_of(condition: str, masks: dict[str, Mask], *, pixel_mm2: float) -> str:
    """The class of a B-scan of an eye with `condition`, from what its masks show."""
    large = {
        kind for kind in KINDS
        if kind in masks and int(masks[kind].sum()) * pixel_mm2 >= LEAST_AREA_MM2[kind]
    }  # fmt: skip
    if large - {"drusen"}:
        return condition
    return "DRUSEN" if large else "NORMAL"
