"""ONNX files of a model: traced, made smaller in whole numbers, and run where no torch is.

graph ──torch.onnx──► ModelProto ──quantize_static, on real pictures──► int8 ──another process──► answers
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import NarrowsError, Unavailable
from .graphs import Graph

__all__ = ["KEY", "alone", "available", "int8", "needed", "program", "silence", "traced"]

Array = np.ndarray[Any, Any]

KEY = "narrows"  # of the metadata, a JSON document
ALONE = str(Path(__file__).with_name("onnx_alone.py"))
AXES = ("batch", "height", "width")  # those of an input that are free


def available() -> bool:
    """Whether the packages of the extra ``export`` are installed."""
    try:
        needed()
    except Unavailable:
        return False
    return True


def needed() -> None:
    """Load the packages of the extra ``export``.

    Raises:
        Unavailable: one of them is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise Unavailable(
            f"exporting to ONNX needs onnx, onnxscript and onnxruntime, and {error.name} is not "
            "installed: pip install 'narrows[export]'"
        ) from error


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No warning and no line of those who trace: what matters is checked afterwards."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def program(graph: Graph) -> torch.export.ExportedProgram:
    """A graph as torch exports it, with its axes free and without the names of our files.

    Raises:
        NarrowsError: it cannot be exported, or only for one size.
    """
    try:
        with silence():
            graph(
                graph.example()
            )  # what parts keep for the next call is made of numbers, not traced
            found = torch.export.export(graph, (graph.example(),), dynamic_shapes=(graph.axes(),))
    except Exception as error:  # whatever a tracer says of a part that was written elsewhere
        raise NarrowsError(
            f"torch cannot export this model ({_line(error)}): export needs parts that compute the "
            "same for every batch and ask no tensor for its value"
        ) from error
    for module in found.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return found


def traced(graph: Graph, metadata: Mapping[str, Any]) -> Any:
    """A graph as an ONNX model, with free axes by name and the metadata inside.

    Raises:
        NarrowsError: it cannot be exported.
        Unavailable: a package is not installed.
    """
    needed()
    exported = program(graph)
    try:
        with silence():
            made = torch.onnx.export(
                exported, dynamo=True, input_names=[graph.takes], output_names=list(graph.gives),
                verbose=False,
            )  # fmt: skip
    except Exception as error:
        raise NarrowsError(f"this model has no form in ONNX ({_line(error)})") from error
    assert made is not None
    proto = made.model_proto
    free = [dim.dim_param for dim in proto.graph.input[0].type.tensor_type.shape.dim]
    names = {old: name for old, name in zip(free, AXES, strict=False) if old}
    for value in (*proto.graph.input, *proto.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]
    del proto.graph.value_info[:]  # they name the free axes otherwise
    for holder in (proto.graph, *proto.graph.node, *proto.functions):
        del holder.metadata_props[:]  # where in our files each step stands
    _stamp(proto, metadata)
    return proto


def int8(proto: Any, inputs: Sequence[Array], metadata: Mapping[str, Any]) -> Any:
    """The weights and activations of an ONNX model in 8 bits, scaled by what these inputs make of them.

    Static: what an activation may be is measured once. Only what multiplies weights is made smaller, not
    the resize. (Dynamic scaling measures at every call, which took six times as long as no int8 at all.)

    Args:
        proto: what ``traced`` gave.
        inputs: batches for its input.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantised

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> dict[str, Array] | None:
            batch = next(self.left, None)
            return None if batch is None else {proto.graph.input[0].name: batch}

    weights = {each.name for each in proto.graph.initializer}
    heavy = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    chosen = [
        node.name for node in proto.graph.node if node.op_type in heavy and node.input[1] in weights
    ]
    with tempfile.TemporaryDirectory() as folder, silence():
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(proto, before)
        quantised(
            str(before), str(after), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_quantize=chosen,
        )  # fmt: skip
        found = onnx.load(after)
    _stamp(found, metadata)
    return found


def alone(content: bytes, name: str, inputs: Sequence[Array]) -> list[dict[str, Array]]:
    """The answers of an ONNX file to inputs, from a process that has onnxruntime only.

    Args:
        content: the file.
        name: of its input.
        inputs: one case after another.

    Raises:
        NarrowsError: it does not run there.
    """
    with tempfile.TemporaryDirectory() as folder:
        model, given, found = (Path(folder, name) for name in ("m.onnx", "given.npz", "found.npz"))
        model.write_bytes(content)
        cases: dict[str, Any] = {f"{i}/{name}": each for i, each in enumerate(inputs)}
        np.savez(given, **cases)
        command = [sys.executable, "-P", ALONE, str(model), str(given), str(found)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise NarrowsError(f"onnxruntime cannot run this model ({said[-1][:300]})")
        answers: list[dict[str, Array]] = [{} for _ in inputs]
        with np.load(found) as values:
            for key in values.files:
                number, output = key.split("/")
                answers[int(number)][output] = values[key]
        return answers


def _stamp(proto: Any, metadata: Mapping[str, Any]) -> None:
    from .. import __version__

    proto.producer_name, proto.producer_version = "narrows", __version__
    del proto.metadata_props[:]
    proto.metadata_props.add(key=KEY, value=json.dumps(metadata))


def _line(error: Exception) -> str:
    """What is wrong, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
