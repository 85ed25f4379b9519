"""The measuring side of ``reading``: opens a file and prints one JSON line."""

import json
import sys
from pathlib import Path

import psutil

from kdoct_desktop.io.readers import open_volumes, start_reading


def memory(path: Path) -> dict[str, int]:
    """Bytes by which this process grows at most while it opens a file."""
    with start_reading():
        pass  # everything is loaded
    before = psutil.Process().memory_info().rss
    opened = open_volumes(path)
    if len(opened.studies) != 1:
        raise RuntimeError("the volume was not read")
    return {"grown_bytes": _peak() - before, "helpers": opened.helpers}


def _peak() -> int:
    """Largest resident memory of this process so far, in bytes.

    Not ``ru_maxrss`` on Linux: it begins with that of the process which started this one.
    """
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print(json.dumps(memory(Path(sys.argv[2]))))
