"""Runs an ONNX file without torch and without Narrows: a program, for another process.

    python onnx_alone.py model.onnx given.npz found.npz

given: ``0/NAME`` the input of the first case, ``1/NAME`` of the second …; found: ``0/OUTPUT`` …
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["run"]


def run(model: str, given: str, found: str) -> None:
    """Each input of ``given`` through the model, written to ``found``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = [each.name for each in session.get_outputs()]
    with np.load(given) as cases:
        answers: dict[str, Any] = {}
        for key in cases.files:
            number, name = key.split("/")
            values = session.run(outputs, {name: cases[key]})
            answers |= {
                f"{number}/{out}": value for out, value in zip(outputs, values, strict=True)
            }
    assert "torch" not in sys.modules
    np.savez(found, **answers)


if __name__ == "__main__":
    run(*sys.argv[1:4])
