"""``kdoct`` and ``python -m kdoct_desktop``."""

import argparse
import os
import sys
from collections.abc import Sequence

from kdoct_desktop.cli.parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after the program's name; those of the process where None.

    Returns:
        The exit code; see ``kdoct analyze --help``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if _served_as_child(words):
        return 0
    try:
        return _run(make_parser().parse_args(words))
    except BrokenPipeError:
        # whoever read our output has seen enough; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> int:
    """Run the command that was parsed."""
    # each command is imported when it is asked for: --help and --version stay instant
    if options.command == "analyze":
        from kdoct_desktop.cli.analyze import run_analyze

        return run_analyze(options)
    if options.command == "model":
        from kdoct_desktop.cli.model import run_model

        return run_model(options)
    if options.command == "inspect":
        from kdoct_desktop.cli.inspect import run_inspect

        return run_inspect(options)
    if options.command == "convert":
        from kdoct_desktop.cli.convert import run_convert

        return run_convert(options)
    if options.command == "self-check":
        from kdoct_desktop.cli.check import run_check

        return run_check(as_json=options.json)
    from kdoct_desktop.cli.window import run_demo, run_window

    if options.command == "demo":
        return run_demo(options.offscreen)
    return run_window(getattr(options, "paths", []))


def _served_as_child(words: list[str]) -> bool:
    """Be one of our own child processes where the frozen program was started as such."""
    if not words or not getattr(sys, "frozen", False):
        return False
    from kdoct_desktop.inference.worker_process import CHILD_ARGUMENT
    from kdoct_desktop.io.contained import run_if_child

    if words[0] != CHILD_ARGUMENT:
        return run_if_child(words)
    from kdoct_desktop.inference.worker_child import main as serve

    serve()
    return True


if __name__ == "__main__":
    sys.exit(main())
