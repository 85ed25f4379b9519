"""What a split says about itself: names stay in its file."""

import io
import json
from pathlib import Path

from tests.training.splits.hand_made import CODES, clinic, config, far_hash, row
from training.data.manifest import write_manifest
from training.data.perceptual_hash import FEATURELESS
from training.events import JsonEvents
from training.open_run import create_run
from training.run_folder import RunFolder
from training.splits.split import load_split
from training.splits.split_facts import WARNINGS


def test_warnings_of_a_split_count_and_name_neither_patients_nor_files(tmp_path: Path) -> None:
    rows = clinic(each=8)
    rows += [row(f"{code}-0", code, 50, part="test") for code in CODES]
    look, same = far_hash("look"), {"sha256": "same", "phash": far_hash("same")}
    rows += [row("CNV-0", "CNV", 60, phash=look), row("CNV-7", "CNV", 61, phash=look)]
    rows += [row("CNV-2", "CNV", 70, volume_label="CNV", **same)]
    rows += [row("DRUSEN-2", "DRUSEN", 70, volume_label="DRUSEN", **same)]
    rows += [row("NORMAL-3", "NORMAL", 70, sha256="black", phash=FEATURELESS)]
    path = tmp_path / "manifest.csv"
    whole = write_manifest(path, rows)
    asked = config(split={"official_test": True, "folds": 3})
    said = io.StringIO()
    create_run(tmp_path / "run", asked, root=tmp_path, manifest_file=path, cache=None,
               split_file=None, events=JsonEvents(said))  # fmt: skip
    warnings = [json.loads(line) for line in said.getvalue().splitlines() if "warning" in line]
    assert {one["code"] for one in warnings} == {*WARNINGS} - {"part-without-class"}
    assert all(one["details"] == ["see splits.json"] for one in warnings)
    names = {one.patient.split(":")[1] for one in rows} | {one.path for one in rows}
    assert not any(name in said.getvalue() for name in names)
    facts = load_split(RunFolder(tmp_path / "run").split, manifest_sha256=whole.sha256).facts
    assert facts["left_out_patients"] == ["site:CNV-7"]
    assert facts["listed"]["featureless"]["lines"] == ["NORMAL-3/NORMAL-70.png"]
