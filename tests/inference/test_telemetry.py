"""onnxruntime reports its use to its maker by default; here it must not even make an identity."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "resources" / "models" / "factory.kdmodel"
RUN = f"""
import sys
from kdoct_desktop.inference.package import read_package
from kdoct_desktop.inference.session import OrtBackend
from kdoct_desktop.inference.signing import load_trusted_keys
from pathlib import Path
keys = load_trusted_keys(Path({str(ROOT / "resources" / "keys")!r}))
package = read_package(Path({str(MODEL)!r}), trusted_keys=keys)
OrtBackend(package.onnx_bytes, "cpu")
"""
EXPORT = f"""
import zipfile
from training.ship.export import onnx_runner
onnx_runner(zipfile.ZipFile({str(MODEL)!r}).read("model.onnx"))
"""
BARE = f"""
import zipfile, onnxruntime
onnxruntime.InferenceSession(zipfile.ZipFile({str(MODEL)!r}).read("model.onnx"))
"""


def left_behind(code: str, home: Path) -> list[str]:
    """Names of the files that a process leaves in an empty home."""
    home.mkdir()
    # a build server's variables alone would silence it
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    kept = {k: v for k, v in kept.items() if not k.startswith(("GITHUB_", "XDG_"))}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=home, check=True)
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("code", [RUN, EXPORT], ids=["desktop", "training"])
def test_a_session_makes_no_device_identity_and_queues_no_events(code: str, tmp_path: Path) -> None:
    names = left_behind(code, tmp_path / "home")
    assert not {"deviceid", "onnxruntime.db"} & set(names)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it uses the system on Windows")
def test_the_check_would_see_it(tmp_path: Path) -> None:
    assert "deviceid" in left_behind(BARE, tmp_path / "home")
