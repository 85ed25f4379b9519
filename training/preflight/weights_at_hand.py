"""Can the initial weights of a network be had here, and under which licence? Loads nothing."""

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm

from training.networks.licences import APACHE_TEACHERS, notice, published_licence
from training.networks.lite2 import INITIAL_WEIGHTS, lite2_file
from training.preflight.checks import FAILED, OK, WARNING
from training.recipe import NetworkConfig

ANSWER_S = 5.0
_FILES = ("model.safetensors", "pytorch_model.bin")

Found = tuple[str, str, dict[str, Any]]


def weights_at_hand(
    config: NetworkConfig,
    *,
    cached: Callable[[str], bool] | None = None,
    reachable: Callable[[str], bool] | None = None,
) -> Found:
    """State, sentence and values of a check.

    Args:
        config: Of the network.
        cached: Whether the weights of a repository of the model hub lie on this machine.
        reachable: Whether the hub answers for it.
    """
    if config.weights == "none":
        return OK, f"{config.model} starts from nothing.", {"licence": ""}
    if config.weights == "lite2":
        return _lite2()
    if config.weights != "timm":
        return _local(config)
    return _published(config.model, cached or _cached, reachable or _reachable)


def _published(
    model: str, cached: Callable[[str], bool], reachable: Callable[[str], bool]
) -> Found:
    """timm's own weights of a model."""
    try:
        facts = timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError:  # a tag that the model does not have
        facts = None
    if facts is None or not facts.has_weights:
        return (
            FAILED,
            f"timm has no published weights for {model}; name one that has, give a local "
            'file, or start from nothing (weights = "none").',
            {},
        )
    licence = published_licence(model)
    repository = str(facts.hf_hub_id or "")
    values = {"licence": licence, "source": repository or str(facts.url or "")}
    said = notice(model, licence)
    if said:
        said = f"{said} Teachers under Apache-2.0 are for example {', '.join(APACHE_TEACHERS[:3])}."
    state = WARNING if said else OK
    if cached(repository):
        return state, _joined(f"{model} ({licence}) lies on this machine.", said), values
    if reachable(repository):
        text = f"{model} ({licence}) can be fetched when training begins."
        return state, _joined(text, said), values
    return (
        FAILED,
        f"{model} is not on this machine and cannot be fetched; copy the file here and name "
        'it in weights, or start from nothing (weights = "none").',
        values,
    )


def _lite2() -> Found:
    try:
        lite2_file()
    except FileNotFoundError as error:
        return FAILED, f"{error}; install it, or choose other weights.", {}
    facts = {"licence": INITIAL_WEIGHTS["licence"]}
    return OK, f"{INITIAL_WEIGHTS['name']} ({facts['licence']}) is installed.", facts


def _local(config: NetworkConfig) -> Found:
    path = Path(config.weights)
    if path.is_file() or path.is_dir():
        return OK, f"The local weights {path.name} are there.", {"file": path.name}
    return FAILED, f"The local weights {path.name} do not exist.", {"file": path.name}


def _cached(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return bool(repository) and any(
        isinstance(try_to_load_from_cache(repository, name), str) for name in _FILES
    )


def _reachable(repository: str) -> bool:
    """Ask for the file, within a few seconds; a mirror named in HF_ENDPOINT is asked."""
    from huggingface_hub import constants, hf_hub_url

    if not repository or constants.HF_HUB_OFFLINE:
        return False
    url = hf_hub_url(repository, _FILES[0])
    if not url.startswith(("https://", "http://")):
        return False
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _joined(*sentences: str) -> str:
    return " ".join(one for one in sentences if one)
