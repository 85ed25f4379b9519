"""The window's side of the inference process.

Neither onnxruntime nor OpenCV is imported here: they live in a child process, so that a crash of
theirs, a lack of memory or a clash of libraries cannot take the window along. A B-scan is copied
into a block of memory that both processes see, a few at a time, so a long volume takes no more
memory than a short one; results come back one by one while the next B-scans are computed.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kdoct_desktop.domain.closing import Closing
from kdoct_desktop.domain.errors import InferenceError
from kdoct_desktop.domain.finding import EyeRule
from kdoct_desktop.domain.prediction import ModelIdentity, Prediction, ProviderReport
from kdoct_desktop.domain.progress import Progress, silent
from kdoct_desktop.domain.volume import OctVolume
from kdoct_desktop.inference.collect import BscanListener, ignore_bscan, reading_order
from kdoct_desktop.inference.feeder import Feeder
from kdoct_desktop.inference.messages import (
    error_from,
    eye_rule_from,
    identity_from,
    layout_message,
    provider_from,
)
from kdoct_desktop.inference.shared_block import Layout
from kdoct_desktop.inference.stream import STEP, VolumeStream
from kdoct_desktop.inference.worker_process import ChildProcess

_LOAD_LIMIT_S = 180.0
_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        identity: Which model.
        provider: Where it runs, as proven.
        eye_rule: Its eye-level rule.
        preprocessing: Hash of its preprocessing.
    """

    identity: ModelIdentity
    provider: ProviderReport
    eye_rule: EyeRule
    preprocessing: str


@dataclass(frozen=True, slots=True)
class _LoadRequest:
    """What was loaded last, to load it again after the child ended."""

    path: Path
    provider: str
    trusted_keys: tuple[bytes, ...]


