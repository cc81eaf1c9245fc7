"""What the decoded picture leaves, pixel after pixel: up to a bound on the error, or to none.

    d (the decoded picture)  ┐                              ┌─► counts of 256 values ──► coder
    x so far (above, left)   ┴─► 30 whole numbers ─► a tree ┘

A pixel's context is the leaf of a decision tree that reads the decoded picture around it and the
pixels already coded; a leaf has a table of how often each value came there. The tree and tables are
learnt from pictures, and hold whole numbers only, as does all that is computed with them: encoder
and decoder agree on every machine, given the same decoded picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadFile
from .entropy import Reader, Writer, table

__all__ = ["Residual"]

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

TOP, SIDE, BOTTOM = 2, 2, 1  # margins of 0 around a picture; above all stands a channel of 0
# (plane, rows down, columns right) of what a tree may look at; "before" is the channel before
LOOKS = (
    *(("x", dy, dx) for dy, dx in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))),
    *(("d", dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)),
    *(("r", dy, dx) for dy, dx in ((0, -1), (-1, 0), (-1, -1), (-1, 1))),
    *((f"{plane} before", 0, 0) for plane in "xdr"),
)
# residuals r = x − d that the prediction is a weighted sum of
HEARD = (
    *(("r", dy, dx) for dy, dx in ((0, -1), (-1, 0), (-1, -1), (-1, 1))),
    *(("r before", dy, dx) for dy, dx in ((0, 0), (0, -1), (-1, 0))),
)
OTHERS = 6  # further features: prediction, activity, row, column, channel, quality
UNIT = 256  # of the weights
VALUES = 256
DEPTH, LEAST, THRESHOLDS = 10, 100, 31
GAIN = 10.0  # nats that a split has to save over the pixels that it was grown on
GROWN_ON, COUNTED_ON = 1_000_000, 8_000_000  # pixel values
PARENT = 6.0  # pixels' worth of its parent's table in a leaf's
TOTAL = 1 << 20
AT_ONCE = 1 << 19  # pixel values whose contexts are in memory
ROWS = 4096  # tables that are laid out at once
KEPT = 8192  # of the tables that a decoder keeps


class Residual:
    """Codes pictures given their decoded versions.

    Attributes:
        feature: (nodes,) what a node looks at; −1 at a leaf.
        threshold: (nodes,), more than which goes to the second child.
        child: (nodes,), the first child; the second follows it.
        weights: (C, 7) in 1/256.
        counts: (nodes, 256) of values, or (nodes, 511) of differences from the prediction.
        shape: (C, H, W) of the pictures that it was fitted to.
    """

    def __init__(self, state: Mapping[str, Tensor], shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)
        names = ("feature", "threshold", "child", "weights", "counts")
        found = {name: state[f"residual.{name}"].long().numpy() for name in names}
        self.feature, self.threshold, self.child = (found[name] for name in names[:3])
        self.weights, self.counts = found["weights"], found["counts"]
        self._check()
        self._models: dict[tuple[int, ...], Any] = {}

    def _check(self) -> None:
        nodes = len(self.feature)
        inner = self.feature >= 0
        own = np.arange(nodes)
        sound = (
            nodes >= 1
            and self.threshold.shape == self.child.shape == (nodes,)
            and bool((self.feature < len(LOOKS) + OTHERS).all())
            and bool((self.child[inner] > own[inner]).all())  # so that every way ends
            and bool((self.child[inner] + 1 < nodes).all())
            and self.weights.shape == (self.shape[0], len(HEARD))
            and self.counts.shape in ((nodes, VALUES), (nodes, 2 * VALUES - 1))
            and bool((self.counts >= 1).all())
            and bool((np.abs(self.weights) <= 1 << 16).all())
        )
        if not sound:
            raise BadFile(
                "the tables of residuals are damaged, or of another model; fit them again"
            )

    def state(self) -> dict[str, Tensor]:
        """The tensors that it is made of."""
        names = ("feature", "threshold", "child", "weights", "counts")
        return {f"residual.{n}": torch.from_numpy(getattr(self, n)).int() for n in names}

    @staticmethod
    def fit(pictures: Array, decoded: Array, qualities: Ints, seed: int = 0) -> Residual:
        """A tree and tables of pictures (N, C, H, W) uint8, decoded at ``qualities`` (N,).

        Two trees are grown, one for values and one for differences from the prediction; the one
        that leaves fewer nats on every eighth picture is kept.
        """
        count, shape = len(pictures), pictures.shape[1:]
        share = max(1, COUNTED_ON // max(1, int(np.prod(shape))))
        pictures, decoded, qualities = pictures[:share], decoded[:share], qualities[:share]
        weights = _regressed(pictures, decoded)
        held = np.arange(len(pictures)) % 8 == 7 if count > 8 else np.zeros(len(pictures), bool)
        rows = max(1, GROWN_ON // int(np.prod(shape)))
        some = np.random.default_rng(seed).permutation(np.flatnonzero(~held))[:rows]
        seen, centre = _looked(pictures[some], decoded[some], qualities[some], weights, shape)
        wanted = pictures[some].reshape(-1).astype(np.int64)
        best, least = None, np.inf
        for shifted in (False, True):
            target = wanted - centre + VALUES - 1 if shifted else wanted
            tree = _grown(seen, _classes(target))
            size = 2 * VALUES - 1 if shifted else VALUES
            found = np.zeros((len(tree[0]), size), np.int64)
            for part in _parts(np.flatnonzero(~held), shape):
                features, p = _looked(
                    pictures[part], decoded[part], qualities[part], weights, shape
                )
                v = pictures[part].reshape(-1).astype(np.int64)
                v = v - p + VALUES - 1 if shifted else v
                np.add.at(found, (_leaves(*tree, features), v), 1)
            made = Residual(_state(tree, weights, _smoothed(*tree, found)), shape)
            judged = np.flatnonzero(held) if held.any() else np.arange(len(pictures))
            few = judged[: max(1, rows // 4)]
            nats = made.nats(pictures[few], decoded[few], qualities[few])
            if nats < least:
                best, least = made, nats
        assert best is not None
        return best

    def reduced(self, x: Array, d: Array, error: int) -> tuple[Ints, Array]:
        """Symbols, and the pictures x̂ that they make, of x and d (…, C, H, W): |x − x̂| ≤ error.

        x − d is rounded to a multiple of 2 · error + 1.
        """
        step = 2 * error + 1
        wide = d.astype(np.int64)
        multiple = (x.astype(np.int64) - wide + error) // step
        made = (wide + step * multiple).clip(0, VALUES - 1).astype(np.uint8)
        return multiple + (wide + error) // step, made

    def write(
        self,
        writers: Sequence[Writer],
        x: Array,
        d: Array,
        error: int,
        quality: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Array:
        """Code pictures x given d, (N, C, H, W) uint8, each to its own of N writers, in order.

        Gives them as they will be read.
        """
        result = np.empty_like(x)
        for part in _parts(np.arange(len(x)), d.shape[1:]):
            for rows in _row_bands(len(part), d.shape[1:]):
                self._write_rows(writers, x, d, result, part, rows, error, quality)
            if progress is not None:
                progress(int(part[-1]) + 1, len(x))
        return result

    def _write_rows(
        self,
        writers: Sequence[Writer],
        x: Array,
        d: Array,
        result: Array,
        part: Ints,
        rows: slice,
        error: int,
        quality: int,
    ) -> None:
        """Some rows of some pictures; those above are in ``result`` already."""
        around = slice(max(0, rows.start - TOP), min(x.shape[2], rows.stop + BOTTOM))
        own = slice(rows.start - around.start, rows.stop - around.start)
        near = d[part][:, :, around]
        symbols, made = self.reduced(x[part][:, :, around], near, error)
        result[part, :, rows] = made[:, :, own]
        seen, centre = _looked(
            made, near, np.full(len(part), quality), self.weights, self.shape, around.start
        )
        leaf = _leaves(self.feature, self.threshold, self.child, seen)
        order = _order(near[0][:, own].shape)
        each = (leaf, centre, near.astype(np.int64), symbols)
        leaves, centres, told, flat = (
            one.reshape(near.shape)[:, :, own].reshape(len(part), -1)[:, order] for one in each
        )
        for place, number in enumerate(part):
            for start in range(0, len(order), ROWS):
                some = slice(start, start + ROWS)
                tables = (leaves[place, some], centres[place, some], told[place, some])
                writers[number].each(flat[place, some], self._counts(*tables, error))

    def nats(self, x: Array, d: Array, qualities: Ints) -> float:
        """What coding x given d without loss costs, (N, C, H, W) uint8 decoded at qualities (N,)."""
        return sum(
            self._nats(x[part], d[part], qualities[part])
            for part in _parts(np.arange(len(x)), x.shape[1:])
        )

    def read(self, reader: Reader, d: Array, error: int, quality: int) -> Array:
        """The inverse of ``write`` for one picture d (C, H, W) uint8.

        Raises:
            BadFile: the stream holds no such picture.
        """
        channels, height, width = d.shape
        _, rows, columns = self.shape
        step, row = 2 * error + 1, width + 2 * SIDE
        plane = (height + TOP + BOTTOM) * row
        around = _margined(d[None])[0].reshape(-1).tolist()
        pixels, rest = [0] * len(around), [0] * len(around)
        planes = {"x": pixels, "d": around, "r": rest}
        looks = [(planes[name[0]], _offset(name, dy, dx, row, plane)) for name, dy, dx in LOOKS]
        heard = [_offset(name, dy, dx, row, plane) for name, dy, dx in HEARD]
        near = heard[:4]
        feature, threshold, child = (a.tolist() for a in (self.feature, self.threshold, self.child))
        weights = self.weights.tolist()
        shifted, models, plain = self._shifted, self._models, len(LOOKS)
        if len(models) > KEPT:
            models.clear()
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    at = (c + 1) * plane + (y + TOP) * row + x + SIDE
                    centre = around[at]
                    told = UNIT // 2
                    for weight, offset in zip(weights[c], heard, strict=True):
                        told += weight * rest[at + offset]
                    p = min(max(centre + told // UNIT, 0), VALUES - 1)
                    node, look = 0, feature[0]
                    while look >= 0:
                        if look < plain:
                            where, offset = looks[look]
                            value = where[at + offset]
                        elif look == plain:
                            value = p
                        elif look == plain + 1:
                            value = sum(abs(rest[at + offset]) for offset in near)
                        else:
                            value = (y % rows, x % columns, c, quality)[look - plain - 2]
                        node = child[node] + (value > threshold[node])
                        look = feature[node]
                    key = (node, p if shifted else 0, centre if error else 0, error)
                    model = models.get(key)
                    if model is None:
                        one = [np.array([n]) for n in (node, p, centre)]
                        model = table(self._counts(one[0], one[1], one[2], error)[0])
                        models[key] = model
                    multiple = reader.one(model) - (centre + error) // step
                    value = min(max(centre + step * multiple, 0), VALUES - 1)
                    pixels[at], rest[at] = value, value - centre
        whole = np.array(pixels).reshape(channels + 1, -1, row)
        return whole[1:, TOP:-BOTTOM, SIDE:-SIDE].astype(np.uint8)

    @property
    def _shifted(self) -> bool:
        return bool(self.counts.shape[1] != VALUES)

    def _looked(self, x: Array, d: Array, qualities: Ints) -> tuple[Array, Ints]:
        return _looked(x, d, qualities, self.weights, self.shape)

    def _nats(self, x: Array, d: Array, qualities: Ints) -> float:
        seen, centre = self._looked(x, d, qualities)
        leaf = _leaves(self.feature, self.threshold, self.child, seen)
        flat, total = x.reshape(-1), 0.0
        for rows in np.split(np.arange(len(flat)), range(ROWS, len(flat), ROWS)):
            counts = self._counts(leaf[rows], centre[rows], centre[rows], 0)
            share = counts[np.arange(len(rows)), flat[rows]] / counts.sum(1)
            total -= float(np.log(share).sum())
        return total

    def _counts(self, leaf: Ints, prediction: Ints, d: Ints, error: int) -> Ints:
        """Counts of the symbols of n pixels, (n, A): the sums of their values' over each step."""
        if self._shifted:
            places = np.arange(VALUES) + (VALUES - 1) - prediction[:, None]
            values = self.counts[leaf[:, None], places]
        else:
            values = self.counts[leaf]
        if not error:
            return np.asarray(values)
        step = 2 * error + 1
        below = np.concatenate([np.zeros((len(leaf), 1), np.int64), values.cumsum(1)], 1)
        first = d - step * ((d + error) // step) - error
        borders = first[:, None] + step * np.arange((VALUES - 1) // step + 3)
        return np.diff(np.take_along_axis(below, borders.clip(0, VALUES), 1), axis=1)


def _order(shape: Sequence[int]) -> Ints:
    """Positions in (C, H, W), the channels of a pixel one after another."""
    places: Ints = np.arange(int(np.prod(shape))).reshape(shape).transpose(1, 2, 0).reshape(-1)
    return places


def _parts(indices: Ints, shape: Sequence[int]) -> Iterator[Ints]:
    """Runs of pictures of about half a million values."""
    size = max(1, AT_ONCE // int(np.prod(shape)))
    yield from (indices[a : a + size] for a in range(0, len(indices), size))


def _row_bands(count: int, shape: Sequence[int]) -> Iterator[slice]:
    """Rows of pictures (C, H, W), about half a million values of ``count`` of them at a time."""
    rows = max(1, AT_ONCE // (count * shape[0] * shape[2]))
    yield from (slice(a, min(a + rows, shape[1])) for a in range(0, shape[1], rows))


def _margined(x: Array) -> Ints:
    """(B, C, H, W) → (B, C + 1, H + 3, W + 4), zeros around."""
    return np.pad(x.astype(np.int64), ((0, 0), (1, 0), (TOP, BOTTOM), (SIDE, SIDE)))


def _offset(name: str, dy: int, dx: int, row: int, plane: int) -> int:
    return dy * row + dx - plane * name.endswith("before")


def _seen(planes: Mapping[str, Ints], name: str, dy: int, dx: int) -> Ints:
    """One plane looked at from every pixel, (B, C, H, W)."""
    whole = planes[name[0]]
    front = slice(0, -1) if name.endswith("before") else slice(1, None)
    height, width = whole.shape[2] - TOP - BOTTOM, whole.shape[3] - 2 * SIDE
    return whole[:, front, TOP + dy : TOP + dy + height, SIDE + dx : SIDE + dx + width]


def _looked(
    x: Array, d: Array, qualities: Ints, weights: Ints, shape: Sequence[int], first_row: int = 0
) -> tuple[Array, Ints]:
    """All features of all pixels (F, n) int16, and the predictions (n,).

    ``first_row`` is the one of their pictures that x and d (B, C, H, W) begin with.
    """
    planes = {"x": _margined(x), "d": _margined(d)}
    planes["r"] = planes["x"] - planes["d"]
    b, c, h, w = x.shape
    told = np.full((b, c, h, w), UNIT // 2)
    for column, (name, dy, dx) in zip(weights.T, HEARD, strict=True):
        told = told + column[:, None, None] * _seen(planes, name, dy, dx)
    p = (_seen(planes, "d", 0, 0) + told // UNIT).clip(0, VALUES - 1)
    near = [_seen(planes, name, dy, dx) for name, dy, dx in HEARD[:4]]
    others = (
        p,
        np.stack([np.abs(one) for one in near]).sum(0),
        ((first_row + np.arange(h)) % shape[1])[:, None],
        np.arange(w) % shape[2],
        np.arange(c)[:, None, None],
        qualities[:, None, None, None],
    )
    found = np.empty((len(LOOKS) + OTHERS, b, c, h, w), np.int16)
    for place, (name, dy, dx) in enumerate(LOOKS):
        found[place] = _seen(planes, name, dy, dx)
    for place, value in enumerate(others, len(LOOKS)):
        found[place] = value
    return found.reshape(len(found), -1), p.reshape(-1)


def _regressed(x: Array, d: Array) -> Ints:
    """The weights (C, 7) of least squares, as whole numbers of 1/256."""
    some = slice(0, max(1, (1 << 19) // int(np.prod(x.shape[1:]))))
    x, d = x[some], d[some]
    planes = {"r": _margined(x) - _margined(d)}
    heard = np.stack([_seen(planes, name, dy, dx) for name, dy, dx in HEARD], -1)
    wanted = _seen(planes, "r", 0, 0)
    found = np.zeros((x.shape[1], len(HEARD)), np.int64)
    for c in range(x.shape[1]):
        known = heard[:, c].reshape(-1, len(HEARD)).astype(np.float64)
        inner = known.T @ known + 1e-3 * np.eye(len(HEARD)) * max(1, len(known))
        solved = np.linalg.solve(inner, known.T @ wanted[:, c].reshape(-1))
        found[c] = np.rint(UNIT * solved).clip(-(1 << 15), 1 << 15)
    return found


def _classes(target: Ints) -> Ints:
    """Up to 16 classes of the numbers that a tree shall tell apart: the commonest is one alone."""
    common = int(np.bincount(target).argmax())
    rest = target[target != common]
    edges = np.quantile(rest, np.linspace(0, 1, 14)[1:-1], method="lower") if len(rest) else []
    borders = np.unique([*np.asarray(edges, np.int64), common, common + 1])
    return np.searchsorted(borders, target, side="right")


def _grown(features: Array, classes: Ints) -> tuple[Ints, Ints, Ints]:
    """A tree that tells classes (n,) apart by features (F, n): feature, threshold and first child.

    Level by level, each leaf is split where the entropy falls most (Quinlan 1986), at one of 31
    thresholds of one feature.
    """
    kinds, rows = int(classes.max()) + 1, np.arange(len(classes))
    thresholds = [_thresholds(one) for one in features]
    pairs = zip(thresholds, features, strict=True)
    binned = np.stack([np.searchsorted(own, one).astype(np.uint8) for own, one in pairs])
    feature, threshold, child = [-1], [0], [0]
    frontier, place = [0], np.zeros(len(classes), np.int64)
    for _ in range(DEPTH):
        gain, look, cut = _best_splits(
            binned[:, rows], classes[rows], place, thresholds, kinds, len(frontier)
        )
        after: list[int] = []
        first = np.full(len(frontier), -1)
        for i, node in enumerate(frontier):
            if gain[i] > GAIN:
                feature[node], child[node], first[i] = int(look[i]), len(feature), len(after)
                threshold[node] = int(thresholds[look[i]][cut[i]])
                after += [len(feature), len(feature) + 1]
                feature += [-1, -1]
                threshold += [0, 0]
                child += [0, 0]
        if not after:
            break
        stay = first[place] >= 0
        rows, place = rows[stay], place[stay]
        place = first[place] + (binned[look[place], rows] > cut[place])
        frontier = after
    return np.array(feature), np.array(threshold), np.array(child)


def _thresholds(values: Array) -> Array:
    """Up to 31 numbers that the values lie above or not."""
    distinct = np.unique(values)
    if len(distinct) <= THRESHOLDS + 1:
        return np.asarray(distinct[:-1])
    levels = np.linspace(0, 1, THRESHOLDS + 2)[1:-1]
    found = np.unique(np.quantile(values, levels, method="lower"))
    return np.asarray(found[found < distinct[-1]])


def _best_splits(
    binned: Array, classes: Ints, place: Ints, thresholds: list[Array], kinds: int, leaves: int
) -> tuple[npt.NDArray[np.float64], Ints, Ints]:
    """For each leaf the most nats that a split saves, its feature and its threshold's number."""
    best, look, cut = np.zeros(leaves), np.full(leaves, -1), np.zeros(leaves, np.int64)
    everyone = np.arange(leaves)
    for which, own in enumerate(thresholds):
        bins = len(own) + 1
        if bins < 2:
            continue
        keys = (place * bins + binned[which]) * kinds + classes
        counts = np.bincount(keys, minlength=leaves * bins * kinds).reshape(leaves, bins, kinds)
        left = counts.cumsum(1)
        whole, left = left[:, -1:], left[:, :-1]
        right = whole - left
        saved = _purity(left) + _purity(right) - _purity(whole)
        saved[np.minimum(left.sum(2), right.sum(2)) < LEAST] = 0
        at = saved.argmax(1)
        better = saved[everyone, at] > best
        best[better], look[better] = saved[everyone, at][better], which
        cut[better] = at[better]
    return best, look, cut


def _purity(counts: Ints) -> npt.NDArray[np.float64]:
    """−n · entropy in nats of counts (…, K): Σ c log c − n log n."""
    total = counts.sum(-1)
    each = (counts * np.log(np.maximum(counts, 1))).sum(-1)
    found: npt.NDArray[np.float64] = each - total * np.log(np.maximum(total, 1))
    return found


def _leaves(feature: Ints, threshold: Ints, child: Ints, features: Array) -> Ints:
    """The leaf of each pixel of features (F, n), (n,)."""
    node = np.zeros(features.shape[1], np.int64)
    rows = np.arange(len(node))
    while True:
        rows = rows[feature[node[rows]] >= 0]
        if not len(rows):
            return node
        at = node[rows]
        node[rows] = child[at] + (features[feature[at], rows] > threshold[at])


def _smoothed(feature: Ints, threshold: Ints, child: Ints, counts: Ints) -> Ints:
    """Tables (nodes, A): what was counted at the leaves, and a little of each node above."""
    counts = counts.astype(np.float64)
    inner = np.flatnonzero(feature >= 0)
    for node in inner[::-1]:
        counts[node] = counts[child[node]] + counts[child[node] + 1]
    share = np.empty_like(counts)
    share[0] = (counts[0] + 0.5) / (counts[0] + 0.5).sum()
    for node in inner:
        for below in (child[node], child[node] + 1):
            mixed = counts[below] + PARENT * share[node]
            share[below] = mixed / mixed.sum()
    return np.rint(TOTAL * share).astype(np.int64) + 1


def _state(tree: tuple[Ints, Ints, Ints], weights: Ints, counts: Ints) -> dict[str, Tensor]:
    made = dict(zip(("feature", "threshold", "child"), tree, strict=True))
    made |= {"weights": weights, "counts": counts}
    return {f"residual.{name}": torch.from_numpy(value).int() for name, value in made.items()}
