"""One HTML file that runs a decoder in the browser: its engine and its model lie in it.

Opened from a disk it asks for nothing: the policy in its head forbids every request. The script, its
style and the engine (ONNX Runtime Web, MIT licence) are built from ``web/src/decoder.js`` into
``static/``.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["decoder_page", "decoder_page_bytes"]

BUILT = Path(__file__).parent / "static"


def decoder_page(
    title: str, onnx: bytes, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]
) -> str:
    """The whole file as text, light or dark as its reader's screen is.

    Args:
        title: its heading.
        onnx: an ONNX model from ``code`` (B, *code) float32 to ``picture`` (B, H, W, C) uint8.
        told: ``about`` (what the model says of itself: ``shape``, ``code_shape`` …), ``reach``,
            ``sliders`` (numbers of the sliders by kind), ``names`` of the pictures, and ``why`` and
            ``no_samples`` where there are none.
        arrays: float32 codes (N, D): ``start`` (D,), a step (U, D) for each kind of slider, ``known``,
            ``samples``; and ``pictures`` uint8 (N, H, W, C), those of ``known``.
    """
    script, style, engine = _built()
    packed = {
        name: {"type": "u1" if values.dtype == np.uint8 else "f4", "data": _text(values.tobytes())}
        for name, values in arrays.items()
    }
    document = json.dumps({**told, "title": title, "arrays": packed}).replace("<", "\\u003c")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}' 'wasm-unsafe-eval'",
            f"style-src '{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body>
<div id="page"><noscript>This page runs a model by its script, which is turned off here.</noscript></div>
<script type="application/json" id="told">{document}</script>
<script type="text/plain" id="model">{_text(gzip.compress(onnx, mtime=0))}</script>
<script type="text/plain" id="engine">{engine}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def decoder_page_bytes(onnx: int, arrays: int = 0) -> int:
    """About how large a page gets, in bytes, of an ONNX model and arrays of so many."""
    script, style, engine = _built()
    return len(script) + len(style) + len(engine) + (onnx + arrays) * 4 // 3


@functools.cache
def _built() -> tuple[str, str, str]:
    script = (BUILT / "decoder.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    style = (BUILT / "decoder.css").read_text(encoding="utf-8")
    return script, style, _text((BUILT / "ort.wasm.gz").read_bytes())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(content: str) -> str:
    return f"sha256-{_text(hashlib.sha256(content.encode()).digest())}"
