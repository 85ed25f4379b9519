"""Do the exported network and the desktop give what training gave?"""

import numpy as np

import kdoct_desktop.inference.predict as desktop
import training.factory.evaluate
from kdoct_desktop.inference.preprocess import preprocess, unit_picture
from kdoct_desktop.inference.session import InferenceSession
from tests.benchmarks.measures import Measure, at_least, at_most
from tests.benchmarks.subject import CLASSES, Subject, Voxels, random_network, tensors
from training.factory.loop import to_input
from training.measure.calibrate import Calibration
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


def one_preprocessing(subject: Subject) -> list[Measure]:
    """From picture to answer as training evaluates and as the desktop predicts."""
    package = subject.package
    voxels = _voxels(5)
    ours = desktop.predict_volume(voxels, package, InferenceSession(package, "cpu"))
    calibration = Calibration(
        package.temperature, package.ood_means, package.ood_threshold, eye_rule={}
    )
    theirs = training.factory.evaluate.answer(
        list(voxels), onnx_runner(package.onnx_bytes), package.input_spec, calibration
    )
    same = vars(desktop)["preprocess"] is vars(training.factory.evaluate)["preprocess"]
    boxes = bool((np.array(theirs.boxes) == ours.frames).all())
    difference = float(np.abs(theirs.probabilities - ours.probabilities).max())
    return [
        at_least(
            "preprocessing of desktop and evaluation bit-equal",
            float(same and boxes),
            unit="share",
            limit=1.0,
        ),
        at_most("evaluation - desktop, probability", difference, unit="largest", limit=1e-5),
        at_most(
            "training pictures - desktop, grey levels",
            _rounding(voxels, subject),
            unit="largest",
            limit=0.5001,
            note="training keeps its inputs as bytes, so they are rounded",
        ),
    ]


def _rounding(voxels: Voxels, subject: Subject) -> float:
    """Largest difference in grey levels between a training picture and the desktop's input."""
    spec = subject.package.input_spec
    std = np.array(spec.std, dtype=np.float32).reshape(3, 1, 1) * 255.0
    units = np.stack([unit_picture(bscan, spec)[0] for bscan in voxels])
    kept = to_input(np.round(units * 255.0).astype(np.uint8)).numpy()
    ready = np.stack([preprocess(bscan, spec)[0] for bscan in voxels])
    return float((np.abs(kept - ready) * std).max())


def _voxels(seed: int) -> Voxels:
    """A phantom volume of 25 B-scans; condition and device style follow from the seed."""
    condition = CLASSES[seed % len(CLASSES)]
    style = sorted(STYLES)[seed % len(STYLES)]
    return generate(
        PhantomSpec(seed=seed, condition=condition, style=style, localizer_size=0)
    ).voxels
