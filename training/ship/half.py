"""A variant of a graph whose weights are kept as float16 and used as float32: half the bytes.

Only the storage changes: each large table is an initializer of type float16 with a ``Cast`` behind
it, which onnxruntime computes once while it loads. What runs is float32 on rounded weights, so the
variant is as fast as the original and passes the desktop's gate, which wants float32 in and out.
Biases and normalisation stay as they are; they are small, and their error would add up.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kdoct_desktop.inference.probability import cosine_distances, softmax
from training.ship.export import Answers, graph_answers, onnx_runner

Array = NDArray[np.float32]

HALF_LIMIT = 1e-2
"""Largest difference in probability at which the variant is kept."""
LEAST_VALUES = 256
"""Smaller tables stay float32."""
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class HalfParity:
    """How far the variant is from the graph that it was made of.

    Attributes:
        pictures: Number of pictures compared.
        difference: Largest difference in probability, at the package's own temperature or at 1,
            whichever is larger.
        same_class: True when the most probable class is the same everywhere.
        distance: Largest change of the cosine distance to the nearest class mean.
        bytes_full: Size of the graph.
        bytes_half: Size of the variant.
    """

    pictures: int
    difference: float
    same_class: bool
    distance: float
    bytes_full: int
    bytes_half: int

    @property
    def holds(self) -> bool:
        """True where the variant may be used in the graph's place."""
        return self.difference <= HALF_LIMIT and self.same_class

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {**asdict(self), "holds": self.holds}


def half_weights(graph: bytes) -> bytes:
    """The variant of a graph.

    Tables with a value beyond float16 stay float32: a weight of infinity is no rounding.
    """
    model = onnx.load_from_string(graph)
    casts = []
    for table in model.graph.initializer:
        values = numpy_helper.to_array(table)
        if not _is_large(table, values):
            continue
        name, stored = table.name, f"{table.name}_half"
        table.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(
            helper.make_node("Cast", [stored], [name], name=f"{name}_cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def compare_half(
    graph: bytes, half: bytes, inputs: Array, *,
    means: Array, temperature: float, known: Answers | None = None,
) -> HalfParity:  # fmt: skip
    """Run both on the same pictures.

    Args:
        graph: The original.
        half: Its variant.
        inputs: Ready inputs, axes (n, channel, row, column).
        means: Mean embedding of each class, axes (class, feature).
        temperature: The package's.
        known: What the original answers; it is asked where None.
    """
    one = graph_answers(onnx_runner(graph), inputs) if known is None else known
    other = graph_answers(onnx_runner(half), inputs)
    difference = max(
        float(np.abs(softmax(one[0], t) - softmax(other[0], t)).max()) for t in (1.0, temperature)
    )
    moved = np.abs(cosine_distances(one[2], means) - cosine_distances(other[2], means))
    return HalfParity(
        pictures=len(inputs),
        difference=difference,
        same_class=bool((one[0].argmax(axis=1) == other[0].argmax(axis=1)).all()),
        distance=float(moved.max()),
        bytes_full=len(graph),
        bytes_half=len(half),
    )


def _is_large(table: TensorProto, values: NDArray[Any]) -> bool:
    """True for a float32 table of weights that float16 can hold."""
    return (
        table.data_type == TensorProto.FLOAT
        and values.ndim >= 2
        and values.size >= LEAST_VALUES
        and float(np.abs(values).max()) <= LARGEST
    )
