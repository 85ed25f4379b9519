"""``kdoct convert``: any input into DICOM objects that others read."""

import argparse
import json
import sys
from typing import Any

from kdoct_desktop.app.conversion import Choice, convert_path
from kdoct_desktop.cli.bar import Bar
from kdoct_desktop.domain.volume import Laterality

ALL_WRITTEN, SOME_REFUSED, NOTHING_WRITTEN = 0, 3, 4


def run_convert(options: argparse.Namespace) -> int:
    """Convert a file, folder or archive; see the parser for the options and the exit codes."""
    choice = Choice(
        eye=Laterality(options.eye) if options.eye else None,
        acquired=options.acquired,
        no_text=options.no_burned_in_text,
        anonymous=options.anonymous,
        compress=options.compress,
        force=options.force,
    )
    with Bar(options.path.name) as bar:
        done = convert_path(options.path, options.out, choice, progress=bar)
    if options.json:
        print(json.dumps(done, ensure_ascii=False))
    else:
        for volume in done["volumes"]:
            print("\n".join(_lines(volume)))
        for problem in done["problems"]:
            print(f"{problem['source']}: {problem['message']}", file=sys.stderr)
    return exit_code(done)


def exit_code(done: dict[str, Any]) -> int:
    """What the process answers."""
    if not done["volumes"]:
        return NOTHING_WRITTEN
    return SOME_REFUSED if done["problems"] else ALL_WRITTEN


def _lines(volume: dict[str, Any]) -> list[str]:
    """A volume and its files for people."""
    bscans = volume["shape"][0]
    head = f"{volume['source']}  {volume['laterality']}  {bscans} B-scans"
    told = [f"  {notice['message']}" for notice in volume["notices"]]
    return [head, *(f"  {file['kind']:<11} {file['name']}" for file in volume["files"]), *told]
