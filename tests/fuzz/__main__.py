"""Open damaged files of every format and tell what became of them.

    python -m tests.fuzz [--files N] [--seed S] [--guide SECONDS] [--out FOLDER] [--json]

First every format is explored for some seconds, guided by which lines of the reader a file reaches;
then damaged copies of seeds and finds are opened as the program opens a folder. Exits with 1 where
a file gave neither a volume nor a named problem.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.campaign import Account, run
from tests.fuzz.make_seeds import make_seeds
from tests.fuzz.seeds import Seed, load_seeds, save_seeds


def guided(seeds: list[Seed], folder: Path, *, seconds: float, seed: int) -> dict[str, Any]:
    """Explore each format in a process of its own; what is found lies in ``folder/found``.

    Args:
        seeds: Of all formats.
        folder: For seeds and finds.
        seconds: For each format.
        seed: Of chance.
    """
    save_seeds(seeds, folder / "seeds")
    told: dict[str, Any] = {}
    for family in dict.fromkeys(one.family for one in seeds):
        (folder / "found" / family).mkdir(parents=True)
        command = [sys.executable, "-m", "tests.fuzz.guide", family, str(folder)]
        done = subprocess.run(
            [*command, str(seconds), str(seed)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            told[family] = {"died": done.returncode, "last": done.stderr[-2000:]}
        else:
            told[family] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def main() -> int:
    """Run a campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guide", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, help="keep suspects here")
    options = parser.parse_args()
    seeds = make_seeds()
    began = time.monotonic()
    account = Account()
    with tempfile.TemporaryDirectory(prefix="kdoct-fuzz-") as scratch:
        folder = Path(scratch)
        explored = guided(seeds, folder, seconds=options.guide, seed=options.seed)
        for found in sorted((folder / "found").iterdir()):
            seeds += load_seeds(found)
        run(seeds, files=options.files, seed=options.seed, account=account)
    for number, (code, one) in enumerate(account.suspects):
        if options.out is not None:
            one.write(options.out / f"{number:04}-{code}-{one.family}")
    told = {**account.to_json(), "seconds": round(time.monotonic() - began), "guided": explored}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 1 if account.silent else 0


if __name__ == "__main__":
    sys.exit(main())
