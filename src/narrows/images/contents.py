"""Pictures identified by content: 64 bits for each, whatever its name and wherever it lies."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import numpy as np
import torch

from .source import Images, Source
from .sprites import Sprites
from .views import Labelled, Subset

__all__ = ["Keys", "content_keys", "key_of"]

Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]


def content_keys(source: Source) -> Keys:
    """uint64 (N,): equal for equal pixels, of whatever kind of source they come.

    Of pictures in [0, 1] the 256 steps count, so that an array, a folder and a part of either agree;
    of other items (points, codes) their float32 bytes. Sprites are told apart by their number, items
    of a source with ``content`` by that.
    """
    if getattr(source, "content", None) is not None:
        return content_keys(source.content)  # type: ignore[attr-defined]
    if isinstance(source, Subset):
        chosen: Keys = content_keys(source.source)[source.indices.numpy()]
        return chosen
    if isinstance(source, Labelled):
        return content_keys(source.source)
    if isinstance(source, Sprites):
        heads = (f"sprite {number}".encode() for number in range(len(source)))
        return np.fromiter(map(key_of, heads), np.uint64, len(source))
    keys = np.empty(len(source), np.uint64)
    for start in range(0, len(source), 2048):
        stop = min(start + 2048, len(source))
        rows = torch.arange(start, stop)
        taken = source.take(rows) if isinstance(source, Images) else _steps(source.batch(rows))
        items = np.ascontiguousarray(taken.cpu().numpy()).reshape(stop - start, -1)
        keys[start:stop] = [key_of(item.data) for item in items]
    return keys


def key_of(content: bytes | memoryview) -> int:
    """64 bits of any bytes."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def _steps(x: torch.Tensor) -> torch.Tensor:
    """Pictures (B, C, H, W) in [0, 1] as bytes; anything else as it is."""
    if x.ndim == 4 and x.is_floating_point() and bool((x >= 0).all() and (x <= 1).all()):
        return (x * 255).round().to(torch.uint8)
    return x
