"""Phantoms, training, evaluation and export: what makes a model package."""

import os

# as in the desktop: onnxruntime must not report to its maker
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
