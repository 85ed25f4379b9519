"""The weights of a model package ``.kdmodel`` back into a network that can be trained.

The exporter folds each batch norm into the convolution before it and keeps the names of all other
tensors. The fold cannot be undone from the weights: scale and shift of a norm are lost in the
convolution. A norm that is set to do nothing would give the right answers in evaluation mode, but
in training mode it would wipe out the scale of every channel. So the golden inputs of the package
are sent through the network, and each norm gets the mean m and the variance v that its
convolution's output really has: ``running_mean = m``, ``running_var = v``,
``weight = sqrt(v + eps)``, ``bias = b + m``. In evaluation mode the network then is the package's,
to rounding; in training mode, on pictures like those, nearly so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.inference.package import Golden, ModelPackage, read_package
from kdoct_desktop.inference.signing import load_trusted_keys
from training.errors import TrainingError
from training.networks.fit_weights import carry_head, do_not_fit, fitting_problems, inside

GOLDEN_DIFFERENCE = 1e-4
"""Largest difference of a logit or feature from the package's golden outputs."""

_SHIPPED_KEYS = Path(__file__).parents[2] / "resources" / "keys"


@dataclass(frozen=True, slots=True)
class CarriedPackage:
    """What was taken from a package.

    Attributes:
        name: Of the model and of what it started from.
        licence: Of its initial weights.
        notice: Sentence that its manifest carries for them; empty without.
        split: Hash of the split that it was trained on; empty where not stated.
        fold: Whose training part it learned from; -1 where not stated.
        sha256: Of the package.
        carried: Tensors carried over.
        left: What was left out or started anew, one line each.
    """

    name: str
    licence: str
    notice: str
    split: str
    fold: int
    sha256: str
    carried: int
    left: tuple[str, ...]


def carry_package(network: nn.Module, path: Path, codes: Sequence[str]) -> CarriedPackage:
    """Put the weights of a package into a network with the same trunk.

    Args:
        network: A `Network` or `Teacher`, on the CPU.
        path: The package; see `open_package`.
        codes: Class codes of the network's outputs; empty where not known.

    Raises:
        TrainingError: The code of the package's refusal, or ``weights-do-not-fit``.
    """
    package = open_package(path)
    tensors = _tensors(package.onnx_bytes)
    carried, _ = fill_trunk(network.trunk, tensors, package.golden)
    head, left = carry_head(network, tensors["head.weight"], tensors["head.bias"],
                            theirs=package.identity.classes, ours=codes)  # fmt: skip
    if getattr(network, "fundus", None) is not None:
        left = (*left, "fundus trunk: random")
    training = package.manifest.get("training") or {}
    origin = training.get("initial_weights") or {}
    return CarriedPackage(
        name=f"{package.identity.name} {package.identity.version} "
        f"(started from {origin.get('name', 'unknown weights')})",
        licence=str(origin.get("licence") or "unknown"),
        notice=str(origin.get("notice") or ""),
        split=str(training.get("split_sha256") or ""),
        fold=fold_of(training),
        sha256=package.identity.sha256,
        carried=carried + head,
        left=left,
    )


def open_package(path: Path) -> ModelPackage:
    """A model package whose signature and hashes were verified.

    Args:
        path: The package. Its signing key must be one that is shipped, or lie as ``*.pub`` beside
            it or in the folder ``keys`` beside its folder.

    Raises:
        TrainingError: ``no-such-weights``, or the code of the package's refusal.
    """
    if not path.is_file():
        raise TrainingError("no-such-weights", f"There is no model package {path.name}.")
    folders = (_SHIPPED_KEYS, path.parent, path.parent.parent / "keys")
    try:
        return read_package(path, trusted_keys=load_trusted_keys(*folders))
    except ModelError as error:
        raise TrainingError(error.code, error.message) from error


def fold_of(facts: Mapping[str, Any]) -> int:
    """The fold that the facts of a training name; -1 for none."""
    fold = facts.get("fold")
    return fold if isinstance(fold, int) else -1


def fill_trunk(trunk: Any, tensors: dict[str, Tensor], golden: Golden) -> tuple[int, float]:
    """Fill a trunk and compare it with the golden outputs.

    Returns:
        Number of tensors used, and the largest difference of a feature or logit.

    Raises:
        TrainingError: ``weights-do-not-fit``.
    """
    if not {"head.weight", "head.bias"} <= tensors.keys():
        raise do_not_fit(["missing: head"])
    inputs = torch.from_numpy(np.array(golden.inputs))
    modes = {module: module.training for module in trunk.modules()}
    trunk.eval()
    pairs = _norms_after(trunk, inputs[:1])
    folded = {conv: norm for conv, norm in pairs.items() if f"trunk.{norm}.weight" not in tensors}
    carried = _fill(trunk, tensors, folded)
    _rescale(trunk, list(folded.values()), inputs)
    difference = _difference(trunk, tensors, golden)
    for module, mode in modes.items():
        module.training = mode
    if not difference <= GOLDEN_DIFFERENCE:
        raise do_not_fit([f"golden outputs differ by {difference:.1e}"])
    return carried, difference


