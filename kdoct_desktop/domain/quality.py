"""How good a B-scan, and a volume, is.

The states are values here; how they are measured on pixels is in
``kdoct_desktop.inference.quality``, how they bear on a finding in ``finding``.
"""

from dataclasses import dataclass
from enum import StrEnum


class QualityState(StrEnum):
    """Whether something can be said at all."""

    GOOD = "good"
    POOR = "poor"
    UNGRADABLE = "ungradable"


@dataclass(frozen=True, slots=True)
class Quality:
    """State and the reasons that led to it.

    Attributes:
        state: Good, poor or ungradable.
        reasons: One short phrase each, such as ``"weak signal"``; empty when good.
    """

    state: QualityState = QualityState.GOOD
    reasons: tuple[str, ...] = ()
