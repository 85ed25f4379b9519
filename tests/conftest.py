"""What holds for every test."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests load onnxruntime before the program does
