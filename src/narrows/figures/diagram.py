"""A diagram of a model: what each level holds, as high as its pictures and as wide as its channels.

x ▌ ─► h₁ ▌ ─► h₂ ▪ ─► z | ─► g₂ ▪ ─► g₁ ▌ ─► x̂ ▌
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .style import BLUE, FAINT, INK, ORANGE, QUIET, new_figure, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["model_diagram"]

STEP, TALL, SHORT = (
    96,
    190,
    26,
)  # pixels from one block to the next, of the highest and of the lowest
THIN, THICK = 10, 58
MARGIN, HEAD, FOOT = 34, 56, 62
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def model_diagram(
    levels: Sequence[Sequence[int]], code: Sequence[int], *, title: str = "", bottleneck: str = ""
) -> Figure:
    """The levels of an autoencoder on the way down, its code, and the levels on the way up.

    Args:
        levels: shape of each level from the picture inwards, (C, H, W) or (D,).
        code: shape of a code.
        title: what the model is.
        bottleneck: the name of what makes the code.

    Raises:
        ValueError: no level.
    """
    if not levels:
        raise ValueError("a diagram needs the shape of at least one level")
    last = len(levels) - 1
    names = ["x", *(f"h{i}".translate(SUBSCRIPTS) for i in range(1, last + 1)), "z"]
    names += [*(f"g{i}".translate(SUBSCRIPTS) for i in range(last, 0, -1)), "x̂"]
    shapes = [tuple(shape) for shape in (*levels, code, *reversed(levels))]
    sizes = [_size(shape) for shape in shapes]
    highest = max(high for high, _ in sizes)
    widest = max(wide for _, wide in sizes)
    across = MARGIN * 2 + STEP * (len(shapes) - 1) + THICK
    width = max(across, math.ceil(text_width(title, 9.5)) + 2 * MARGIN)
    height = HEAD + TALL + FOOT
    figure = new_figure(width, height)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    start, middle = (width - across) / 2 + MARGIN + THICK / 2, FOOT + TALL / 2
    ends: list[tuple[float, float]] = []
    from matplotlib.patches import Rectangle

    for number, (shape, (high, wide)) in enumerate(zip(shapes, sizes, strict=True)):
        x = start + STEP * number
        tall = SHORT + (TALL - SHORT) * high / highest if highest else SHORT
        thick = THIN + (THICK - THIN) * wide / widest if widest else THIN
        colour = ORANGE if number == last + 1 else BLUE if number in (0, len(shapes) - 1) else FAINT
        axes.add_patch(
            Rectangle((x - thick / 2, middle - tall / 2), thick, tall, facecolor=colour,
                      edgecolor=QUIET if colour == FAINT else colour, linewidth=0.8)
        )  # fmt: skip
        axes.text(x, middle + tall / 2 + 7, names[number], ha="center", va="bottom", fontsize=9.5, color=INK)  # fmt: skip
        axes.text(x, middle - tall / 2 - 7, "×".join(map(str, shape)), ha="center", va="top",
                  fontsize=8, color=QUIET)  # fmt: skip
        if number == last + 1 and bottleneck:
            axes.text(
                x, 13, plain(bottleneck), ha="center", va="bottom", fontsize=8.5, color=ORANGE
            )
        ends.append((x - thick / 2, x + thick / 2))
    for (_, right), (left, _) in zip(ends, ends[1:], strict=False):
        axes.annotate("", (left - 3, middle), (right + 3, middle),
                      arrowprops={"arrowstyle": "-|>", "color": QUIET, "linewidth": 0.9})  # fmt: skip
    axes.text(width / 2, height - 12, plain(title), ha="center", va="top", fontsize=9.5, color=INK)
    return figure


def _size(shape: tuple[int, ...]) -> tuple[float, float]:
    """How high and how wide a block is: logarithms of its side and of its channels."""
    if len(shape) == 3:
        return math.log2(1 + max(shape[1:])), math.log2(1 + shape[0])
    return math.log2(1 + math.prod(shape)) / 3, 0.0
