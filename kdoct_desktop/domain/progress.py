"""How long work tells how far it is, and how it is stopped."""

from typing import Protocol


class Progress(Protocol):
    """The one callable through which long work reports.

    It may raise :class:`~kdoct_desktop.domain.errors.Cancelled` to stop the work.
    """

    def __call__(self, done: int, total: int, step: str) -> None:
        """Report.

        Args:
            done: Units of work finished.
            total: Units of work in all; 0 while it is not known.
            step: What is being done, as a short phrase such as ``"reading B-scans"``.
        """


def silent(done: int, total: int, step: str) -> None:
    """Ignore every report: the default where nobody watches."""
