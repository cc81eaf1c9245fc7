"""Arrays on their way to the page: binary columns behind a line of JSON.

    4 bytes: the length of the JSON · JSON · padding to 8 · column · padding to 8 · column …

100,000 points take 400 kB so; as JSON it is 6 MB.
"""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from fastapi import Response

__all__ = ["columns", "csv_file", "sixteen_bits"]

Array = np.ndarray[Any, Any]
KINDS = {"uint8": "u1", "uint16": "<u2", "uint32": "<u4", "float32": "<f4", "float64": "<f8"}


def columns(document: Mapping[str, Any] | None = None, /, **arrays: Array) -> Response:
    """A document and arrays of the types in ``KINDS`` as one answer.

    The page's ``columns()`` in ``web/src/api.js`` makes typed arrays of it without a copy.
    """
    listed = [
        {"name": name, "type": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    ]
    head = json.dumps({**(document or {}), "columns": listed}, allow_nan=False).encode()
    pieces = [struct.pack("<I", len(head)), head]
    length = 4 + len(head)
    for array in arrays.values():
        pieces.append(b"\0" * (-length % 8))
        length += -length % 8
        content = np.ascontiguousarray(array, KINDS[array.dtype.name]).tobytes()
        pieces.append(content)
        length += len(content)
    return Response(b"".join(pieces), media_type="application/octet-stream")


def csv_file(lines: Iterable[Sequence[Any]], name: str) -> Response:
    """Lines, the titles first, as a file to be saved under a name."""
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    content = text.getvalue().encode("utf-8", "surrogateescape")
    told = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=told)


def sixteen_bits(points: Array) -> tuple[Array, Array]:
    """Points (N, 2) within a square as x and y, uint16 (N,), from 0 to 65,535; y grows downwards."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) or 1.0
    even = (points - (low + high) / 2) / side + 0.5
    x, y = even[:, 0], 1 - even[:, 1]
    return np.rint(x * 65535).astype(np.uint16), np.rint(y * 65535).astype(np.uint16)
