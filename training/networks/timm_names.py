"""Names of timm's models: what is published under them, and near ones for a name it lacks."""

import difflib
from typing import Any

import timm

from training.errors import TrainingError


def published(model: str) -> Any:
    """What timm says about a model's published weights: size, licence, place, classifier.

    Args:
        model: With or without the tag of its weights; without, timm's default tag.

    Returns:
        timm's ``PretrainedCfg``; None where it publishes nothing for the model.

    Raises:
        TrainingError: ``unknown-model``.
    """
    if not timm.is_model(model):
        raise unknown_model(model)
    try:
        return timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError as error:  # the tag is wrong
        raise unknown_model(model) from error


def unknown_model(model: str) -> TrainingError:
    """The error for a name that timm does not know, with the nearest names that it does."""
    architecture = model.partition(".")[0]
    known = timm.list_models()
    if architecture in known:
        near = list(timm.list_pretrained(f"{architecture}.*"))
    else:
        near = difflib.get_close_matches(architecture, known, n=5, cutoff=0.5)
    hint = f" Did you mean {', '.join(near[:5])}?" if near else ""
    return TrainingError("unknown-model", f"timm has no model named {model}.{hint}", near)
