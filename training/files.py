"""JSON files that are whole or not there, and the hash of a file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kdoct_desktop.domain.whole_file import write_whole


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON; see `whole_file`."""
    write_whole(path, (json.dumps(values, indent=1) + "\n").encode())


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
