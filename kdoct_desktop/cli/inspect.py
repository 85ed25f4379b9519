"""``kdoct inspect``: what a file holds, without a word on whose eye it is unless asked."""

import argparse
import json
import sys
from typing import Any

from kdoct_desktop.app.inspection import inspect_path
from kdoct_desktop.cli.bar import Bar

ALL_READ, SOME_REFUSED, NOTHING_READ = 0, 3, 4


def run_inspect(options: argparse.Namespace) -> int:
    """Describe a file, folder or archive; see the parser for the options and the exit codes."""
    title = options.path.name if options.identity else "inspecting"
    with Bar(title) as bar:
        found = inspect_path(
            options.path, identity=options.identity, decode=options.decode, progress=bar
        )
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for volume in found["volumes"]:
            print("\n".join(_lines(volume)))
            print()
        for problem in found["problems"]:
            name = problem.get("name", f"file {problem['file']}")
            print(f"{name}: {problem['message']} [{problem['code']}]", file=sys.stderr)
    return exit_code(found)


def exit_code(found: dict[str, Any]) -> int:
    """What the process answers."""
    readable = [volume for volume in found["volumes"] if volume["decoded"] is not False]
    if not readable:
        return NOTHING_READ
    return SOME_REFUSED if found["problems"] else ALL_READ


def _lines(volume: dict[str, Any]) -> list[str]:
    """A volume for people, a line a fact."""
    bscans, depth, ascans = volume["shape"]
    spacing, localizer = volume["spacing_mm"], volume["localizer"]
    facts = [
        ("format", volume["format"]),
        ("size", f"{_count(bscans)}, {depth} deep, {ascans} A-scans"),
        ("missing", _count(volume["missing_bscans"]) if volume["missing_bscans"] else ""),
        ("pattern", _stated(volume["scan_pattern"])),
        ("eye", _stated(volume["laterality"])),
        ("spacing", _spacing(spacing)),
        ("order", volume["order_provenance"]),
        ("localizer", _localizer(localizer)),
        ("scan lines", "yes" if volume["scan_lines"] else "none"),
        ("layers", ", ".join(volume["layers"]) or "none"),
        ("device", volume["device"] or "not stated"),
        ("software", volume["software"] or "not stated"),
        ("acquired", _acquired(volume)),
        ("decoded", {True: "yes", False: "no", None: ""}[volume["decoded"]]),
    ]
    head = f"volume {volume['number']} (file {volume['file']}, visit {volume['visit']})"
    identity = volume.get("identity", {})
    facts += [(key.replace("_", " "), value) for key, value in identity.items() if value]
    lines = [head] + [f"  {name:<14}{value}" for name, value in facts if value]
    return lines + [f"  note: {notice['message']}" for notice in volume["notices"]]


def _count(bscans: int) -> str:
    return f"{bscans} B-scan{'s' if bscans != 1 else ''}"


def _stated(fact: dict[str, str | None]) -> str:
    return f"{fact['value'] or 'unknown'} ({fact['provenance']})"


def _spacing(spacing: dict[str, Any]) -> str:
    parts = [
        f"{name} {1000 * spacing[name]:.2f} µm" if spacing[name] is not None else f"{name} unknown"
        for name in ("bscan", "axial", "ascan")
    ]
    return f"{', '.join(parts)} ({spacing['provenance']})"


def _localizer(localizer: dict[str, Any] | None) -> str:
    if localizer is None:
        return "none"
    return f"{localizer['kind']}, {' × '.join(str(size) for size in localizer['shape'])}"


def _acquired(volume: dict[str, Any]) -> str:
    """Whether a time is stated; the time itself belongs to the identity."""
    provenance = volume["acquired_provenance"]
    return "not stated" if provenance == "unknown" else f"stated ({provenance})"
