"""``kdoct model``: list, install, show, verify, activate, rollback."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from kdoct_desktop.app.models import InstalledModel, ModelRegistry
from kdoct_desktop.app.settings import load_settings
from kdoct_desktop.cli.bar import Bar
from kdoct_desktop.domain.errors import KdoctError

DONE = 0
USAGE = 2
NO_MODEL = 5


def run_model(options: argparse.Namespace) -> int:
    """Do what was asked; 5 where the model cannot be used."""
    registry = ModelRegistry()
    try:
        document, text = _ACTIONS[options.action](registry, options)
    except (KdoctError, OSError) as error:
        code = error.code if isinstance(error, KdoctError) else "cannot-write"
        message = str(error) if isinstance(error, KdoctError) else error.strerror
        if options.json:
            print(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))
        print(message, file=sys.stderr)
        return NO_MODEL
    print(json.dumps(document, ensure_ascii=False) if options.json else "\n".join(text))
    return DONE


Result = tuple[Any, Sequence[str]]


def _list(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    models, damaged = registry.models(), registry.damaged()
    text = [_line(model) for model in models]
    text += [f"  {bad.reference}  not usable: {bad.message}" for bad in damaged]
    document = {
        "models": [_entry(model) for model in models],
        "damaged": [dataclasses.asdict(bad) for bad in damaged],
    }
    return document, text or ["No model is installed."]


def _install(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    with Bar(options.file.name) as bar:
        model = registry.install(options.file, provider=load_settings().provider, progress=bar)
    hint = f"Use it with: kdoct model activate {model.reference}"
    return _entry(model), [f"Installed {model.reference}.", hint]


def _show(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    model = registry.find(options.name)
    return {**_entry(model), "card": model.card}, [_line(model), "", model.card]


def _verify(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    model = registry.find(options.name)
    report = registry.verify(model.reference, provider=load_settings().provider)
    document = {**_entry(model), "provider": dataclasses.asdict(report)}
    text = (
        f"{model.reference}: signature, hashes and golden outputs are in order "
        f"(largest difference {report.parity:.1e} on {report.ran}, {report.canary_ms:.1f} ms)."
    )
    return document, [text, *([report.note] if report.note else [])]


def _activate(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    model = registry.activate(options.name)
    return _entry(model), [f"{model.reference} is used from now on."]


def _rollback(registry: ModelRegistry, options: argparse.Namespace) -> Result:
    model = registry.rollback()
    return _entry(model), [f"{model.reference} is used again."]


_ACTIONS = {
    "list": _list,
    "install": _install,
    "show": _show,
    "verify": _verify,
    "activate": _activate,
    "rollback": _rollback,
}


def _line(model: InstalledModel) -> str:
    """One model for people."""
    mark = "*" if model.active else " "
    identity = model.identity
    return (
        f"{mark} {model.reference}  {identity.name} {identity.version}  "
        f"{' '.join(identity.classes)}  sha256 {identity.sha256[:12]}  key {identity.key_id}"
    )


def _entry(model: InstalledModel) -> dict[str, Any]:
    """One model for machines."""
    return {
        "reference": model.reference,
        "active": model.active,
        **dataclasses.asdict(model.identity),
    }
