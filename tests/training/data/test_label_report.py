"""What a manifest holds, in numbers, and where they are kept."""

import json
from pathlib import Path

from tests.training.splits.hand_made import manifest, row
from tests.training.tiny_run import write_data
from training.__main__ import main
from training.data.label_report import label_report
from training.data.manifest import read_manifest
from training.data.perceptual_hash import FEATURELESS


def test_the_label_report_counts_what_people_can_check() -> None:
    rows = [
        row("a", "CNV", 0, eye="OD", volume="site:a-OD", device="Spectralis", part="train"),
        row("a", "CNV", 1, eye="OD", volume="site:a-OD", device="Spectralis", part="train"),
        row("a", "NORMAL", 2, eye="OS", volume="site:a-OS", part="test"),
        row("b", "ERM", 0),
        row("b", "", 1),
        row("c", "strange", 0, dataset="other"),
        row("d", "CNV", 0, sha256="s", phash="1" * 64),
        row("e", "CNV", 0, sha256="s", phash="1" * 64),
        row("e", "NORMAL", 1, sha256="s", phash="1" * 64),
        row("e", "NORMAL", 2, sha256="black", phash=FEATURELESS),
        row("d", "CNV", 3, sha256="black", phash=FEATURELESS),
    ]
    report = label_report(manifest(rows))
    site = report["datasets"]["site"]
    assert site["labels"]["CNV"] == {"patients": 3, "eyes": 1, "volumes": 1, "bscans": 5}
    assert list(site["labels"]) == ["CNV", "ERM", "NORMAL"]
    assert report["datasets"]["other"]["labels"]["strange"]["bscans"] == 1
    kept = {name: site[name] for name in ("patients", "eyes", "volumes", "bscans")}
    assert kept == {"patients": 4, "eyes": 2, "volumes": 2, "bscans": 10}
    assert (site["unlabelled"], site["featureless"]) == (1, 2)
    assert site["duplicates"] == 2
    assert site["duplicates_across_patients"] == site["duplicates_across_labels"] == 1
    assert (site["devices"], site["parts"]) == ({"Spectralis": 2}, {"test": 1, "train": 2})
    assert report["total"] == {
        "patients": 5, "eyes": 2, "volumes": 2, "bscans": 11, "unlabelled": 1,
    }  # fmt: skip
    assert not any(one.patient in json.dumps(report) for one in rows)


def test_an_import_leaves_the_report_beside_the_manifest_and_names_nobody(tmp_path: Path) -> None:
    write_data(tmp_path / "data", patients=2, bscans=1)
    out = tmp_path / "made" / "manifest.csv"
    code = main(["manifest", "folder", str(tmp_path / "data"), "--out", str(out)])
    assert code == 0
    text = out.with_suffix(".json").read_text("utf-8")
    found = json.loads(text)["contents"]
    assert found == label_report(read_manifest(out))
    assert found["total"]["patients"] == 2  # the folders p0 and p1 of every class
    assert found["datasets"]["site"]["labels"]["CNV"]["bscans"] == 2
    assert not any(row.patient in text for row in read_manifest(out).rows)
