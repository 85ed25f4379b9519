"""The table of a sweep on the terminal."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from training.errors import TrainingError


@contextmanager
def table_shown(args: argparse.Namespace) -> Iterator[None]:
    """Print the table of a sweep for people, also where some of its cells failed."""
    try:
        yield
    except TrainingError as error:
        if error.code != "cells-failed":
            raise
        _show_table(args)
        raise
    _show_table(args)


def _show_table(args: argparse.Namespace) -> None:
    path = args.out / "table.md"
    if not args.events and path.is_file():
        print(path.read_text("utf-8"))
