"""Do the exported network and the desktop give what the pipeline gives?"""

import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kdoct_desktop.inference.package import ModelPackage, Outputs
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.preprocess import InputSpec, unit_picture
from kdoct_desktop.inference.probability import softmax
from kdoct_desktop.inference.session import InferenceSession
from tests.benchmarks.measures import Measure, at_least, at_most
from tests.benchmarks.subject import CLASSES, Subject, Voxels, random_network, tensors
from training.config import Config, InputConfig, make_config
from training.data.augment import enlarged_size
from training.data.cache import Cache, open_cache
from training.data.manifest import Row
from training.data.read_picture import picture_sha256
from training.measure.predicting import ask
from training.phantom import PhantomSpec, generate
from training.phantoms.styles import STYLES
from training.ship.export import check_parity, onnx_runner, to_onnx


def parity(subject: Subject, *, pictures: int) -> list[Measure]:
    """A network with spread-out answers in torch and in onnxruntime, on phantoms of all kinds."""
    spec = subject.package.input_spec
    network = random_network(seed=1)
    inputs = np.concatenate([tensors(_voxels(seed), spec) for seed in range((pictures + 24) // 25)])
    result = check_parity(network, onnx_runner(to_onnx(network, spec)), inputs)
    note = f"{result.pictures} B-scans, random weights; a model's own figure is on its card"
    name = "torch - onnxruntime, probability"
    return [
        at_most(name, result.difference, unit="largest", limit=1e-5, note=note),
        at_least("same most probable class", float(result.same_class), unit="share", limit=1.0),
        at_most("evidence adds up to the logit", result.completeness, unit="largest", limit=1e-3),
    ]


class _Desktop(InferenceSession):
    """The desktop's session, which keeps a hash of every input that it is given."""

    def __init__(self, package: ModelPackage) -> None:
        self.seen: list[str] = []
        super().__init__(package, "cpu")

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """As the session does."""
        self.seen += _hashes(batch)
        return super().run(batch)


class _Pipeline(nn.Module):
    """The same graph where the pipeline asks its network; it keeps the hashes, too."""

    def __init__(self, package: ModelPackage) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._run = onnx_runner(package.onnx_bytes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Logits, maps and embeddings, as a student gives them."""
        inputs = pictures.numpy()
        self.seen += _hashes(inputs)
        return tuple(torch.from_numpy(one) for one in self._run(inputs))


def one_preprocessing(subject: Subject, folder: Path) -> list[Measure]:
    """From a picture file to the answer as the pipeline evaluates and as the desktop predicts.

    Both run the graph of the package, so what is left is how a B-scan is read and prepared.

    Args:
        subject: The model.
        folder: Where the B-scans are written as pictures, and the cache of them.
    """
    package, voxels = subject.package, _voxels(5)
    session, network = _Desktop(package), _Pipeline(package)
    config, rows = _config(package), _rows(voxels, folder)
    ours = predict_volume(voxels, package, session)
    logits, _ = ask(network, config, folder, rows)
    theirs = softmax(logits.mean(axis=1), package.temperature)
    size = enlarged_size((config.input.height, config.input.width), config.student.augment)
    cache = open_cache(folder / "cache", folder, rows, config.input.spec, enlarged=size)
    same = [
        one in session.seen and cache.box(at) == tuple(ours.frames[at].tolist())
        for at, one in enumerate(network.seen)
    ]
    difference = float(np.abs(theirs - ours.probabilities).max())
    return [
        at_least(
            "preprocessing of desktop and evaluation bit-equal",
            float(np.mean(same)),
            unit="share",
            limit=1.0,
            note="inputs as the network gets them, and the box that is cut out for training",
        ),
        at_most("evaluation - desktop, probability", difference, unit="largest", limit=1e-5),
        *_rounding(voxels, cache, package.input_spec),
    ]


def _rounding(voxels: Voxels, cache: Cache, spec: InputSpec) -> list[Measure]:
    """Largest differences in grey levels of the pipeline's stored pictures from the desktop's."""
    height, width = cache.enlarged_size
    larger = dataclasses.replace(spec, height=height, width=width)
    views, plain = 0.0, 0.0
    for at, bscan in enumerate(voxels):
        large, exact = unit_picture(bscan, larger)[0], unit_picture(bscan, spec)[0]
        views = max(views, float(np.abs(cache.enlarged(at) - large * 255.0).max()))
        plain = max(plain, float(np.abs(cache.exact(at) - exact).max()) * 255.0)
    return [
        at_most(
            "training pictures - desktop, grey levels",
            views,
            unit="largest",
            limit=0.5001,
            note=f"{height} x {width}, from which views are cut; kept as bytes, so rounded",
        ),
        at_most(
            "validation pictures - desktop, grey levels",
            plain,
            unit="largest",
            limit=0.002,
            note="what the networks see without a random view; kept in 16 bits",
        ),
    ]


def _config(package: ModelPackage) -> Config:
    """A configuration with the classes and the input of a package."""
    names = [one.name for one in dataclasses.fields(InputConfig)]
    shown = {name: getattr(package.input_spec, name) for name in names}
    return make_config({"classes": {"codes": list(package.identity.classes)}, "input": shown})


def _rows(voxels: Voxels, folder: Path) -> list[Row]:
    """The B-scans of a volume as PNG files, as a manifest lists them."""
    rows = []
    for index, bscan in enumerate(voxels):
        name = f"same-{index:03d}.png"
        cv2.imwrite(str(folder / name), bscan)
        rows.append(Row(name, 0, picture_sha256(bscan), "0" * 64, "phantoms", "phantoms:5"))
    return rows


def _hashes(inputs: NDArray[np.float32]) -> list[str]:
    """One for the bits of each input of a batch."""
    return [hashlib.sha256(one.tobytes()).hexdigest() for one in inputs]


def _voxels(seed: int) -> Voxels:
    """A phantom volume of 25 B-scans; condition and device style follow from the seed."""
    condition = CLASSES[seed % len(CLASSES)]
    style = sorted(STYLES)[seed % len(STYLES)]
    return generate(
        PhantomSpec(seed=seed, condition=condition, style=style, localizer_size=0)
    ).voxels
