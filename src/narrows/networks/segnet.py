"""SegNet's rungs: max pooling that remembers where each maximum was, and its way back.

    h ──convolutions──► ──pool──► h'           g ◄──convolutions── ◄──unpool── g'
                          └───────────────── pooling indices ─────────────────┘

The pooling indices carry where an edge was past the bottleneck, so the code need not (Badrinarayanan
et al. 2017; Lingrand's course). A reconstruction with them is therefore of the code *and* of the
picture's edges: a likelihood under it is not one of the code alone.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import activation as activation_named
from .blocks import norm as norm_named
from .conv import _each
from .ladder import Ladder, Shape

__all__ = ["SegNetRung", "segnet_ladder", "unpool"]


def unpool(h: Tensor, pooling_indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Each value at the place that its index names, zeros elsewhere: the inverse of max pooling.

    Args:
        h: (B, C, H', W').
        pooling_indices: (B, C, H', W') int64, each a place in the flattened map of ``size``, as
            ``torch.nn.functional.max_pool2d`` gives them; no two the same.
        size: (H, W) of the result.

    Returns:
        (B, C, H, W).
    """
    wide = h.new_zeros(*h.shape[:2], size[0] * size[1])
    return wide.scatter(2, pooling_indices.flatten(2), h.flatten(2)).reshape(*h.shape[:2], *size)


@functools.cache
def _say_once() -> None:
    warnings.warn(
        "a SegNet ladder decodes without the pooling indices of a picture, so each value goes to its "
        "window's first position and edges lose their places: reconstruct from the picture instead",
        UserWarning,
        stacklevel=3,
    )


class SegNetRung(nn.Module):
    """Convolutions, then 2×2 max pooling; its way up unpools by the pooling indices.

    In the paper each convolution is normalised and rectified before the maximum is taken. Here the
    last one of ``down`` is pooled raw and the boundary below normalises and activates what is left,
    so that nothing is normalised twice; likewise the last one of ``up`` is left to the boundary
    above. For an increasing activation this changes only the statistics that a normalisation sees
    and, where a whole window would be rectified to 0, which of its places the index names.

    Args:
        above: (C, H, W) that it takes; odd sizes come back too.
        channels: of the map that it gives, (channels, ⌈H/2⌉, ⌈W/2⌉).
        convolutions: on each way; the first of ``down`` and the last of ``up`` change the channels.
        kernel: size of the kernels, odd.
        activation, norm: between two convolutions; ``shared-batch`` is ``batch`` here, because the
            two ways share at boundaries only.

    Raises:
        ValueError: no map, no convolution, or an even kernel.
    """

    def __init__(
        self,
        above: Shape,
        channels: int,
        *,
        convolutions: int = 2,
        kernel: int = 3,
        activation: str = "relu",
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(
                "a SegNet rung takes maps (C, H, W), because dense rungs have no pooling indices; "
                f"we got shape {tuple(above)}"
            )
        if min(above) < 1:
            raise ValueError(f"a SegNet rung takes at least one pixel; we got shape {tuple(above)}")
        if channels < 1 or convolutions < 1:
            raise ValueError(
                f"channels and convolutions are at least 1; we got {channels} and {convolutions}"
            )
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"a SegNet rung takes kernels of odd size; we got {kernel}")
        deep, height, width = above
        self.above: Shape = (deep, height, width)
        self.below: Shape = (channels, -(-height // 2), -(-width // 2))
        ways = ([deep] + [channels] * convolutions, [channels] * convolutions + [deep])
        self.body_down, self.body_up = (
            _convolutions(depths, kernel, activation, norm) for depths in ways
        )

    def drop_biases(self, up: bool) -> None:
        """Those in front of the boundaries' batch normalisations."""
        for body in (self.body_down, self.body_up)[: 1 + up]:
            body[-1].register_parameter("bias", None)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, *below) and its pooling indices, (B, *below) int64."""
        return F.max_pool2d(self.body_down(h), 2, ceil_mode=True, return_indices=True)

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, *below) → (B, C, H, W).

        Without indices each value goes to its window's first position, and a warning says so once.
        """
        if pooling_indices is None:
            _say_once()
            pooling_indices = self._first_positions(h)
        out: Tensor = self.body_up(unpool(h, pooling_indices, (self.above[1], self.above[2])))
        return out

    def _first_positions(self, h: Tensor) -> Tensor:
        _, height, width = self.above
        rows = torch.arange(0, height, 2, device=h.device)
        columns = torch.arange(0, width, 2, device=h.device)
        return (rows[:, None] * width + columns).expand(h.shape)


def _convolutions(depths: Sequence[int], kernel: int, activation: str, norm: str) -> nn.Sequential:
    """Convolutions from one depth to the next, normalised and activated in between, the last raw."""
    own = "batch" if norm == "shared-batch" else norm
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(zip(depths, depths[1:], strict=False)):
        last = i == len(depths) - 2
        bias = last or own == "none"
        layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias))
        if not last:
            layers += [norm_named(own, (after, 1, 1)), activation_named(activation)]
    return nn.Sequential(*layers)


@part("ladder", "segnet")
def segnet_ladder(
    shape: Sequence[int],
    widths: Sequence[int] = (64, 128, 256, 512),
    *,
    convolutions: int | Sequence[int] = 2,
    kernel: int = 3,
    activation: str = "relu",
    norm: str = "batch",
) -> Ladder:
    """A ladder of SegNet rungs on pictures of ``shape`` (C, H, W) (Badrinarayanan et al. 2017).

    The paper's own, VGG-16 and its mirror, is ``widths=(64, 128, 256, 512, 512)`` with
    ``convolutions=(2, 2, 3, 3, 3)``; there the last map of the way up are the scores of classes,
    here the raw output.

    Args:
        widths: channels of h_1 … h_L.
        convolutions: of each rung's two ways, one number for all rungs or one per rung.
        kernel: size of all kernels, odd.
        activation, norm: after every convolution, see ``SegNetRung`` and ``Ladder``.
    """
    many = _each(convolutions, len(widths), "convolutions")
    rungs: list[nn.Module] = []
    above: Shape = tuple(shape)
    for channels, count in zip(widths, many, strict=True):
        rung = SegNetRung(
            above, channels, convolutions=count, kernel=kernel, activation=activation, norm=norm
        )
        rungs.append(rung)
        above = rung.below
    return Ladder(rungs, activation, norm)
