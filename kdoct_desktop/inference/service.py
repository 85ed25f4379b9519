"""What the inference process does: it holds the loaded model and answers one parent.

An unexpected exception is not caught: the process ends, the parent says so and starts another.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.domain.errors import Cancelled, KdoctError
from kdoct_desktop.domain.heatmap import Box
from kdoct_desktop.domain.prediction import BscanPrediction
from kdoct_desktop.inference.messages import (
    Message,
    bscan_message,
    decode,
    encode,
    error_message,
    layout_from,
    plain,
)
from kdoct_desktop.inference.package import ModelPackage, read_package
from kdoct_desktop.inference.predict import BATCHES_AHEAD, IDENTITY, cam_shape, predict_source
from kdoct_desktop.inference.preprocess import VIEWS
from kdoct_desktop.inference.session import InferenceSession
from kdoct_desktop.inference.shared_block import Window, attach

_SPARE_SLOTS = 4  # the parent may be slow to answer


class Channel:
    """Lines from and to the parent."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def receive(self) -> Message:
        """The next message; the process ends when the parent is gone."""
        line = self._incoming.readline()
        if not line:
            raise SystemExit(0)
        return decode(line)

    def send(self, message: Message, *, flush: bool = True) -> None:
        """Write one message."""
        try:
            self._outgoing.write(encode(message))
            if flush:
                self._outgoing.flush()
        except (BrokenPipeError, OSError) as error:
            raise SystemExit(0) from error

    def flush(self) -> None:
        """Hand over what was written."""
        try:
            self._outgoing.flush()
        except (BrokenPipeError, OSError) as error:
            raise SystemExit(0) from error


class Service:
    """Holds the loaded model and answers."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._package: ModelPackage | None = None
        self._session: InferenceSession | None = None

    def serve(self) -> None:
        """Answer until the parent is gone."""
        while True:
            message = self._channel.receive()
            try:
                if message["op"] == "load":
                    self._load(message)
                elif message["op"] == "predict":
                    self._predict(message)
                elif message["op"] not in ("bscan", "stop"):  # left over from a run that ended
                    raise ValueError("unknown request")
            except KdoctError as error:
                self._channel.send(error_message(error))
            except Cancelled:
                self._channel.send({"event": "cancelled"})

    def _load(self, message: Message) -> None:
        """Verify a package, load it, prove it."""
        self._package = self._session = None
        keys = [bytes.fromhex(key) for key in message["keys"]]
        package = read_package(Path(message["path"]), trusted_keys=keys)
        session = InferenceSession(package, message["provider"])
        self._package, self._session = package, session
        self._channel.send(
            {
                "event": "loaded",
                "identity": plain(package.identity),
                "provider": plain(session.report),
                "eye_rule": plain(package.eye_rule),
                "preprocessing": package.preprocessing,
                "cam": cam_shape(package),
                # some more than are held here at a time, so that the next is always there
                "slots": (session.lanes + BATCHES_AHEAD + 1) * session.batch_size + _SPARE_SLOTS,
            }
        )

    def _predict(self, message: Message) -> None:
        """Predict one volume that the parent feeds through the block."""
        if self._package is None or self._session is None:
            raise ValueError("no model is loaded")
        window = attach(message["block"], layout_from(message["layout"]))
        job = _Job(self._channel, window, count=message["count"], run=message["run"])
        prediction = predict_source(
            job.source,
            message["count"],
            package=self._package,
            session=self._session,
            views=VIEWS if message["tta"] else IDENTITY,
            progress=job.progress,
            on_bscan=job.on_bscan,
        )
        self._channel.send(
            {
                "event": "done",
                "provider": plain(prediction.provider),
                "views": prediction.views,
            }
        )


class _Job:
    """One volume: B-scans come in by slots, results go out by the same slots."""

    def __init__(self, channel: Channel, window: Window, *, count: int, run: int) -> None:
        self._channel = channel
        self._window = window
        self._count = count
        self._run = run - 1
        self._slot_of: dict[int, int] = {}

    def source(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Start a pass; for every pass but the first the parent is asked to begin again."""
        self._run += 1
        if self._slot_of:
            self._channel.send({"event": "restart", "run": self._run})
        return self._bscans()

    def progress(self, done: int, total: int, step: str) -> None:
        """Hand results over and stop when asked to."""
        self._channel.flush()
        if self._window.stop:
            raise Cancelled

    def on_bscan(self, bscan: BscanPrediction, cams: NDArray[np.float32], frame: Box) -> None:
        """Put the activation maps into the B-scan's slot and tell the parent."""
        slot = self._slot_of[bscan.index]
        self._window.cams[slot] = cams
        self._channel.send(bscan_message(self._run, slot, bscan, frame), flush=False)

    def _bscans(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """B-scans of this pass as the parent sends them."""
        taken = 0
        while taken < self._count:
            message = self._channel.receive()
            if message["op"] == "stop":
                raise Cancelled
            if message["op"] != "bscan":
                raise ValueError("a B-scan was expected")
            if message["run"] != self._run:
                continue
            taken += 1
            self._slot_of[message["index"]] = message["slot"]
            yield message["index"], self._window.bscans[message["slot"]]
