"""Codes from a torch module.

picture ──preprocessing──► float (N, C, H, W) ──module──► codes (N, D)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import files
from ..errors import NarrowsError
from ..images.preprocessing import Preprocessing
from .frozen import FrozenNetwork, checked_codes, of_channels

__all__ = ["TorchEncoder", "torch"]


@dataclass(frozen=True)
class TorchEncoder(FrozenNetwork):
    """A frozen torch module that makes codes; an ``Encoder``. Made by :func:`torch`."""

    _module: Any = field(repr=False)

    def fingerprint(self) -> str:
        """Of the module's structure and weights, and of what is done before it."""
        said = json.dumps([self.preprocessing.document(), self.mean, self.deviation])
        weights = files.fingerprint_of_tensors(self._module.state_dict())
        return files.fingerprint(weights, repr(self._module), said)

    def _run(self, x: Any) -> Any:
        return _answer(self._module, x, self.mean, self.deviation)


def torch(
    module: Any,
    shape: Sequence[int],
    *,
    mean: float | Sequence[float] = 0.0,
    deviation: float | Sequence[float] = 1.0,
    fit: str = "crop",
    name: str | None = None,
) -> TorchEncoder:
    """An encoder of a torch module, which is put into evaluation mode and stays where it is.

    Args:
        module: takes float32 (N, C, H, W), gives codes (N, D) or (N, D, H, W).
        shape: (C, H, W) of the pictures.
        mean, deviation: of each channel of pictures in [0, 1]; the module gets (x − mean) / deviation.
        fit: how a picture meets the shape: ``crop``, ``pad`` or ``stretch``.
        name: in messages; None: of the module's class.

    Raises:
        ValueError: it is no module, or numbers that cannot be.
        NarrowsError: the module fails, or gives what is no code.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        raise ValueError(f"a torch module was wanted; we got {type(module).__name__}")
    size = tuple(int(n) for n in shape)
    if len(size) != 3 or min(size) < 1:
        raise ValueError(f"shape is (C, H, W); we got {shape}")
    means, deviations = of_channels(mean, deviation, size[0])
    called = name or type(module).__name__
    module.eval()
    blank = np.zeros((1, *size), np.float32)
    code = checked_codes(_answer(module, blank, means, deviations), 1, called)
    preprocessing = Preprocessing(size, fit)  # type: ignore[arg-type]
    return TorchEncoder(preprocessing, code.shape[1:], means, deviations, called, module)


def _answer(module: Any, x: Any, mean: Sequence[float], deviation: Sequence[float]) -> Any:
    import torch

    first = next(iter(module.parameters()), torch.empty(0))
    by = (torch.tensor(each, device=first.device).view(1, -1, 1, 1) for each in (mean, deviation))
    given = (torch.from_numpy(x).to(first.device) - next(by)) / next(by)
    try:
        with torch.inference_mode():
            found = module(given.to(first.dtype) if first.is_floating_point() else given)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise NarrowsError(
            f"{type(module).__name__} does not take such pictures ({str(error).splitlines()[0][:200]})"
        ) from error
    if not isinstance(found, torch.Tensor):
        raise NarrowsError(
            f"{type(module).__name__} gives a {type(found).__name__}; a tensor of codes was wanted"
        )
    return found.float().cpu().numpy()
