"""A file of many volumes: together they may claim no more B-scans than a real file holds."""

from pathlib import Path

import numpy as np
import pytest

from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.devices import optovue_oct
from kdoct_desktop.io.limits import Limits
from kdoct_desktop.io.readers import open_volumes
from tests.io.devices.write_optovue import Optovue

LIMITS = Limits(frames=2)


def test_volumes_that_together_claim_too_many_b_scans_refuse_the_file(tmp_path: Path) -> None:
    scan = np.full((2, 16, 8), 1000.0, np.float32)
    Optovue([scan], groups=32).write(tmp_path, "most")
    Optovue([scan], groups=33).write(tmp_path, "more")
    opened = open_volumes(tmp_path, limits=LIMITS)
    codes = {problem.source: problem.code for problem in opened.problems}
    assert codes == {"more.OCT": "too-many-bscans"}
    volumes = [volume for study in opened.studies for volume in study.volumes]
    assert [volume.source.label for volume in volumes] == ["most.OCT"] * 32


def test_too_many_are_refused_before_a_record_is_made_of_each(tmp_path: Path) -> None:
    scan = np.full((2, 16, 8), 1000.0, np.float32)
    path = Optovue([scan], groups=33).write(tmp_path, "more")
    with pytest.raises(IngestError) as raised:
        optovue_oct.parse(path, LIMITS)
    assert raised.value.code == "too-many-bscans"


def test_an_ordinary_file_is_read_under_the_limits_of_the_program(tmp_path: Path) -> None:
    scan = np.full((2, 16, 8), 1000.0, np.float32)
    opened = open_volumes(Optovue([scan], groups=64).write(tmp_path, "scan"))
    assert opened.problems == ()
    assert sum(len(study.volumes) for study in opened.studies) == 64
