"""Convolutional rungs and ladders, for any height and width, odd ones too.

    (3, 45, 37) ─► (32, 23, 19) ─► (64, 12, 10) ─► bottleneck ─► … ─► (3, 45, 37)

The sizes at every boundary are computed when the ladder is built, and each way up ends at
exactly the size that its way down began with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import ResidualBlock
from .ladder import Ladder, Shape

__all__ = ["ConvRung", "conv_ladder"]

DOWNS = ("stride", "maxpool")
UPS = ("transpose", "nearest", "shuffle")


class _Transpose(nn.Module):
    """A transposed convolution that ends at a given size; ``weight`` may be another layer's."""

    def __init__(self, conv: nn.Conv2d, stride: int, size: tuple[int, int], below: tuple[int, int]):
        super().__init__()
        self.stride, self.size, self.padding = stride, size, int(conv.padding[0])
        kernel = conv.kernel_size[0]
        least = [(n - 1) * stride - 2 * self.padding + kernel for n in below]
        self.extra = [max(0, want - got) for want, got in zip(size, least, strict=True)]

    def forward(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        out = F.conv_transpose2d(h, weight, bias, self.stride, self.padding, self.extra)
        return out[..., : self.size[0], : self.size[1]]


class ConvRung(nn.Module):
    """A convolution that halves height and width, and its way back.

    Args:
        above: (C, H, W) that it takes.
        channels: of the map that it gives.
        kernel: size of the kernel.
        down: ``stride`` (a strided convolution) or ``maxpool`` (a convolution, then the maximum
            of each 2×2 window; normalisation and activation follow the pooling, which for an
            increasing activation changes only the statistics that a normalisation sees).
        up: ``transpose`` (transposed convolution), ``nearest`` (nearest upsampling, then a
            convolution) or ``shuffle`` (sub-pixel convolution, Shi et al. 2016).
        blocks: residual blocks below the convolution, on both ways.
        dilations: of the blocks' convolutions; several are those of ``DilatedConv``.
        stride: 2 halves; 1 keeps the size.
        tied: ``up`` uses the transposed kernels of ``down``; needs ``transpose``.
        outputs: numbers that ``up`` gives for each value, in C times as many channels.

    Raises:
        ValueError: an unknown ``down`` or ``up``, a map smaller than one pixel, or ``tied``
            with another ``up`` than ``transpose``.
    """

    def __init__(
        self,
        above: Shape,
        channels: int,
        *,
        kernel: int = 3,
        down: str = "stride",
        up: str = "transpose",
        stride: int = 2,
        blocks: int = 0,
        block_activation: str = "relu",
        block_norm: str = "none",
        dilations: Sequence[int] = (1,),
        tied: bool = False,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        if down not in DOWNS or up not in UPS:
            raise ValueError(
                f"a rung goes down by {' or '.join(DOWNS)} and up by {', '.join(UPS)}; "
                f"we got down={down!r}, up={up!r}"
            )
        if len(above) != 3:
            raise ValueError(f"a convolutional rung takes maps (C, H, W); we got shape {above}")
        if tied and up != "transpose":
            raise ValueError(f"tied kernels need up='transpose'; we got up={up!r}")
        if tied and outputs > 1:
            raise ValueError(f"a tied rung gives one number for each value; we got {outputs}")
        if channels < 1 or kernel < 1 or stride < 1:
            raise ValueError(
                "channels, kernel and stride are at least 1; "
                f"we got {channels}, {kernel} and {stride}"
            )
        if blocks < 0:
            raise ValueError(f"a rung has 0 or more residual blocks; we got {blocks}")
        deep, height, width = above
        padding = (kernel - 1) // 2
        pooled = down == "maxpool"
        self.conv = nn.Conv2d(deep, channels, kernel, 1 if pooled else stride, padding)
        after = [
            (n + 2 * padding - kernel) // (1 if pooled else stride) + 1 for n in (height, width)
        ]
        below = [-(-n // stride) for n in after] if pooled else after
        if min(below) < 1:
            raise ValueError(
                f"maps of {height}×{width} are too small for one more rung of kernel {kernel} "
                f"and stride {stride}; use fewer rungs or larger pictures"
            )
        self.above: Shape = (deep, height, width)
        self.below: Shape = (channels, below[0], below[1])
        self.pool = nn.MaxPool2d(stride, ceil_mode=True) if pooled and stride > 1 else None
        self.mode, self.stride, self.outputs = up, stride, outputs
        wide = deep * outputs
        self.transpose: _Transpose | None = None
        self.kernel_up: nn.Module | None = None
        self.bias_up: nn.Parameter | None = None
        if up == "transpose":
            self.transpose = _Transpose(self.conv, stride, (height, width), (below[0], below[1]))
            if tied:
                self.bias_up = nn.Parameter(self.conv.weight.new_zeros(deep))
            else:
                self.kernel_up = nn.ConvTranspose2d(channels, wide, kernel)
        else:
            out = wide * stride**2 if up == "shuffle" else wide
            self.kernel_up = nn.Conv2d(channels, out, kernel, padding=padding)
        stacks = [
            nn.Sequential(
                *(
                    ResidualBlock(channels, 3, block_activation, block_norm, dilations)
                    for _ in range(blocks)
                )
            )
            for _ in range(2)
        ]
        self.blocks_down, self.blocks_up = stacks

    def drop_biases(self, up: bool) -> None:
        """Those in front of batch normalisations; a shuffled map mixes several in a channel.

        What a block adds to its input is in front of one too, and so is the input.
        """
        self.conv.register_parameter("bias", None)
        for block in self.blocks_down:
            block.body[-1].register_parameter("bias", None)  # type: ignore[index, union-attr]
        if up and self.mode != "shuffle":
            self.bias_up = None
            if self.kernel_up is not None:
                self.kernel_up.register_parameter("bias", None)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, H, W) → (B, channels, ⌈H/stride⌉, ⌈W/stride⌉) for odd kernels."""
        h = self.conv(h)
        if self.pool is not None:
            h = self.pool(h)
        out: Tensor = self.blocks_down(h)
        return out, None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """The way back, to exactly (B, C, H, W), with ``outputs`` times the channels."""
        h = self.blocks_up(h)
        if self.transpose is not None:
            owner = self.kernel_up
            if isinstance(owner, nn.ConvTranspose2d):
                out: Tensor = self.transpose(h, owner.weight, owner.bias)
            else:
                out = self.transpose(h, self.conv.weight, self.bias_up)
            return out
        size = self.above[1:]
        if self.mode == "nearest":
            return self._same_size(F.interpolate(h, size=size, mode="nearest"))
        wide = F.pixel_shuffle(self._same_size(h), self.stride)
        short = [max(0, want - got) for want, got in zip(size, wide.shape[2:], strict=True)]
        if any(short):
            wide = F.pad(wide, (0, short[1], 0, short[0]), mode="replicate")
        return wide[..., : size[0], : size[1]]

    def _same_size(self, h: Tensor) -> Tensor:
        """The convolution of the way up; an even kernel needs one more row and column."""
        assert self.kernel_up is not None
        if self.conv.kernel_size[0] % 2 == 0:
            h = F.pad(h, (0, 1, 0, 1))
        out: Tensor = self.kernel_up(h)
        return out


@part("ladder", "conv")
def conv_ladder(
    shape: Sequence[int],
    widths: Sequence[int] = (32, 64, 128, 256),
    *,
    kernel: int | Sequence[int] = 3,
    down: str = "stride",
    up: str = "transpose",
    activation: str = "relu",
    norm: str = "none",
    blocks: int | Sequence[int] = 0,
    dilations: Sequence[int] = (1,),
    strides: int | Sequence[int] = 2,
    dense: int | None = None,
    tied: bool = False,
    outputs: int | None = None,
) -> Ladder:
    """A ladder of convolutional rungs on pictures of ``shape`` (C, H, W).

    Args:
        widths: channels of h_1 … h_L; the bottleneck takes the last map.
        kernel: one size for all rungs, or one per rung from the pictures inwards.
        down, up, tied: see ``ConvRung``.
        activation, norm: at every boundary, see ``Ladder``.
        blocks: residual blocks, one number for all rungs or one per rung.
        dilations: at which the blocks' convolutions look at a map, such as 1, 2, 4: one kernel at each
            (Brock et al. 2017, multiscale dilated convolutions).
        strides: 2 halves the map; one number for all rungs or one per rung.
        dense: units of one dense rung below the convolutions, if wanted.
        outputs: see ``Ladder.outputs``; a model chooses as many as its likelihood reads.
    """
    from .mlp import DenseRung

    count = len(widths)
    kernels, many, steps = (
        _each(v, count, n)
        for v, n in ((kernel, "kernel"), (blocks, "blocks"), (strides, "strides"))
    )
    rungs: list[nn.Module] = []
    above: Shape = tuple(shape)
    for i, channels in enumerate(widths):
        rung = ConvRung(
            above,
            channels,
            kernel=kernels[i],
            down=down,
            up=up,
            stride=steps[i],
            blocks=many[i],
            block_activation=activation,
            block_norm=norm,
            dilations=tuple(dilations),
            tied=tied,
            outputs=1 if rungs else outputs or 1,
        )
        rungs.append(rung)
        above = rung.below
    if dense is not None:
        rungs.append(DenseRung(above, dense, tied))
    return Ladder(rungs, activation, norm)


def _each(value: int | Sequence[int], count: int, name: str) -> list[int]:
    numbers = [value] * count if isinstance(value, int) else list(value)
    if len(numbers) != count:
        raise ValueError(
            f"{name} is one number or one per rung ({count}); we got {len(numbers)}: {numbers}"
        )
    return numbers
