"""What the validation part of a fold chooses for its student, from stored answers where it can."""

from typing import Any

from training.config import Config
from training.data.predictions import Predictions
from training.data.select_rows import Selected
from training.events import Events
from training.learning.fold_data import FoldData
from training.measure.asked import with_neighbours
from training.measure.predicting import predict, stored_answers
from training.measure.scoring import choose_operating
from training.measure.thresholds import Operating
from training.networks.checkpoint import LoadedModel
from training.run_folder import RunFolder


def student_operating(
    student: LoadedModel, folder: RunFolder, data: FoldData, config: Config, events: Events
) -> Operating:
    """Temperature, thresholds, eye rule and limits; eyes are called from all of their B-scans.

    Args:
        student: Of the fold.
        folder: The run, with the answers that an evaluation kept.
        data: The fold.
        config: Of the run.
        events: Told of the progress where the network must be asked.
    """
    asked = with_neighbours(data.validation, data.manifest)
    answers = validation_answers(folder, data, asked, student.facts)
    if answers is None:
        facts = {"role": "student", "fold": data.fold, "part": "validation"}
        answers = predict(
            student.network, config, data.root, data.manifest, asked, facts=facts, events=events,
        )  # fmt: skip
    return choose_operating(answers, asked.rows, config)


def validation_answers(
    folder: RunFolder, data: FoldData, asked: Selected, facts: dict[str, Any]
) -> Predictions | None:
    """What the evaluation has kept of these weights' answers to the plain views of the validation.

    It keeps them by themselves where it was asked for several views. None where there are none.
    """
    wanted = {"views": "single", "split_sha256": data.split.sha256,
              "weights_sha256": facts["weights_sha256"]}  # fmt: skip
    for part in ("validation", "validation-single"):
        path = folder.predictions(data.fold, "student", part)
        answers = stored_answers(path, asked, wanted)
        if answers is not None:
            return answers
    return None
