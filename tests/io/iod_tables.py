"""The standard's tables of attributes, against which written objects are held.

The tables are those that highdicom keeps of PS3.3; they know Height Map Segmentation, which the
validator of dicom3tools does not. Checked are attributes of type 1 and 2 at every depth, and that
nothing is there that the standard has not. Conditions are not in the tables.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from pydicom.dataset import Dataset

_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
Path = tuple[str, ...]


def violations(ds: Dataset) -> list[str]:
    """What an object lacks and what it must not have, a line each."""
    modules = _table("iod_module_map")[_table("sop_class_iod_map")[str(ds.SOPClassUID)]]
    found: list[str] = []
    known: set[tuple[Path, str]] = set()
    for module in modules:
        attributes = _table("module_attribute_map")[module["key"]]
        known |= {(tuple(one["path"]), one["keyword"]) for one in attributes}
        if module["usage"] == "M" or _is_there(ds, attributes):
            found += [f"{module['key']}: {line}" for line in _lacking(ds, attributes)]
    return sorted({*found, *_superfluous(ds, known)})


@cache
def _table(name: str) -> dict[str, Any]:
    text = (files("highdicom._standard") / f"{name}.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def _is_there(ds: Dataset, attributes: list[dict[str, Any]]) -> bool:
    """Whether an optional module is used: something of it at the top that must not be empty."""
    return any(one["keyword"] in ds for one in attributes if not one["path"] and one["type"] == "1")


def _lacking(ds: Dataset, attributes: list[dict[str, Any]]) -> Iterator[str]:
    for one in attributes:
        path, keyword = one["path"], one["keyword"]
        either_group = len(path) == 1 and path[0] in _GROUPS  # shared or per frame
        if one["type"] not in ("1", "2") or either_group:
            continue
        for item in _items(ds, path):
            if keyword not in item or (one["type"] == "1" and item[keyword].is_empty):
                yield f"{'/'.join((*path, keyword))} is of type {one['type']}"


def _items(ds: Dataset, path: list[str]) -> Iterator[Dataset]:
    if not path:
        yield ds
        return
    for item in ds.get(path[0]) or ():
        yield from _items(item, path[1:])


def _superfluous(ds: Dataset, known: set[tuple[Path, str]], path: Path = ()) -> Iterator[str]:
    for element in ds:
        if (path, element.keyword) not in known:
            yield f"{'/'.join((*path, element.keyword))} is not in the standard's object"
        if element.VR == "SQ":
            for item in element.value:
                yield from _superfluous(item, known, (*path, element.keyword))
