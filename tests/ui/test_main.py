"""The way in: what is loaded, what a picture of the window holds."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QFontDatabase, QImage
from pytestqt.qtbot import QtBot

from kdoct_desktop.app.paths import resource_path
from kdoct_desktop.ui.fonts import register_bundled
from kdoct_desktop.ui.main import grab_window
from kdoct_desktop.ui.theme import THEMES
from tests.ui.conftest import both_eyes
from tests.ui.fake_services import FakeServices

ROOT = Path(__file__).resolve().parents[2]


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), dtype=np.uint8)
    rows = rows.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
    return rows.reshape(image.height(), image.width(), 3).copy()


def test_the_window_loads_nothing_that_belongs_to_other_processes() -> None:
    heavy = ("torch", "timm", "onnxruntime", "pydicom", "matplotlib", "reportlab", "cv2")
    code = f"import sys, kdoct_desktop.ui.main; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def in_a_process_of_its_own(code: str) -> list[int]:
    """Numbers that a program prints that has a fresh window, shown and quiet."""
    lines = (
        "import gc, time",
        "from PySide6.QtCore import QCoreApplication",
        "from kdoct_desktop.ui.main import show_window",
        "from tests.ui.counting import steps",
        "from tests.ui.fake_services import FakeServices",
        "def live():",
        "    for _ in range(20):",
        "        QCoreApplication.processEvents()",
        "        time.sleep(0.005)",
        "window = show_window(FakeServices())",
        code,
        "window.close()",
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return [int(number) for number in answer.stdout.split()]


def test_the_garbage_collector_leaves_alone_what_was_made_before_the_window_is_shown() -> None:
    code = "print(gc.get_freeze_count(), len(gc.get_objects()))"
    frozen, left = in_a_process_of_its_own(code)
    assert frozen > 20_000
    assert left < 1_000


def test_the_first_animation_finds_everything_ready() -> None:
    code = "\n".join(
        (
            "def first():",
            "    window.pages.setCurrentWidget(window.read)",
            "    window.read.panel.set_program(working=True)",
            "    window.read.panel.progress.begin('Opening')",
            "    live()",
            "while window.runner.busy: live()",
            "live()",
            "print(steps(first))",
        )
    )
    (taken,) = in_a_process_of_its_own(code)
    assert taken < 5_000  # ten times as many where PySide has to set up its classes first


@pytest.mark.parametrize(("scale", "theme"), [(1.0, "dark"), (2.0, "light")])
def test_a_picture_of_the_window_shows_the_study_and_its_heatmap(
    qtbot: QtBot, tmp_path: Path, scale: float, theme: str
) -> None:
    target = tmp_path / "window.png"
    services = FakeServices()
    grab_window([both_eyes()], services, target, size=(1280, 720), scale=scale, theme=theme)
    picture = pixels(target).astype(int)
    assert picture.shape == (int(720 * scale), int(1280 * scale), 3)
    middle = picture[:, int(320 * scale) : int(1000 * scale)]
    amber = (middle[..., 0] > 180) & (middle[..., 2] < 110) & (middle[..., 1] > 90)
    assert amber.sum() > 200 * scale
    panel = picture[int(400 * scale), int(1270 * scale)]
    assert (panel.mean() > 200) == (theme == "light")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["window.png"]


def test_a_picture_that_cannot_be_written_is_an_error(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(OSError, match=r".+"):
        grab_window([both_eyes()], FakeServices(), tmp_path / "file" / "window.png")


def test_the_bundled_fonts_are_there_and_have_the_signs_that_the_window_uses(
    qtbot: QtBot,
) -> None:
    families = register_bundled()
    assert families[0] == "Roboto"
    assert "DejaVu Sans" in families
    assert set(families) <= set(QFontDatabase.families())


def test_every_icon_that_is_named_is_there() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (Path(__file__).resolve().parents[2] / "kdoct_desktop/ui").glob("*.py")
    )
    there = {path.stem for path in resource_path("icons").glob("*.svg")}
    used = {name for name in there if f'"{name}"' in sources}
    assert there - used == {f"check-{theme}" for theme in THEMES}  # named by the style sheet
