"""The models on this computer: install, choose, go back, check.

The factory model came with the program and is always there. Installed packages lie in the data
folder under a name that holds their hash; they are never changed. A small state file says which
one is in use and which ones were before. Nothing is installed before its signature, its hashes
and, in the process that owns onnxruntime, its golden outputs were found good.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdoct_desktop.app.paths import data_dir, resource_path
from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.domain.prediction import ModelIdentity, ProviderReport
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.whole_file import write_whole
from kdoct_desktop.inference.archive import read_bytes
from kdoct_desktop.inference.package import ModelPackage, parse_package, read_package
from kdoct_desktop.inference.signing import load_trusted_keys
from kdoct_desktop.inference.worker import InferenceWorker

FACTORY = "factory"
"""Reference of the model that came with the program."""
SUFFIX = ".kdmodel"
STATE_SCHEMA = 1
_HISTORY = 20


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A verified package on this computer.

    Attributes:
        reference: How it is called on the command line; ``factory`` or the file's stem.
        path: The package.
        identity: What its manifest says, and its hash.
        card: The model card, Markdown; show it as plain text.
        active: True for the one in use.
    """

    reference: str
    path: Path
    identity: ModelIdentity
    card: str
    active: bool


@dataclass(frozen=True, slots=True)
class DamagedModel:
    """A package that is there but cannot be used.

    Attributes:
        reference: How it is called.
        code: Why, for machines.
        message: Why, for people.
    """

    reference: str
    code: str
    message: str


