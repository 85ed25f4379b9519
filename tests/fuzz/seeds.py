"""Sound files of every format, made by the writers of the tests: what damage starts from."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

_UNIQUE = b"1.2.3.9999"
"""In files whose identifiers must differ within one folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """A file, and what lies beside it.

    Attributes:
        name: Family, ``~``, which one.
        format: Name of the device format; empty for DICOM and pictures.
        task: First part of the names of the tasks that read it.
        suffix: Ending of its name.
        data: Its bytes.
        beside: Files that belong to it, by name; ``{stem}`` is the name of the file itself.
    """

    name: str
    format: str
    task: str
    suffix: str
    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """Files of one format."""
        return self.name.partition("~")[0]

    def write(self, folder: Path, *, stem: str = "x") -> Path:
        """Write the file and what belongs to it.

        Args:
            folder: Is made where it is missing.
            stem: Name without ending; three digits make an identifier unique.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stem}{self.suffix}"
        unique = f"1.2.3.1{stem}".encode() if stem.isdigit() else _UNIQUE
        path.write_bytes(self.data.replace(_UNIQUE, unique))
        for name, data in self.beside.items():
            (folder / name.format(stem=stem)).write_bytes(data)
        return path

    def damaged(self, damage: Callable[[bytes], bytes], chance: random.Random) -> "Seed":
        """The same with damage in one of its files, mostly in the main one."""
        if self.beside and chance.random() < 0.2:
            name = chance.choice(sorted(self.beside))
            return replace(self, beside={**self.beside, name: damage(self.beside[name])})
        return replace(self, data=damage(self.data))


def save_seeds(seeds: list[Seed], folder: Path) -> None:
    """Write seeds with what is known of them, for another process."""
    for one in seeds:
        place = folder / one.name
        place.mkdir(parents=True)
        (place / "main").write_bytes(one.data)
        about = {"format": one.format, "task": one.task, "suffix": one.suffix}
        names = sorted(one.beside)
        for number, name in enumerate(names):
            (place / f"beside-{number}").write_bytes(one.beside[name])
        (place / "about.json").write_text(json.dumps({**about, "beside": names}), "utf-8")


def load_seeds(folder: Path) -> list[Seed]:
    """What `save_seeds` wrote."""
    made = []
    for place in sorted(folder.iterdir()):
        about = json.loads((place / "about.json").read_text("utf-8"))
        beside = {
            name: (place / f"beside-{number}").read_bytes()
            for number, name in enumerate(about.pop("beside"))
        }
        made.append(Seed(place.name, **about, data=(place / "main").read_bytes(), beside=beside))
    return made
