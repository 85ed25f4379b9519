"""timm models without their classifier: made by name, and tried for exact evidence."""

import functools
from typing import Any

import timm
import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.networks.licences import SUITABLE_STUDENTS
from training.networks.timm_names import published

_EXACT = 1e-4


def make_trunk(model: str, *, drop_path: float = 0.0, size: tuple[int, int] | None = None) -> Any:
    """A timm model without its classifier, with random weights.

    Args:
        model: Name in timm, with or without the tag of its weights.
        drop_path: Stochastic depth.
        size: Rows and columns of the picture, for models that are built for one size.

    Raises:
        TrainingError: ``unknown-model``, or ``bad-configuration`` where the model has no
            stochastic depth but is asked for it.
    """
    return _create(model, classes=0, drop_path=drop_path, size=size)


def _create(model: str, *, classes: int, drop_path: float, size: tuple[int, int] | None) -> Any:
    facts = published(model)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if size is not None and facts is not None and facts.fixed_input_size:
        options["img_size"] = size
    try:
        return timm.create_model(model, pretrained=False, num_classes=classes, **options)
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise TrainingError(
            "bad-configuration", f"drop_path has no effect with {model}: set it to 0."
        ) from error


@functools.lru_cache(maxsize=32)
def check_exact(model: str, size: tuple[int, int]) -> None:
    """Refuse a model that does not end in a global average and a linear layer.

    Its own classifier, applied to the average of its own feature map, must give its own logits,
    and every weight outside the classifier must act on the feature map.

    Raises:
        TrainingError: ``inexact-student``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = _create(model, classes=5, drop_path=0.0, size=size).eval()
        picture = torch.randn(1, 3, *_check_size(model, size))
        exact = _ends_in_average_and_linear(whole, picture)
    if not exact:
        raise TrainingError(
            "inexact-student",
            f"{model} does not end in an average and a linear layer, so its activation map would "
            f"not be its evidence. Suitable are {', '.join(SUITABLE_STUDENTS)}.",
            SUITABLE_STUDENTS,
        )


def _check_size(model: str, size: tuple[int, int]) -> tuple[int, int]:
    """A small picture where the model takes any."""
    facts = published(model)
    if facts is not None and facts.fixed_input_size:
        return size
    return min(size[0], 96), min(size[1], 96)


def _ends_in_average_and_linear(whole: Any, picture: Tensor) -> bool:
    """Whether the network's own logits are its classifier over its averaged feature map."""
    classifier = whole.get_classifier()
    if not isinstance(classifier, nn.Linear):
        return False
    features = whole.forward_features(picture)
    if features.ndim != 4:
        return False
    if getattr(whole, "output_fmt", "NCHW") == "NHWC":
        features = features.permute(0, 3, 1, 2)
    if features.shape[1] != classifier.in_features:
        return False
    with torch.no_grad():
        ours = classifier(features.mean(dim=(2, 3)))
        difference = float((whole(picture) - ours).abs().max())
    others = [weight for name, weight in whole.named_parameters()
              if not any(weight is own for own in classifier.parameters())]  # fmt: skip
    used = torch.autograd.grad(features.square().sum(), others, allow_unused=True)
    return difference <= _EXACT and all(one is not None for one in used)