class ModelRegistry:
    """The installed models. Reads the folders anew at each call, so several processes agree."""

    def __init__(self, *, data: Path | None = None, resources: Path | None = None) -> None:
        """Look into folders; nothing is made before something is installed.

        Args:
            data: Holds ``models`` and ``keys``; the user's data folder where None.
            resources: The same two as they came with the program; its own where None.
        """
        data = data if data is not None else data_dir()
        resources = resources if resources is not None else resource_path()
        self._folder = data / "models"
        self._factory_folder = resources / "models"
        self._key_folders = (resources / "keys", data / "keys")
        self._state_file = self._folder / "registry.json"

    def trusted_keys(self) -> tuple[bytes, ...]:
        """Raw public keys that may sign a package.

        Raises:
            ModelError: A key file is damaged (``bad-key``).
        """
        return load_trusted_keys(*self._key_folders)

    def models(self) -> tuple[InstalledModel, ...]:
        """Every usable model, the factory's first."""
        return self._scan()[0]

    def damaged(self) -> tuple[DamagedModel, ...]:
        """Every package that cannot be used."""
        return self._scan()[1]

    def active(self) -> InstalledModel:
        """The model in use.

        Raises:
            ModelError: It is missing or cannot be trusted; another one must be chosen.
        """
        return self._read(self._state()[0])

    def find(self, name: str | None) -> InstalledModel:
        """A model by reference, by the beginning of its hash, or by name where only one has it.

        Args:
            name: As the user typed it; the active model where None.

        Raises:
            ModelError: None or several fit (``unknown-model``, ``ambiguous-model``).
        """
        if name is None:
            return self.active()
        if name in self._paths():
            return self._read(name)
        fits = [model for model in self.models() if _fits(model, name)]
        if not fits:
            raise ModelError("unknown-model", "No installed model has this name.")
        if len(fits) > 1:
            known = ", ".join(model.reference for model in fits)
            raise ModelError("ambiguous-model", f"Several models fit: {known}.")
        return fits[0]

    def install(
        self, path: Path, *, provider: str = "auto", progress: Progress = silent
    ) -> InstalledModel:
        """Verify a package and keep a copy of it; it is not put to use.

        Args:
            path: The package.
            provider: Where the golden outputs are checked: ``auto``, ``cuda`` or ``cpu``.
            progress: Called between the steps.

        Returns:
            The installed model; the one that was there already if it has the same hash.

        Raises:
            ModelError: It cannot be trusted, or does not give its golden outputs here.
            OSError: The data folder cannot be written; nothing was installed.
        """
        progress(0, 3, "checking the signature")
        content = read_bytes(path)
        package = parse_package(content, trusted_keys=self.trusted_keys())
        for known in self.models():
            if known.identity.sha256 == package.identity.sha256:
                return known
        target = self._folder / f"{_reference(package.identity)}{SUFFIX}"
        incoming = target.with_suffix(".incoming")
        progress(1, 3, "checking the golden outputs")
        try:
            write_whole(incoming, content)
            self._check_golden(incoming, provider=provider)
            progress(2, 3, "installing")
            incoming.replace(target)
        finally:
            incoming.unlink(missing_ok=True)
        return self._installed(target.stem, target, package)

    def activate(self, name: str) -> InstalledModel:
        """Use a model from now on.

        Args:
            name: As for :meth:`find`.

        Raises:
            ModelError: It is not there or cannot be trusted; the one in use stays.
            OSError: The choice cannot be kept.
        """
        model = self.find(name)
        before, history = self._state()
        if model.reference != before:
            self._keep(model.reference, [*history, before])
        return self._read(model.reference)

    def rollback(self) -> InstalledModel:
        """Use the model that was in use before this one.

        Raises:
            ModelError: There was none that is still here (``no-earlier-model``), or it cannot be
                trusted.
            OSError: The choice cannot be kept.
        """
        _, history = self._state()
        there = self._paths()
        while history and history[-1] not in there:
            history.pop()
        if not history:
            raise ModelError("no-earlier-model", "No other model was in use before this one.")
        earlier = self._read(history.pop())
        self._keep(earlier.reference, history)
        return self._read(earlier.reference)

    def verify(self, name: str | None = None, *, provider: str = "auto") -> ProviderReport:
        """Check signature, hashes and golden outputs of a model again.

        Args:
            name: As for :meth:`find`.
            provider: Where the golden outputs are checked.

        Returns:
            Where it ran, and how far it was from the golden outputs.

        Raises:
            ModelError: It cannot be trusted or does not give its golden outputs here.
        """
        return self._check_golden(self.find(name).path, provider=provider)

    def _check_golden(self, path: Path, *, provider: str) -> ProviderReport:
        """Load a package in the process that owns onnxruntime, which checks everything."""
        with InferenceWorker() as worker:
            loaded = worker.load(path, provider=provider, trusted_keys=self.trusted_keys())
        return loaded.provider

    def _paths(self) -> dict[str, Path]:
        """Reference to package, without a look inside."""
        factory = sorted(self._factory_folder.glob(f"*{SUFFIX}"))
        found = {FACTORY: factory[-1]} if factory else {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            found[path.stem] = path
        return found

    def _scan(self) -> tuple[tuple[InstalledModel, ...], tuple[DamagedModel, ...]]:
        """Look into every package."""
        self._state()  # a damaged state is no fault of the packages
        models, damaged = [], []
        for reference in self._paths():
            try:
                models.append(self._read(reference))
            except ModelError as error:
                damaged.append(DamagedModel(reference, error.code, error.message))
        return tuple(models), tuple(damaged)

    def _read(self, reference: str) -> InstalledModel:
        """Verify the package of a reference."""
        path = self._paths().get(reference)
        if path is None:
            raise ModelError("no-model", _NO_FACTORY if reference == FACTORY else _GONE)
        return self._installed(
            reference, path, read_package(path, trusted_keys=self.trusted_keys())
        )

    def _installed(self, reference: str, path: Path, package: ModelPackage) -> InstalledModel:
        active = self._state()[0] == reference
        return InstalledModel(reference, path, package.identity, package.card, active)

    def _state(self) -> tuple[str, list[str]]:
        """The reference in use, and those used before, the latest last."""
        if not self._state_file.exists():
            return FACTORY, []
        try:
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
            schema, active, history = state["schema"], state["active"], state["history"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged_state() from error
        if schema != STATE_SCHEMA or not isinstance(active, str) or not _is_names(history):
            raise _damaged_state()
        return active, list(history)

    def _keep(self, active: str, history: Sequence[str]) -> None:
        state = {"schema": STATE_SCHEMA, "active": active, "history": list(history)[-_HISTORY:]}
        write_whole(self._state_file, json.dumps(state, indent=2).encode() + b"\n")


_NO_FACTORY = "No model came with this program; install a model package."
_GONE = "The model in use is no longer there; activate another one."


def _reference(identity: ModelIdentity) -> str:
    """A file name that tells what is inside; the hash makes it unique."""
    text = f"{identity.name}-{identity.version}-{identity.sha256[:8]}"
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")


def _fits(model: InstalledModel, name: str) -> bool:
    """True when `name` is the model's name, or at least six digits of its hash."""
    by_hash = len(name) >= 6 and model.identity.sha256.startswith(name.lower())
    return by_hash or name == model.identity.name


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _damaged_state() -> ModelError:
    return ModelError(
        "registry-damaged",
        "The file registry.json beside the installed models cannot be read; move it away.",
    )
