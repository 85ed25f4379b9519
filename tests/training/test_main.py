"""The command line of the training side."""

import subprocess
import sys
from pathlib import Path

import pytest

from training.__main__ import main
from training.command_line import build_parser
from training.steps import STEPS


def test_help_answers_without_loading_torch() -> None:
    code = (
        "import sys\nfrom training.__main__ import build_parser\n"
        "build_parser().format_help()\n"
        "assert not {'torch', 'timm', 'cv2', 'onnx'} & set(sys.modules)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_command_is_described() -> None:
    text = build_parser().format_help()
    for command in STEPS:
        assert command in text


def test_a_missing_data_folder_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["factory-data", str(tmp_path / "out"), "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "The folder of real pictures has no manifest.csv with path, dataset, label and group. "
        "(bad-manifest)\n"
    )


def test_a_mistake_in_the_configuration_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.toml"
    config.write_text("colour = 1\n", "utf-8")
    assert main(["doctor", "--config", str(config)]) == 2
    assert capsys.readouterr().err == "Configuration: unknown key colour. (bad-configuration)\n"


@pytest.mark.parametrize(
    ("rank", "speaks"), [({}, True), ({"RANK": "0"}, True), ({"RANK": "1"}, False),
                         ({"LOCAL_RANK": "1"}, False), ({"LOCAL_RANK": "0"}, True)],
)  # fmt: skip
def test_only_the_first_of_several_processes_speaks(
    rank: dict[str, str], speaks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in rank.items():
        monkeypatch.setenv(name, value)
    assert main(["teacher", str(tmp_path), "--fold", "0"]) == 2
    assert ("no-run" in capsys.readouterr().err) == speaks
