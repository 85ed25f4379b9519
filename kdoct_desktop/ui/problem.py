"""From an exception to what the user sees; the only module that does this."""

from dataclasses import dataclass

from kdoct_desktop.domain.errors import KdoctError
from kdoct_desktop.domain.study import Problem


@dataclass(frozen=True, slots=True)
class ProblemText:
    """One sentence, and what stands behind "Details".

    Attributes:
        sentence: What is wrong and, where it helps, what to do.
        details: One line each; may be empty. Never a traceback.
    """

    sentence: str
    details: tuple[str, ...] = ()


def explain(error: BaseException) -> ProblemText:
    """Say in one sentence what an exception means for the user."""
    match error:
        case KdoctError():
            return ProblemText(error.message, (f"Code: {error.code}",))
        case PermissionError():
            return ProblemText("The file may not be opened or written: access is denied.")
        case FileNotFoundError():
            return ProblemText("The file is not there any more.")
        case OSError():
            reason = error.strerror or type(error).__name__
            return ProblemText("The file could not be read or written.", (reason,))
        case MemoryError():
            return ProblemText("There is not enough memory for this scan; close other programs.")
        case _:
            text = "The program met an error of its own; the log says more."
            return ProblemText(text, (f"Kind: {type(error).__name__}",))


def explain_refused(problems: tuple[Problem, ...]) -> ProblemText:
    """Say which inputs were refused, the reasons as details."""
    if len(problems) == 1:
        only = problems[0]
        return ProblemText(f"{only.source}: {only.message}", (f"Code: {only.code}",))
    details = tuple(f"{problem.source}: {problem.message}" for problem in problems)
    return ProblemText(f"{len(problems)} inputs were refused; the others are shown.", details)
