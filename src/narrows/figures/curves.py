"""How a training went: the lines of its metrics file as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, INK, ORANGE, QUIET, axes_of_lines, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["loss_curves"]

Array = np.ndarray[Any, Any]
Record = Mapping[str, Any]

MANY = 200  # epochs from which a curve is smoothed


def loss_curves(records: Sequence[Record]) -> Figure:
    """Training and validation loss over the epochs, and the KL in a panel of its own where there is one.

    The best epoch is marked. Early losses that dwarf the rest run out of the top, and the title
    says where they began. Later phases follow the earlier ones on the axis.

    Args:
        records: of metrics.jsonl, with ``phase``, ``epoch``, ``loss`` and, where they are,
            ``validation_loss``, ``kl``, ``validation_kl`` and ``best``.

    Raises:
        ValueError: no record.
    """
    if not records:
        raise ValueError("a curve needs at least one record of metrics.jsonl; we got none")
    epochs, borders = _epochs(records)
    with_kl = any("kl" in record for record in records)
    figure = new_figure(1080 if with_kl else 720, 400)
    panels = figure.subplots(
        1, 2 if with_kl else 1, squeeze=False, gridspec_kw={"width_ratios": [1.6, 1][: 1 + with_kl]}
    )[0]
    _panel(panels[0], records, epochs, borders, "loss", "Loss, nats per picture", clip=True)
    _mark_best(panels[0], records, epochs)
    if with_kl:
        _panel(panels[1], records, epochs, borders, "kl", "KL, nats per picture")
    panels[0].legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    figure.tight_layout(pad=1.4, w_pad=3)
    return figure


def _epochs(records: Sequence[Record]) -> tuple[Array, list[float]]:
    """Each record's place on the axis, (R,), and where later phases begin."""
    places, borders = [], []
    before = reached = 0.0
    phase = records[0].get("phase", 0)
    for record in records:
        if record.get("phase", 0) != phase:
            phase, before = record["phase"], reached
            borders.append(before)
        reached = before + float(record["epoch"])
        places.append(reached)
    return np.array(places), borders


def _values(records: Sequence[Record], key: str) -> Array:
    return np.array([_number(record.get(key)) for record in records])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _panel(
    axes: Axes,
    records: Sequence[Record],
    epochs: Array,
    borders: Sequence[float],
    key: str,
    title: str,
    clip: bool = False,
) -> None:
    marker = "o" if len(records) <= 30 else None
    size = 5 if len(records) == 1 else 3.2
    lines = []
    for name, label, colour in (
        (key, "training", BLUE),
        (f"validation_{key}", "validation", ORANGE),
    ):
        values = _values(records, name)
        if np.isfinite(values).any():
            finite = np.isfinite(values)
            x, y = epochs[finite], values[finite]
            if len(y) > MANY:  # the noise of single epochs stays visible, but behind
                axes.plot(*_apart(x, y, borders), color=colour, linewidth=0.7, alpha=0.3)
                y = _smoothed(y)
            look: dict[str, Any] = {"linewidth": 1.6, "marker": marker, "markersize": size}
            axes.plot(*_apart(x, y, borders), label=label, color=colour, **look)
            lines.append(values[finite])
    for border in borders:
        axes.axvline(border, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    if not lines:
        axes_of_lines(axes, title, "epoch")
        return
    cut = _ceiling(lines) if clip else None
    if cut is not None:
        lowest, ceiling = cut
        axes.set_ylim(lowest - 0.06 * (ceiling - lowest), ceiling)
        title += f"  (begins at {_short(max(values.max() for values in lines))}, above)"
    last = float(epochs[-1])
    if len(records) == 1:
        axes.set_xlim(0, 2 * last or 1)  # a run that has only begun is at 0
        spread = max(max(v.max() for v in lines) - min(v.min() for v in lines), 1.0)
        axes.set_ylim(min(v.min() for v in lines) - spread, max(v.max() for v in lines) + spread)
    else:
        axes.set_xlim(0, last * 1.02)
    _whole_ticks(axes, last)
    axes_of_lines(axes, title, "epoch")


def _apart(x: Array, y: Array, borders: Sequence[float]) -> tuple[Array, Array]:
    """A curve with a gap where a phase begins: losses of two phases do not compare."""
    places = np.searchsorted(x, borders, side="right")
    return np.insert(x, places, np.nan), np.insert(y, places, np.nan)


def _smoothed(values: Array) -> Array:
    """The mean over a window of a fiftieth of the curve, shorter towards its ends."""
    half = np.minimum(
        len(values) // 100, np.minimum(np.arange(len(values)), np.arange(len(values))[::-1])
    )
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    smooth: Array = (sums[at + half + 1] - sums[at - half]) / (2 * half + 1)
    return smooth


def _short(value: float) -> str:
    """Four figures, and all of them before the point."""
    written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return written.replace("-", "−")


def _whole_ticks(axes: Axes, last: float) -> None:
    from matplotlib.ticker import MaxNLocator

    if last >= 1:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))


def _ceiling(lines: Sequence[Array]) -> tuple[float, float] | None:
    """(lowest, where to cut) if the first values dwarf the others, else None."""
    lowest, highest = min(v.min() for v in lines), max(v.max() for v in lines)
    if min(len(v) for v in lines) < 8:
        return None
    usual = max(float(np.quantile(v[len(v) // 20 :], 0.85)) for v in lines)
    ceiling = lowest + 3 * (usual - lowest)
    if usual <= lowest or highest <= lowest + 5 * (usual - lowest):
        return None
    return float(lowest), float(ceiling)


def _mark_best(axes: Axes, records: Sequence[Record], epochs: Array) -> None:
    """A ring around the last record that was the best so far, and its numbers."""
    best = [i for i, record in enumerate(records) if record.get("best")]
    losses = _values(records, "validation_loss")
    if not best or not np.isfinite(losses[best[-1]]):
        return
    x, y = epochs[best[-1]], losses[best[-1]]
    label = f"best: {_short(y)} at epoch {_short(x)}"
    axes.plot(
        [x],
        [y],
        "o",
        markersize=9,
        fillstyle="none",
        color=INK,
        markeredgewidth=1.3,
        label=label,
        zorder=5,
    )
