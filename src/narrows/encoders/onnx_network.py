"""Codes from an ONNX file.

picture ──preprocessing──► float (N, C, H, W) or bytes (N, H, W, C) ──the file's network──► codes (N, D)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import BadFile, NarrowsError
from ..images.preprocessing import Preprocessing
from .frozen import FrozenNetwork, checked_codes, of_channels

__all__ = ["OnnxEncoder", "onnx"]

Array = np.ndarray[Any, Any]

LARGEST = 2 << 30  # bytes of a file, which ONNX itself cannot pass
KEY = "narrows"  # of the metadata of files that ``export`` wrote


@dataclass(frozen=True)
class OnnxEncoder(FrozenNetwork):
    """An ONNX file that makes codes; an ``Encoder``. Made by :func:`onnx`."""

    _session: Any = field(repr=False)
    _digest: str = field(repr=False)
    _output: str = field(repr=False)

    def fingerprint(self) -> str:
        """Of the file's bytes and of what is done before and after it."""
        return self._digest

    def _run(self, x: Array) -> Array:
        return _answer(self._session, self._output, x, self.mean, self.deviation)


def onnx(
    path: Path | str,
    *,
    shape: Sequence[int] | None = None,
    mean: float | Sequence[float] = 0.0,
    deviation: float | Sequence[float] = 1.0,
    output: str | None = None,
    fit: str = "crop",
) -> OnnxEncoder:
    """An encoder of an ONNX file, whose network is run by ONNX Runtime on the processor.

    It takes one input: float32 (N, C, H, W), or bytes (N, H, W, C) as files of ``narrows export`` do. A
    file that refers to others beside it is refused, as nothing but its own bytes is read.

    Args:
        path: the file.
        shape: (C, H, W) of the pictures; None: what the file says.
        mean, deviation: of each channel of pictures in [0, 1]; floats that the network takes are
            (x − mean) / deviation. ImageNet's are (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
        output: the name of the output that is the code; None: ``code`` where there is one, otherwise the first.
        fit: how a picture meets the shape: ``crop``, ``pad`` or ``stretch``.

    Raises:
        BadFile: it is no ONNX file, or not one of such a network.
        ValueError: a shape that neither the file nor ``shape`` says, or an output that it has not.
        NarrowsError: ONNX Runtime is not installed.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise BadFile(f"{path} is larger than 2 GiB, which no ONNX file is")
        raw = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror or error})") from error
    session = _session(raw, path)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise BadFile(
            f"{path} takes {len(inputs)} inputs, the first of {len(inputs[0].shape) if inputs else 0} axes; "
            "a network of pictures takes one of four"
        )
    of_bytes = inputs[0].type == "tensor(uint8)"
    if not of_bytes and inputs[0].type != "tensor(float)":
        raise BadFile(f"{path} takes {inputs[0].type}; float32 or uint8 pictures were wanted")
    size = _shape(path, inputs[0].shape, of_bytes, session, shape)
    names = [one.name for one in session.get_outputs()]
    chosen = output or ("code" if "code" in names else names[0])
    if chosen not in names:
        raise ValueError(f"{path} has no output {chosen!r}; it has {', '.join(names)}")
    means, deviations = of_channels(mean, deviation, size[0])
    if of_bytes and (any(means) or set(deviations) != {1.0}):
        raise ValueError(f"{path} takes bytes as they are; leave mean and deviation out")
    blank = np.zeros((1, *size), np.float32)
    code = checked_codes(_answer(session, chosen, blank, means, deviations), 1, str(path))
    preprocessing = Preprocessing(size, fit)  # type: ignore[arg-type]
    said = json.dumps([preprocessing.document(), means, deviations, chosen])
    return OnnxEncoder(
        preprocessing, code.shape[1:], means, deviations, path.name, session,
        files.fingerprint(raw, said), chosen,
    )  # fmt: skip


def _answer(
    session: Any, output: str, x: Array, mean: Sequence[float], deviation: Sequence[float]
) -> Array:
    """The output for pictures (N, C, H, W) in [0, 1]; a file of a fixed batch gets whole ones."""
    asked = session.get_inputs()[0]
    if asked.type == "tensor(uint8)":
        given = np.rint(255 * x.clip(0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    else:
        by = (np.asarray(each, np.float32).reshape(1, -1, 1, 1) for each in (mean, deviation))
        given = (x - next(by)) / next(by)
    fixed = asked.shape[0] if isinstance(asked.shape[0], int) else len(given)
    found = []
    try:
        for start in range(0, len(given), fixed):
            part = np.ascontiguousarray(given[start : start + fixed])
            short = fixed - len(part)
            padded = np.concatenate([part, np.repeat(part[-1:], short, 0)]) if short else part
            found.append(session.run([output], {asked.name: padded})[0][: len(part)])
    except Exception as error:  # ONNX Runtime's own, of many kinds
        raise NarrowsError(
            f"ONNX Runtime cannot run this network ({str(error).splitlines()[0][:200]})"
        ) from error
    joined: Array = np.concatenate(found)
    return joined


def _session(raw: bytes, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise NarrowsError(
            "an encoder of an ONNX file needs onnxruntime: pip install 'narrows[export]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own, of many kinds
        raise BadFile(
            f"{path} is no ONNX file that can be run by itself ({str(error).splitlines()[0][:200]})"
        ) from error


def _shape(
    path: Path, axes: Sequence[Any], of_bytes: bool, session: Any, wanted: Sequence[int] | None
) -> tuple[int, ...]:
    """(C, H, W): what was asked for, or what the file says."""
    own = [axes[3], axes[1], axes[2]] if of_bytes else list(axes[1:])
    if wanted is None:
        kept = session.get_modelmeta().custom_metadata_map.get(KEY)
        try:
            said = json.loads(kept)["shape"] if kept else own
        except (ValueError, KeyError, TypeError):
            said = own
        if len(said) != 3 or not all(isinstance(n, int) and n > 0 for n in said):
            raise ValueError(f"{path} takes pictures of any size: say which with shape=(C, H, W)")
        return tuple(said)
    shape = tuple(int(n) for n in wanted)
    fixed = [(a, b) for a, b in zip(own, shape, strict=False) if isinstance(a, int) and a != b]
    if len(shape) != 3 or min(shape) < 1 or fixed:
        raise ValueError(f"{path} takes pictures of {tuple(own)}; we got shape {shape}")
    return shape
