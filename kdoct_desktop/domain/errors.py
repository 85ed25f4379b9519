"""The few errors that the program raises on purpose.

Each carries a short stable ``code`` for machines and one plain sentence for people. Neither may
hold a patient's name, birth date, identifier or a path: both end up in logs and reports.
"""


class KdoctError(Exception):
    """Work that cannot be done, with the reason in one plain sentence.

    Attributes:
        code: Stable lower-case identifier with hyphens, for example ``"truncated-file"``.
        message: One sentence for the user that says what is wrong and, where it helps, what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class IngestError(KdoctError):
    """An input is refused; the other inputs go on."""


class ModelError(KdoctError):
    """A model package cannot be used."""


class InferenceError(KdoctError):
    """The model ran but its result cannot be trusted, or it could not run at all."""


class Cancelled(Exception):  # noqa: N818 - it is a request that was honoured, not an error
    """The user stopped the work; raised by a progress callable."""
