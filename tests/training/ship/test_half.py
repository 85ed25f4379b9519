"""Weights kept as float16: half the bytes, the same answers, accepted by the desktop."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from kdoct_desktop.inference.onnx_gate import check_graph
from kdoct_desktop.inference.preprocess import InputSpec
from kdoct_desktop.inference.probability import completeness_errors
from kdoct_desktop.inference.session import OrtBackend
from tests.training.toy import ToyNetwork, toy
from training.ship.export import onnx_runner, to_onnx
from training.ship.half import HALF_LIMIT, HalfParity, compare_half, half_weights

SPEC = InputSpec(64, 96)
MEANS = np.random.default_rng(1).random((4, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> ToyNetwork:
    torch.set_num_threads(1)  # made before the fixture that does this for each test
    return toy(3)


@pytest.fixture(scope="module")
def graph(network: ToyNetwork) -> bytes:
    return to_onnx(network, SPEC)


def inputs(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((count, 3, 64, 96)).astype(np.float32)


def product(weights: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """A graph that multiplies a row by a table."""
    rows, columns = weights.shape
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def test_the_variant_multiplies_in_float32_by_weights_rounded_to_float16() -> None:
    import onnxruntime

    weights = np.full((16, 16), 1.0 + 2.0**-12, np.float32)  # float16 has ten bits: rounds to 1
    session = onnxruntime.InferenceSession(
        half_weights(product(weights)), providers=["CPUExecutionProvider"]
    )
    row = np.full((1, 16), 1.0 + 2.0**-20, np.float32)  # would be 1 in float16
    (answer,) = session.run(None, {"x": row})
    assert answer.dtype == np.float32
    assert answer[0, 0] == np.float32(16.0 + 16 * 2.0**-20)


def test_a_table_with_a_value_beyond_float16_stays_as_it_is() -> None:
    weights = np.ones((16, 16), np.float32)
    weights[3, 4] = 70_000.0
    model = onnx.load_from_string(half_weights(product(weights)))
    assert [table.data_type for table in model.graph.initializer] == [TensorProto.FLOAT]
    assert len(model.graph.node) == 1


def test_biases_and_small_tables_stay_float32(graph: bytes) -> None:
    kinds: dict[int, int] = {}
    for table in onnx.load_from_string(half_weights(graph)).graph.initializer:
        values = numpy_helper.to_array(table)
        kinds[table.data_type] = kinds.get(table.data_type, 0) + 1
        assert (table.data_type == TensorProto.FLOAT16) == (values.ndim > 1 and values.size >= 256)
    assert kinds[TensorProto.FLOAT16] == 2  # both convolutions of the toy
    assert kinds[TensorProto.FLOAT] >= 2


def test_the_desktop_takes_it_and_its_evidence_still_adds_up(
    network: ToyNetwork, graph: bytes
) -> None:
    half = half_weights(graph)
    check_graph(half, height=64, width=96, classes=4)
    logits, cams, embeddings = OrtBackend(half, "cpu").run(inputs(5))
    assert embeddings.shape == (5, 12)
    bias = network.head.bias.detach().numpy()
    assert completeness_errors(logits, cams, bias).max() < 1e-4


def test_parity_is_measured_and_the_file_is_smaller(graph: bytes) -> None:
    half = half_weights(graph)
    parity = compare_half(graph, half, inputs(64), means=MEANS, temperature=0.5)
    assert parity.pictures == 64
    assert 0.0 < parity.difference < HALF_LIMIT
    assert parity.distance < 1e-3
    assert parity.same_class
    assert parity.holds
    assert parity.bytes_half == len(half) < parity.bytes_full == len(graph)
    one = onnx_runner(graph)(inputs(64))[0].astype(np.float64)
    other = onnx_runner(half)(inputs(64))[0].astype(np.float64)
    worst = 0.0
    for temperature in (1.0, 0.5):
        powers = [np.exp(logits / temperature) for logits in (one, other)]
        shares = [power / power.sum(axis=1, keepdims=True) for power in powers]
        worst = max(worst, float(np.abs(shares[0] - shares[1]).max()))
    assert parity.difference == pytest.approx(worst, rel=1e-6)


def test_a_variant_of_other_weights_does_not_hold(graph: bytes) -> None:
    other = half_weights(to_onnx(toy(4), SPEC))
    assert not compare_half(graph, other, inputs(32), means=MEANS, temperature=1.0).holds


@pytest.mark.parametrize(
    ("difference", "same_class", "holds"),
    [(0.01, True, True), (0.0101, True, False), (0.0, False, False)],
)
def test_the_limit_is_one_hundredth_and_no_class_may_change(
    difference: float, same_class: bool, holds: bool
) -> None:
    assert HalfParity(1, difference, same_class, 0.0, 2, 1).holds is holds
