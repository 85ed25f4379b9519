"""Held-out evaluation: what the steps of the command line call.

The work is in `training.predicting` (ask a network), `training.scoring` (from answers to tables),
`training.evaluate_fold` and `training.evaluate_run`.
"""

from training.evaluate_fold import evaluate_fold
from training.evaluate_run import evaluate_run
from training.predicting import predict

__all__ = ["evaluate_fold", "evaluate_run", "predict"]
