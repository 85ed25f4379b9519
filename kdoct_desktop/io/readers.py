"""The list of readers, who claims a file, and the one way in: :func:`open_volumes`.

This side never parses a foreign file: it looks at first bytes, hands the file to the reading
process (``contained``), and puts volumes together from plain values.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, OctVolume, Provenance
from kdoct_desktop.io import dicom, image_stack
from kdoct_desktop.io.crew import Crew
from kdoct_desktop.io.decode import BscanListener, VolumeHeader, decode_volume
from kdoct_desktop.io.devices.formats import FORMATS
from kdoct_desktop.io.devices.plans import DeviceReader
from kdoct_desktop.io.dicom_identity import laterality_conflict
from kdoct_desktop.io.failures import FileRefusedError
from kdoct_desktop.io.head import Head, head_of, starts
from kdoct_desktop.io.inputs import folder_files
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.plan import InputFile, VolumePlan, unique_keys
from kdoct_desktop.io.session import Reporter, Session
from kdoct_desktop.io.studies import studies_of
from kdoct_desktop.io.unknown import about_unknown

__all__ = [
    "BscanListener",
    "OpenedInput",
    "Reader",
    "VolumeHeader",
    "open_volumes",
    "plan_volumes",
    "start_reading",
]

Plans = tuple[list[VolumePlan], list[Problem]]


@dataclass(frozen=True, slots=True)
class OpenedInput:
    """Everything that was read of an input.

    Attributes:
        studies: Visits with their volumes.
        problems: What was refused, and why.
        helpers: Further reading processes that would have been of use from the beginning.
    """

    studies: tuple[Study, ...]
    problems: tuple[Problem, ...]
    helpers: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """One format.

    Attributes:
        format: What the user is told.
        claims: Whether a file is of this format; first bytes decide before the name does.
        read: Plans the volumes of all files of this format.
    """

    format: str
    claims: Callable[[Head], bool]
    read: Callable[..., Plans]


READERS: tuple[Reader, ...] = (
    Reader("DICOM", lambda head: head.data[128:132] == b"DICM", dicom.read),
    *(Reader(one.name, one.claims, DeviceReader(one)) for one in FORMATS),
    Reader(
        "PNG, JPEG, TIFF or BMP",
        starts(
            b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM"
        ),
        image_stack.read,
    ),
)
"""Who reads what; the first claim wins. Pictures come last: some belong to a device's export."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_FIRST_NEEDED = ("dicom-header", "dicom-frames")  # what a process that waits has loaded already
_HELPERS_AHEAD = 3  # each that waits takes about 30 MiB


def start_reading(limits: Limits = Limits(), *, helpers: int = 0) -> Crew:  # noqa: B008 - immutable
    """Start a reading process ahead of :func:`open_volumes`; close it if it is never used.

    With it start `helpers`: those of an input that was like the next (see ``OpenedInput``).
    """
    crew = Crew(limits, lambda: None, preload=_FIRST_NEEDED)
    crew.first.start()
    crew.call(min(helpers, _HELPERS_AHEAD))
    return crew


def open_volumes(
    path: Path,
    *,
    eye: Laterality | None = None,
    progress: Progress = silent,
    on_bscan: BscanListener | None = None,
    limits: Limits = Limits(),  # noqa: B008 - immutable
    ready: Crew | None = None,
) -> OpenedInput:
    """Read every volume of a file, folder, DICOMDIR or zip archive.

    Args:
        path: What the user chose.
        eye: The eye as the user states it, for volumes that do not state one.
        progress: Called while reading; may raise ``Cancelled``.
        on_bscan: Called with each B-scan as soon as it is decoded.
        limits: What is accepted.
        ready: Reading processes from :func:`start_reading`, which are used up; one is started
            where None.

    Raises:
        IngestError: The path does not exist or cannot be read at all.
        Cancelled: `progress` asked to stop.
    """
    with _session(progress, limits, ready) as session:
        plans, problems = _input_plans(path, session)
        stated = [_with_eye(plan, eye) for plan in plans]
        problems += [refused for refused in stated if isinstance(refused, Problem)]
        plans = [plan for plan in stated if isinstance(plan, VolumePlan)]
        read, refused = _decode(plans, session, on_bscan)
        helpers = session.crew.useful if session.crew is not None else 0
    studies, conflicts = studies_of(read)
    return OpenedInput(studies, (*problems, *refused, *conflicts), helpers)


def plan_volumes(
    path: Path,
    *,
    progress: Progress = silent,
    limits: Limits = Limits(),  # noqa: B008 - immutable
) -> tuple[list[VolumePlan], list[Problem]]:
    """Everything about the volumes of an input but their pixels, and what is refused.

    Args:
        path: What the user chose.
        progress: Called while reading; may raise ``Cancelled``.
        limits: What is accepted.

    Raises:
        IngestError: The path does not exist or cannot be read at all.
        Cancelled: `progress` asked to stop.
    """
    with _session(progress, limits, None) as session:
        plans, problems = _input_plans(path, session)
        return [session.hashed(plan) for plan in plans], problems


@contextlib.contextmanager
def _session(progress: Progress, limits: Limits, ready: Crew | None) -> Iterator[Session]:
    """A reading with its process."""
    reporter = Reporter(progress)
    with ready or Crew(limits, reporter.tick) as crew:
        crew.first.start()
        crew.tick = reporter.tick
        yield Session(crew.first, limits, reporter, crew)


