"""``kdoct`` and ``kdoct demo``: the window, or the same work where there is no display."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kdoct_desktop.app.analysis import Analyzer, analyse_path
from kdoct_desktop.app.export import Export, write_results
from kdoct_desktop.app.log import give_streams, start_logging
from kdoct_desktop.app.models import ModelRegistry
from kdoct_desktop.app.services import DesktopServices, demo_study
from kdoct_desktop.app.settings import Settings, load_settings, load_urgency
from kdoct_desktop.cli.bar import Bar
from kdoct_desktop.domain.analysis import StudyAnalysis
from kdoct_desktop.domain.errors import KdoctError, ModelError

DEMO_OUTPUT = Path("demo-output")
NOTHING_ANALYSED = 4
NO_MODEL = 5
NO_DISPLAY = 2


def run_window(paths: Sequence[Path]) -> int:
    """Open the window, with the scans if some were named."""
    if not has_display():
        print(
            "There is no display to open a window on; use kdoct analyze, or kdoct demo.",
            file=sys.stderr,
        )
        return NO_DISPLAY
    return _guarded(lambda: _show(paths))


def run_demo(offscreen: Path | None) -> int:
    """Open the demo study in the window; off screen where asked or where there is no display."""
    if offscreen is None and has_display():
        return _guarded(lambda: _show([demo_study()]))
    return _guarded(lambda: _demo_off_screen(offscreen or DEMO_OUTPUT))


def has_display() -> bool:
    """Whether a window can be shown."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show(paths: Sequence[Path]) -> int:
    """Open the window and stay until it is closed."""
    from kdoct_desktop.ui.main import run

    give_streams()
    start_logging()
    services = DesktopServices()
    try:
        return run(services, paths=paths)
    finally:
        services.close()


def _demo_off_screen(folder: Path) -> int:
    """Analyse the demo study and write report, result and a picture of the window."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    settings = load_settings()
    registry = ModelRegistry()
    urgency = load_urgency(settings.urgency_file)
    with (
        Analyzer(trusted_keys=registry.trusted_keys(), urgency=urgency) as analyzer,
        Bar("demo study") as bar,
    ):
        analyzer.prepare_reading()
        analyzer.load_model(registry.active().path, provider=settings.provider)
        analyses = analyse_path(analyzer, demo_study(), progress=bar)
    if not any(item.finding for analysis in analyses for item in analysis.volumes):
        print("The demo study could not be analysed.", file=sys.stderr)
        return NOTHING_ANALYSED
    export = Export(clinic=settings.clinic)
    analyses = write_results(analyses, folder, export=export, provider=settings.provider)
    _grab(analyses, settings, folder / "window.png")
    for name in ("report.pdf", "result.json", "window.png"):
        print(folder / name)
    return 0


def _grab(analyses: Sequence[StudyAnalysis], settings: Settings, path: Path) -> None:
    """A picture of the main window with the heatmap shown."""
    from kdoct_desktop.ui.main import grab_window

    services = DesktopServices(replace(settings, heatmap_at_opening=True))
    grab_window(analyses, services, path, theme=settings.theme)


def _guarded(work: Callable[[], int]) -> int:
    """Run, and turn what can be expected to fail into a sentence and an exit code."""
    try:
        return work()
    except ModelError as error:
        print(error.message, file=sys.stderr)
        return NO_MODEL
    except KdoctError as error:
        print(error.message, file=sys.stderr)
        return NOTHING_ANALYSED
