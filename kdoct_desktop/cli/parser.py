"""What ``kdoct`` understands. Importing this loads nothing heavy, so that ``--help`` is instant."""

import argparse
from datetime import datetime
from pathlib import Path

from kdoct_desktop import __version__

USAGE_ERROR = 2


def make_parser() -> argparse.ArgumentParser:
    """The parser for all commands; no command opens the window."""
    parser = argparse.ArgumentParser(
        prog="kdoct",
        description="Reads retinal OCT volumes, shows exact evidence, writes research reports. "
        "Research use only. Not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"KD-OCT Desktop {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_window(commands)
    _add_demo(commands)
    _add_analyze(commands)
    _add_model(commands)
    _add_inspect(commands)
    _add_convert(commands)
    check = commands.add_parser("self-check", help="check that this installation can work")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _add_window(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    window = commands.add_parser("gui", help="open the window (also without any command)")
    window.add_argument("paths", nargs="*", type=Path, help="scans to open")


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="open the bundled demo study, analysed")
    demo.add_argument(
        "--offscreen",
        metavar="DIR",
        type=Path,
        help="show no window; write report.pdf, result.json and window.png into DIR",
    )


def _add_analyze(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    analyze = commands.add_parser(
        "analyze",
        help="analyse scans without a window",
        description="Exit codes: 0 all analysed, 2 usage, 3 some inputs refused (the others done), "
        "4 nothing could be analysed, 5 no usable model.",
    )
    analyze.add_argument("paths", nargs="+", type=Path, help="file, folder, DICOMDIR or zip")
    analyze.add_argument("--out", type=Path, metavar="DIR", help="write results into DIR")
    analyze.add_argument("--model", type=Path, metavar="FILE", help="use this .kdmodel package")
    analyze.add_argument(
        "--eye", choices=("OD", "OS"), help="the eye of scans that do not state it"
    )
    analyze.add_argument(
        "--provider", choices=("auto", "cuda", "cpu"), default=None, help="where the model runs"
    )
    analyze.add_argument("--tta", action="store_true", help="average five deterministic views")
    analyze.add_argument("--json", action="store_true", help="print one JSON document")
    analyze.add_argument("--no-report", action="store_true", help="write no PDF into DIR")


def _add_inspect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    inspect = commands.add_parser(
        "inspect",
        help="tell what a file holds, without patient identity",
        description="Volumes, geometry, where each value comes from, and problems. "
        "Exit codes: 0 all readable, 2 usage, 3 some refused, 4 nothing readable.",
    )
    inspect.add_argument("path", type=Path, help="file, folder, DICOMDIR or zip")
    inspect.add_argument("--json", action="store_true", help="print one JSON document")
    inspect.add_argument(
        "--identity", action="store_true", help="also tell patient, times and file names"
    )
    inspect.add_argument(
        "--decode", action="store_true", help="also decode every B-scan to find damage inside"
    )


def _add_model(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    model = commands.add_parser("model", help="list, install, verify and choose model packages")
    actions = model.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text, argument in (
        ("list", "list the installed models", ""),
        ("install", "verify a package and install it", "FILE"),
        ("show", "show a model's card and identity", "[NAME]"),
        ("verify", "check signature, hashes and golden outputs", "[NAME]"),
        ("activate", "use this model from now on", "NAME"),
        ("rollback", "go back to the model used before", ""),
    ):
        action = actions.add_parser(name, help=text)
        if argument == "FILE":
            action.add_argument("file", type=Path, help="a .kdmodel package")
        elif argument:
            optional = argument.startswith("[")
            action.add_argument(
                "name",
                nargs="?" if optional else None,
                help="identifier as listed; the active model where it is left out",
            )
        action.add_argument("--json", action="store_true", help="print one JSON document")


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    convert = commands.add_parser(
        "convert",
        help="write scans as DICOM: tomography, localizer, layers",
        description="Exit codes: 0 all written, 2 usage, 3 some refused (the others written), "
        "4 nothing written.",
    )
    convert.add_argument("path", metavar="FILE", type=Path, help="file, folder, DICOMDIR or zip")
    convert.add_argument("--to", choices=("dicom",), default="dicom", help="what to write")
    convert.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("dicom"), help="where to (./dicom)"
    )
    convert.add_argument(
        "--eye", choices=("OD", "OS"), help="the eye of scans that do not state it"
    )
    convert.add_argument(
        "--acquired",
        metavar="TIME",
        type=_local_time,
        help="the local time of scans that do not state it, such as 2026-11-20T09:41",
    )
    convert.add_argument(
        "--no-burned-in-text",
        action="store_true",
        help="you looked: no text in the pictures identifies the patient",
    )
    convert.add_argument(
        "--anonymous",
        action="store_true",
        help="leave out name, identifier, birth date and sex; the date of the scan stays",
    )
    convert.add_argument("--compress", action="store_true", help="JPEG-LS without loss")
    convert.add_argument("--force", action="store_true", help="replace an earlier conversion")
    convert.add_argument("--json", action="store_true", help="print one JSON document")


def _local_time(text: str) -> datetime:
    """A date and time without time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("the time zone of a scan is not kept")
    return moment.replace(microsecond=0)
