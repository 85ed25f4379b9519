"""What is started ahead of the next input follows from the last one."""

from pathlib import Path

import pytest

from kdoct_desktop.app import analysis
from kdoct_desktop.app.analysis import Analyzer
from kdoct_desktop.app.settings import load_urgency
from kdoct_desktop.domain.errors import IngestError
from kdoct_desktop.io.readers import OpenedInput


class _Waiting:
    def close(self) -> None:
        """Nothing was started."""


def test_helpers_that_would_have_been_of_use_wait_for_the_next_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    useful = iter([3, None, 0])
    started: list[int] = []

    def read(path: Path, **arguments: object) -> OpenedInput:
        helpers = next(useful)
        if helpers is None:
            raise IngestError("missing-path", "The file or folder does not exist.")
        return OpenedInput((), (), helpers)

    def start(*, helpers: int) -> _Waiting:
        started.append(helpers)
        return _Waiting()

    monkeypatch.setattr(analysis, "open_volumes", read)
    monkeypatch.setattr(analysis, "start_reading", start)
    with Analyzer(trusted_keys=(), urgency=load_urgency()) as analyzer:
        for _ in range(3):
            analyzer.prepare_reading()
            analyzer.open(Path("scan.dcm"))
        analyzer.prepare_reading()
    assert started == [0, 3, 3, 0]
