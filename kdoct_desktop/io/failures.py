"""What can go wrong with the reading process, as errors."""

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.plan import InputFile


class RefusedError(IngestError):
    """The reading process itself refused the file: it is alive and well."""


class FileRefusedError(IngestError):
    """One file of a volume is refused, and the volume with it.

    Attributes:
        file: The file.
    """

    def __init__(self, file: InputFile, error: IngestError, message: str) -> None:
        super().__init__(error.code, message)
        self.file = file


def refusal(error: object) -> IngestError:
    """The reading process's own refusal as an error, kept short and plain."""
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        if isinstance(code, str) and isinstance(message, str):
            plain = "".join(letter for letter in message if letter.isprintable())
            return RefusedError(code[:60], plain[:300])
    return garbage()


def timed_out() -> IngestError:
    """The refusal of a file whose reading does not end."""
    return IngestError("read-timeout", "Reading takes too long; the file is damaged or hostile.")


def died() -> IngestError:
    """The refusal of a file whose reading process ended."""
    return IngestError(
        "reader-crashed", "Reading ended abnormally; the file is damaged or needs too much memory."
    )


def garbage() -> IngestError:
    """The refusal of a file for which the reading process answered nonsense."""
    return IngestError("reader-garbage", "Reading gave an answer that makes no sense.")
