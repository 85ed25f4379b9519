"""The gate before onnxruntime: plain networks of the expected form pass, nothing else does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kdoct_desktop.domain.errors import ModelError
from kdoct_desktop.inference.onnx_gate import check_graph
from tests.tiny_model import CLASSES, tiny_onnx

BIAS = np.zeros(4, dtype=np.float32)


def tiny() -> onnx.ModelProto:
    return tiny_onnx(classes=CLASSES, size=64, bias=BIAS, seed=0)


def check(model: onnx.ModelProto | bytes, *, size: int = 64, classes: int = 4) -> None:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    check_graph(data, height=size, width=size, classes=classes)


def refused(model: onnx.ModelProto | bytes, *, size: int = 64, classes: int = 4) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check(model, size=size, classes=classes)
    return caught.value


def test_the_plain_network_passes() -> None:
    check(tiny())


def test_weights_outside_the_file_are_refused(tmp_path: Path) -> None:
    model = tiny()
    onnx.external_data_helper.convert_model_to_external_data(
        model, location="weights.bin", size_threshold=0, convert_attribute=True
    )
    onnx.save_model(model, tmp_path / "model.onnx")
    assert (tmp_path / "weights.bin").exists()
    assert refused((tmp_path / "model.onnx").read_bytes()).code == "unsafe-graph"


def external_path(model: onnx.ModelProto) -> None:
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def external_flag(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def external_constant(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(BIAS))
    entry = node.attribute[0].t.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    model.graph.node.append(node)


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].domain = "com.example"


def foreign_operator_set(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def unknown_operator_set(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 99


def no_operator_set(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def subgraph(model: onnx.ModelProto) -> None:
    model.graph.node[2].attribute.append(helper.make_attribute("then_branch", tiny().graph))


def nested_graphs(model: onnx.ModelProto) -> None:
    model.graph.node[2].attribute.append(helper.make_attribute("branches", [tiny().graph]))


def local_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("", "Relu", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
    )


def training_part(model: onnx.ModelProto) -> None:
    model.training_info.add()


def sparse_weights(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def text_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(["x"], dtype=object), "t"))


def no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


@pytest.mark.parametrize(
    "change",
    [
        external_path,
        external_flag,
        external_constant,
        foreign_operator,
        foreign_operator_set,
        unknown_operator_set,
        no_operator_set,
        subgraph,
        nested_graphs,
        local_function,
        training_part,
        sparse_weights,
        text_weights,
        no_nodes,
    ],
)
def test_what_a_plain_network_does_not_need_is_refused(
    change: Callable[[onnx.ModelProto], None],
) -> None:
    model = tiny()
    change(model)
    assert refused(model).code == "unsafe-graph"


def another_input_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "x"


def two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def half_precision_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def an_output_less(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def an_output_more(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


def flat_maps(model: onnx.ModelProto) -> None:
    del model.graph.output[1].type.tensor_type.shape.dim[3]


def whole_number_logits(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


@pytest.mark.parametrize(
    "change",
    [
        another_input_name,
        two_inputs,
        fixed_batch,
        half_precision_input,
        an_output_less,
        an_output_more,
        flat_maps,
        whole_number_logits,
    ],
)
def test_other_inputs_or_outputs_are_refused(change: Callable[[onnx.ModelProto], None]) -> None:
    model = tiny()
    change(model)
    assert refused(model).code == "wrong-outputs"


def test_another_size_or_number_of_classes_is_refused() -> None:
    assert refused(tiny(), size=96).code == "wrong-outputs"
    assert refused(tiny(), classes=5).code == "wrong-outputs"


def test_every_cut_of_a_network_is_refused_by_name() -> None:
    data = tiny().SerializeToString()
    for length in range(0, len(data) - 1, 37):
        assert refused(data[:length]).code in ("unsafe-graph", "wrong-outputs")


def test_no_damage_gets_past_the_gate_as_another_error() -> None:
    data = tiny().SerializeToString()
    rng = np.random.default_rng(4)
    for _ in range(400):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(0, 256)
        # a changed weight passes: that is what the hash in the manifest is for
        assert outcome(bytes(damaged)) in ("passed", "unsafe-graph", "wrong-outputs")


def outcome(data: bytes) -> str:
    """What the gate says; any other exception goes through."""
    try:
        check(data)
    except ModelError as error:
        return error.code
    return "passed"
