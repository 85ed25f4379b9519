"""The model package ``.kdmodel``: everything the desktop must know about a model, in one file.

Nothing in it is believed before the signature over its manifest was found good by a trusted key
and every file has the hash that the manifest states; onnxruntime never sees a byte before that.
The order: outer form, signature, format version and content of the manifest, preprocessing,
hashes, graph (:mod:`~kdoct_desktop.inference.onnx_gate`), tables. Everything is checked on the
bytes that were read once, so a file that changes afterwards changes nothing.
"""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.finding import EyeRule
from kdoct_desktop.domain.prediction import COMPLETENESS_LIMIT, ModelIdentity
from kdoct_desktop.inference import archive
from kdoct_desktop.inference.input_spec import InputSpec
from kdoct_desktop.inference.manifest import HASHED, Manifest, load_json, parse_manifest
from kdoct_desktop.inference.onnx_gate import check_graph
from kdoct_desktop.inference.probability import completeness_errors, softmax
from kdoct_desktop.inference.signing import key_id, signer

GOLDEN_LIMIT = 1e-3
"""Largest difference in probability from the exporter's outputs."""

Outputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""logits (n, class), activation maps (n, class, row, column), embeddings (n, feature)."""

LARGEST_TABLES = 1 << 30
"""Most bytes that the arrays of one npz file may have."""


class Network(Protocol):
    """What runs a batch: a session, or the training side's own network."""

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Outputs for a batch (n, 3, row, column)."""


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Inputs and what the exporter got for them.

    Attributes:
        inputs: float32, axes (n, channel, row, column).
        logits: float32, axes (n, class).
        cams: float32, axes (n, class, row, column).
        embeddings: float32, axes (n, feature).
    """

    inputs: NDArray[np.float32]
    logits: NDArray[np.float32]
    cams: NDArray[np.float32]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ModelPackage:
    """A verified package.

    Attributes:
        identity: Name, version, hash, classes, signing key.
        manifest: The manifest as it was read.
        input_spec: What the network wants to see.
        preprocessing: Hash of the preprocessing.
        temperature: Divides the logits before the softmax.
        eye_rule: Parameters of the eye-level rule.
        ood_means: float32, axes (class, feature): mean embedding of each class.
        ood_threshold: Cosine distance above which a B-scan is unlike the training data.
        bias: float32, one value a class: logit minus the mean of the activation map.
        onnx_bytes: The network.
        golden: Inputs and outputs for the golden check.
        card: The model card, Markdown.
    """

    identity: ModelIdentity
    manifest: dict[str, Any]
    input_spec: InputSpec
    preprocessing: str
    temperature: float
    eye_rule: EyeRule
    ood_means: NDArray[np.float32]
    ood_threshold: float
    bias: NDArray[np.float32]
    onnx_bytes: bytes
    golden: Golden
    card: str


def read_package(path: Path, *, trusted_keys: Sequence[bytes]) -> ModelPackage:
    """Read and verify a package.

    Args:
        path: The ``.kdmodel`` file.
        trusted_keys: Raw Ed25519 public keys.

    Raises:
        ModelError: It cannot be trusted or used; the code says why.
    """
    return parse_package(archive.read_bytes(path), trusted_keys=trusted_keys)


def parse_package(data: bytes, *, trusted_keys: Sequence[bytes]) -> ModelPackage:
    """Verify the bytes of a package; see :func:`read_package`."""
    members = archive.unpack(data)
    key = _verify(members[archive.MANIFEST], members[archive.SIGNATURE], trusted_keys)
    manifest = parse_manifest(members[archive.MANIFEST])
    _check_hashes(manifest, members)
    spec, count = manifest.input_spec, len(manifest.classes)
    network = members[archive.MODEL]
    check_graph(network, height=spec.height, width=spec.width, classes=count)
    golden = read_golden(members[archive.GOLDEN])
    bias, means = read_statistics(members[archive.STATISTICS])
    check_tables(golden, bias, means, spec=spec, classes=count)
    return ModelPackage(
        identity=ModelIdentity(
            name=manifest.name,
            version=manifest.version,
            sha256=hashlib.sha256(data).hexdigest(),
            classes=manifest.classes,
            display_names=manifest.display_names,
            demonstration=manifest.demonstration,
            notice=manifest.notice,
            key_id=key_id(key),
        ),
        manifest=manifest.values,
        input_spec=spec,
        preprocessing=str(manifest.values["preprocessing"]),
        temperature=manifest.temperature,
        eye_rule=manifest.eye_rule,
        ood_means=means,
        ood_threshold=manifest.ood_threshold,
        bias=bias,
        onnx_bytes=network,
        golden=golden,
        card=members[archive.CARD].decode("utf-8", errors="replace"),
    )


