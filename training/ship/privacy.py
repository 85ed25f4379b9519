"""The guard that a package names no patient: what is searched for, and in which texts.

Full keys, volumes and files are searched for in the whole of manifest and card. The patient's own
part of a key is searched for in the texts that people write or choose, word by word: elsewhere a
number would be found in every figure.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from training.data.manifest import Row
from training.errors import TrainingError

_SHORTEST = 6
"""Characters below which a text is not searched for in a whole document."""
_SHORTEST_NUMBER = 5
"""Digits below which a number names nobody: wards, years and devices have them."""
_WORD = re.compile(r"[^\W_]+")

Words = tuple[str, ...]


def identifiers(rows: Iterable[Row]) -> set[str]:
    """Texts that may lead to a patient: keys, files, and the patient's part of the key by itself.

    A bare number is no text of its own: it would be found in every figure.
    """
    found: set[str] = set()
    for row in rows:
        bare = row.patient.partition(":")[2]
        found |= {row.patient, row.volume, row.path, row.fundus, Path(row.path).name}
        if len(bare) >= _SHORTEST and re.search(r"\d", bare) and re.search(r"\D", bare):
            found.add(bare)
    return {one for one in found if len(one) >= _SHORTEST}


def check_private(texts: Iterable[str], rows: Iterable[Row]) -> None:
    """Refuse a package that would name a patient or a file.

    Raises:
        TrainingError: ``names-a-patient``; the details hold the place, never the name.
    """
    known = sorted(identifiers(rows))
    for text in texts:
        for one in known:
            at = text.find(one)
            if at >= 0:
                raise _named(f"after: {text[:at].rsplit(chr(10), 1)[-1][-60:]}")


def check_free_texts(
    texts: Iterable[tuple[str, str]], rows: Iterable[Row], codes: Iterable[str]
) -> None:
    """Refuse texts of people in which a patient's part of a key stands as words of its own.

    Capitals and what stands between words make no difference: ``Mueller_Hans`` is found in
    ``mueller hans``. A key that is a class code or a label is none.

    Args:
        texts: Place and text, see `config_texts` and `manifest_texts`.
        rows: Of the manifest.
        codes: Class codes.

    Raises:
        TrainingError: ``names-a-patient``; the details hold the place, never the name.
    """
    known = _bare_keys(rows, codes)
    longest = max(map(len, known), default=0)
    for place, text in texts:
        words = _words(text)
        for start in range(len(words)):
            if any(words[start : start + count] in known for count in range(1, longest + 1)):
                raise _named(f"in: {place}")


def config_texts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and text of what people write into a configuration and a package repeats."""
    for name in ("name", "version", "notice", "waiver"):
        yield f"export.{name}", str(config["export"].get(name, ""))
    for number, text in enumerate(config["export"].get("remarks", ())):
        yield f"export.remarks, sentence {number + 1}", str(text)
    for name, text in config["export"].get("credits", {}).items():
        yield f"export.credits.{name}", str(text)
    yield "distill.waiver", str(config["distill"].get("waiver", ""))
    for code, text in config["classes"].get("display", {}).items():
        yield f"classes.display.{code}", str(text)
    for name in config["data"].get("datasets", ()):
        yield "data.datasets", str(name)
    for role in ("teacher", "student"):
        yield f"{role}.weights", str(config[role]["weights"])


def manifest_texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and text of what a package's manifest repeats from people, data and weights."""
    training = values["training"]
    yield from config_texts(training["config"])
    for name in ("name", "version", "notice"):
        yield f"export.{name}", str(values[name])
    for one in values["classes"]:
        yield f"classes.display.{one['code']}", str(one["display"])
    yield "export.waiver", str(values["metrics"]["promotion"]["waiver"])
    for number, text in enumerate(values["metrics"]["remarks"]):
        yield f"export.remarks, sentence {number + 1}", str(text)
    for kind in ("sets", "unlike"):
        for name in values["metrics"]["outside"].get(kind, {}):
            yield "data set in the other manifest", str(name)
    yield "distill.waiver", str(training["waiver"])
    for one in training["data"]:
        yield "dataset in the manifest", str(one["name"])
        yield f"export.credits.{one['name']}", str(one.get("licence", ""))
    for device in training["devices"]:
        yield "device in the manifest", str(device)
    starts = (training, training["teacher"])
    for role, facts in zip(("student", "teacher"), starts, strict=True):
        for name in ("name", "source", "notice"):
            text = facts.get("initial_weights", {}).get(name, "")
            yield f"initial weights of the {role}: {name}", str(text)


def _bare_keys(rows: Iterable[Row], codes: Iterable[str]) -> set[Words]:
    """The patient's part of every key, in words; none that is a class or label, or too short."""
    keys, common = set(), set(codes)
    for row in rows:
        keys.add(row.patient.partition(":")[2] or row.patient)
        common |= {row.label, row.volume_label}
    found = {_words(key) for key in keys} - {_words(one) for one in common}
    return {words for words in found if _is_name("".join(words))}


def _is_name(text: str) -> bool:
    """Whether letters and digits can name somebody."""
    return len(text) >= (_SHORTEST_NUMBER if text.isdigit() else 2)


def _words(text: str) -> Words:
    """Letters and digits between anything else, without capitals."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _named(place: str) -> TrainingError:
    return TrainingError(
        "names-a-patient",
        "The package would name a patient or a file of the site and was not written; "
        "rename what stands in configuration or manifest at this place.",
        [place],
    )
