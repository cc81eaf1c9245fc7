"""What became of files on their way to pixels: the one range of the deep ones, and a sentence for each kind.

files ──ranges()──► Measured of each deep one ──chosen()──► Levels, one for all
file ──decode(told)──► kinds of what was given up ──Changes──► notes
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UnreadableImage
from .levels import Levels, Measured, chosen
from .levels import said as levels_said
from .read import HEAD, Wanted, may_be_deep, measure
from .walk import Found

__all__ = ["Changes", "range_of", "with_one_range"]

_TOLD = {
    "alpha": "transparent: laid on white",
    "cmyk": "CMYK: brought to RGB",
    "end": "JPEG without its end mark: no pixel lacks",
    "frames": "more than one picture in the file: the first counts",
    "sixteen": "more than 8 bits in each of several channels: the upper 8 count",
    "texts": "with texts of more than a megabyte: passed over",
}


class Changes:
    """What was given up or rescaled to read some pictures, file by file."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}
        self._deep: list[Measured] = []

    def add(self, name: str, kinds: Iterable[str], deep: Measured | None = None) -> None:
        """One picture: what :func:`narrows.images.read.decode` told of it, and its range if deep."""
        for kind in kinds:
            self._kinds.setdefault(kind, []).append(name)
        if deep is not None:
            self._deep.append(deep)

    def notes(self, levels: Levels | None) -> list[str]:
        """A sentence for each kind; ``levels`` is the range in which the deep ones were read."""
        notes = [] if levels is None else levels_said(self._deep, levels)
        for kind, some in sorted(self._kinds.items()):
            words = _TOLD.get(kind) or f"colour {kind}: brought to sRGB"
            also = f" and {len(some) - 1:,} more" if len(some) > 1 else ""
            notes.append(f"{some[0]}{also}: {words}")
        return notes


def range_of(file: Found | str | Path, limit: int) -> Measured | None:
    """The range of a picture deeper than eight bits; None of any other, and of what cannot be read.

    What cannot be read is decoded next, and says why it cannot be.
    """
    try:
        if not isinstance(file, Found):
            return measure(file, limit)
        if file.member is not None and not may_be_deep(file.member(HEAD)):
            return None
        with file.opened() as source:
            return measure(source, limit)
    except (OSError, UnreadableImage):
        return None


def with_one_range(
    files: Sequence[Found | str | Path],
    options: Wanted,
    each: Callable[..., Iterable[Any]] = map,
) -> tuple[Wanted, Mapping[str, Measured]]:
    """The options with one range for all of these files, and the ranges of the deep ones.

    These are by the file's id, or by its path where only that is given.

    Args:
        each: applies a function to every file; threads may do it.
    """
    found = zip(files, each(lambda file: range_of(file, options.limit), files), strict=True)
    deep = {
        file.id if isinstance(file, Found) else str(file): range_
        for file, range_ in found
        if range_ is not None
    }
    if not deep:
        return options, deep
    levels = (options.levels or Levels()).completed(chosen(deep.values()))
    return options._replace(levels=levels), deep
