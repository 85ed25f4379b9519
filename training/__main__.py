"""``python -m training``, installed as ``kdoct-train``: from a site's scans to a model package."""

import os
import sys
from collections.abc import Sequence

# read when torch is loaded: threads that wait must not spin, or two busy jobs stand still
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.command_line import build_parser
from training.errors import TrainingError
from training.events import Events, JsonEvents, PeopleEvents, Silent

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 done, 1 a check failed, 2 it cannot be done and the reason was said, 3 stopped as asked.
    """
    args = build_parser().parse_args(arguments)
    from training.advice import messages_for
    from training.learning.stopping import STOPPED_CODE, Stopped
    from training.steps import STEPS

    events = _events(as_json=args.events)
    try:
        return STEPS[args.command](args, events)
    except Stopped as stopped:
        events.done("stopped", {"": str(stopped)})
        return STOPPED_CODE
    except KeyboardInterrupt:
        return STOPPED_CODE
    except (TrainingError, OSError, RuntimeError, MemoryError) as error:
        problem = messages_for(error)
        if problem is None:
            raise
        events.error(problem.code, problem.message, problem.details)
        return USAGE


def _events(*, as_json: bool) -> Events:
    """Only the first of several processes speaks; torchrun and Fabric say which one this is."""
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    if rank != "0" or os.environ.get("NODE_RANK", "0") != "0":
        return Silent()
    return JsonEvents() if as_json else PeopleEvents()


if __name__ == "__main__":
    sys.exit(main())