def _tensors(graph: bytes) -> dict[str, Tensor]:
    """Weights of the graph as float32, by their names in the network.

    A bias goes by the name of the layer whose weight stands beside it: folding renames it, and the
    exporter keeps only one of several equal tensors, and none of zeros. Weights may be stored as
    float16 and cast.
    """
    import onnx
    from onnx import numpy_helper

    whole = onnx.load_from_string(graph).graph
    stored: dict[str, Tensor] = {}
    for one in whole.initializer:
        array = numpy_helper.to_array(one)
        if array.dtype.kind == "f":
            stored[one.name] = torch.from_numpy(array.astype(np.float32))
    for node in whole.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            stored[node.output[0]] = stored.pop(node.input[0])
    tensors = {name: one for name, one in stored.items() if not name.endswith(".weight_bias")}
    for node in whole.node:
        weight, bias = (*node.input[1:], "", "")[:2]
        if node.op_type in ("Conv", "Gemm") and weight in stored and weight.endswith(".weight"):
            zero = torch.zeros(len(stored[weight]))
            tensors[f"{weight.removesuffix('.weight')}.bias"] = stored.get(bias, zero)
    return tensors


def _norms_after(trunk: Any, picture: Tensor) -> dict[str, str]:
    """For each convolution whose output goes straight into a batch norm, that norm's name."""
    made: dict[int, str] = {}
    kept: list[Tensor] = []
    pairs: dict[str, str] = {}
    hooks = []
    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):

            def after(_m: Any, _i: Any, output: Tensor, name: str = name) -> None:
                made[id(output)] = name
                kept.append(output)  # a freed tensor's id would be used again

            hooks.append(module.register_forward_hook(after))
        elif isinstance(module, _BatchNorm):

            def before(_m: Any, inputs: tuple[Tensor, ...], name: str = name) -> None:
                if id(inputs[0]) in made:
                    pairs[made[id(inputs[0])]] = name

            hooks.append(module.register_forward_pre_hook(before))
    with torch.no_grad():
        trunk.forward_features(picture)
    for hook in hooks:
        hook.remove()
    return pairs


@torch.no_grad()
def _fill(trunk: Any, tensors: dict[str, Tensor], folded: dict[str, str]) -> int:
    """Copy every tensor; a norm that was folded away does nothing but add the folded bias.

    Args:
        trunk: To be filled.
        tensors: Of the graph.
        folded: Convolution and norm for each norm that the graph lacks.

    Returns:
        Number of the graph's tensors that were used.

    Raises:
        TrainingError: ``weights-do-not-fit``; nothing was copied.
    """
    own: dict[str, Tensor] = trunk.state_dict()
    theirs = inside(tensors, "trunk.")
    used = {name: one for name, one in theirs.items() if name in own}
    count = len(used)
    for conv, norm in folded.items():
        bias = theirs.get(f"{conv}.bias")
        if bias is None:
            continue
        count += f"{conv}.bias" not in own
        one, zero = torch.ones_like(bias), torch.zeros_like(bias)
        used |= {f"{norm}.weight": one, f"{norm}.bias": bias, f"{norm}.running_mean": zero}
        used[f"{norm}.running_var"] = one - trunk.get_submodule(norm).eps
        if f"{conv}.bias" in own:
            used[f"{conv}.bias"] = zero
    places = {*own, *(f"{conv}.bias" for conv in folded)}
    problems = fitting_problems(own, used)
    problems += [f"without a place: {name}" for name, one in theirs.items()
                 if name not in places and bool(one.any())]  # fmt: skip
    if problems:
        raise do_not_fit(problems)
    for name, one in used.items():
        own[name].copy_(one)
    return count


@torch.no_grad()
def _rescale(trunk: Any, norms: list[str], inputs: Tensor) -> None:
    """Give the folded norms the statistics of their inputs, without changing any output."""
    statistics: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    modules = dict(trunk.named_modules())
    for norm in norms:

        def before(_m: Any, arguments: tuple[Tensor, ...], norm: str = norm) -> None:
            variance, mean = torch.var_mean(arguments[0], dim=(0, 2, 3), correction=0)
            statistics[norm] = (mean.double(), variance.double())

        hooks.append(modules[norm].register_forward_pre_hook(before))
    trunk.forward_features(inputs)
    for hook in hooks:
        hook.remove()
    for norm, (mean, variance) in statistics.items():
        layer = modules[norm]
        scale = layer.weight.double() / torch.sqrt(layer.running_var.double() + layer.eps)
        shift = layer.bias.double() - layer.running_mean.double() * scale
        layer.weight.copy_(scale * torch.sqrt(variance + layer.eps))
        layer.bias.copy_(shift + mean * scale)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)


@torch.no_grad()
def _difference(trunk: Any, tensors: dict[str, Tensor], golden: Golden) -> float:
    """Largest difference of features and logits from the golden outputs."""
    embedding = trunk(torch.from_numpy(np.array(golden.inputs)))
    logits = nn.functional.linear(embedding, tensors["head.weight"], tensors["head.bias"])
    parts = (
        np.abs(embedding.numpy() - golden.embeddings).max(),
        np.abs(logits.numpy() - golden.logits).max(),
    )
    return float(max(parts))
