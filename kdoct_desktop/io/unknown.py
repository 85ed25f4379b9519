"""What to tell of the files of an input that no reader claims."""

from collections.abc import Sequence
from pathlib import Path

from kdoct_desktop.domain.study import Problem
from kdoct_desktop.io.plan import InputFile

_SIDECARS = {".txt", ".md", ".json", ".csv", ".log", ".ini", ".inf", ".htm", ".html"}
_MANY = 10


def about_unknown(
    unknown: Sequence[tuple[InputFile, Problem]], label: str, *, whole_folder: bool
) -> list[Problem]:
    """One problem a file, or one for all where there are many.

    Args:
        unknown: The files, without those that belong to a scan.
        label: What the user is shown for the input.
        whole_folder: Notes and tables that lie beside scans are not told: nobody meant to open
            them.
    """
    told = [problem for file, problem in unknown if not (whole_folder and _is_sidecar(file.label))]
    if len(told) <= _MANY:
        return told
    text = f"{len(told)} files are in no format that is read."
    return [Problem(label, "not-recognised", text)]


def _is_sidecar(name: str) -> bool:
    return Path(name).suffix.lower() in _SIDECARS
