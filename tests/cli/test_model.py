"""``kdoct model`` as site IT types it."""

import json
from pathlib import Path

import pytest

from kdoct_desktop.__main__ import main
from tests.tiny_model import write_tiny_package


def test_a_package_is_installed_used_and_taken_back(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = tmp_path / "second.kdmodel"
    write_tiny_package(second, manifest={"version": "2.0.0"})

    references = []
    for package in (model, second):
        assert main(["model", "install", str(package), "--json"]) == 0
        references.append(json.loads(capsys.readouterr().out)["reference"])
        assert main(["model", "activate", references[-1]]) == 0
        assert "from now on" in capsys.readouterr().out

    assert main(["model", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "2.0.0"
    assert main(["model", "rollback", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1.0.0"
    assert main(["model", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["models"]
    assert [entry["reference"] for entry in listed if entry["active"]] == [references[0]]


def test_a_damaged_package_is_refused_with_a_sentence_and_nothing_is_installed(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.kdmodel"
    bad.write_bytes(model.read_bytes()[:-40])

    assert main(["model", "install", str(bad), "--json"]) == 5

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"]
    assert captured.err.strip().endswith(".")
    main(["model", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert all(entry["name"] != "tiny" for entry in listed["models"])


def test_show_prints_the_card(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["model", "install", str(model)])
    capsys.readouterr()

    assert main(["model", "show", "tiny"]) == 0

    assert "tiny" in capsys.readouterr().out