class InferenceWorker(Closing):
    """Owns the inference process; one job at a time, restarted when it ended.

    Calls block and are made from one thread at a time; :meth:`close` may come from any thread and
    ends a running job with InferenceError ``worker-died``. Use as a context manager.
    """

    def __init__(
        self, make_way: Callable[[], None] = lambda: None, *, gentle: bool = False
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            make_way: Called now and then by a thread that waits for another one's volume to end;
                may end it.
            gentle: Let programs that somebody looks at have the processor first.
        """
        self._gentle = gentle
        self._make_way = make_way
        self._process: ChildProcess | None = None
        self._request: _LoadRequest | None = None
        self._loaded: LoadedModel | None = None
        self._cam = (0, 0, 0)
        self._slots = 0
        self._runs = 0
        self._busy = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """The child's process id; None while there is none."""
        process = self._process
        return process.pid if process is not None else None

    def start(self) -> None:
        """Start the child ahead of time; otherwise the first job does."""
        if self._process is None or not self._process.alive:
            self.close()
            self._process = ChildProcess(gentle=self._gentle)

    def load(
        self, package_path: Path, *, provider: str, trusted_keys: Sequence[bytes]
    ) -> LoadedModel:
        """Verify a package, load it and prove it; replaces the model in use.

        Args:
            package_path: A ``.kdmodel`` file.
            provider: ``auto``, ``cuda`` or ``cpu``.
            trusted_keys: Raw Ed25519 public keys.

        Raises:
            ModelError: The package cannot be trusted or used.
            InferenceError: The child ended (``worker-died``) or hangs (``worker-hung``).
        """
        self._wait(silent, 0)
        try:
            self._request = self._loaded = None
            request = _LoadRequest(package_path.absolute(), provider, tuple(trusted_keys))
            loaded = self._load(request)
            self._request = request
            return loaded
        finally:
            self._busy.release()

    def predict(
        self,
        volume: OctVolume,
        *,
        tta: bool = False,
        progress: Progress = silent,
        on_bscan: BscanListener = ignore_bscan,
    ) -> Prediction:
        """Predict every B-scan of a volume.

        A child that ended since the last job is started and loaded again first.

        Args:
            volume: The scan.
            tta: Average over the test-time views.
            progress: Called at least ten times a second; may raise Cancelled to stop.
            on_bscan: Called with each result as it comes, the middle B-scan first.

        Raises:
            InferenceError: No model was loaded, the model could not be run, or the child ended.
        """
        count = volume.bscan_count
        with contextlib.ExitStack() as stack:
            self._wait(progress, count)
            stack.callback(self._busy.release)
            stream = self._begin(volume.voxels.shape, tta=tta, on_bscan=on_bscan)
            stack.pop_all()  # held until the stream ends
        with stream:
            progress(0, count, STEP)  # results may come while the last B-scans are handed over
            for index in reading_order(count):
                stream.feed(index, volume.voxels[index])
            return stream.finish(progress)

    def begin_if_free(
        self,
        shape: tuple[int, ...],
        *,
        tta: bool = False,
        on_bscan: BscanListener = ignore_bscan,
    ) -> VolumeStream | None:
        """Start on a volume whose B-scans are still being decoded, if that needs no waiting.

        Args:
            shape: Axes (bscan, depth, ascan).
            tta: Average over the test-time views.
            on_bscan: Called with each result as it comes.

        Returns:
            Takes the B-scans in any order; a context manager. The worker is busy until it ends.
            None where the worker is busy already, or would have to load a model first.

        Raises:
            InferenceError: The child ended.
        """
        if not self._busy.acquire(blocking=False):
            return None
        with contextlib.ExitStack() as stack:
            stack.callback(self._busy.release)
            if self._loaded is None or self._process is None or not self._process.alive:
                return None
            stream = self._begin(shape, tta=tta, on_bscan=on_bscan)
            stack.pop_all()  # held until the stream ends
            return stream

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is not None:
            process.end(at_once=self._busy.locked())

    def _wait(self, progress: Progress, count: int) -> None:
        """Be busy as soon as no other thread is; `progress` may stop the waiting."""
        while not self._busy.acquire(timeout=_WAIT_S):
            progress(0, count, STEP)
            self._make_way()

    def _load(self, request: _LoadRequest) -> LoadedModel:
        """Load into a running child."""
        self._loaded = None
        self.start()
        process = self._running()
        process.send(
            {
                "op": "load",
                "path": str(request.path),
                "provider": request.provider,
                "keys": [key.hex() for key in request.trusted_keys],
            }
        )
        message = process.receive(_LOAD_LIMIT_S)
        if message is None:
            raise process.hung()
        if message["event"] == "error":
            raise error_from(message)
        classes, rows, columns = message["cam"]
        self._cam, self._slots = (classes, rows, columns), message["slots"]
        self._loaded = LoadedModel(
            identity=identity_from(message["identity"]),
            provider=provider_from(message["provider"]),
            eye_rule=eye_rule_from(message["eye_rule"]),
            preprocessing=message["preprocessing"],
        )
        return self._loaded

    def _running(self) -> ChildProcess:
        """The child, unless :meth:`close` took it away."""
        process = self._process
        if process is None:
            raise InferenceError("worker-died", "The analysis was ended.")
        return process

    def _begin(self, shape: tuple[int, ...], *, tta: bool, on_bscan: BscanListener) -> VolumeStream:
        """Ask the child to expect a volume."""
        if self._request is None:
            raise InferenceError("no-model", "No model is loaded.")
        if self._loaded is None or self._process is None or not self._process.alive:
            self._load(self._request)
        process, loaded = self._running(), self._loaded
        if loaded is None:
            raise InferenceError("no-model", "No model is loaded.")
        count, depth, ascans = shape
        layout = Layout(min(self._slots, count), (depth, ascans), self._cam)
        window, name = process.block.open(layout)
        self._runs += 2  # a pass, and perhaps a second one
        feeder = Feeder(count, window, send=process.send, run=self._runs, on_bscan=on_bscan)
        request = {"op": "predict", "run": self._runs, "count": count, "tta": tta}
        process.send({**request, "block": name, "layout": layout_message(layout)})
        return VolumeStream(
            process,
            feeder,
            window=window,
            count=count,
            identity=loaded.identity,
            preprocessing=loaded.preprocessing,
            ended=self._ended,
        )

    def _ended(self, provider: ProviderReport | None) -> None:
        """A volume is done or given up; what was learnt about the provider is kept."""
        if provider is not None and self._loaded is not None:
            self._loaded = replace(self._loaded, provider=provider)
        self._busy.release()
