"""What the window needs from the rest of the program, as one protocol.

The object behind it is made at the program's start and handed to the window. Every call that may
take long is called from a job, never from the window's thread, and reports through ``progress``,
which may raise ``Cancelled``. Failures are ``KdoctError`` with a sentence, or ``OSError``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction, ModelIdentity, ProviderReport
from kdoct_desktop.domain.progress import Progress
from kdoct_desktop.domain.study import Problem, Study
from kdoct_desktop.domain.volume import Laterality, ScanPattern, Spacing


class Header(Protocol):
    """What is known of a volume before it is decoded; ``io.readers.VolumeHeader`` is one."""

    @property
    def key(self) -> str:
        """Equal to the ``source.key`` of the volume that will follow."""
        ...

    @property
    def label(self) -> str:
        """What the user is shown."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """B-scans, depth, A-scans."""
        ...

    @property
    def laterality(self) -> Laterality | None:
        """As far as the header says; None where it does not."""
        ...

    @property
    def spacing(self) -> Spacing:
        """Sampling distances, as far as the header says."""
        ...

    @property
    def scan_pattern(self) -> ScanPattern:
        """How the beam moved, as far as the header says."""
        ...


class Opened(Protocol):
    """What an input held; ``io.readers.OpenedInput`` is one."""

    @property
    def studies(self) -> tuple[Study, ...]:
        """Every study of the input."""
        ...

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Inputs that were refused."""
        ...


class OnRead(Protocol):
    """Called with each B-scan as soon as it is decoded.

    `pixels` is uint8, axes (depth, ascan); it is kept without a copy, so it must not change.
    """

    def __call__(self, header: Header, index: int, pixels: NDArray[np.uint8]) -> None:
        """Take one B-scan."""
        ...


class OnAhead(Protocol):
    """Called with each B-scan's prediction that is ready while reading goes on.

    `key` is that of the volume's header; the rest is as in `OnPredicted`.
    """

    def __call__(
        self, key: str, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box
    ) -> None:
        """Take the prediction of one B-scan."""
        ...


class OnPredicted(Protocol):
    """Called with each B-scan's prediction, in any order of volumes.

    `volume` is the position in ``study.volumes``; `cam` is float32, axes (class, row, column),
    laid over `frame` (top, bottom, left, right).
    """

    def __call__(
        self, volume: int, prediction: BscanPrediction, cam: NDArray[np.float32], frame: Box
    ) -> None:
        """Take the prediction of one B-scan."""
        ...


class LoadedModel(Protocol):
    """A model that is ready; ``inference.worker.LoadedModel`` is one."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, version, hash, classes, key."""
        ...

    @property
    def provider(self) -> ProviderReport:
        """Where it runs, as proven."""
        ...


class InstalledModel(Protocol):
    """One row of the models page."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, version, hash, classes, key."""
        ...

    @property
    def active(self) -> bool:
        """True for the one in use."""
        ...

    @property
    def card(self) -> str:
        """Text of the model card; shown as plain text."""
        ...


class WindowSettings(Protocol):
    """The settings that the window shows."""

    @property
    def theme(self) -> str:
        """``dark`` or ``light``."""
        ...

    @property
    def clinic(self) -> str:
        """Printed on the report; may be empty."""
        ...

    @property
    def provider(self) -> str:
        """``auto``, ``cuda`` or ``cpu``."""
        ...

    @property
    def heatmap_at_opening(self) -> bool:
        """Whether a scan opens with its heatmap shown."""
        ...

    @property
    def tta(self) -> bool:
        """Whether the test-time views are averaged."""
        ...


class Services(Protocol):
    """Every use case that the window calls.

    Calls marked *quick* are made in the window's thread and take less than 20 ms.
    """

    def open(
        self,
        path: Path,
        *,
        eye: Laterality | None,
        progress: Progress,
        on_bscan: OnRead,
        on_ahead: OnAhead | None,
    ) -> Opened:
        """Read every volume of a path; refused pieces are problems.

        With `on_ahead` the model begins meanwhile, if it is loaded and free; :meth:`analyse` goes
        on with what it began.
        """
        ...

    def load_model(self) -> LoadedModel:
        """Make the active model ready (again); ``ModelError`` where there is none usable."""
        ...

    def analyse(
        self,
        study: Study,
        *,
        tta: bool,
        progress: Progress,
        on_bscan: OnPredicted,
        problems: tuple[Problem, ...] = (),
    ) -> StudyAnalysis:
        """Run the loaded model over a study."""
        ...

    def export_report(self, analysis: StudyAnalysis, path: Path) -> None:
        """Write the PDF."""
        ...

    def report_name(self, analysis: StudyAnalysis) -> str:
        """*Quick.* File name to suggest, without patient data."""
        ...

    def demo_path(self) -> Path | None:
        """*Quick.* The bundled demo study; None where it is not there."""
        ...

    def recent(self) -> Sequence[Path]:
        """*Quick.* Inputs opened before, the latest first."""
        ...

    def remember(self, path: Path) -> None:
        """Put an input on top of the recent ones."""
        ...

    def settings(self) -> WindowSettings:
        """*Quick.* The settings as they are."""
        ...

    def change_settings(self, **changes: object) -> None:
        """*Quick.* Keep new values; keywords as in :class:`WindowSettings`."""
        ...

    def models(self) -> Sequence[InstalledModel]:
        """Models that are installed."""
        ...

    def install_model(self, path: Path, *, progress: Progress) -> InstalledModel:
        """Verify a package, install and activate it; :meth:`load_model` follows."""
        ...

    def verify_model(self, sha256: str, *, progress: Progress) -> str:
        """Check hashes, signature and golden outputs again; one sentence for the user."""
        ...

    def rollback_model(self) -> InstalledModel:
        """Make the model before this one active; :meth:`load_model` follows."""
        ...

    def interrupt(self) -> None:
        """Make every blocking call return soon; called from the window's thread at the end."""
        ...
