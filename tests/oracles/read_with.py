"""Read a device file with somebody else's reader; runs in the environment of the oracles.

    python tests/oracles/read_with.py READER FILE OUT.npz [ROUNDS]

``READER`` is ``eyepy-vol``, ``eyepy-e2e``, ``eyepy-xml`` or a class of oct-converter such as
``FDA``. Writes each volume as ``v0``, ``v1`` …, axes (bscan, depth, ascan), and prints one line of
JSON: the eyes, and the seconds of each round without the import. Values are those before any
transform of theirs, where they keep them.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Read = tuple[list[Any], list[Any], list[Any]]
"""Volumes, eyes, layers (name to heights) of each volume."""


def _eyepy(kind: str) -> Callable[[Path], Read]:
    import eyepy

    def read(path: Path) -> Read:
        if kind == "vol":
            opened = [eyepy.import_heyex_vol(path)]
        elif kind == "xml":
            opened = [eyepy.import_heyex_xml(path)]
        else:
            found = eyepy.import_heyex_e2e(path)
            opened = found if isinstance(found, list) else [found]
        layers = [{name: layer.data for name, layer in one.layers.items()} for one in opened]
        voxels = [np.asarray(one.data if kind == "xml" else one.raw_data) for one in opened]
        return voxels, [str(one.laterality) for one in opened], layers

    return read


def _oct_converter(name: str) -> Callable[[Path], Read]:
    import oct_converter.readers

    reader = getattr(oct_converter.readers, name)

    def read(path: Path) -> Read:
        # the one transform of theirs that can be undone: values to the power of 1/2.4
        options = {"legacy_intensity_transform": True} if name == "E2E" else {}
        found = reader(str(path)).read_oct_volume(**options)
        opened = found if isinstance(found, list) else [found]
        volumes = [np.stack([np.asarray(b) for b in one.volume]) for one in opened]
        return volumes, [one.laterality for one in opened], [one.contours or {} for one in opened]

    return read


def main() -> None:
    """Read as often as asked for, keep the last."""
    name, path, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with contextlib.redirect_stdout(sys.stderr):  # some readers print
        read = _eyepy(name[6:]) if name.startswith("eyepy-") else _oct_converter(name)
        seconds = []
        for _ in range(rounds):
            began = time.perf_counter()
            volumes, eyes, layers = read(path)
            seconds.append(time.perf_counter() - began)
    kept = {f"v{at}": np.asarray(volume) for at, volume in enumerate(volumes)}
    for at, named in enumerate(layers):
        for layer, heights in named.items():
            kept[f"l{at}:{layer}"] = np.asarray(heights, dtype=np.float64)
    np.savez(out, **kept)  # type: ignore[arg-type]
    sys.stdout.write(json.dumps({"eyes": eyes, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