def _input_plans(path: Path, session: Session) -> Plans:
    path = _existing(path)
    session.reporter.report(0, 0, "finding files")
    return _plans(path, path.name or "folder", session)


def _existing(path: Path) -> Path:
    """The path in full."""
    path = Path(path).absolute()
    if not path.exists():
        raise IngestError("missing-path", "The file or folder does not exist.")
    if not path.is_file() and not path.is_dir():  # a pipe would be waited for without end
        raise IngestError("unreadable", "This is neither a file nor a folder.")
    return path


def _plans(path: Path, label: str, session: Session) -> Plans:
    """Every volume of the input, not yet decoded."""
    problems: list[Problem] = []
    whole_folder = True
    if path.is_dir():
        files, problems = folder_files(path, label, session.limits)
    elif head_of(path).data.startswith(_ZIP):
        try:
            files, problems = _unpacked(path, label, session)
        except IngestError as error:
            return [], [Problem(label, error.code, error.message)]
    else:
        files, whole_folder = [InputFile(path, label, path.parent.name or label)], False
    if not files and not problems:
        problems.append(Problem(label, "empty-input", "There is no file in it."))
    claimed: dict[str, list[InputFile]] = {}
    unknown: list[tuple[InputFile, Problem]] = []
    for file in files:
        answer = _claim(file, session.limits)
        if not isinstance(answer, Problem):
            claimed.setdefault(answer.format, []).append(file)
        elif answer.code == "not-recognised":
            unknown.append((file, answer))
        else:
            problems.append(answer)
    plans: list[VolumePlan] = []
    for reader in READERS:
        mine = [file for file in claimed.get(reader.format, ()) if file.path not in session.taken]
        if mine:
            found, refused = reader.read(session, mine, whole_folder=whole_folder)
            plans += found
            problems += refused
    left = [(file, problem) for file, problem in unknown if file.path not in session.taken]
    problems += about_unknown(left, label, whole_folder=whole_folder)
    return unique_keys(plans), problems


def _claim(file: InputFile, limits: Limits) -> Reader | Problem:
    """The reader of a file, or why there is none."""
    try:
        head = head_of(file.path)
    except OSError:
        return Problem(file.label, "unreadable", "The file cannot be opened.")
    if head.size == 0:
        return Problem(file.label, "empty-file", "The file is empty; export it again.")
    if head.size > limits.file_bytes:
        return Problem(file.label, "too-large", "The file is larger than any real scan.")
    for reader in READERS:
        if reader.claims(head):
            return reader
    if head.data.startswith(_ZIP):
        text = "An archive inside a folder or archive is not opened; unpack it first."
        return Problem(file.label, "nested-archive", text)
    if head.data.startswith(_ARCHIVES):
        text = "This kind of archive is not opened; unpack it first and open the folder."
        return Problem(file.label, "unsupported-archive", text)
    if head.name.endswith((".dcm", ".dicom")):
        text = "The file is named as DICOM but is none, or its beginning is missing."
        return Problem(file.label, "not-dicom", text)
    return Problem(file.label, "not-recognised", "The file is in no format that is read.")


def _unpacked(path: Path, label: str, session: Session) -> tuple[list[InputFile], list[Problem]]:
    """Files of an archive, unpacked by the reading process into its own folder."""
    if path.stat().st_size > session.limits.file_bytes:
        raise IngestError("too-large", "The archive is larger than any real study.")
    session.reporter.report(0, 0, "unpacking")
    target = "unpacked"
    session.contained.ask(
        "unpack",
        seconds=session.limits.file_s,
        path=str(path),
        target=target,
        limits=asdict(session.limits),
    )
    return folder_files(session.contained.folder / target, label, session.limits)


def _with_eye(plan: VolumePlan, eye: Laterality | None) -> VolumePlan | Problem:
    """The plan with the eye that the user states; a contradiction is refused."""
    if eye is None or plan.laterality is eye:
        return plan
    if plan.laterality is not None:
        conflict = laterality_conflict()
        return Problem(plan.source.label, conflict.code, conflict.message)
    notices = tuple(notice for notice in plan.notices if notice.code != "eye-unknown")
    return replace(plan, laterality=eye, laterality_provenance=Provenance.USER, notices=notices)


def _decode(
    plans: Sequence[VolumePlan], session: Session, on_bscan: BscanListener | None
) -> tuple[list[tuple[VolumePlan, OctVolume]], list[Problem]]:
    """Decode all plans; one that fails does not stop the others."""
    read: list[tuple[VolumePlan, OctVolume]] = []
    problems: list[Problem] = []
    total = sum(len(plan.frames) for plan in plans)
    done = 0
    for plan in plans:
        try:
            volume = decode_volume(plan, session, done_before=done, total=total, on_bscan=on_bscan)
            read.append((plan, volume))
        except IngestError as error:
            label = error.file.label if isinstance(error, FileRefusedError) else plan.source.label
            problems.append(Problem(label, error.code, error.message))
        except MemoryError:
            text = "The volume does not fit into the free memory; close other programs."
            problems.append(Problem(plan.source.label, "too-much-memory", text))
        done += len(plan.frames)
    return read, problems
