"""Error maps: where a picture differs from its reconstruction more than normal pictures do.

normal pictures ──|x − x̂|──0.99 quantile──► usual
a picture ──|x − x̂|, mean over channels──► (H, W) ──coloured above usual──► heat
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..figures import heat
from ..images import as_source
from ..images.inputs import evenly

__all__ = ["ErrorMaps"]

Array = np.ndarray[Any, Any]

NORMALS = 64  # pictures that the usual error is taken of
USUAL = 0.99  # of the pixels of normal pictures, the share that stays without colour


@dataclass(frozen=True)
class ErrorMaps:
    """The errors of a model's reconstructions beside those of normal pictures.

    Attributes:
        model: whose reconstructions they are.
        usual: the error that one in a hundred pixels of normal pictures exceeds.
    """

    model: Autoencoder
    usual: float

    @staticmethod
    def of(model: Autoencoder, normal: Any) -> ErrorMaps:
        """Of a model, with at most 64 of these normal pictures, a Source, evenly chosen."""
        some = evenly(as_source(normal), NORMALS)
        x = some.batch(torch.arange(len(some)))
        return ErrorMaps(model, float(np.quantile(_errors(x, _reconstructed(model, x)), USUAL)))

    def errors(self, x: torch.Tensor) -> Array:
        """Absolute errors of pictures (B, C, H, W) in [0, 1], the mean over channels: (B, H, W)."""
        return _errors(x, _reconstructed(self.model, x))

    def __call__(self, x: torch.Tensor) -> tuple[Array, Array]:
        """Pictures (B, C, H, W) in [0, 1] → reconstructions uint8 (B, C, H, W) and heat uint8 (B, 3, H, W).

        Heat is the picture in gray, coloured where its error exceeds the usual one; see
        :func:`narrows.figures.heat`.
        """
        made = _reconstructed(self.model, x)
        pictures = np.asarray((x.cpu().clamp(0, 1) * 255).round().byte())
        errors = _errors(x, made)
        drawn = [heat(*each, self.usual) for each in zip(pictures, errors, strict=True)]
        return np.asarray((made * 255).round().byte()), np.stack(drawn)


def _reconstructed(model: Autoencoder, x: torch.Tensor) -> torch.Tensor:
    return model.reconstruct(x).clamp(0, 1).cpu()


def _errors(x: torch.Tensor, made: torch.Tensor) -> Array:
    """Absolute errors, the mean over channels: (B, H, W)."""
    return np.asarray((x.cpu().clamp(0, 1) - made).abs().mean(1))
