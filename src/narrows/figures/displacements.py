"""How far a model moves each input: points of the plane, and pictures by their distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, FAINT, INK, ORANGE, QUIET, axes_of_lines, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["distances", "paths", "planes", "stretched", "travelled"]

Array = np.ndarray[Any, Any]


def paths(before: Any, after: Any, training: Any = None) -> Figure:
    """Points of the plane, and where a model takes each of them (Canziani, figs. 16-17).

    The lighter a path, the longer; a dot stands where it ends. To a model a point is a picture of
    shape (1, 1, 2): ``model.reconstruct(points.reshape(-1, 1, 1, 2))`` says where each one ends.

    Args:
        before, after: (N, 2).
        training: (M, 2), the points that the model learnt from, drawn behind.

    Raises:
        ValueError: the arrays are not of points of the plane, as many before as after.
    """
    from matplotlib.collections import LineCollection

    start, end = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if start.ndim != 2 or start.shape[1:] != (2,) or start.shape != end.shape:
        raise ValueError(
            f"points (N, 2) before and after were wanted; we got {start.shape} and {end.shape}"
        )
    length = np.linalg.norm(end - start, axis=1)
    figure = new_figure(640, 560)
    axes = figure.subplots()
    if training is not None:
        points = np.asarray(training, np.float64)
        axes.plot(*points.T, ".", color="#c9ccd1", markersize=3, zorder=1, label="training points")
    drawn = LineCollection(
        list(np.stack([start, end], 1)), array=length, cmap="plasma", linewidths=1.1, alpha=0.85
    )
    drawn.set_clim(0, max(float(length.max(initial=0)), 1e-9))
    axes.add_collection(drawn)
    _, top = drawn.get_clim()
    axes.scatter(end[:, 0], end[:, 1], c=length, cmap="plasma", s=9, zorder=3, vmin=0, vmax=top)
    axes_of_lines(axes, "Where each point travels, from the tail to the dot", "")
    axes.set_aspect("equal", adjustable="datalim")
    axes.autoscale_view()
    colours = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.03)
    colours.outline.set_visible(False)
    colours.ax.tick_params(labelsize=8, colors=QUIET, length=0)
    colours.set_label("distance travelled", fontsize=9, color=QUIET)
    if training is not None:
        axes.legend(framealpha=0.9, edgecolor="none", fontsize=8.5, labelcolor=INK, loc="best")
    figure.tight_layout(pad=1.2)
    return figure


def planes(panels: Mapping[str, Any], values: Any = None, training: Any = None) -> Figure:
    """Points of the plane in one panel or several, such as a model's inputs and its outputs.

    Args:
        panels: title → (N, 2), drawn on one scale.
        values: (N,), the colour of each point, the same in every panel.
        training: (M, 2), drawn behind.

    Raises:
        ValueError: no panel, or arrays that are not of points of the plane.
    """
    clouds = {title: np.asarray(points, np.float64) for title, points in panels.items()}
    if not clouds or any(points.ndim != 2 or points.shape[1] != 2 for points in clouds.values()):
        raise ValueError(
            f"panels of points (N, 2) were wanted; we got {[p.shape for p in clouds.values()]}"
        )
    figure = new_figure(470 * len(clouds) + 40, 380)
    every = figure.subplots(1, len(clouds), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (title, points) in zip(every, clouds.items(), strict=True):
        if training is not None:
            axes.plot(*np.asarray(training, np.float64).T, ".", color="#c9ccd1", markersize=3)
        how: dict[str, Any] = {"color": BLUE} if values is None else {"c": values, "cmap": "plasma"}
        axes.scatter(points[:, 0], points[:, 1], s=7, linewidths=0, zorder=3, **how)
        axes_of_lines(axes, title, "")
        axes.set_aspect("equal")
    figure.tight_layout(pad=1.2, w_pad=2)
    return figure


def travelled(lengths: Any, extent: tuple[float, float, float, float], training: Any) -> Figure:
    """How far each place of the plane is moved, the lighter the farther (Canziani, fig. 17).

    Args:
        lengths: (rows, columns), the first row at the bottom.
        extent: left, right, bottom and top of the rectangle that they cover.
        training: (M, 2), drawn above.
    """
    figure = new_figure(660, 440)
    axes = figure.subplots()
    shown = axes.imshow(
        np.asarray(lengths), extent=extent, origin="lower", cmap="inferno", vmin=0,
        interpolation="bilinear",
    )  # fmt: skip
    axes.plot(
        *np.asarray(training, np.float64).T, ".", color="white", markersize=2.2,
        markeredgewidth=0, label="training points",
    )  # fmt: skip
    axes_of_lines(axes, "How far each place is moved", "")
    axes.grid(False)
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])
    colours = figure.colorbar(shown, ax=axes, shrink=0.86, pad=0.03)
    colours.outline.set_visible(False)
    colours.ax.tick_params(labelsize=8, colors=QUIET, length=0)
    colours.set_label("distance travelled", fontsize=9, color=QUIET)
    figure.tight_layout(pad=1.2)
    return figure


def stretched(points: Any, codes: Any, decoded: Any, off: Any, pulled: Any) -> Figure:
    """A curve in space, the line that its codes make of it, and what comes back (Canziani, fig. 19).

    Args:
        points: (N, 3), along the curve.
        codes: (N,), the colour of each point everywhere.
        decoded: (N, 3).
        off, pulled: (M, 3), points beside the curve and where the model takes them.
    """
    curve, back, away, onto = (
        np.asarray(each, np.float64) for each in (points, decoded, off, pulled)
    )
    values = np.asarray(codes, np.float64)
    figure = new_figure(1140, 380)
    first, last = (figure.add_subplot(1, 3, place, projection="3d") for place in (1, 3))
    middle = figure.add_subplot(1, 3, 2)
    look: dict[str, Any] = {"c": values, "cmap": "plasma", "s": 7, "linewidths": 0}
    spaces: list[Any] = [first, last]
    spaces[0].scatter(*curve.T, **look)
    spaces[0].scatter(*away.T, s=6, color=QUIET, linewidths=0, alpha=0.7)
    spaces[1].scatter(*back.T, **look)
    for start, end in zip(away, onto, strict=True):
        spaces[1].plot(*np.stack([start, end]).T, color=QUIET, linewidth=0.7, alpha=0.8)
    for axes, title in zip(spaces, ("input, a curve in space", "output"), strict=True):
        axes.set_title(plain(title), loc="left", fontsize=10, color=INK)
        axes.set_box_aspect(None, zoom=1.15)
        axes.tick_params(labelsize=6, colors=QUIET, pad=-2)
        axes.set_xlim(*_ends(curve[:, 0]))
        axes.set_ylim(*_ends(curve[:, 1]))
        axes.set_zlim(*_ends(curve[:, 2]))
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.pane.set_facecolor("#f7f7f5")
            axis._axinfo["grid"]["color"] = FAINT
    along = np.arange(len(values)) / max(1, len(values) - 1)
    middle.scatter(along, values, **look)
    axes_of_lines(middle, "code, one number", "share of the way along the curve")
    figure.tight_layout(pad=1.4, w_pad=2)
    return figure


def _ends(values: Array) -> tuple[float, float]:
    """Where an axis begins and ends, with a tenth of room."""
    low, high = float(values.min()), float(values.max())
    room = 0.1 * max(high - low, 1e-9)
    return low - room, high + room


def distances(series: Mapping[str, Any], title: str = "How far pictures travel") -> Figure:
    """Histograms of distances on one axis, up to three, the mean of each marked.

    Args:
        series: name → (N,) root mean squares per value.

    Raises:
        ValueError: none or more than three, or an empty one.
    """
    samples = {name: np.asarray(values, np.float64).ravel() for name, values in series.items()}
    if not 1 <= len(samples) <= 3 or not all(len(values) for values in samples.values()):
        raise ValueError(
            f"one to three series of distances were wanted; we got {len(samples)}, of "
            f"{[len(values) for values in samples.values()]}"
        )
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(720, 360)
    axes = figure.subplots()
    highest = max(float(values.max()) for values in samples.values())
    most = max(len(values) for values in samples.values())
    bins = np.linspace(0, max(highest, 1e-9) * 1.02, int(np.clip(2 * most**0.5, 12, 60)) + 1)
    edges = [float(edge) for edge in bins]
    highest = 0.0
    for (name, values), colour in zip(samples.items(), (BLUE, ORANGE, INK), strict=False):
        label = f"{name}: {values.mean():.3f} on average"
        counts = np.histogram(values, edges)[0]
        highest = max(highest, float(counts.max()))
        axes.hist(values, edges, color=colour, alpha=0.2)
        axes.hist(values, edges, color=colour, histtype="step", linewidth=1.5, label=label)
        mean, top = float(values.mean()), 1 / (1.1 + 0.13 * len(samples))
        axes.axvline(mean, 0, top, color=colour, linewidth=1, linestyle=(0, (4, 3)))
    axes_of_lines(axes, title, "distance, root mean square per value")
    axes.set_ylabel("pictures", fontsize=9, color=QUIET)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, highest * (1.1 + 0.13 * len(samples)))  # room for what the colours mean
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left")
    figure.tight_layout(pad=1.2)
    return figure
