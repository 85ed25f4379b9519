"""How fast a volume is analysed, against a bare loop and against eager torch."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from pydicom.uid import JPEGLSLossless

from kdoct_desktop.app.analysis import Analyzer, analyse_path
from kdoct_desktop.app.settings import load_urgency
from kdoct_desktop.inference.session import OrtBackend, thread_count
from kdoct_desktop.io.readers import VolumeHeader, open_volumes
from tests.benchmarks.measures import (
    Measure,
    at_least,
    at_most,
    fastest,
    in_turns,
    quickest,
    stated,
    times_as_fast,
)
from tests.benchmarks.subject import (
    CLASSES,
    Subject,
    phantom_voxels,
    random_network,
    tensors,
    write_volume,
)

Tensors = NDArray[np.float32]
_BATCHES = (1, 4, 8)


def end_to_end(subject: Subject, folder: Path, *, rounds: int) -> list[Measure]:
    """From a DICOM file of 49 B-scans to a finding, on the processor.

    The model is loaded and the reading process waits, as in a window that stands open.
    """
    voxels = phantom_voxels()
    plain = write_volume(voxels, folder / "plain.dcm")
    packed = write_volume(voxels, folder / "packed.dcm", syntax=JPEGLSLossless)
    ready = tensors(voxels, subject.package.input_spec)
    loops, parallel = _bare_loops(subject, ready), _parallel_loop(subject, ready)
    eager_loops = _eager_loops(ready)
    with Analyzer(trusted_keys=subject.trusted_keys, urgency=load_urgency()) as analyzer:
        analyzer.load_model(subject.path, provider="cpu")
        works: list[Callable[[], object]] = [
            lambda: _analysed(analyzer, plain, len(voxels)),
            lambda: _analysed(analyzer, packed, len(voxels)),
            parallel,
            *loops.values(),
            *eager_loops,
        ]
        ours, ours_packed, at_once, *others = in_turns(
            works, rounds=rounds, before=lambda at: _waiting(analyzer) if at < 2 else None
        )
    bare, eager = others[: len(loops)], others[len(loops) :]
    best, torch_best = quickest(bare), quickest(eager)
    times = {
        "ours": ours,
        "packed": ours_packed,
        "at once": at_once,
        "bare": bare[best],
        "eager": eager[torch_best],
    }
    return _compared(times, count=len(voxels), how=list(loops)[best])


def _compared(times: dict[str, list[float]], *, count: int, how: str) -> list[Measure]:
    """Our times against the others', round by round."""
    ours, bare = times["ours"], times["bare"]
    rates = {name: f"{count / min(taken):.1f} images/s" for name, taken in times.items()}
    beside, eager = times["at once"], times["eager"]
    return [
        at_least(
            "end to end / bare onnxruntime loop",
            times_as_fast(ours, bare),
            unit="ratio",
            limit=0.85,
            note=f"bare loop at its best: {rates['bare']} with {how}",
        ),
        stated(
            "end to end / one bare loop a core",
            times_as_fast(ours, beside),
            unit="ratio",
            note=rates["at once"],
        ),
        stated("the same from JPEG-LS", times_as_fast(times["packed"], bare), unit="ratio"),
        stated("end to end, 49 B-scans", min(ours), unit="s", note=rates["ours"]),
        at_least(
            "end to end / eager torch channels_last",
            times_as_fast(ours, eager),
            unit="ratio",
            limit=1.4,
            note=f"eager torch: {rates['eager']}",
        ),
    ]


def _bare_loops(subject: Subject, ready: Tensors) -> dict[str, Callable[[], None]]:
    """Loops over ready tensors with nothing around them, by how they run."""
    plain = onnxruntime.InferenceSession(
        subject.package.onnx_bytes, providers=["CPUExecutionProvider"]
    )

    def run(batch: Tensors) -> Any:
        return plain.run(None, {"input": batch})

    return {f"batches of {size}, default options": _looped(run, ready, size) for size in _BATCHES}


