"""Writing a model package; the export of the training side and the tests use it."""

import hashlib
import io
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.inference import archive
from kdoct_desktop.inference.input_spec import InputSpec, preprocessing_hash
from kdoct_desktop.inference.manifest import FORMAT, dump_json
from kdoct_desktop.inference.package import Golden, parse_package
from kdoct_desktop.inference.signing import key_id, public_bytes

_TIME = (1980, 1, 1, 0, 0, 0)


def write_package(
    path: Path,
    *,
    onnx_bytes: bytes,
    manifest: dict[str, Any],
    golden: Golden,
    bias: NDArray[np.float32],
    ood_means: NDArray[np.float32],
    card: str,
    private_key: Ed25519PrivateKey,
) -> None:
    """Write and sign a package; the same arguments give the same bytes.

    Every check of a reader is made first: an exporter cannot make what the desktop refuses.

    Args:
        path: Target; replaced at once.
        onnx_bytes: The network, in one file.
        manifest: All but ``format``, ``preprocessing``, ``files``, ``key_id``, filled in here.
        golden: Inputs and outputs for the golden check.
        bias: One value a class.
        ood_means: Mean embedding of each class, axes (class, feature).
        card: The model card, Markdown.
        private_key: Signs the manifest.

    Raises:
        ModelError: The package would be refused; the code says why.
    """
    tables = {field.name: getattr(golden, field.name) for field in fields(golden)}
    members = {
        archive.MODEL: onnx_bytes,
        archive.GOLDEN: _tables(tables),
        archive.STATISTICS: _tables({"bias": bias, "ood_means": ood_means}),
        archive.CARD: card.encode(),
    }
    data = archive.pack(_signed(members, manifest, private_key))
    parse_package(data, trusted_keys=[public_bytes(private_key)])
    write_whole(path, data)


def _signed(
    members: dict[str, bytes], manifest: dict[str, Any], private_key: Ed25519PrivateKey
) -> dict[str, bytes]:
    """The members with a complete manifest and its signature."""
    values = {
        **manifest,
        "format": FORMAT,
        "preprocessing": preprocessing_hash(InputSpec.from_json(manifest["input"])),
        "key_id": key_id(public_bytes(private_key)),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    text = dump_json(values)
    return {**members, archive.MANIFEST: text, archive.SIGNATURE: private_key.sign(text)}


def _tables(tables: dict[str, NDArray[np.float32]]) -> bytes:
    """An npz file whose bytes depend on nothing but the values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name, table in tables.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            part = io.BytesIO()
            np.lib.format.write_array(
                part, np.ascontiguousarray(table, dtype=np.float32), allow_pickle=False
            )
            packed.writestr(entry, part.getvalue())
    return buffer.getvalue()
