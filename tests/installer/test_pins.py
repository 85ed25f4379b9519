"""The pinned requirements: exact, complete, without addresses, and what is really installed."""

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

INSTALLER = Path(__file__).resolve().parents[2] / "installer"
FILES = sorted(INSTALLER.glob("requirements*.txt"))
COMES_WITH_TORCH = re.compile(r"nvidia-|cuda-|triton$")


def pins(name: str) -> dict[str, str]:
    """Package to version of those pins that hold on this system."""
    found: dict[str, str] = {}
    for line in (INSTALLER / name).read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text and (requirement := Requirement(text)):
            (exact,) = requirement.specifier
            assert exact.operator == "==", line
            if requirement.marker is None or requirement.marker.evaluate():
                found[canonicalize_name(requirement.name)] = exact.version
    return found


def needed(name: str) -> Iterator[str]:
    """What a distribution needs on this system."""
    for text in importlib.metadata.requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_pins_hold_no_address(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    code = [line.split("#")[0] for line in lines]
    assert not [line for line in code if re.search(r"//|\bindex|@|^-", line)]


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-test.txt",
        "requirements-training.txt",
        "requirements-nifti.txt",
    ],
)
def test_pins_are_what_is_installed_and_leave_nothing_open(name: str) -> None:
    pinned = pins(name)
    known = {**pins("requirements.txt"), **pinned}
    for package, version in pinned.items():
        assert importlib.metadata.version(package) == version
        open_ones = set(needed(package)) - set(known)
        assert not {one for one in open_ones if not COMES_WITH_TORCH.match(one)}, package


def test_the_program_itself_needs_neither_torch_nor_test_tools() -> None:
    assert not {"torch", "timm", "onnx", "pytest", "ruff", "mypy"} & set(pins("requirements.txt"))


@pytest.mark.parametrize("name", ["requirements-training.txt", "requirements-nifti.txt"])
def test_files_agree_where_they_pin_the_same_package(name: str) -> None:
    test, other = pins("requirements-test.txt"), pins(name)
    assert {one: test[one] for one in test.keys() & other.keys()} == {
        one: other[one] for one in test.keys() & other.keys()
    }


def test_qt_stays_below_the_release_that_aborts_after_some_hundred_signals() -> None:
    major, minor = map(int, pins("requirements.txt")["pyside6-essentials"].split(".")[:2])
    assert (6, 10) <= (major, minor) < (6, 12)
