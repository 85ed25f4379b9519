"""Distilling the student of a fold from its frozen teacher."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from kdoct_desktop.domain.finding import NORMAL
from training.config import Config
from training.data.batches import plain_batches
from training.errors import TrainingError
from training.events import Events
from training.learning.assemble import Parts, identity, make_fit, network_seed, open_parts
from training.learning.compute import start_fabric
from training.learning.fit import finished, only_here
from training.learning.fold_data import FoldData
from training.learning.losses import class_weights
from training.learning.tasks import (
    DistillTask,
    Inputs,
    OnlineTeacher,
    SoftTargets,
    StoredTargets,
    logits_of,
)
from training.learning.validate import ValidationSet
from training.networks.checkpoint import LoadedModel, load_best
from training.networks.models import build_student
from training.run_folder import RunFolder


def distill_student(
    config: Config, data: FoldData, folder: RunFolder, *, events: Events, cache: Path | None = None
) -> dict[str, Any]:
    """Distil, or go on, or find it done. With ``soft_weight`` 0 no teacher is needed.

    Args and errors as `training.learning.teacher.train_teacher`; also ``wrong-teacher`` and
    ``teacher-below-gate``.
    """
    teacher = _teacher(config, data, folder, events)
    extra = {"teacher": teacher_facts(teacher)}
    mark = identity("student", config, data, extra)
    done = finished(folder, data.fold, "student", mark)
    if done is not None:
        return done
    fabric = start_fabric(config.compute, config.student.precision)
    torch.manual_seed(network_seed(config, "student", data.fold))
    classes = len(config.classes.codes)
    size = (config.input.height, config.input.width)
    codes = config.classes.codes
    network, initial = build_student(config.student, classes, size=size, codes=codes)
    weights = class_weights(data.train.labels, classes, config.distill.hard_class_weights)
    with only_here(folder, data.fold, "student", leads=fabric.is_global_zero):
        parts = open_parts("student", config, data, folder, cache=cache, extra=extra,
                           events=events, fabric=fabric)  # fmt: skip
        task = DistillTask(
            config.distill, config.student, weights.to(fabric.device),
            _soft_targets(teacher, parts, fabric, events), normal=codes.index(NORMAL),
        )  # fmt: skip
        return make_fit(parts, network, initial, task=task, fabric=fabric, events=events).run()


def check_teacher(config: Config, data: FoldData, facts: dict[str, Any], events: Events) -> None:
    """Refuse a teacher that must not teach this student.

    Raises:
        TrainingError: ``wrong-teacher`` (other split, fold, classes or input) or
            ``teacher-below-gate``.
    """
    wanted = {
        "split": (facts["split_sha256"], data.split.sha256),
        "fold": (facts["fold"], data.fold),
        "classes": (facts["classes"], list(config.classes.codes)),
        "role": (facts["role"], "teacher"),
        "input": (facts["input"], config.input.spec.to_json()),
    }
    wrong = [name for name, (found, needed) in wanted.items() if found != needed]
    if wrong:
        raise TrainingError(
            "wrong-teacher",
            f"The teacher was trained on another {' and '.join(wrong)} than this student would be; "
            "it may have seen the student's test patients. Train the teacher of this fold.",
        )
    accuracy = facts["validation"][facts["chosen"]]["accuracy"]
    distill = config.distill
    if accuracy < distill.warn_below:
        events.warning(
            "weak-teacher", f"The teacher's validation accuracy is {accuracy:.3f}, below "
            f"{distill.warn_below}: repair the data or the teacher before anything else."
        )  # fmt: skip
    if accuracy < distill.gate and not distill.waiver:
        raise TrainingError(
            "teacher-below-gate",
            f"The teacher's validation accuracy is {accuracy:.3f} and must be {distill.gate} or "
            "more to teach. Improve it, or give the reason why it may teach in distill.waiver; the "
            "reason goes onto the model card.",
        )


def teacher_facts(teacher: LoadedModel | None) -> dict[str, Any]:
    """What a student remembers of its teacher."""
    if teacher is None:
        return {}
    facts = teacher.facts
    return {
        "model": facts["network"]["model"],
        "weights_sha256": facts["weights_sha256"],
        "split_sha256": facts["split_sha256"],
        "fold": facts["fold"],
        "chosen": facts["chosen"],
        "validation": facts["validation"][facts["chosen"]],
        "initial_weights": facts["initial_weights"],
    }


def _teacher(
    config: Config, data: FoldData, folder: RunFolder, events: Events
) -> LoadedModel | None:
    if not config.distill.soft_weight:
        return None
    teacher = load_best(folder.best(data.fold, "teacher"))
    check_teacher(config, data, teacher.facts, events)
    return teacher


def _soft_targets(
    teacher: LoadedModel | None, parts: Parts, fabric: Fabric, events: Events
) -> SoftTargets | None:
    """Online or stored, from the frozen teacher."""
    if teacher is None:
        return None
    network = teacher.network.to(fabric.device)
    if parts.network.channels_last:
        network = network.to(memory_format=torch.channels_last)
    if parts.config.distill.soft_targets == "online":
        return OnlineTeacher(network, dtype=_half(fabric))
    return StoredTargets(plain_logits(network, parts, fabric, events))


def plain_logits(network: nn.Module, parts: Parts, fabric: Fabric, events: Events) -> Tensor:
    """float32 logits of the teacher for the plain view of every training row, (row, class)."""
    spec, data = parts.config.input.spec, parts.data
    fundus = bool(parts.config.teacher.fundus_model)
    found = []
    for inputs in ValidationSet(
        lambda: plain_batches(
            parts.train, data.train.rows, data.train.labels, batch=16, root=data.root,
            fundus=fundus,
        ),
        device=fabric.device,
        scale=(tuple(spec.mean), tuple(spec.std)),
        channels_last=parts.network.channels_last,
    ):  # fmt: skip
        found.append(_answer(network, inputs))
        events.progress(sum(map(len, found)), len(data.train.rows), "soft targets")
    return torch.cat(found)


def _answer(network: nn.Module, inputs: Inputs) -> Tensor:
    with torch.inference_mode():
        answer = logits_of(network.eval(), inputs)
    return answer.clone()


def _half(fabric: Fabric) -> torch.dtype | None:
    """The type that mixed precision computes in; None for float32."""
    word = getattr(fabric.strategy.precision, "precision", "32-true")
    return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(word)


__all__ = ["check_teacher", "distill_student", "plain_logits", "teacher_facts"]
