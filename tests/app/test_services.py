"""What the window is given."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kdoct_desktop.app.export import ExportError
from kdoct_desktop.app.paths import data_dir
from kdoct_desktop.app.services import DesktopServices
from kdoct_desktop.app.settings import Settings
from kdoct_desktop.domain.errors import Cancelled, ModelError
from kdoct_desktop.domain.volume import Laterality
from kdoct_desktop.inference.signing import public_pem
from kdoct_desktop.io.readers import VolumeHeader
from kdoct_desktop.ui.services import Services
from tests.cli.conftest import write_scan
from tests.tiny_model import write_tiny_package

CNV_EYE = ["NORMAL"] * 4 + ["CNV"] * 4 + ["NORMAL"] * 4


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DesktopServices]:
    """With a tiny model in use, in a home of its own."""
    monkeypatch.setenv("KDOCT_HOME", str(tmp_path / "home"))
    package = tmp_path / "tiny.kdmodel"
    keys = data_dir() / "keys"
    keys.mkdir(parents=True)
    (keys / "tiny.pub").write_bytes(public_pem(write_tiny_package(package)))
    ready = DesktopServices()
    ready.install_model(package)
    yield ready
    ready.close()


def test_a_scan_goes_from_path_to_report(services: DesktopServices, tmp_path: Path) -> None:
    window_side: Services = services  # the protocol of the window is met; mypy checks it
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    shown: list[int] = []

    def show(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        shown.append(index)

    opened = services.open(scan, on_bscan=show)
    analysis = services.analyse(opened.studies[0], problems=opened.problems)
    services.export_report(analysis, tmp_path / "report.pdf")

    assert shown[0] == 6  # the middle B-scan is shown first
    assert window_side.report_name(analysis) == "oct-report-2025-01-02.pdf"
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert analysis.volumes[0].finding is not None
    assert analysis.volumes[0].finding.class_code == "CNV"


def test_a_report_without_a_known_eye_is_refused(services: DesktopServices, tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "in" / "eye.dcm", CNV_EYE, eye=None)
    unknown = services.analyse(services.open(scan).studies[0])
    with pytest.raises(ExportError) as refused:
        services.export_report(unknown, tmp_path / "report.pdf")
    assert refused.value.code == "eye-unknown"
    assert not (tmp_path / "report.pdf").exists()

    stated = services.analyse(services.open(scan, eye=Laterality.OS).studies[0])
    services.export_report(stated, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").exists()


def test_closing_the_window_stops_what_is_running(
    services: DesktopServices, tmp_path: Path
) -> None:
    scan = write_scan(tmp_path / "in" / "right.dcm", CNV_EYE)
    services.interrupt()

    with pytest.raises(Cancelled):
        services.open(scan)


def test_settings_and_recent_inputs_are_kept_but_the_demo_is_not(
    services: DesktopServices, tmp_path: Path
) -> None:
    demo = services.demo_path()
    assert demo is not None
    services.remember(demo)
    services.remember(tmp_path / "a.dcm")
    services.change_settings(theme="light")

    again = DesktopServices()
    assert again.settings().theme == "light"
    assert list(again.recent()) == [tmp_path / "a.dcm"]
    again.close()


def test_a_demo_with_its_own_settings_changes_nothing_on_disk(services: DesktopServices) -> None:
    other = DesktopServices(Settings(theme="light"))
    other.change_settings(clinic="Elsewhere")
    other.close()

    assert DesktopServices().settings() == services.settings()


def test_a_model_is_verified_and_the_earlier_one_taken_back(services: DesktopServices) -> None:
    (model,) = [model for model in services.models() if model.active]

    assert "in order" in services.verify_model(model.identity.sha256)
    if all(model.reference != "factory" for model in services.models()):
        with pytest.raises(ModelError):
            services.rollback_model()
    else:
        assert services.rollback_model().reference == "factory"
