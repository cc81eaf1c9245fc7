"""Values deeper than eight bits: which of them become black and white, one range for a whole folder.

16-bit whole numbers ──► the smallest of 8, 10, 12, 14, 16 … bits that holds them all
signed numbers       ──► from the lowest to the highest
floats               ──► [0, 1], [0, 255] or [0, 65535] (5 % beside is cut), else lowest to highest
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import UnreadableImage

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["Levels", "Measured", "chosen", "deep", "eight_bits", "measured", "said"]

Array = np.ndarray[Any, Any]
Range = tuple[float, float]

_BITS = (8, 10, 12, 14, *range(16, 33))
_BESIDE = 0.05  # of the range: so far may floats be outside of it, as resizing leaves them
_USED = 1 / 8  # of the range: who uses less of it has another


class Levels(NamedTuple):
    """The values (black, white) of whole numbers and of floats; None where nothing is known."""

    whole: Range | None = None
    real: Range | None = None

    def completed(self, other: Levels) -> Levels:
        """What is known here, and what only the other knows."""
        return Levels(self.whole or other.whole, self.real or other.real)

    def document(self) -> dict[str, list[float]]:
        """As TOML or JSON values."""
        return {name: list(span) for name, span in self._asdict().items() if span is not None}


class Measured(NamedTuple):
    """The lowest and highest value of one deep picture."""

    real: bool
    low: float
    high: float
    bits: int = 16


def deep(image: PilImage) -> bool:
    """Whether a picture has one channel of more than eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def measured(image: PilImage, rows: int) -> Measured:
    """Look at all values, so many rows at once.

    Raises:
        UnreadableImage: some are not finite.
    """
    width, height = image.size
    low, high = np.inf, -np.inf
    for top in range(0, height, rows):
        values = np.asarray(image.crop((0, top, width, min(top + rows, height))))
        values = _unsigned(image, values)
        if not np.isfinite(values).all():
            raise UnreadableImage("holds NaN or infinite values")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    return Measured(image.mode == "F", low, high, _bits(image))


def chosen(pictures: Iterable[Measured]) -> Levels:
    """One range for all of these pictures."""
    found = list(pictures)
    return Levels(
        _whole([one for one in found if not one.real]), _real([one for one in found if one.real])
    )


def _whole(found: Sequence[Measured]) -> Range | None:
    if not found:
        return None
    low, high = min(one.low for one in found), max(one.high for one in found)
    if low < 0:
        return low, high
    stated = [one.bits for one in found if one.bits not in (16, 32)]
    least = max(stated, default=0)  # a file that says 12 bits has 12
    return 0.0, next(2.0**b - 1 for b in _BITS if b >= least and high <= 2.0**b - 1)


def _real(found: Sequence[Measured]) -> Range | None:
    if not found:
        return None
    low, high = min(one.low for one in found), max(one.high for one in found)
    for top in (1.0, 255.0, 65535.0):
        beside = _BESIDE * top
        if low >= -beside and high <= top + beside and (high > _USED * top or top == 1):
            return 0.0, top
    return low, high


def eight_bits(image: PilImage, values: Array, levels: Levels, clear: object) -> Array:
    """Deep values (h, w) as uint8 (h, w); ``clear`` is the value that means transparent."""
    values = _unsigned(image, values)
    span = levels.real if image.mode == "F" else levels.whole
    low, high = span or (0.0, 2.0 ** _bits(image) - 1)
    scaled = (values.astype(np.float64) - low) * (255.0 / max(high - low, 1e-30))
    eight: Array = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if _tag(image, 262, 1) == 0:  # white is zero, which Pillow turns at eight bits only
        eight = 255 - eight
    if isinstance(clear, int):
        eight[values == clear] = 255
    return eight


def said(found: Sequence[Measured], levels: Levels, count: int | None = None) -> list[str]:
    """What was done to the deep pictures of a folder, in sentences; ``count`` is of pictures of arrays."""
    sentences = []
    for kind, span in (("whole numbers", levels.whole), ("floats", levels.real)):
        some = [one for one in found if one.real == (kind == "floats")]
        if some and span is not None:
            low, high = min(one.low for one in some), max(one.high for one in some)
            beside = _BESIDE * (span[1] - span[0]) if kind == "floats" else 0
            cut = low < span[0] - beside or high > span[1] + beside
            number = count or len(some)
            hold = "picture holds" if number == 1 else "pictures hold"
            sentences.append(
                f"{number:,} {hold} {kind} from {low:,.6g} to {high:,.6g} in more than 8 "
                f"bits: in all of them {span[0]:,.6g} becomes black and {span[1]:,.6g} white"
                + (", and what lies beyond is cut" if cut else "")
            )
    return sentences


def _tag(image: PilImage, number: int, otherwise: int) -> int:
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    value = (tags or {}).get(number, otherwise)
    return int(value[0] if isinstance(value, tuple) else value)


def _bits(image: PilImage) -> int:
    bits = _tag(image, 258, 16)
    return bits if 8 <= bits <= 32 else 16


def _unsigned(image: PilImage, values: Array) -> Array:
    """32 bits without sign, which Pillow holds as if they had one."""
    if values.dtype == np.int32 and image.format == "TIFF" and _tag(image, 339, 1) == 1:
        return values.view(np.uint32)
    return values