def _parallel_loop(subject: Subject, ready: Tensors) -> Callable[[], None]:
    """As many loops as cores, each with one thread: the most that the processor gives."""
    run = OrtBackend(subject.package.onnx_bytes, "cpu").run

    def loops() -> None:
        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(run, (ready[at : at + 1] for at in range(len(ready)))))

    return loops


def _eager_loops(ready: Tensors) -> list[Callable[[], None]]:
    """The same with torch in eager mode, channels last."""
    torch.set_num_threads(thread_count())
    network = random_network().to(memory_format=torch.channels_last)
    return [_looped(lambda batch: _eager(network, batch), ready, size) for size in _BATCHES]


def evidence_cost(subject: Subject, *, rounds: int) -> list[Measure]:
    """What the activation maps and embeddings cost on top of the logits."""
    ready = tensors(phantom_voxels(24), subject.package.input_spec)
    full = OrtBackend(subject.package.onnx_bytes, "cpu")
    alone = _session(logits_only(subject.package.onnx_bytes))
    with_evidence, without = fastest(
        [
            _looped(full.run, ready, 1),
            _looped(lambda batch: alone.run(None, {"input": batch}), ready, 1),
        ],
        rounds=rounds,
    )
    return [
        at_most(
            "cost of the evidence outputs",
            100.0 * (with_evidence / without - 1.0),
            unit="%",
            limit=5.0,
            note="all three outputs against the same graph cut down to its logits",
        )
    ]


def first_bscan(folder: Path, *, rounds: int) -> list[Measure]:
    """When the first B-scan of a volume can be shown, as a share of the time to read it all."""
    path = write_volume(phantom_voxels(), folder / "first.dcm", syntax=JPEGLSLossless)
    shares, order = [], []
    for _ in range(rounds + 1):
        share, index = _first_share(path)
        shares.append(share)
        order.append(index)
    note = f"B-scan {order[0] + 1} of 49 comes first"
    name = "first B-scan shown / whole volume read"
    return [at_most(name, min(shares), unit="ratio", limit=0.5, note=note)]


def logits_only(network: bytes) -> bytes:
    """The same graph with everything cut away that the logits do not need."""
    model = onnx.load_from_string(network)
    graph = model.graph
    needed = {"logits"}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    outputs = [value for value in graph.output if value.name == "logits"]
    weights = [weight for weight in graph.initializer if weight.name in needed]
    for field, values in (("node", kept[::-1]), ("output", outputs), ("initializer", weights)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    return bytes(model.SerializeToString())


def _waiting(analyzer: Analyzer) -> None:
    """Have a reading process ready; it has a second to load its libraries."""
    analyzer.prepare_reading()
    time.sleep(1.0)


def _analysed(analyzer: Analyzer, path: Path, count: int) -> None:
    (analysis,) = analyse_path(analyzer, path)
    (item,) = analysis.volumes
    if item.prediction is None or len(item.prediction.bscans) != count:
        raise RuntimeError("the volume was not analysed")


def _looped(run: Callable[[Tensors], Any], ready: Tensors, size: int) -> Callable[[], None]:
    """A loop over ready tensors, `size` at a time."""

    def loop() -> None:
        for at in range(0, len(ready), size):
            run(ready[at : at + size])

    return loop


def _eager(network: torch.nn.Module, batch: Tensors) -> None:
    pictures = torch.from_numpy(batch).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        logits = network(pictures)[0]
    if logits.shape != (len(batch), len(CLASSES)):
        raise RuntimeError("the network gave something else")


def _session(network: bytes) -> Any:
    """With the options of ``OrtBackend``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        network, sess_options=options, providers=["CPUExecutionProvider"]
    )


def _first_share(path: Path) -> tuple[float, int]:
    """Time to the first B-scan by the time to all, and which one came first."""
    seen: list[tuple[float, int]] = []

    def note(header: VolumeHeader, index: int, pixels: NDArray[np.uint8]) -> None:
        seen.append((time.perf_counter(), index))

    started = time.perf_counter()
    opened = open_volumes(path, on_bscan=note)
    ended = time.perf_counter()
    if len(opened.studies) != 1 or not seen:
        raise RuntimeError("the volume was not read")
    return (seen[0][0] - started) / (ended - started), seen[0][1]
