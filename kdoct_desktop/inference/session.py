"""A loaded model: which provider was asked for, which one runs, and the proof.

What runs is what the loaded session answers, never what was asked for or what the library lists.
Before a session may be used the package's golden inputs go through it (the canary): on a graphics
card a difference above the limit sends the work to the processor, on the processor it makes the
model unusable.
"""

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from kdoct_desktop.domain.errors import InferenceError, ModelError
from kdoct_desktop.domain.prediction import ProviderReport
from kdoct_desktop.inference.onnx_gate import INPUT, OUTPUTS
from kdoct_desktop.inference.package import (
    GOLDEN_LIMIT,
    ModelPackage,
    Outputs,
    golden_check,
    golden_difference,
)

CUDA = "cuda"
CPU = "cpu"
onnxruntime.disable_telemetry_events()  # on Windows, where it is part of the system

PROVIDERS = ("auto", CUDA, CPU)

_CUDA_NAME = "CUDAExecutionProvider"
_CPU_NAME = "CPUExecutionProvider"
_CANARY_RUNS = 5
_BATCH = {CUDA: 32, CPU: 1}
_CARD_LANES = 2  # one batch is prepared while the other is on the card

DIFFERENT = (
    "The graphics card gave different results from the reference; analysis runs on the processor."
)
NO_CARD = "No usable graphics card was found; analysis runs on the processor."
CARD_FAILED = (
    "The graphics card failed during the analysis; "
    "the whole volume was analysed again on the processor."
)

ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(
        value
        for value in vars(ort_state).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ),
)
"""What onnxruntime raises; its own errors have no common base of their own."""


class Backend(Protocol):
    """One network on one provider."""

    @property
    def ran(self) -> str:
        """``cuda`` or ``cpu``, as the loaded session answers."""

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Outputs for a batch (n, 3, row, column); raises one of `ORT_ERRORS`.

        On the processor it is called from several threads at a time.
        """


OpenBackend = Callable[[bytes, str], Backend]
"""Loads a network (ONNX bytes) on ``cuda`` or ``cpu``."""


class OrtBackend:
    """A network in onnxruntime."""

    def __init__(self, network: bytes, provider: str) -> None:
        """Load.

        Args:
            network: ONNX file that passed the gate.
            provider: ``cuda`` or ``cpu``.
        """
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        # one thread a run, as many runs as there are cores (see ``predict``): threads that share
        # an operator wait for each other, and waiting by spinning takes the cores from others
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # without this, bytes that look like onnxruntime's own format would be taken as such
        options.add_session_config_entry("session.load_model_format", "ONNX")
        providers: list[Any] = [_CPU_NAME]
        if provider == CUDA:
            if not _cuda_listed():
                raise RuntimeError("this onnxruntime has no CUDA")
            _preload()
            providers.insert(0, (_CUDA_NAME, _cuda_options()))
        self._session = onnxruntime.InferenceSession(
            network, sess_options=options, providers=providers
        )

    @property
    def ran(self) -> str:
        """``cuda`` or ``cpu``, as the loaded session answers."""
        return CUDA if self._session.get_providers()[0] == _CUDA_NAME else CPU

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Outputs for a batch (n, 3, row, column)."""
        logits, cams, embeddings = self._session.run(list(OUTPUTS), {INPUT: batch})
        return logits, cams, embeddings


