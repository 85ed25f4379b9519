"""KD-OCT Desktop: reads retinal OCT volumes, shows exact evidence, writes research reports."""

import os

# onnxruntime reports its use to its maker unless this is set before it is loaded; nothing leaves
# this machine
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


__version__ = "0.1.0"
