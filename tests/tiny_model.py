"""A tiny but real class-activation network and its signed package, for tests everywhere.

The network looks at the brightness of cells: each class owns one grey level of tissue, so a picture
from :func:`picture` gets the class it was drawn for. It has the form of the real one: features,
a linear layer without bias as activation map, ``logits = mean(map) + bias``, embedding = mean of
the features. A blank picture has no features at all and a white one has a feature of its own, so
both are unlike every class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kdoct_desktop.inference.input_spec import InputSpec
from kdoct_desktop.inference.package import Golden
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.preprocess import preprocess
from kdoct_desktop.inference.signing import public_bytes

CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")
_EXTRA = 4  # random features that make two seeds two models
_GAIN = 40.0
_CELL = 4  # input pixels a cell of the activation map


@dataclass(frozen=True)
class TinyModel:
    """Everything that goes into a package."""

    onnx_bytes: bytes
    golden: Golden
    bias: NDArray[np.float32]
    ood_means: NDArray[np.float32]
    manifest: dict[str, Any]


def tiny_key(seed: int = 0) -> Ed25519PrivateKey:
    """A signing key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def write_tiny_package(
    path: Path,
    *,
    classes: Sequence[str] = CLASSES,
    size: int = 64,
    seed: int = 0,
    key: Ed25519PrivateKey | None = None,
    manifest: dict[str, Any] | None = None,
) -> bytes:
    """Write a signed tiny package.

    Args:
        path: Target, usually ``….kdmodel``.
        classes: Class codes; NORMAL must be among them.
        size: Rows and columns of the input.
        seed: Two seeds are two models.
        key: Signs; a fixed test key where None.
        manifest: Entries that replace those of the tiny manifest.

    Returns:
        The raw public key that must be trusted.
    """
    model = build_tiny(classes=classes, size=size, seed=seed)
    signing_key = tiny_key() if key is None else key
    write_package(
        path,
        onnx_bytes=model.onnx_bytes,
        manifest={**model.manifest, **(manifest or {})},
        golden=model.golden,
        bias=model.bias,
        ood_means=model.ood_means,
        card="# Tiny model\n\nFor tests only.\n",
        private_key=signing_key,
    )
    return public_bytes(signing_key)


def picture(
    code: str,
    *,
    shape: tuple[int, int] = (496, 512),
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
) -> NDArray[np.uint8]:
    """A B-scan of good quality to which the tiny model gives the class `code`."""
    rng = np.random.default_rng(seed)
    rows, columns = shape
    level = _levels(len(classes))[list(classes).index(code)]
    wave = 0.04 * np.sin(np.linspace(0.0, 2.0 * np.pi, columns) + rng.uniform(0.0, 6.0))
    depth = (np.arange(rows)[:, None] + 0.5) / rows - wave[None, :]
    tissue = (depth > 0.32) & (depth < 0.68)
    speckle = rng.gamma(16.0, 1.0 / 16.0, shape)
    return np.clip(np.where(tissue, level, 0.06) * speckle * 255.0, 0, 255).astype(np.uint8)


def volume(codes: Sequence[str], *, shape: tuple[int, int] = (496, 512)) -> NDArray[np.uint8]:
    """Voxels (bscan, depth, ascan) with one picture a code."""
    return np.stack([picture(code, shape=shape, seed=i) for i, code in enumerate(codes)])


def build_tiny(*, classes: Sequence[str] = CLASSES, size: int = 64, seed: int = 0) -> TinyModel:
    """Make the network and the tables that belong to it."""
    spec = tiny_spec(size)
    bias = np.random.default_rng(seed).uniform(-0.3, 0.3, len(classes)).astype(np.float32)
    data = tiny_onnx(classes=classes, size=size, bias=bias, seed=seed).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs = np.stack(
        [
            preprocess(picture(code, seed=100 + i, classes=classes), spec)[0]
            for code in classes
            for i in range(2)
        ]
    )
    logits, cams, embeddings = session.run(["logits", "cam", "embedding"], {"input": inputs})
    means = embeddings.reshape(len(classes), 2, -1).mean(axis=1)
    return TinyModel(
        onnx_bytes=data,
        golden=Golden(inputs, logits, cams, embeddings),
        bias=bias,
        ood_means=means,
        manifest=tiny_manifest(classes, spec),
    )


def tiny_spec(size: int = 64) -> InputSpec:
    """Plain grey values from 0 to 1 of the whole frame."""
    return InputSpec(
        size,
        size,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        fill_graphics=False,
        normalise=False,
        crop_rows=False,
    )


