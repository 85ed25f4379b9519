"""How a training is asked to stop."""

import os
import signal
from pathlib import Path

import pytest

from training.learning.stopping import AFTER_EPOCH, NONE, NOW, StopRequest


def test_a_file_asks_for_a_stop_now_or_after_the_epoch(tmp_path: Path) -> None:
    file = tmp_path / "stop"
    request = StopRequest(file)
    assert request.asked() == NONE
    file.write_text("epoch\n", "utf-8")
    assert request.asked() == AFTER_EPOCH
    file.write_text("now", "utf-8")
    assert request.asked() == NOW
    request.clear()
    assert request.asked() == NONE


@pytest.mark.skipif(os.name != "posix", reason="signals as on Linux")
def test_a_signal_asks_once_politely_and_twice_firmly(tmp_path: Path) -> None:
    request = StopRequest(tmp_path / "stop")
    before = signal.getsignal(signal.SIGTERM)
    with request.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.asked() == NOW
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
