"""A model's way from codes to pictures, as the function that applications take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..randomness import Draws

__all__ = ["Decode", "decoder"]

# z (N, *code) → pictures (N, C, H, W) in [0, 1] on the processor; may be told progress=
Decode = Callable[..., Tensor]


def decoder(model: Any, seed: int | None = None, *, batch_size: int = 256) -> Decode:
    """Decode any number of codes z (N, *code), in batches, in float32, without gradients.

    Args:
        model: what has ``decode``, ``device`` and ``evaluating``.
        seed: draws what a bare code leaves open in a hierarchy; None takes its means.
        batch_size: codes at a time.

    Returns:
        A function of z, and of ``progress``, called with (done, total).
    """

    def decode(z: Tensor, progress: Callable[[int, int], None] | None = None) -> Tensor:
        found = []
        with model.evaluating():
            for number, start in enumerate(range(0, len(z), batch_size)):
                rows = z[start : start + batch_size].to(model.device, torch.float32)
                draws = None if seed is None else Draws(seed, number)
                found.append(model.decode(rows, draws).clamp(0, 1).cpu())
                if progress is not None:
                    progress(min(start + batch_size, len(z)), len(z))
        return torch.cat(found)

    return decode
