"""What the window's process and the inference process say to each other: JSON lines.

Pixels and activation maps travel in the shared block, everything else in these lines; nothing is
pickled.
"""

import dataclasses
import json
from typing import Any

from kdoct_desktop.domain.errors import InferenceError, KdoctError, ModelError
from kdoct_desktop.domain.finding import EyeRule
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, ModelIdentity, ProviderReport
from kdoct_desktop.domain.quality import Quality, QualityState
from kdoct_desktop.inference.shared_block import Layout

Message = dict[str, Any]

_ERRORS: dict[str, type[KdoctError]] = {"ModelError": ModelError, "InferenceError": InferenceError}


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    return message


def plain(value: ModelIdentity | ProviderReport | EyeRule) -> Message:
    """A value as JSON holds it."""
    return dataclasses.asdict(value)


def identity_from(values: Message) -> ModelIdentity:
    """Read a :class:`ModelIdentity`."""
    names = {key: tuple(values[key]) for key in ("classes", "display_names")}
    return ModelIdentity(**{**values, **names})


def provider_from(values: Message) -> ProviderReport:
    """Read a :class:`ProviderReport`."""
    return ProviderReport(**values)


def eye_rule_from(values: Message) -> EyeRule:
    """Read an :class:`EyeRule`."""
    return EyeRule(**values)


def bscan_message(run: int, slot: int, bscan: BscanPrediction, frame: Box) -> Message:
    """The result of one B-scan; its activation maps lie in the slot."""
    return {
        "event": "bscan",
        "run": run,
        "slot": slot,
        "index": bscan.index,
        "logits": bscan.logits,
        "probabilities": bscan.probabilities,
        "completeness_error": bscan.completeness_error,
        "ood_distance": bscan.ood_distance,
        "ood": bscan.ood,
        "quality": bscan.quality.state.value,
        "reasons": bscan.quality.reasons,
        "frame": frame,
    }


def bscan_from(message: Message) -> tuple[BscanPrediction, Box]:
    """Read what `bscan_message` wrote."""
    top, bottom, left, right = message["frame"]
    bscan = BscanPrediction(
        index=message["index"],
        logits=tuple(message["logits"]),
        probabilities=tuple(message["probabilities"]),
        completeness_error=message["completeness_error"],
        ood_distance=message["ood_distance"],
        ood=message["ood"],
        quality=Quality(QualityState(message["quality"]), tuple(message["reasons"])),
    )
    return bscan, (top, bottom, left, right)


def layout_message(layout: Layout) -> Message:
    """A :class:`Layout` as JSON holds it."""
    return {"slots": layout.slots, "bscan": layout.bscan, "cam": layout.cam}


def layout_from(values: Message) -> Layout:
    """Read a :class:`Layout`."""
    depth, ascans = values["bscan"]
    classes, rows, columns = values["cam"]
    return Layout(values["slots"], (depth, ascans), (classes, rows, columns))


def error_message(error: KdoctError) -> Message:
    """An error that was raised on purpose."""
    return {
        "event": "error",
        "kind": type(error).__name__,
        "code": error.code,
        "message": error.message,
    }


def error_from(message: Message) -> KdoctError:
    """Read what `error_message` wrote."""
    return _ERRORS.get(message["kind"], InferenceError)(message["code"], message["message"])
