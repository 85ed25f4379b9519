"""Held-out evaluation: what the steps of the command line call.

The work is in `predicting` (ask a network), `scoring` (from answers to tables), `evaluate_fold` and
`evaluate_run`.
"""

from training.measure.evaluate_fold import evaluate_fold
from training.measure.evaluate_run import evaluate_run
from training.measure.predicting import predict

__all__ = ["evaluate_fold", "evaluate_run", "predict"]
