"""Licences of weights: what a network may be used for that was started from them.

Licences are those that timm states for its published weights. Whether a licence of the teacher's
initial weights reaches a student trained on its outputs is not settled here: it is stated, in the
run, in the model package and on its card.
"""

import timm

from training.networks.timm_names import published

SUITABLE_STUDENTS = (
    "efficientnet_b2.ra_in1k",
    "efficientnet_b0.ra_in1k",
    "efficientnet_b1.ra4_e3600_r240_in1k",
    "efficientnet_b3.ra2_in1k",
    "tf_efficientnetv2_s.in21k_ft_in1k",
    "efficientnet_lite0.ra_in1k",
    "resnet18.a1_in1k",
    "resnet50.a1_in1k",
)
"""Students that end in an average and a linear layer; published weights under Apache-2.0."""

APACHE_TEACHERS = (
    "convnext_large.fb_in22k_ft_in1k_384",
    "convnext_base.fb_in22k_ft_in1k_384",
    "convnext_small.in12k_ft_in1k_384",
    "convnext_tiny.in12k_ft_in1k",
    "tf_efficientnetv2_l.in21k_ft_in1k",
    "tf_efficientnetv2_m.in21k_ft_in1k",
    "tf_efficientnetv2_s.in21k_ft_in1k",
    "vit_large_patch16_384.augreg_in21k_ft_in1k",
    "maxvit_large_tf_384.in21k_ft_in1k",
)
"""Teachers whose published weights are under Apache-2.0, largest of each family first."""

UNKNOWN = "unknown"
_FREE = ("none", "Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0")
_SPELLED = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
}


def published_licence(model: str) -> str:
    """Licence of timm's published weights of a model, in SPDX spelling; ``unknown`` if not said."""
    facts = published(model)
    return spelled((facts.license or "") if facts is not None else "")


def file_licence(model: str) -> str:
    """Licence of a file that is said to hold published weights of a model.

    A name with a tag stands for one publication. A name without stands for all of that
    architecture: their licence where they share one, else ``unknown``.
    """
    if "." in model:
        return published_licence(model)
    every = {published_licence(name) for name in timm.list_pretrained(f"{model}.*")}
    return every.pop() if len(every) == 1 else UNKNOWN


def spelled(stated: str) -> str:
    """A licence as SPDX spells it; ``unknown`` for an empty one."""
    return _SPELLED.get(stated.lower(), stated or UNKNOWN)


def notice(name: str, licence: str) -> str:
    """One sentence for run, package and card; empty for random weights and
    for licences that allow any use.

    Args:
        name: Of the weights.
        licence: SPDX identifier, or `UNKNOWN`.
    """
    if not licence or licence in _FREE:
        return ""
    if {"NC", "NONCOMMERCIAL"} & set(licence.upper().split("-")):
        return (
            f"Started from {name} under {licence}: not for commercial use; whether this reaches a "
            "student that learned from these outputs is a legal question that is not settled."
        )
    if licence == UNKNOWN:
        return f"Started from {name}, whose licence is not known: clear it before any use."
    return f"Started from {name} under {licence}: its terms apply; read them before any use."
