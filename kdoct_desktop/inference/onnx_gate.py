"""What an ONNX file must look like before onnxruntime may see it.

The gate walks the protobuf wire format itself (the ``onnx`` package is no run-time dependency, and
its parser would be one more thing to trust). It is an allow-list: a field, an operator domain or a
storage form that a plain convolutional network does not need is refused. Nothing that could name a
file, run foreign code or nest without end passes: no external data, no custom operators, no local
functions, no subgraphs, no sparse tensors. Field numbers follow ``onnx.proto`` (ONNX 1.21).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kdoct_desktop.domain.errors import ModelError

INPUT = "input"
OUTPUTS = ("logits", "cam", "embedding")
_RANKS = {"logits": 2, "cam": 4, "embedding": 2}

_OPSETS = range(13, 26)
_DOMAINS = {b"", b"ai.onnx"}
_FLOAT32 = 1
_MOST_NODES = 20_000

_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH = {1, 2, 5, 10, 11, 12, 13, 16}
_NODE = {1, 2, 3, 4, 5, 6, 7, 9}
_ATTRIBUTE = {1, 2, 3, 4, 5, 7, 8, 9, 13, 20}
_TENSOR = {1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16}


@dataclass(frozen=True, slots=True)
class _Value:
    """Name, element type and shape of a graph's input or output; None for a free dimension."""

    name: str
    element: int
    shape: tuple[int | None, ...]


def check_graph(data: bytes, *, height: int, width: int, classes: int) -> None:
    """Refuse a model file that is not a plain network of the expected form.

    Args:
        data: The ONNX file.
        height: Rows of the input.
        width: Columns of the input.
        classes: Number of classes.

    Raises:
        ModelError: ``unsafe-graph`` or ``wrong-outputs``.
    """
    try:
        inputs, outputs = _model(memoryview(data))
    except (IndexError, ValueError) as error:
        raise _unsafe("it is damaged") from error
    wanted = (None, 3, height, width)
    if [(v.name, v.element, v.shape) for v in inputs] != [(INPUT, _FLOAT32, wanted)]:
        raise _wrong(f"its input is not a float32 '{INPUT}' of {height} by {width} pixels")
    if sorted(v.name for v in outputs) != sorted(OUTPUTS):
        raise _wrong(f"its outputs are not {', '.join(OUTPUTS)}")
    for value in outputs:
        if value.element != _FLOAT32 or len(value.shape) != _RANKS[value.name]:
            raise _wrong(f"its output '{value.name}' has the wrong form")
        if value.name != "embedding" and value.shape[1] not in (None, classes):
            raise _wrong(f"it has {value.shape[1]} classes and not {classes}")


def _unsafe(why: str) -> ModelError:
    return ModelError("unsafe-graph", f"The network in the model package is refused: {why}.")


def _wrong(why: str) -> ModelError:
    return ModelError("wrong-outputs", f"The network in the model package does not fit: {why}.")


def _model(data: memoryview) -> tuple[list[_Value], list[_Value]]:
    """Check a ModelProto; returns the inputs and outputs of its graph."""
    graphs = []
    opsets = []
    for number, value in _fields(data, _MODEL, "the file"):
        if number == 7:
            graphs.append(_bytes(value))
        elif number == 8:
            opsets.append(_opset(_bytes(value)))
    if len(graphs) != 1:
        raise _unsafe("it holds no network")
    if len(opsets) != 1 or opsets[0] not in _OPSETS:
        raise _unsafe("it uses an operator set that is not known")
    return _graph(graphs[0])


def _opset(data: memoryview) -> int:
    """Version of the standard operator set; another set is refused."""
    version = 0
    for number, value in _fields(data, {1, 2}, "the operator set"):
        if number == 1 and bytes(_bytes(value)) not in _DOMAINS:
            raise _unsafe("it needs operators that are not standard")
        if number == 2:
            version = _integer(value)
    return version


def _graph(data: memoryview) -> tuple[list[_Value], list[_Value]]:
    """Check a GraphProto with its nodes and weights."""
    inputs: list[_Value] = []
    outputs: list[_Value] = []
    nodes = 0
    for number, value in _fields(data, _GRAPH, "the network"):
        if number == 1:
            nodes += 1
            _node(_bytes(value))
        elif number == 5:
            _tensor(_bytes(value))
        elif number == 11:
            inputs.append(_value(_bytes(value)))
        elif number == 12:
            outputs.append(_value(_bytes(value)))
    if not 0 < nodes <= _MOST_NODES:
        raise _unsafe("its number of operators is not plausible")
    return inputs, outputs


def _node(data: memoryview) -> None:
    """Check a NodeProto: a standard operator without subgraphs."""
    for number, value in _fields(data, _NODE, "an operator"):
        if number == 7 and bytes(_bytes(value)) not in _DOMAINS:
            raise _unsafe("it needs operators that are not standard")
        if number == 5:
            for inner, part in _fields(_bytes(value), _ATTRIBUTE, "an option of an operator"):
                if inner == 5:
                    _tensor(_bytes(part))


def _tensor(data: memoryview) -> None:
    """Check a TensorProto: its values are inside; ``external_data`` and its kin are refused."""
    for number, value in _fields(data, _TENSOR, "a table of weights"):
        if number == 14 and value != 0:
            raise _unsafe("it keeps weights outside the package")


def _value(data: memoryview) -> _Value:
    """Read a ValueInfoProto of a dense tensor."""
    parts = _only(data, {1, 2})
    tensor = _only(_bytes(_only(_bytes(parts[2]), {1})[1]), {1, 2})
    shape = []
    for _, dimension in _fields(_bytes(tensor[2]), {1}, "a shape"):
        size = dict(_fields(_bytes(dimension), {1, 2, 3}, "a dimension")).get(1)
        shape.append(None if size is None else _integer(size))
    return _Value(str(bytes(_bytes(parts[1])), "utf-8"), _integer(tensor[1]), tuple(shape))


def _only(data: memoryview, wanted: set[int]) -> Mapping[int, memoryview | int]:
    """The wanted fields of a message, each of which must be there once; others are passed over.

    Raises:
        ValueError: One is missing or repeated.
    """
    found: dict[int, memoryview | int] = {}
    for number, value in _fields(data, None, ""):
        if number in wanted:
            if number in found:
                raise ValueError("repeated field")
            found[number] = value
    if len(found) != len(wanted):
        raise ValueError("missing field")
    return found


def _fields(
    data: memoryview, allowed: set[int] | None, where: str
) -> Iterator[tuple[int, "memoryview | int"]]:
    """Walk one protobuf message.

    Args:
        data: Its bytes.
        allowed: Field numbers that may occur; None for all.
        where: What the message is, for the refusal.

    Yields:
        Field number and value: an integer for a varint, bytes for everything else.

    Raises:
        ModelError: A field that is not allowed.
        ValueError: A length, a wire type or a number that cannot be.
        IndexError: The message ends inside a number.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0 or (allowed is not None and number not in allowed):
            raise _unsafe(f"{where} has a part that is not allowed (field {number})")
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown wire type")
        if length > len(data) - at:
            raise ValueError("length beyond the end")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a base-128 number; returns it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("number too long")


def _bytes(value: "memoryview | int") -> memoryview:
    """The value as bytes."""
    if isinstance(value, int):
        raise ValueError("a number where bytes should be")
    return value


def _integer(value: "memoryview | int") -> int:
    """The value as a number."""
    if isinstance(value, int):
        return value
    raise ValueError("bytes where a number should be")
