"""What encoders of frozen networks share: pictures in batches, standardised by channel, and codes that are checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import NarrowsError
from ..images.preprocessing import Preprocessing
from ..images.source import as_source

if TYPE_CHECKING:
    import torch

__all__ = ["FrozenNetwork", "checked_codes", "of_channels"]

Array = np.ndarray[Any, Any]

BATCH = 64


@dataclass(frozen=True)
class FrozenNetwork:
    """A network of somebody else as an ``Encoder``.

    Attributes:
        preprocessing: how files become its pictures.
        code_shape: of one code.
        mean, deviation: of each channel, by which pictures in [0, 1] are standardised.
        name: in messages.
    """

    preprocessing: Preprocessing
    code_shape: tuple[int, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the pictures that it takes."""
        return self.preprocessing.shape

    def encode(self, images: Any) -> torch.Tensor:
        """Pictures as a source or an array (N, C, H, W) → codes (N, *code_shape) float32.

        Raises:
            ValueError: pictures of another shape.
            NarrowsError: the network fails, or gives what is no code.
        """
        import torch

        source = as_source(images)
        if tuple(source.shape) != tuple(self.shape):
            raise ValueError(
                f"{self.name} takes pictures of {tuple(self.shape)}; we got {tuple(source.shape)}"
            )
        found = []
        for rows in torch.split(torch.arange(len(source)), BATCH):
            codes = checked_codes(self._run(source.batch(rows).cpu().numpy()), len(rows), self.name)
            if codes.shape[1:] != self.code_shape:
                raise NarrowsError(
                    f"{self.name} gave codes of {codes.shape[1:]}, and {self.code_shape} before"
                )
            found.append(codes)
        return torch.from_numpy(np.concatenate(found))

    def _run(self, x: Array) -> Any:
        """Pictures (B, C, H, W) in [0, 1] → what the network gives."""
        raise NotImplementedError


def checked_codes(codes: Any, count: int, name: str) -> Array:
    """The codes of so many pictures as float32.

    Raises:
        NarrowsError: they are not as many, have no axis of their own, or are not finite.
    """
    array = np.asarray(codes)
    if array.ndim < 2 or len(array) != count or not np.issubdtype(array.dtype, np.number):
        raise NarrowsError(f"{name} made {array.dtype} {array.shape} of {count} pictures: no codes")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise NarrowsError(f"{name} made codes that are not finite")
    return array


def of_channels(
    mean: float | Sequence[float], deviation: float | Sequence[float], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A mean and a deviation of each channel.

    Raises:
        ValueError: not as many numbers, or a deviation that is not above 0.
    """
    means, deviations = _each(mean, channels, "mean"), _each(deviation, channels, "deviation")
    if min(deviations) <= 0:
        raise ValueError(f"a deviation is above 0; we got {deviations}")
    return means, deviations


def _each(value: float | Sequence[float], channels: int, what: str) -> tuple[float, ...]:
    """A number of each channel."""
    found = np.asarray(value, float).ravel()
    numbers = tuple(found.tolist()) * (channels if np.ndim(value) == 0 else 1)
    if len(numbers) != channels or not np.isfinite(numbers).all():
        raise ValueError(f"{what} is one number, or {channels}; we got {value}")
    return numbers
