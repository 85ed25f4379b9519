"""What the training side raises on purpose: a stable code, one plain sentence, and the list."""

from collections.abc import Sequence

from kdoct_desktop.domain.errors import KdoctError


class TrainingError(KdoctError):
    """Work that cannot be done; raised before anything is overwritten.

    Attributes:
        code: Stable lower-case identifier with hyphens, for example ``"one-patient-per-class"``.
        message: One sentence that says what is wrong and what to do.
        details: Everything that the sentence counts, one line each: files, patients, keys.
    """

    def __init__(self, code: str, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(code, message)
        self.details = tuple(details)