def golden_check(package: ModelPackage, session: Network) -> float:
    """Run the golden inputs and compare.

    Returns:
        Largest difference in probability.

    Raises:
        ModelError: It is above `GOLDEN_LIMIT` (``golden-mismatch``).
    """
    difference = golden_difference(package, session)
    if not difference <= GOLDEN_LIMIT:
        raise ModelError(
            "golden-mismatch",
            "The model does not give on this computer what it gave where it was made.",
        )
    return difference


def golden_difference(package: ModelPackage, session: Network) -> float:
    """Largest difference in probability from the golden outputs; infinite where it cannot be used.

    Golden inputs on which the model is sure would hide a drift of the logits, so the drift is also
    held against what it could do to an undecided B-scan, where a difference d between two logits
    moves a probability by ``d / (4 T)``. The evidence must add up to the logits as well.
    """
    golden, temperature = package.golden, package.temperature
    logits, cams, _ = session.run(golden.inputs)
    if logits.shape != golden.logits.shape or cams.shape != golden.cams.shape:
        return float("inf")
    if not (np.isfinite(logits).all() and np.isfinite(cams).all()):
        return float("inf")
    if completeness_errors(logits, cams, package.bias).max() >= COMPLETENESS_LIMIT:
        return float("inf")
    drift = np.ptp(logits.astype(np.float64) - golden.logits, axis=1).max() / (4.0 * temperature)
    if drift > GOLDEN_LIMIT:
        return float("inf")
    return float(np.abs(softmax(logits, temperature) - softmax(golden.logits, temperature)).max())


def read_golden(data: bytes) -> Golden:
    """Read ``golden.npz``."""
    table = _read_tables(data, ("inputs", "logits", "cams", "embeddings"))
    return Golden(**table)


def read_statistics(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read ``statistics.npz``: bias (class,) and mean embeddings (class, feature)."""
    table = _read_tables(data, ("bias", "ood_means"))
    return table["bias"], table["ood_means"]


def check_tables(
    golden: Golden,
    bias: NDArray[np.float32],
    means: NDArray[np.float32],
    *,
    spec: InputSpec,
    classes: int,
) -> None:
    """Refuse tables that do not fit the network or each other.

    Raises:
        ModelError: ``wrong-outputs``.
    """
    count = len(golden.inputs)
    fits = (
        count >= 1
        and golden.inputs.shape == (count, 3, spec.height, spec.width)
        and golden.logits.shape == (count, classes)
        and golden.cams.ndim == 4
        and golden.cams.shape[:2] == (count, classes)
        and golden.cams.size > 0
        and golden.embeddings.ndim == 2
        and golden.embeddings.shape[0] == count
        and bias.shape == (classes,)
        and means.shape == (classes, golden.embeddings.shape[1])
        and bool(np.linalg.norm(means, axis=1).min() > 0.0)
    )
    if not fits:
        raise ModelError("wrong-outputs", "The tables in the model package do not fit its network.")
    if completeness_errors(golden.logits, golden.cams, bias).max() >= COMPLETENESS_LIMIT:
        raise ModelError("wrong-outputs", "The model's evidence does not add up to its outputs.")


def _verify(manifest: bytes, signature: bytes, trusted_keys: Sequence[bytes]) -> bytes:
    """The trusted key that signed the manifest."""
    key = signer(manifest, signature, trusted_keys)
    if key is not None:
        return key
    # the unverified manifest is looked at for one thing only: which refusal to show
    try:
        stated = load_json(manifest).get("key_id")
    except ModelError:
        stated = None
    if isinstance(stated, str) and stated not in {key_id(raw) for raw in trusted_keys}:
        raise ModelError(
            "unknown-key", "The model package is signed with a key that is not trusted here."
        )
    raise ModelError("bad-signature", "The signature of the model package does not fit.")


def _check_hashes(manifest: Manifest, members: dict[str, bytes]) -> None:
    """Every file has the hash that the manifest states."""
    for name in HASHED:
        if hashlib.sha256(members[name]).hexdigest() != manifest.files[name]:
            raise ModelError(
                "hash-mismatch", f"The file {name} in the model package was changed or damaged."
            )


def _read_tables(data: bytes, names: tuple[str, ...]) -> dict[str, NDArray[np.float32]]:
    """Arrays of an npz file: exactly these, float32, finite, without pickle."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > LARGEST_TABLES:
                raise archive.too_large()
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if sorted(file.files) != sorted(names):
                raise ValueError("other tables")
            tables = {name: file[name] for name in names}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        raise ModelError("not-a-package", "A table in the model package is damaged.") from error
    for table in tables.values():
        if table.dtype != np.float32 or not np.isfinite(table).all():
            raise ModelError("not-a-package", "A table in the model package is damaged.")
        table.flags.writeable = False
    return tables
