"""``python -m training factory``: train, evaluate and export the factory model."""

import argparse
import sys
from pathlib import Path

LOOKS_HELP = "text file: a look at evaluation data a line, or 'note: ' and a limit for the card"
KEY_HELP = "private signing key, outside the repository; made on first use"


def add_arguments(factory: argparse.ArgumentParser) -> None:
    """The three steps as commands of their own; ``all`` does them in one go."""
    steps = factory.add_subparsers(dest="step", required=True)
    whole = steps.add_parser("all", help="train, evaluate and export in one go")
    evaluate = steps.add_parser("evaluate", help="evaluate a checkpoint; prints JSON")
    export = steps.add_parser("export", help="evaluate and write the signed package")
    for one in (whole, evaluate, export):
        one.add_argument("--data", type=Path, required=True, help="folder with bscans/manifest.csv")
        one.add_argument("--config", type=Path, help="TOML file; the factory's where left out")
        one.add_argument("--work", type=Path, default=Path("runs/factory"),
                         help="folder for pictures, log and checkpoint")  # fmt: skip
        one.add_argument("--looks", type=Path, help=LOOKS_HELP)
    whole.add_argument("--random-start", action="store_true", help="no initial weights")
    for one in (whole, export):
        one.add_argument("--key", type=Path, required=True, help=KEY_HELP)
        one.add_argument("--out", type=Path, default=Path("resources/models/factory.kdmodel"))
        one.add_argument("--public-key", type=Path, default=Path("resources/keys/factory.pub"))
    evaluate.add_argument("--json", type=Path, help="file for the result; stdout where left out")


def run(args: argparse.Namespace) -> int:
    """Run a step; returns the exit code."""
    from training.factory.config import FACTORY, ConfigError, load_config

    try:
        config = load_config(args.config or FACTORY)
    except ConfigError as error:
        print(f"Configuration: {error}", file=sys.stderr)
        return 2
    if not (args.data / "bscans" / "manifest.csv").is_file():
        print("The data folder has no bscans/manifest.csv.", file=sys.stderr)
        return 2
    from training.factory import release

    looks = args.looks.read_text("utf-8").splitlines() if args.looks else []
    if args.step == "all":
        from training.factory.train import train_factory

        train_factory(config, args.data, args.work, random_start=args.random_start)
    if args.step == "evaluate":
        release.evaluate_checkpoint(config, args.data, args.work, looks=looks, target=args.json)
    else:
        release.release(config, args.data, args.work, looks=looks, key_file=args.key,
                        package=args.out, public_key=args.public_key)  # fmt: skip
    return 0
