"""``python -m training``: train, evaluate and export the factory model.

torch is loaded only when a command needs it, so that ``--help`` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

LOOKS_HELP = "text file: a look at evaluation data a line, or 'note: ' and a limit for the card"
KEY_HELP = "private signing key, outside the repository; made on first use"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    factory = commands.add_parser("factory", help="train, evaluate and export in one go")
    evaluate = commands.add_parser("evaluate", help="evaluate a checkpoint; prints JSON")
    export = commands.add_parser("export", help="evaluate and write the signed package")
    for one in (factory, evaluate, export):
        one.add_argument("--data", type=Path, required=True, help="folder with bscans/manifest.csv")
        one.add_argument("--config", type=Path, help="TOML file; the factory's where left out")
        one.add_argument("--work", type=Path, default=Path("runs/factory"),
                         help="folder for pictures, log and checkpoint")  # fmt: skip
        one.add_argument("--looks", type=Path, help=LOOKS_HELP)
    factory.add_argument("--random-start", action="store_true", help="no initial weights")
    for one in (factory, export):
        one.add_argument("--key", type=Path, required=True, help=KEY_HELP)
        one.add_argument("--out", type=Path, default=Path("resources/models/factory.kdmodel"))
        one.add_argument("--public-key", type=Path, default=Path("resources/keys/factory.pub"))
    evaluate.add_argument("--json", type=Path, help="file for the result; stdout where left out")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = build_parser().parse_args(arguments)
    from training.config import FACTORY, ConfigError, load_config

    try:
        config = load_config(args.config or FACTORY)
    except ConfigError as error:
        print(f"Configuration: {error}", file=sys.stderr)
        return 2
    if not (args.data / "bscans" / "manifest.csv").is_file():
        print("The data folder has no bscans/manifest.csv.", file=sys.stderr)
        return 2
    from training import release

    looks = args.looks.read_text("utf-8").splitlines() if args.looks else []
    if args.command == "factory":
        from training.factory import train_factory

        train_factory(config, args.data, args.work, random_start=args.random_start)
    if args.command == "evaluate":
        release.evaluate_checkpoint(config, args.data, args.work, looks=looks, target=args.json)
    else:
        release.release(config, args.data, args.work, looks=looks, key_file=args.key,
                        package=args.out, public_key=args.public_key)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
