"""Run by torchrun: the gradients of the first step, in one process or several."""

import sys
from pathlib import Path

from safetensors.torch import save

from kdoct_desktop.domain.whole_file import write_whole
from tests.training.learning.first_step import first_step
from training.open_run import open_run


def main(folder: Path, target: Path) -> None:
    """Write the gradients that this process sees after one step, and what it counted."""
    gradients, tally, rank, world = first_step(open_run(folder))
    write_whole(target.with_name(f"{target.name}-{rank}.safetensors"), save(gradients))
    counted = f"{world} {tally.seen} {tally.right}"
    write_whole(target.with_name(f"{target.name}-{rank}.txt"), counted.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
