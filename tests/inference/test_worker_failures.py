"""What the window's side does when the inference process dies, hangs or its card fails."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled, InferenceError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.domain.volume import OctVolume, Source
from kdoct_desktop.inference import stream as stream_module
from kdoct_desktop.inference import worker as worker_module
from kdoct_desktop.inference import worker_process
from kdoct_desktop.inference.package import read_package
from kdoct_desktop.inference.predict import predict_volume
from kdoct_desktop.inference.session import CARD_FAILED, InferenceSession
from kdoct_desktop.inference.worker import InferenceWorker
from tests.inference.conftest import CODES
from tests.tiny_model import volume

ROOT = Path(__file__).resolve().parents[2]


def gone(process_id: int) -> bool:
    """True when the process has ended, waiting for it a while."""
    for _ in range(100):
        if not psutil.pid_exists(process_id):
            return True
        if psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_child_that_is_killed_ends_the_job_and_the_next_one_has_a_new_child(
    package_path: Path, key: bytes, scan: OctVolume
) -> None:
    with InferenceWorker() as worker:
        worker.load(package_path, provider="cpu", trusted_keys=[key])
        first = worker.process_id
        assert first is not None

        def kill(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
            psutil.Process(first).kill()

        with pytest.raises(InferenceError) as caught:
            worker.predict(scan, on_bscan=kill)
        assert caught.value.code == "worker-died"
        assert gone(first)
        assert len(worker.predict(scan).bscans) == len(CODES)
        assert worker.process_id != first


def test_closing_from_another_thread_ends_the_job(
    package_path: Path, key: bytes, scan: OctVolume
) -> None:
    worker = InferenceWorker()
    worker.load(package_path, provider="cpu", trusted_keys=[key])
    child = worker.process_id
    assert child is not None
    closer = threading.Thread(target=worker.close)

    def close(bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        if not closer.is_alive() and closer.ident is None:
            closer.start()
            closer.join()

    with pytest.raises(InferenceError) as caught:
        worker.predict(scan, on_bscan=close)
    assert caught.value.code == "worker-died"
    assert gone(child)
    assert worker.process_id is None


def test_nothing_is_left_open_after_closing(
    package_path: Path, key: bytes, scan: OctVolume
) -> None:
    def opened() -> tuple[int, int, set[Path]]:
        gc.collect()
        named = Path("/dev") / "shm"
        memory = set(named.glob("*kdoct*")) if named.is_dir() else set()
        return psutil.Process().num_fds(), threading.active_count(), memory

    before = opened()
    for _ in range(2):
        with InferenceWorker() as worker:
            worker.load(package_path, provider="cpu", trusted_keys=[key])
            worker.predict(scan)
            child = worker.process_id
        assert child is not None
        assert gone(child)
        worker.close()
    assert opened() == before


def test_the_child_ends_when_its_parent_is_killed(package_path: Path, key: bytes) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from kdoct_desktop.inference.worker import InferenceWorker\n"
        "worker = InferenceWorker()\n"
        "key = bytes.fromhex(sys.argv[2])\n"
        "worker.load(Path(sys.argv[1]), provider='cpu', trusted_keys=[key])\n"
        "print(worker.process_id, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(package_path), key.hex()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    assert gone(child)


def child_script(folder: Path, body: str) -> Callable[[], list[str]]:
    """The command of a child in which `body` runs before it serves."""
    script = folder / "child.py"
    script.write_text(
        "import time\n"
        "from kdoct_desktop.inference import service, session, worker_child\n"
        f"{body}\n"
        "worker_child.main()\n"
    )
    return lambda: [sys.executable, str(script)]


FAILING_CARD = """
class Card(session.OrtBackend):
    batches = 0
    def __init__(self, network, provider):
        super().__init__(network, "cpu")
        self.ran_as = provider
    ran = property(lambda self: self.ran_as)
    def run(self, batch):
        Card.batches += self.ran_as == "cuda"
        print("a library writes to standard output")
        if self.ran_as == "cuda" and Card.batches == 8:
            raise RuntimeError("CUDA failure 700")
        return super().run(batch)
plain = session.InferenceSession
service.InferenceSession = lambda package, provider: plain(package, provider, backend=Card)
"""


def test_a_card_that_fails_in_the_child_has_the_volume_done_again_by_the_processor(
    package_path: Path, key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = OctVolume(volume(CODES * 3, shape=(60, 60)), Source("scan", "0", "test"))
    package = read_package(package_path, trusted_keys=[key])
    expected = predict_volume(scan.voxels, package, InferenceSession(package, "cpu"))
    monkeypatch.setattr(worker_process, "worker_command", child_script(tmp_path, FAILING_CARD))
    order: list[int] = []
    with InferenceWorker() as worker:
        loaded = worker.load(package_path, provider="auto", trusted_keys=[key])
        assert loaded.provider.ran == "cuda"
        prediction = worker.predict(
            scan, on_bscan=lambda bscan, cams, frame: order.append(bscan.index)
        )
    assert (prediction.provider.ran, prediction.provider.note) == ("cpu", CARD_FAILED)
    assert prediction.bscans == expected.bscans
    np.testing.assert_array_equal(prediction.cams, expected.cams)
    count = len(CODES) * 3
    assert order[0] == count // 2  # of the card, which had done one batch or two
    assert len(order) - count in (1, 33)
    assert sorted(order[-count:]) == list(range(count))


HANGING = """
def hang(self, batch):
    time.sleep(600)
plain = session.InferenceSession
def opened(package, provider):
    ready = plain(package, provider)
    plain.run = hang
    return ready
service.InferenceSession = opened
"""


def test_a_child_that_hangs_is_left_when_the_user_cancels(
    package_path: Path,
    key: bytes,
    scan: OctVolume,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_module, "STOP_LIMIT_S", 0.3)
    start = time.monotonic()

    def progress(done: int, total: int, step: str) -> None:
        if time.monotonic() - start > 0.2:
            raise Cancelled

    with InferenceWorker() as worker:
        with monkeypatch.context() as patch:
            patch.setattr(worker_process, "worker_command", child_script(tmp_path, HANGING))
            worker.load(package_path, provider="cpu", trusted_keys=[key])
            hanging = worker.process_id
            start = time.monotonic()
            with pytest.raises(Cancelled):
                worker.predict(scan, progress=progress)
            assert time.monotonic() - start < 3.0
        assert hanging is not None
        assert gone(hanging)
        assert len(worker.predict(scan).bscans) == len(CODES)


def test_a_child_that_never_answers_is_ended(
    package_path: Path, key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "time.sleep(600)"
    monkeypatch.setattr(worker_process, "worker_command", child_script(tmp_path, body))
    monkeypatch.setattr(worker_module, "_LOAD_LIMIT_S", 0.2)
    with InferenceWorker() as worker, pytest.raises(InferenceError) as caught:
        worker.load(package_path, provider="cpu", trusted_keys=[key])
    assert caught.value.code == "worker-hung"


def test_a_child_that_cannot_be_started_is_said(
    package_path: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "worker_command", lambda: ["/nowhere/at/all"])
    with InferenceWorker() as worker, pytest.raises(InferenceError) as caught:
        worker.load(package_path, provider="cpu", trusted_keys=[key])
    assert caught.value.code == "worker-died"


def test_the_frozen_program_becomes_the_child_by_a_hidden_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert worker_process.worker_command() == [sys.executable, worker_process.CHILD_ARGUMENT]
