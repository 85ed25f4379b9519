"""From a checkpoint to a signed ``.kdmodel``: graph, parity, golden sample, statistics, card."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from numpy.typing import NDArray

from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.inference.package import Golden
from kdoct_desktop.inference.package_write import write_package
from kdoct_desktop.inference.preprocess import InputSpec
from kdoct_desktop.inference.probability import completeness_errors, softmax
from kdoct_desktop.inference.signing import public_bytes, public_pem
from training.errors import TrainingError
from training.measure.calibrate import Calibration, Runner
from training.networks.models import Network, run_network

Array = NDArray[np.float32]
Answers = tuple[Array, Array, Array]
"""Logits, maps and embeddings."""

PARITY_LIMIT = 1e-5
OPSET = 20


class ParityError(TrainingError):
    """The exported graph does not answer as the network does."""

    def __init__(self, parity: "Parity") -> None:
        classes = "the same" if parity.same_class else "different"
        super().__init__(
            "parity",
            f"The exported graph and the network differ by {parity.difference:.1e} in probability "
            f"on {parity.pictures} pictures ({classes} classes); nothing was written.",
        )


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the graph is from the network.

    Attributes:
        pictures: Number of pictures compared.
        difference: Largest difference in probability.
        same_class: True when the most probable class is the same everywhere.
        completeness: Largest ``|mean(cam) + bias - logit|``.
    """

    pictures: int
    difference: float
    same_class: bool
    completeness: float


def to_onnx(network: Network, spec: InputSpec) -> bytes:
    """One ONNX file with the weights inside, any batch size, three outputs; on the processor."""
    network = network.eval().cpu().to(memory_format=torch.contiguous_format)
    sample = torch.zeros(2, 3, spec.height, spec.width)
    buffer = BytesIO()
    program = torch.onnx.export(
        network,
        (sample,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["logits", "cam", "embedding"],
        dynamic_shapes={"picture": {0: torch.export.Dim("n", min=1, max=4096)}},
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the exporter gave no program")
    program.optimize()
    for value in (*program.model.graph.inputs, *program.model.graph.outputs):
        value.metadata_props.clear()
    import onnx

    model = program.model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    model.ClearField("metadata_props")
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    buffer.write(model.SerializeToString())
    return buffer.getvalue()


def onnx_runner(graph: bytes) -> Runner:
    """The graph on onnxruntime, CPU."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def run(inputs: Array) -> tuple[Array, Array, Array]:
        logits, cam, embedding = session.run(["logits", "cam", "embedding"], {"input": inputs})
        return logits, cam, embedding

    return run


def graph_answers(run: Runner, inputs: Array) -> Answers:
    """Logits, maps and embeddings of a graph, a few pictures at a time."""
    parts = [run(inputs[at : at + 16]) for at in range(0, len(inputs), 16)]
    logits, cams, embeddings = (np.concatenate(one) for one in zip(*parts, strict=True))
    return logits, cams, embeddings


def check_parity(network: Network, run: Runner, inputs: Array) -> Parity:
    """Compare graph and network picture by picture.

    Raises:
        ParityError: They differ by more than `PARITY_LIMIT`, or a class changes.
    """
    return parity_of(network, graph_answers(run, inputs), inputs)


def parity_of(network: Network, answers: Answers, inputs: Array) -> Parity:
    """As `check_parity`, where the graph has answered already."""
    ours = run_network(network, torch.from_numpy(inputs))
    logits, cams, _ = answers
    bias = network.head.bias.detach().numpy()
    difference = float(np.abs(softmax(ours[0], 1.0) - softmax(logits, 1.0)).max())
    same = bool((ours[0].argmax(axis=1) == logits.argmax(axis=1)).all())
    complete = float(completeness_errors(logits, cams, bias).max())
    parity = Parity(len(inputs), difference, same, complete)
    if not difference <= PARITY_LIMIT or not same:
        raise ParityError(parity)
    return parity


def golden_sample(run: Runner, inputs: Array) -> Golden:
    """Inputs and what the graph answers, for the desktop's check."""
    logits, cams, embeddings = run(inputs)
    return Golden(inputs, logits, cams, embeddings)


def load_key(path: Path) -> Ed25519PrivateKey:
    """The signing key; made on first use, readable by its owner only.

    Several jobs may ask at once: the one that links its file first makes the key, all use it. On
    Windows a file has no such bits: there the key is as private as its folder, and the default
    place, the user's own profile, is closed to other users.

    Raises:
        TrainingError: ``bad-key``: the file holds something else, or others may read it.
    """
    if not path.exists():
        _make_key(path)
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise TrainingError(
            "bad-key",
            f"The signing key {path.name} can be read by other users of this machine; if it may "
            "have been copied, make a new one, else close it with: chmod 600.",
        )
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrainingError("bad-key", f"The signing key {path.name} cannot be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TrainingError("bad-key", f"The signing key {path.name} is not an Ed25519 key.")
    return key


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it there, unless another job was first."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its owner's alone
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a disk without links
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_public_key(key: Ed25519PrivateKey, path: Path) -> None:
    """Write the public half where the desktop looks for trusted keys."""
    write_whole(path, public_pem(public_bytes(key)))


def source_commit() -> str:
    """Commit of the code that runs, marked where files differ; ``unknown`` without a repository."""
    here = Path(__file__).parent
    commit = _git(here, "rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    return commit + (" with changes" if _git(here, "status", "--porcelain", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails or is not there."""
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write_model(
    path: Path,
    *,
    graph: bytes,
    manifest: dict[str, Any],
    golden: Golden,
    network: Network,
    calibration: Calibration,
    card: str,
    key: Ed25519PrivateKey,
) -> None:
    """Write the signed package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_package(
        path,
        onnx_bytes=graph,
        manifest=manifest,
        golden=golden,
        bias=network.head.bias.detach().numpy().astype(np.float32),
        ood_means=calibration.means,
        card=card,
        private_key=key,
    )