def tiny_manifest(
    classes: Sequence[str] = CLASSES, spec: InputSpec | None = None
) -> dict[str, Any]:
    """A manifest without the entries that :func:`write_package` fills in."""
    diseases = [code for code in classes if code != "NORMAL"]
    return {
        "name": "tiny",
        "version": "1.0.0",
        "created": "2026-01-01T00:00:00Z",
        "demonstration": True,
        "notice": "Test model: not for any decision about a patient.",
        "classes": [{"code": code, "display": code.capitalize()} for code in classes],
        "input": (spec or tiny_spec()).to_json(),
        "calibration": {"temperature": 1.5},
        "eye_rule": {
            "name": "adjacent-mean",
            "version": 1,
            "adjacent": 3,
            "thresholds": dict.fromkeys(diseases, 0.5),
            "scale": {},
            "offset": {},
            "min_bscans": 5,
            "min_extent_mm": 2.0,
            "max_ood_share": 0.5,
            "max_ungradable_share": 0.5,
        },
        "ood": {"measure": "cosine distance to nearest class mean", "threshold": 0.2},
        "training": {"split_sha256": "0" * 64, "source_commit": "", "data": []},
        "metrics": {},
    }


def tiny_onnx(
    *, classes: Sequence[str], size: int, bias: NDArray[np.float32], seed: int
) -> onnx.ModelProto:
    """The network itself: cell brightness, one hat function a class, random features."""
    knots, hats = _hats(len(classes))
    rng = np.random.default_rng(seed)
    features = hats.shape[0] + _EXTRA
    weights = {
        "level_w": np.full((len(knots), 3, 1, 1), 1.0 / 3.0, dtype=np.float32),
        "level_b": (-knots).astype(np.float32),
        "hat_w": hats[:, :, None, None],
        "extra_w": rng.normal(0.0, 0.2, (_EXTRA, 3, 3, 3)).astype(np.float32),
        "extra_b": np.full(_EXTRA, -0.1, dtype=np.float32),
        "head_w": _head(len(classes), features, rng),
        "bias": bias,
    }
    cells = size // _CELL
    graph = helper.make_graph(
        _nodes(),
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, size, size])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(classes)]),
            helper.make_tensor_value_info(
                "cam", TensorProto.FLOAT, ["n", len(classes), cells, cells]
            ),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", features]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )


def _nodes() -> list[onnx.NodeProto]:
    """The operators, in order."""
    return [
        helper.make_node(
            "AveragePool", ["input"], ["cells"], kernel_shape=[_CELL] * 2, strides=[_CELL] * 2
        ),
        helper.make_node("Conv", ["cells", "level_w", "level_b"], ["levels"]),
        helper.make_node("Relu", ["levels"], ["above"]),
        helper.make_node("Conv", ["above", "hat_w"], ["hat_raw"]),
        helper.make_node("Relu", ["hat_raw"], ["hat"]),
        helper.make_node("Conv", ["cells", "extra_w", "extra_b"], ["extra_raw"], pads=[1] * 4),
        helper.make_node("Relu", ["extra_raw"], ["extra"]),
        helper.make_node("Concat", ["hat", "extra"], ["features"], axis=1),
        helper.make_node("Conv", ["features", "head_w"], ["cam"]),
        helper.make_node("ReduceMean", ["cam"], ["pooled"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["pooled", "bias"], ["logits"]),
        helper.make_node("ReduceMean", ["features"], ["embedding"], axes=[2, 3], keepdims=0),
    ]


def _levels(count: int) -> NDArray[np.float64]:
    """Grey level of tissue, from 0 to 1, that means each class."""
    return np.linspace(0.30, 0.75, count)


def _hats(count: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Knots, and the weights that make of ``relu(level - knot)`` one hat a class and a slope.

    A hat is 0 at the neighbouring classes' levels and 1 at its own; the last feature is the slope
    above every class.
    """
    levels = _levels(count)
    step = float(levels[1] - levels[0])
    knots = np.concatenate([[levels[0] - step], levels, [levels[-1] + step]])
    hats = np.zeros((count + 1, count + 2), dtype=np.float32)
    for index in range(count):
        hats[index, index : index + 3] = np.array([1.0, -2.0, 1.0]) / step
    hats[count, count + 1] = 1.0 / step
    return knots, hats


def _head(classes: int, features: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Classifier weights: strong for a class's own hat, weak and random for the rest."""
    weights = rng.normal(0.0, 0.5, (classes, features)).astype(np.float32)
    weights[:, :classes] = _GAIN * np.eye(classes, dtype=np.float32)
    return weights[:, :, None, None]