class InferenceSession:
    """A package's network, ready to run, with the report of where it runs."""

    def __init__(
        self, package: ModelPackage, provider: str = "auto", *, backend: OpenBackend = OrtBackend
    ) -> None:
        """Load the network and prove it.

        Args:
            package: A verified package.
            provider: ``auto``, ``cuda`` or ``cpu``.
            backend: Loads the network.

        Raises:
            ModelError: The network does not load (``unsafe-graph``) or differs from its golden
                outputs on the processor (``golden-mismatch``).
        """
        if provider not in PROVIDERS:
            raise ValueError(f"unknown provider {provider}")
        self.package = package
        self._open = backend
        self._asked = provider
        self._card = threading.Lock()  # a card takes one batch at a time
        note = self._try_cuda() if provider != CPU else ""
        if provider != CPU and not note:
            return
        # "auto" on a computer without any sign of a card is no news
        news = provider == CUDA or note == DIFFERENT or _cuda_listed()
        self._use_cpu(note if news else "")

    @property
    def report(self) -> ProviderReport:
        """Where the model runs now."""
        return self._report

    @property
    def batch_size(self) -> int:
        """B-scans a batch: one on the processor (its caches are small), many on a card."""
        return _BATCH[self._report.ran]

    @property
    def lanes(self) -> int:
        """Batches on their way at a time: one for each core, or for the card and the next one."""
        return self._lanes

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Outputs for a batch.

        Args:
            batch: float32, axes (n, channel, row, column).

        Raises:
            InferenceError: ``gpu-failed`` on a card, after which :meth:`fall_back` helps;
                ``inference-failed`` on the processor.
        """
        try:
            with self._card if self._report.ran == CUDA else contextlib.nullcontext():
                outputs = self._backend.run(batch)
        except ORT_ERRORS as error:
            raise self._failure() from error
        if not all(np.isfinite(part).all() for part in outputs):
            raise self._failure()
        return outputs

    def fall_back(self) -> None:
        """Go on with the processor after the card failed; the report says so.

        Raises:
            ModelError: The processor does not give the golden outputs either.
        """
        self._use_cpu(CARD_FAILED)

    def _failure(self) -> InferenceError:
        """The error for a run that gave nothing usable."""
        if self._report.ran == CUDA:
            return InferenceError("gpu-failed", "The graphics card failed during the analysis.")
        return InferenceError(
            "inference-failed", "The model could not be run; there may be too little memory."
        )

    def _try_cuda(self) -> str:
        """Load on the card; returns why not, empty when it runs there."""
        try:
            backend = self._open(self.package.onnx_bytes, CUDA)
            if backend.ran != CUDA:
                return NO_CARD
            parity = golden_difference(self.package, backend)
            if not parity <= GOLDEN_LIMIT:
                return DIFFERENT
            self._accept(backend, parity, note="")
        except ORT_ERRORS:
            return NO_CARD
        return ""

    def _use_cpu(self, note: str) -> None:
        """Load on the processor and prove it."""
        try:
            backend = self._open(self.package.onnx_bytes, CPU)
            parity = golden_check(self.package, backend)
            self._accept(backend, parity, note=note)
        except ORT_ERRORS as error:
            raise ModelError(
                "unsafe-graph", "The network in the model package cannot be loaded."
            ) from error

    def _accept(self, backend: Backend, parity: float, *, note: str) -> None:
        """Time the canary and use the backend from now on."""
        first = self.package.golden.inputs[:1]
        times = []
        for _ in range(_CANARY_RUNS):
            start = time.perf_counter()
            backend.run(first)
            times.append(time.perf_counter() - start)
        self._backend = backend
        self._lanes = _CARD_LANES if backend.ran == CUDA else thread_count()
        self._report: ProviderReport = ProviderReport(
            asked=self._asked,
            ran=backend.ran,
            canary_ms=1000.0 * statistics.median(times),
            parity=parity,
            note=note,
        )


def thread_count() -> int:
    """Runs at a time: the physical cores that this process may use."""
    logical = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(allowed, _physical_cores() or logical))


def _physical_cores() -> int | None:
    """Physical cores of the machine; None where that cannot be told."""
    import psutil  # slow to import, and only this needs it

    cores: int | None = psutil.cpu_count(logical=False)
    return cores


def _cuda_options() -> dict[str, str]:
    """TF32 changes results by about 1e-3; a search at every new shape costs seconds."""
    return {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


def _preload() -> None:
    """Load the CUDA libraries that were installed as packages, where onnxruntime can."""
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()


def _cuda_listed() -> bool:
    """True when this onnxruntime was built for CUDA; says nothing about a card."""
    return _CUDA_NAME in onnxruntime.get_available_providers()
