"""Maps: points of the plane, coloured by label, or with the pictures where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _pictures
from .style import INK, QUIET, new_figure, plain, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "Colouring", "colouring", "maps"]

Array = np.ndarray[Any, Any]

# twenty that stay apart from each other on white and on black; the first ten are for all eyes' use
PALETTE = (
    "#1f6fb4", "#e8702a", "#2b9a5b", "#c8323c", "#8e5bc0", "#8a6242", "#e06fb5", "#7d8790",
    "#b3a91c", "#1fb0bf", "#7fb1e0", "#f3ae71", "#87cf94", "#ee918f", "#bda3de", "#b99a86",
    "#f2b3d8", "#3d4f7d", "#69752a", "#0f6f66",
)  # fmt: skip
OTHER = "#b4b8bd"
SIDE = 620
NAME = 20  # pixels that a name on the map is high


@dataclass(frozen=True)
class Colouring:
    """What colour a point has.

    Attributes:
        names: of the colours, for the list beside the map; empty without labels.
        colours: of each name, as #rrggbb.
        which: (N,) the place of each point in ``names``.
        numbers: (low, high) where the colours are a scale of numbers instead of names.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    which: Array
    numbers: tuple[float, float] | None = None


def colouring(labels: Any, n: int) -> Colouring:
    """Colours of N labels: the most frequent classes get one each, many numbers a scale.

    What has no label (empty, NaN) is gray.
    """
    if labels is None:
        return Colouring((), ("#1f6fb4",), np.zeros(n, np.int64))
    values = np.asarray(labels).ravel()
    if values.dtype.kind in "iuf" and len(np.unique(values[np.isfinite(values)])) > len(PALETTE):
        return _scale(values.astype(np.float64))
    texts = np.array([label_text(value) for value in values.tolist()])
    names, which, counts = np.unique(texts, return_inverse=True, return_counts=True)
    named = [i for i in range(len(names)) if names[i]]
    kept = sorted(named, key=lambda i: -counts[i])
    room = len(PALETTE)
    if len(kept) > room:
        kept = kept[: room - 1]
    order = sorted(kept, key=lambda i: _natural(str(names[i])))
    place = np.full(len(names), len(order))
    place[order] = np.arange(len(order))
    shown, colours = [str(names[i]) for i in order], list(PALETTE[: len(order)])
    others = len(named) - len(order)
    if others or len(named) < len(names):
        shown.append(f"{others} others" if others else "no label")
        colours.append(OTHER)
    return Colouring(tuple(shown), tuple(colours), place[which.ravel()])


def label_text(value: Any) -> str:
    """A label in letters: nothing where there is none, and 1 for 1.0, which one gap makes of 1."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)


def _natural(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _scale(values: Array) -> Colouring:
    """Numbers as 32 steps of a scale from their 1st to their 99th percentile."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    steps = 32
    finite = np.isfinite(values)
    low, high = (float(v) for v in np.quantile(values[finite], [0.01, 0.99]))
    share = np.clip((np.where(finite, values, low) - low) / max(high - low, 1e-12), 0, 1)
    which = np.where(finite, np.round(share * (steps - 1)), steps).astype(np.int64)
    scale = colormaps["viridis"]
    colours = tuple(to_hex(scale(i / (steps - 1))) for i in range(steps))
    at = np.linspace(low, high, steps)
    return Colouring((*(f"{v:.4g}" for v in at), "no label"), (*colours, OTHER), which, (low, high))


def maps(
    points: Mapping[str, Any],
    labels: Any = None,
    *,
    notes: Mapping[str, str] | None = None,
    title: str = "",
    pictures: Any = None,
    new: Mapping[str, Any] | None = None,
) -> Figure:
    """Maps of the same pictures side by side (Theivaprakasham, fig. 4.6).

    Args:
        points: each map's name and its points (N, 2).
        labels: (N,), names or numbers, which the colours are of.
        notes: what stands below a map's name.
        title: what the colours are of.
        pictures: (N, C, H, W), drawn where they stand as far as there is room.
        new: points (M, 2) that were placed on the maps later, as rings.

    Raises:
        ValueError: no map, or not as many points as labels or pictures.
    """
    drawn = {name: np.asarray(rows, np.float64) for name, rows in points.items()}
    sizes = {rows.shape for rows in drawn.values()}
    for each in (labels, pictures):
        if each is not None:
            sizes |= {(len(each), 2)}
    if len(sizes) != 1 or len(next(iter(sizes))) != 2:
        raise ValueError(
            f"a map has one point (N, 2) for each picture and label; we got {sorted(sizes)}"
        )
    n = next(iter(sizes))[0]
    colours = colouring(labels, n)
    beside = _room_beside(colours, title)
    width, height = len(drawn) * SIDE + beside + 20, SIDE + 76
    figure = new_figure(width, height)
    for number, (name, rows) in enumerate(drawn.items()):
        left = (12 + number * SIDE) / width
        axes = figure.add_axes((left, 14 / height, (SIDE - 20) / width, (SIDE - 8) / height))
        _draw(axes, rows, colours, n, pictures)
        if new is not None and name in new:
            rings = np.asarray(new[name], np.float64)
            axes.scatter(
                rings[:, 0],
                rings[:, 1],
                s=46,
                facecolors="none",
                edgecolors="white",
                linewidths=3,
                zorder=4,
            )
            axes.scatter(
                rings[:, 0],
                rings[:, 1],
                s=46,
                facecolors="none",
                edgecolors=INK,
                linewidths=1.2,
                zorder=5,
            )
        _frame(axes)
        axes.text(
            0, 1.062, plain(name), transform=axes.transAxes, fontsize=10.5, color=INK, va="bottom"
        )
        note = (notes or {}).get(name, "")
        axes.text(
            0, 1.022, plain(note), transform=axes.transAxes, fontsize=8, color=QUIET, va="bottom"
        )
    if colours.numbers:
        _scale_beside(figure, colours, title, width, beside)
    elif colours.names:
        _names_beside(figure, colours, title, 1 - (beside + 4) / width)
    return figure


