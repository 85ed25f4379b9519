"""One finding of `training.preflight.doctor`."""

from dataclasses import dataclass, field
from typing import Any

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at and what was found.

    Attributes:
        name: Short, in lower case.
        state: `OK`, `WARNING` (the run works, a person should know) or `FAILED` (it would not).
        sentence: For people; says what to do where something is to be done.
        values: The same for machines: plain values.
    """

    name: str
    state: str
    sentence: str
    values: dict[str, Any] = field(default_factory=dict)
