"""The table of formats: README shows it as it is, and what it calls experimental is called so.

``python -m tests.io.devices.test_formats`` prints the table for README.
"""

import importlib
import sys
from pathlib import Path

import pytest

from kdoct_desktop.domain.volume import EXPERIMENTAL
from kdoct_desktop.io.devices.formats import FORMATS, DeviceFormat
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.write_vol import write_vol

README = Path(__file__).resolve().parents[3] / "README.md"
HEAD = "| format | tried on | read | not read |\n|---|---|---|---|\n"


def table() -> str:
    """The rows of the device formats as Markdown."""
    return HEAD + "".join(
        f"| {one.name}{' (experimental)' if one.doubt else ''} | {one.tested} | {one.reads} "
        f"| {one.lacks} |\n"
        for one in FORMATS
    )


def test_readme_shows_the_table_of_the_program() -> None:
    text = README.read_text(encoding="utf-8")
    missing = [row for row in table().splitlines() if row not in text]
    assert missing == []


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_every_format_says_what_was_tried_and_has_its_parser(one: DeviceFormat) -> None:
    assert one.tested
    assert one.reads
    assert one.lacks
    module, function = one.parser.split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_formats_that_were_never_tried_on_a_device_are_experimental() -> None:
    untried = [one.name for one in FORMATS if one.tested.startswith("written files")]
    assert untried
    assert all(one.doubt for one in FORMATS if one.name in untried)


def test_an_experimental_format_says_so_with_every_volume(tmp_path: Path) -> None:
    (doubt,) = {one.doubt for one in FORMATS if one.name == "Heidelberg .vol"}
    (study,) = open_volumes(write_vol(tmp_path / "a.vol")).studies
    told = {notice.code: notice.message for notice in study.volumes[0].notices}
    assert told.get(EXPERIMENTAL, "") == f"Experimental: {doubt}"


if __name__ == "__main__":
    sys.stdout.write(table())
