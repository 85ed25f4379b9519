"""Where paths come from: the system's file dialogs, and what is dropped on the window."""

from pathlib import Path

from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

_SCANS = "Scans (*.dcm *.dicom *.zip *.png *.jpg *.jpeg *.tif *.tiff DICOMDIR);;All files (*)"


def ask_for_scans(parent: QWidget) -> list[Path]:
    """Files to open; none where the user thinks better of it."""
    names, _ = QFileDialog.getOpenFileNames(parent, "Open a scan", "", _SCANS)
    return [Path(name) for name in names]


def ask_for_folder(parent: QWidget) -> list[Path]:
    """A folder to open; none where the user thinks better of it."""
    name = QFileDialog.getExistingDirectory(parent, "Open a folder")
    return [Path(name)] if name else []


def ask_for_report(parent: QWidget, suggested: str) -> Path | None:
    """Where the report goes; None where the user thinks better of it."""
    name, _ = QFileDialog.getSaveFileName(parent, "Export report", suggested, "PDF (*.pdf)")
    if not name:
        return None
    path = Path(name)
    return path if path.suffix else path.with_suffix(".pdf")


def ask_for_package(parent: QWidget) -> Path | None:
    """A model package; None where the user thinks better of it."""
    kinds = "Model packages (*.kdmodel)"
    name, _ = QFileDialog.getOpenFileName(parent, "Install a model package", "", kinds)
    return Path(name) if name else None


def local_paths(event: QDropEvent) -> list[Path]:
    """Files and folders that are held over the window."""
    urls = event.mimeData().urls()
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
