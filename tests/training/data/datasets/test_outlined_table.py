"""Outlines of lesions that a table names."""

from pathlib import Path

import cv2
import numpy as np

from tests.training.data.datasets.trees import put, put_text, refusal, taken
from training.data.read_picture import read_outline


def outlined(root: Path, *lines: str) -> Path:
    """A table with two columns of outlines, and a white corner to outline with."""
    put(root, "a/1.png", "a/2.png", "b/3.png")
    put_text(root, "labels.csv", "path,label,patient,fluid,cysts", *lines)
    for name, shape in (("one", (24, 32)), ("two", (24, 32)), ("other", (32, 24))):
        marked = np.zeros(shape, dtype=np.uint8)
        marked[2:4, 5 : (9 if name == "one" else 7)] = 255
        assert cv2.imwrite(str(root / f"{name}.png"), marked)
    return root


def test_outlines_of_several_columns_are_one(tmp_path: Path) -> None:
    outlined(
        tmp_path, "a/1.png,CNV,p1,one.png,./two.png", "a/2.png,CNV,p2,empty,", "b/3.png,N,p3,,"
    )
    rows = taken("csv", tmp_path, options={"outline": "fluid|cysts"}).rows
    assert [row.outline for row in rows] == ["one.png|two.png", "", ""]
    marked = read_outline(tmp_path, rows[0].outline, (24, 32))
    assert marked.shape == (24, 32)
    assert np.argwhere(marked).tolist() == [
        [row, column] for row in (2, 3) for column in range(5, 9)
    ]


def test_outlines_that_do_not_fit_or_are_not_there_stop_the_import(tmp_path: Path) -> None:
    outlined(tmp_path, "a/1.png,CNV,p1,other.png,", "a/2.png,CNV,p2,none.png,", "b/3.png,N,p3,,")
    error = refusal("csv", tmp_path, options={"outline": "fluid"})
    assert error.code == "unreadable-files"
    assert error.details == (
        "none.png: the file does not exist (labels.csv line 3)",
        "other.png cannot be used: it is not of the size of its B-scan.",
    )
