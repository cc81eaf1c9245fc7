"""Outliers: histograms of scores, the most anomalous pictures and their errors, and curves of detection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _cell_size, _draw, _draw_errors, _fitted, _pictures
from .style import BLUE, INK, ORANGE, QUIET, axes_of_lines, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["anomaly_sheet", "detection_curves", "score_histograms"]

Array = np.ndarray[Any, Any]

GREENS = ("#5a9e6f", "#8d6ab8", "#b08a2e", "#4aa3a2", "#a5586b", "#6b7078")
MOST_BINS = 60


def score_histograms(
    series: Mapping[str, Any], threshold: float | None = None, title: str = "", x: str = "score"
) -> Figure:
    """Histograms of a score, of each group its own density (Theivaprakasham 2021, fig. 4.7).

    The axis ends where all but a thousandth of the scores do; what lies beyond stands in the last
    bin.

    Args:
        series: name → (N,), up to three groups, such as normal pictures and those in question.
        threshold: a line, above which a picture is anomalous; None or infinite leaves it out.
        title: over the axes.
        x: what the score is.

    Raises:
        ValueError: no group, more than three, or an empty one.
    """
    samples = {name: np.asarray(values, np.float64).ravel() for name, values in series.items()}
    if not 1 <= len(samples) <= 3 or not all(len(values) for values in samples.values()):
        raise ValueError(
            f"one to three groups of scores were wanted; we got {len(samples)}, of "
            f"{[len(values) for values in samples.values()]}"
        )
    everything = np.concatenate(list(samples.values()))
    low, high = (float(end) for end in np.quantile(everything, [0.001, 0.999]))
    shown = threshold if threshold is not None and math.isfinite(threshold) else None
    if shown is not None:
        low, high = min(low, shown), max(high, shown)
    high = high if high > low else low + 1e-9 + abs(low) * 1e-6
    count = int(np.clip(2 * len(everything) ** 0.5, 12, MOST_BINS))
    edges = [float(edge) for edge in np.linspace(low, high, count + 1)]
    figure = new_figure(760, 380)
    axes = figure.subplots()
    for (name, values), colour in zip(samples.items(), (BLUE, ORANGE, INK), strict=False):
        cut = values.clip(low, high)
        label = f"{name}, {len(values):,}"
        axes.hist(cut, edges, density=True, color=colour, alpha=0.22)
        axes.hist(
            cut, edges, density=True, color=colour, histtype="step", linewidth=1.5, label=label
        )
    axes_of_lines(axes, title, x)
    axes.set_ylabel("density", fontsize=9, color=QUIET)
    axes.set_xlim(low, high)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.14)
    if shown is not None:
        axes.axvline(shown, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        right = shown > (low + high) / 2
        axes.annotate(
            f"{'anomalous →' if not right else '← normal'}",
            (shown, axes.get_ylim()[1]),
            xytext=(-6 if right else 6, -10),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            fontsize=8.5,
            color=QUIET,
        )
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    figure.tight_layout(pad=1.2)
    return figure


def anomaly_sheet(pictures: Any, reconstructions: Any, captions: Sequence[str] = ()) -> Figure:
    """Pictures above what a model makes of them and where the two differ (fig. 4.5).

    Args:
        pictures, reconstructions: (N, C, H, W), floats in [0, 1] or uint8. About eight fit a page.
        captions: one under each picture, such as its score.

    Raises:
        ValueError: arrays of two shapes.
    """
    x, x_hat = _pictures(pictures), _pictures(reconstructions)
    if x.shape != x_hat.shape:
        raise ValueError(f"reconstructions of {x.shape} were wanted; we got {x_hat.shape}")
    height, width = _cell_size(x.shape[2], x.shape[3])
    longest = max((text_width(caption, 7.5) for caption in captions), default=0.0)
    gap, step = 6, max(width + 6, math.ceil(longest) + 10)
    names = ("picture", "reconstruction", "absolute error")
    labels = 28 + math.ceil(max(text_width(name) for name in names))
    under = 20 if captions else 0
    figure = new_figure(labels + len(x) * step + 74, 3 * (height + gap) + under + 24)
    tops = (12.0, 12.0 + height + under + gap, 12.0 + 2 * (height + gap) + under)
    for name, top in zip(names, tops, strict=True):
        text(figure, labels - 12, top + height / 2, name, ha="right")
    for row, top in ((x, tops[0]), (x_hat, tops[1])):
        for i, picture in enumerate(row):
            _draw(figure, _fitted(_as_bytes(picture), height, width), labels + i * step, top)
    for i, caption in enumerate(captions[: len(x)]):
        middle = labels + i * step + width / 2
        place = {"ha": "center", "fontsize": 7.5, "color": QUIET}
        text(figure, middle, tops[0] + height + 11, caption, **place)
    _draw_errors(figure, x, x_hat, (height, width), labels, tops[2], step - width)
    return figure


def detection_curves(curves: Mapping[str, Any], prevalence: float) -> Figure:
    """Hits over false alarms, and precision over recall, a line for each score.

    Args:
        curves: name → what has ``false_alarms``, ``hits``, ``recall``, ``precision``, ``auroc`` and
            ``average_precision``; the first is drawn heavier.
        prevalence: the share of anomalies, which is the precision of a coin.

    Raises:
        ValueError: no curve.
    """
    if not curves:
        raise ValueError("curves of detection need at least one score; we got none")
    figure = new_figure(1080, 520)
    left, right = figure.subplots(1, 2)
    colours = (BLUE, ORANGE, *GREENS)
    for place, (name, one) in enumerate(curves.items()):
        colour, wide = colours[place % len(colours)], 2.2 if place == 0 else 1.3
        dashes = "-" if place < len(colours) else "--"
        drawn = {"color": colour, "linewidth": wide, "linestyle": dashes}
        left.plot(one.false_alarms, one.hits, label=f"{name}  {one.auroc:.3f}", **drawn)
        right.plot(
            one.recall,
            one.precision,
            drawstyle="steps-post",
            label=f"{name}  {one.average_precision:.3f}",
            **drawn,
        )
    quiet = {"color": QUIET, "linewidth": 0.9, "linestyle": (0, (4, 3))}
    left.plot([0, 1], [0, 1], label="a coin  0.500", **quiet)
    right.plot([0, 1], [prevalence] * 2, label=f"a coin  {prevalence:.3f}", **quiet)
    axes_of_lines(
        left, "ROC: anomalies found, area below", "share of normal pictures called anomalous"
    )
    left.set_ylabel("share of anomalies found", fontsize=9, color=QUIET)
    title = f"Precision and recall; {prevalence:.1%} are anomalies"
    axes_of_lines(right, title, "share of anomalies found")
    right.set_ylabel("share of anomalies among those found", fontsize=9, color=QUIET)
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.legend(
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            loc="upper left",
            bbox_to_anchor=(0, -0.16),
            ncols=2,
        )
    figure.tight_layout(pad=1.4, w_pad=3)
    return figure
