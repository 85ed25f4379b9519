"""What is measured: the model in use, and scans without a person behind them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.inference.input_spec import InputSpec
from kdoct_desktop.inference.package import Golden, ModelPackage, read_package
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.preprocess import preprocess
from kdoct_desktop.inference.signing import public_bytes
from tests.io.dicom_files import opt, save
from tests.tiny_model import tiny_manifest
from training.networks.models import Network
from training.phantom import PhantomSpec, generate
from training.ship.export import onnx_runner, to_onnx

Voxels = NDArray[np.uint8]
CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")
_UNTRAINED_INPUT = InputSpec(192, 256)
_SPACING = (0.0039, 0.0117)


@dataclass(frozen=True, slots=True)
class Subject:
    """A model package to measure.

    Attributes:
        path: The file.
        trusted_keys: Raw public keys that may have signed it.
        package: The same, read.
        trained: False for a network with random weights: its speed counts, its answers do not.
    """

    path: Path
    trusted_keys: tuple[bytes, ...]
    package: ModelPackage
    trained: bool


def choose_subject(folder: Path) -> Subject:
    """The model in use; where there is none, an untrained network of the same form.

    Args:
        folder: Where an untrained package may be written.
    """
    registry = ModelRegistry()
    try:
        path, keys, trained = registry.active().path, registry.trusted_keys(), True
    except ModelError:
        path, trained = folder / "untrained.kdmodel", False
        keys = (_write_untrained(path),)
    return Subject(path, keys, read_package(path, trusted_keys=keys), trained)


def phantom_voxels(bscans: int = 49) -> Voxels:
    """A phantom of an eye, axes (bscan, depth, ascan); more than 49 B-scans repeat."""
    spec = PhantomSpec(seed=213, condition="CNV", bscans=min(bscans, 49), localizer_size=0)
    voxels = generate(spec).voxels
    return np.ascontiguousarray(np.resize(voxels, (bscans, *voxels.shape[1:])))


def write_volume(voxels: Voxels, path: Path, *, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a volume as one multi-frame ophthalmic tomography object."""
    lines = [[10.0 + 0.1 * index, 1.0, 10.0 + 0.1 * index, 96.0] for index in range(len(voxels))]
    return save(opt(voxels, lines=lines, spacing=_SPACING), path, syntax)


def tensors(voxels: Voxels, spec: InputSpec) -> NDArray[np.float32]:
    """Every B-scan ready for the network, axes (n, channel, row, column)."""
    return np.stack([preprocess(bscan, spec)[0] for bscan in voxels])


def random_network(seed: int = 0) -> Network:
    """An untrained network whose answers differ from picture to picture."""
    torch.manual_seed(seed)
    network = Network(len(CLASSES))
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(4, 3, 96, 128))
    network.eval()
    with torch.no_grad():
        torch.nn.init.normal_(network.head.weight, std=0.5)
    return network


def _write_untrained(path: Path) -> bytes:
    """Package an untrained network; returns the public key to trust."""
    spec = _UNTRAINED_INPUT
    network = random_network()
    graph = to_onnx(network, spec)
    voxels = phantom_voxels(len(CLASSES))
    inputs = tensors(voxels, spec)
    logits, cams, embeddings = onnx_runner(graph)(inputs)
    key = Ed25519PrivateKey.generate()
    changes: dict[str, Any] = {"name": "untrained"}
    write_package(
        path,
        onnx_bytes=graph,
        manifest={**tiny_manifest(CLASSES, spec), **changes},
        golden=Golden(inputs, logits, cams, embeddings),
        bias=network.head.bias.detach().numpy(),
        ood_means=embeddings,
        card="# Untrained\n",
        private_key=key,
    )
    return public_bytes(key)
