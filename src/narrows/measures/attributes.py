"""What can be read off a picture without a model: brightness, where its content lies, how far it reaches.

Content is what differs from the border: a pixel weighs |x − the border's colour|, averaged over
the channels.
Each is in the unit of the transform of the same name in ``images/transforms.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..images.transforms import border_colour

__all__ = ["ATTRIBUTES", "brightness", "change", "extent", "place_x", "place_y", "slant"]


def brightness(x: Tensor) -> Tensor:
    """The mean value of each picture, (B, C, H, W) → (B,)."""
    return x.flatten(1).mean(1)


def place_x(x: Tensor) -> Tensor:
    """The content's centre from the left, 0 to 1, (B,)."""
    return _moments(x)[0] + 0.5


def place_y(x: Tensor) -> Tensor:
    """The content's centre from the top, 0 to 1, (B,)."""
    return _moments(x)[1] + 0.5


def extent(x: Tensor) -> Tensor:
    """Log of the content's root mean squared distance from its centre, (B,)."""
    _, _, xx, _, yy = _moments(x)
    return 0.5 * (xx + yy).clamp_min(1e-8).log()


def slant(x: Tensor) -> Tensor:
    """The direction of the content's longest axis in degrees, (−90, 90], counter-clockwise, (B,)."""
    _, _, xx, xy, yy = _moments(x)
    return torch.atan2(-2 * xy, xx - yy) * (90 / math.pi)


ATTRIBUTES: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": brightness,
    "shift-x": place_x,
    "shift-y": place_y,
    "zoom": extent,
    "rotation": slant,
}


def change(name: str, before: Tensor, after: Tensor) -> Tensor:
    """How much an attribute changed, (B,); a direction by at most 90 degrees either way."""
    difference = after - before
    return torch.remainder(difference + 90, 180) - 90 if name == "rotation" else difference


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Centre and central second moments of the content, (B,) each; width and height are 1.

    Second moments are in units of the longer side, so that a turn keeps them.
    """
    mass = (x - border_colour(x)).abs().mean(1) + 1e-8
    mass = mass / mass.sum((1, 2), keepdim=True)
    height, width = mass.shape[1:]
    down = (torch.arange(height, device=x.device) + 0.5) / height - 0.5
    across = (torch.arange(width, device=x.device) + 0.5) / width - 0.5
    rows, columns = mass.sum(2), mass.sum(1)  # (B, H), (B, W)
    centre_x, centre_y = columns @ across, rows @ down
    to_x = (across - centre_x[:, None]) * (width / max(height, width))
    to_y = (down - centre_y[:, None]) * (height / max(height, width))
    xx, yy = (columns * to_x.square()).sum(1), (rows * to_y.square()).sum(1)
    xy = torch.einsum("bhw,bh,bw->b", mass, to_y, to_x)
    return centre_x, centre_y, xx, xy, yy
