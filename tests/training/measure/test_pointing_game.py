"""The pointing game against outlines of the manifest."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from torch import Tensor, nn

from tests.training.tiny_run import tiny_config, write_data
from training.data.manifest import Row
from training.data.read_picture import read_picture
from training.measure.pointing_game import FIGURES, NONE, pointing_game
from training.measure.summary_evidence import pointing_table

CONFIG = tiny_config(input={"height": 96, "width": 128})


class Bright(nn.Module):
    """A student whose evidence for every class is the brightness."""

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cam = nn.functional.adaptive_avg_pool2d(picture[:, :1], (24, 32)).repeat(1, 3, 1, 1)
        return cam.mean(dim=(2, 3)), cam, cam.mean(dim=(2, 3))


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """B-scans with a spot by far the brightest, which is outlined."""
    found = []
    for row in write_data(tmp_path / "data", patients=2, bscans=2).rows:
        picture = read_picture(tmp_path / "data", row.path) // 3
        cv2.circle(picture, (70, 50), 9, 255, -1)
        assert cv2.imwrite(str(tmp_path / "data" / row.path), picture)
        found.append(outlined(tmp_path / "data", row, (50, 70)))
    return found


def outlined(root: Path, row: Row, at: tuple[int, int]) -> Row:
    """The row with a small outline around a pixel."""
    outline = np.zeros_like(read_picture(root, row.path))
    cv2.circle(outline, at[::-1], 4, 255, -1)
    name = f"outline-{row.path.replace('/', '-')}"
    assert cv2.imwrite(str(root / name), outline)
    return replace(row, outline=name)


def labels_of(rows: list[Row]) -> Any:
    return np.array([CONFIG.classes.codes.index(row.label) for row in rows], dtype=np.int64)


def test_evidence_that_lies_on_the_lesion_hits(tmp_path: Path, rows: list[Row]) -> None:
    made = pointing_game(Bright(), CONFIG, tmp_path / "data", rows, labels_of(rows))
    assert (made["n"], made["patients"]) == (8, 4)  # not the normal ones
    assert made["hit"]["value"] == 1.0
    assert 0.0 < made["chance_hit"]["value"] < 0.2
    assert made["energy"]["value"] > 1.5 * made["chance_energy"]["value"]


def test_evidence_elsewhere_does_not_hit(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "data"
    corner = [outlined(root, row, (3, 3)) for row in rows]  # vitreous
    made = pointing_game(Bright(), CONFIG, root, corner, labels_of(corner))
    assert (made["hit"]["value"], made["n"]) == (0.0, 8)
    assert made["energy"]["value"] < made["chance_energy"]["value"]


def test_without_outlines_nothing_is_measured_and_that_is_said(
    tmp_path: Path, rows: list[Row]
) -> None:
    plain = [replace(row, outline="") for row in rows]
    made = pointing_game(Bright(), CONFIG, tmp_path / "data", plain, labels_of(plain))
    assert made == {"n": 0, "note": NONE}
    normal = [row for row in rows if row.label == "NORMAL"]
    assert pointing_game(Bright(), CONFIG, tmp_path / "data", normal, labels_of(normal))["n"] == 0


def test_the_draw_is_fixed_and_bounded(
    tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.measure.pointing_game.MOST", 3)
    first, again = (
        pointing_game(Bright(), CONFIG, tmp_path / "data", rows, labels_of(rows)) for _ in range(2)
    )
    assert first == again
    assert first["n"] == 3


def test_the_summary_shows_what_was_measured_and_nothing_else() -> None:
    report: dict[str, Any] = {"folds": [{"fold": 0, "roles": {"student": {"pointing": {"n": 0}}}}]}
    assert pointing_table(report) is None
    figure = {"value": 0.5, "low": 0.25, "high": None}
    made = {name: {**figure, "high": 0.75} for name in FIGURES}
    report["folds"][0]["roles"]["student"]["pointing"] = {"n": 9, "patients": 4, **made}
    table = pointing_table(report)
    assert table is not None
    assert table.rows == (("Fold 0, 9 B-scans of 4 patients", *["50.0 (25.0–75.0)"] * 6),)