def _room_beside(colours: Colouring, title: str) -> int:
    """How many pixels the list of names takes, or the scale."""
    if not colours.names:
        return 0
    if colours.numbers:
        return 40 + int(max(text_width(title, 9), 50))
    names = max(text_width(_shortened(name), 8.5) for name in colours.names)
    return 64 + int(max(names, text_width(title, 9)))


def _shortened(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _draw(axes: Axes, rows: Array, colours: Colouring, n: int, pictures: Any) -> None:
    look = np.array(colours.colours)[colours.which]
    order = np.random.default_rng(0).permutation(n)  # so that no class lies above the others
    size = float(np.clip(9000 / n, 1.2, 26))
    faint = 0.35 if pictures is not None else float(np.clip(2.2 - 0.3 * np.log10(n), 0.6, 0.95))
    axes.scatter(
        rows[order, 0],
        rows[order, 1],
        s=size,
        c=look[order],
        alpha=faint,
        linewidths=0,
        rasterized=True,
    )
    low, high = rows.min(0), rows.max(0)
    box = np.array([SIDE - 20, SIDE - 8])
    half = 0.54 * float(((high - low) / box).max() or 1.0) * box  # one scale for both axes
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
    axes.set_ylim(middle[1] - half[1], middle[1] + half[1])
    if pictures is not None:
        _pictures_on(axes, rows, pictures, look if colours.names else None)
    if colours.names and not colours.numbers:
        _names_on(axes, rows, colours)


def _names_on(axes: Axes, rows: Array, colours: Colouring) -> None:
    """Each class's name where most of it is, the largest first, as far as none covers another."""
    from matplotlib.patheffects import withStroke

    left, right = axes.get_xlim()
    unit = (right - left) / (SIDE - 20)  # of a pixel
    taken: list[tuple[float, float, float]] = []
    sizes = np.bincount(colours.which, minlength=len(colours.names))
    for i in np.argsort(-sizes[: len(colours.names)], kind="stable"):
        name = colours.names[i]
        mine = rows[colours.which == i]
        if colours.colours[i] == OTHER or len(mine) < 3:
            continue
        middle = np.median(mine, 0)
        at = mine[np.argmin(np.square(mine - middle).sum(1))]
        effects: list[Any] = [withStroke(linewidth=3, foreground="white")]
        short = _shortened(name, 18)
        half = (text_width(short, 9.5) / 2 + 4) * unit
        if any(
            abs(x - at[0]) < wide + half and abs(y - at[1]) < NAME * unit for x, y, wide in taken
        ):
            continue
        taken.append((at[0], at[1], half))
        axes.text(at[0], at[1], plain(short), fontsize=9.5, fontweight="bold", color=INK, ha="center",
                  va="center", path_effects=effects, zorder=6)  # fmt: skip


def _pictures_on(axes: Axes, rows: Array, pictures: Any, look: Array | None) -> None:
    """A picture in each cell of a grid that has points: the one nearest the cell's middle.

    Args:
        look: (N,) the colours that they are framed in; None: no frames.
    """
    from matplotlib.patches import Rectangle

    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    cells = 24
    step = max(right - left, high - low) / cells
    at = np.floor((rows - [left, low]) / step).astype(np.int64)
    away = np.square(rows - ([left, low] + (at + 0.5) * step)).sum(1)
    shown: dict[tuple[int, int], int] = {}
    for i in np.argsort(away, kind="stable"):
        shown.setdefault((int(at[i, 0]), int(at[i, 1])), int(i))
    for (across, up), i in shown.items():
        picture = _as_bytes(_pictures(pictures[i : i + 1])[0])
        h, w = picture.shape[:2]
        half = 0.46 * step * np.array([w, h]) / max(h, w)
        x, y = left + (across + 0.5) * step, low + (up + 0.5) * step
        extent = (x - half[0], x + half[0], y - half[1], y + half[1])
        axes.imshow(picture, extent=extent, zorder=3, aspect="auto")
        if look is not None:
            corner, size = (x - half[0], y - half[1]), 2 * half
            axes.add_patch(
                Rectangle(corner, *size, fill=False, edgecolor=look[i], linewidth=1.6, zorder=4)
            )
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#d5d8dc")


def _names_beside(figure: Figure, colours: Colouring, title: str, left: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6.5, color=colour, markeredgewidth=0)
        for colour in colours.colours
    ]
    labels = [plain(_shortened(name)) for name in colours.names]
    legend = figure.legend(
        handles, labels, title=plain(title), loc="center left", bbox_to_anchor=(left, 0.5),
        frameon=False, fontsize=8.5, labelcolor=INK, title_fontsize=9, handletextpad=0.3,
        alignment="left",
    )  # fmt: skip
    legend.get_title().set_color(QUIET)


def _scale_beside(
    figure: Figure, colours: Colouring, title: str, width: float, beside: float
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    assert colours.numbers is not None
    axes = figure.add_axes((1 - (beside + 4) / width, 0.3, 12 / width, 0.4))
    bar = figure.colorbar(ScalarMappable(Normalize(*colours.numbers), "viridis"), cax=axes)
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=8, colors=QUIET, length=0)
    axes.set_title(plain(title), fontsize=9, color=QUIET, loc="left", pad=10)
