"""Memory that is free goes back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import cast

__all__ = ["give_back"]


@functools.cache
def _trim() -> Callable[[int], int]:
    try:
        return cast(Callable[[int], int], ctypes.CDLL(None).malloc_trim)
    except (AttributeError, OSError, TypeError):  # no glibc
        return lambda _: 0


def give_back() -> None:
    """Return freed memory to the system: glibc keeps up to 64 MiB for each thread."""
    _trim()(0)
