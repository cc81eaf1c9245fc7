"""Rate–distortion curves, one for each codec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .style import BLUE, INK, ORANGE, axes_of_lines, log_axis, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["rate_curves"]

OTHERS = (("#5a9e6f", "--"), ("#8d6ab8", "-."), ("#b08a2e", ":"), ("#6b7078", "--"))


def rate_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]], *, title: str = "PSNR in dB"
) -> Figure:
    """PSNR over bytes per picture, on a logarithmic axis; further up and left is better.

    Args:
        curves: by name, (bytes, PSNR) of each quality; the first is ours.

    Raises:
        ValueError: no curve, or one without a point.
    """
    if not curves or not all(len(points) for points in curves.values()):
        raise ValueError(f"a figure of rates needs curves with points; we got {dict(curves)}")
    figure = new_figure(760, 460)
    axes = figure.subplots()
    styles = [(BLUE, "-"), (ORANGE, "-"), *OTHERS]
    for place, (name, points) in enumerate(curves.items()):
        colour, dashes = styles[place % len(styles)]
        x, y = zip(*sorted(points), strict=True)
        wide = 2.2 if place == 0 else 1.4
        axes.plot(
            x,
            y,
            dashes,
            color=colour,
            linewidth=wide,
            marker="o",
            markersize=3.2,
            label=plain(name),
        )
    axes_of_lines(axes, title, "bytes per picture, headers counted")
    log_axis(axes, "x")
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    figure.tight_layout(pad=1.4)
    return figure
