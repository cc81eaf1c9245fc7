"""A map as one HTML file to explore: it loads nothing from outside.

points ──16 bits each──┐
names, labels ──JSON───┼──► one file: a canvas; pan, zoom, pictures wherever they fit
thumbnails ──JPEG──────┘

Thumbnails lie in sheets of 1,024; the browser decodes a sheet when a picture of it is first shown. What is
drawn and what is under the pointer is the studio's: ``web/src/plane.js``, built into ``static/``.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .maps import colouring, label_text

__all__ = ["map_page"]

Array = np.ndarray[Any, Any]

BUILT = Path(__file__).parent / "static"  # of web/src/map_page.js and web/src/plane.js
ACROSS = 32  # thumbnails along a sheet's side
QUALITY = 82


def map_page(
    title: str,
    points: Mapping[str, Any],
    thumbnails: Any,
    names: Sequence[str],
    labels: Any = None,
    *,
    notes: Mapping[str, str] | None = None,
    label_name: str = "",
    root: str | None = None,
) -> str:
    """The whole HTML file as text.

    Args:
        title: its heading.
        points: each map's name and its points (N, 2), the one shown first first.
        thumbnails: uint8 (N, C, h, w).
        names: N names of the pictures.
        labels: (N,), names or numbers, which the colours are of.
        notes: what stands below the map's name.
        label_name: what the labels are.
        root: the address of the folder that the names are files of, relative to the page; a click then
            opens a picture's file.

    Raises:
        ValueError: no map, or not as many points, names and labels as thumbnails.
    """
    small = np.asarray(thumbnails)
    n = len(small)
    layouts = {key: np.asarray(rows, np.float64) for key, rows in points.items()}
    shapes = {rows.shape for rows in layouts.values()} | {(len(names), 2)}
    if labels is not None:
        shapes |= {(len(labels), 2)}
    if not layouts or small.ndim != 4 or small.dtype != np.uint8 or shapes != {(n, 2)}:
        raise ValueError(
            "a page needs a point (N, 2), a name and a thumbnail uint8 (N, C, h, w) of each picture; "
            f"we got {sorted(shapes)} and {small.dtype} {small.shape}"
        )
    colours = colouring(labels, n)
    document = {
        "n": n,
        "maps": [
            {"name": key, "note": (notes or {}).get(key, ""), "points": _sixteen_bits(rows)}
            for key, rows in layouts.items()
        ],
        "names": [str(name) for name in names],
        "label": label_name,
        "labels": None if labels is None else [label_text(v) for v in np.asarray(labels).tolist()],
        "classes": list(colours.names),
        "colours": list(colours.colours),
        "which": base64.b64encode(colours.which.astype(np.uint8).tobytes()).decode(),
        "scale": colours.numbers,
        "root": root,
        "across": ACROSS,
        "size": [small.shape[3], small.shape[2]],
        "sheets": [_sheet(small[a : a + ACROSS**2]) for a in range(0, n, ACROSS**2)],
    }
    script, style = _built()
    filled = {
        "@TITLE@": html.escape(title), "@DATA@": _embedded(document), "@SCRIPT@": script, "@STYLE@": style,
    }  # fmt: skip
    return re.sub("|".join(filled), lambda match: filled[match[0]], PAGE)


@functools.cache
def _built() -> tuple[str, str]:
    """The plane of the studio's map with what stands around it here, and its style."""
    script = (BUILT / "map_page.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    return script, (BUILT / "map_page.css").read_text(encoding="utf-8")


def _embedded(document: Any) -> str:
    """JSON that cannot end the element that it stands in, whatever the names say."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)  # ASCII only
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sixteen_bits(rows: Array) -> str:
    """Points within a square, x and y in turn, each from 0 to 65,535; y grows downwards."""
    low, high = rows.min(0), rows.max(0)
    side = float((high - low).max()) or 1.0
    even = (rows - (low + high) / 2) / side + 0.5
    even[:, 1] = 1 - even[:, 1]
    return base64.b64encode(np.rint(even * 65535).astype("<u2").tobytes()).decode()


def _sheet(small: Array) -> str:
    """Up to 1,024 thumbnails as one JPEG, row after row."""
    from PIL import Image

    n, channels, h, w = small.shape
    down = -(-n // ACROSS)
    shown = small if channels == 3 else small[:, :1]
    sheet = np.zeros((down * ACROSS, shown.shape[1], h, w), np.uint8)
    sheet[:n] = shown
    mosaic = sheet.reshape(down, ACROSS, -1, h, w).transpose(0, 3, 1, 4, 2)
    mosaic = mosaic.reshape(down * h, ACROSS * w, -1)
    out = io.BytesIO()
    image = Image.fromarray(mosaic[:, :, 0] if mosaic.shape[2] == 1 else mosaic)
    image.save(out, format="JPEG", quality=QUALITY, subsampling=0)
    return base64.b64encode(out.getvalue()).decode()


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>@TITLE@</title>
<style>@STYLE@</style>
</head>
<body>
<div id="map" data-title="@TITLE@"></div>
<header><h1>@TITLE@</h1><p id="note"></p><div id="maps"></div></header>
<div id="legend"></div>
<div id="help"><span id="count"></span> · drag to move, scroll to zoom<span id="opens"></span> · <button id="whole">show all</button> · <button id="look">dots</button></div>
<div id="card"><canvas></canvas><div></div><span></span></div>
<script type="application/json" id="data">@DATA@</script>
<script>@SCRIPT@</script>
</body>
</html>
"""
