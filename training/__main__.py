"""``python -m training``, installed as ``kdoct-train``: from a site's scans to a model package.

torch is loaded only by the step that needs it, so that ``--help`` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence

from training.factory import command as factory


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="kdoct-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("factory", help="the model that ships with the program")
    factory.add_arguments(one)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    return factory.run(build_parser().parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
