"""Codes to whole numbers and back, and how often each number comes.

z (B, *code) ──symbols──► (B, M) whole numbers ──values──► ẑ (B, *code)
                               └──write──► range coder ──read──► the same numbers

``Uniform`` cuts the units of a point or Gaussian code afterwards, in steps that the quality sets;
``Indices`` takes the entries of a code book as they are, at its one rate. Counts are computed by
whole numbers from tables fitted to the codes of pictures, so every machine has the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadFile
from ..randomness import permutation
from .contexts import (
    CLASSES,
    DOUBT,
    MASS,
    SPREADS,
    Contexts,
    Counted,
    beside,
    groups_of,
    known_of,
    magnitude,
    tensors,
)
from .contexts import FRACTION as FRACTION_OF_RANK
from .entropy import Reader, Writer, nats_of, table
from .trellis import CHAIN, cheapest, multiples, quantiser_of

__all__ = ["Codebook", "Indices", "Quantiser", "Uniform"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

QUALITIES = range(1, 101)
FINEST = 4 / 255  # what a step at quality 100 moves a picture by: the length of its change
OCTAVE = 12  # qualities that halve the step
# 2^(j/12) in units of 2^-20, written down so that no machine's logarithm decides
ROOTS = (
    1048576, 1110928, 1176987, 1246974, 1321123, 1399681,
    1482910, 1571089, 1664511, 1763488, 1868350, 1979448,
)  # fmt: skip
FRACTION = 16  # bits below one cell of a unit's table
CELLS = 1024  # of a unit's table at most
ALL_CELLS = 1 << 20  # of all units' tables together, as far as 64 for each allow
LONGEST = 1022  # steps over a unit's range
WIDE = 1 / 512  # share of a distribution that is spread over the whole range
COARSE = 1.25  # a step of either quantiser of the trellis, in steps of the quality
NAT = 0.5  # what a nat is worth in squared half steps
LEARNT_AT = range(10, 101, OCTAVE)  # qualities that contexts are learnt at
FITTED_TO = 400  # pictures at each, of fewer units than a thousand; of more so many less
FEWEST = 64  # pictures that tell anything of contexts
PASSES = 2  # of choosing numbers and learning how often they come
ROUGH = 32  # of a spread, in 64ths of an octave: half an octave
LEAST_SPREAD = -3 * 64  # in steps


class Quantiser(Protocol):
    """Codes to symbols; ``one_rate`` says that the quality changes nothing."""

    one_rate: bool

    @property
    def units(self) -> int:
        """M, the symbols of a code."""
        ...

    def symbols(self, z: Tensor, quality: int) -> Ints:
        """z (B, *code) → (B, M), each from 0."""
        ...

    def values(self, symbols: Ints, quality: int) -> Tensor:
        """(B, M) → z (B, *code) float32."""
        ...

    def nats(self, symbols: Ints, quality: int) -> Floats:
        """What the symbols (B, M) of each code cost, (B,)."""
        ...

    def write(self, writer: Writer, symbols: Ints, quality: int) -> None:
        """Symbols (B, M) of one file, unit by unit."""
        ...

    def read(self, reader: Reader, count: int, quality: int) -> Ints:
        """The symbols (B, M) of ``count`` codes.

        Raises:
            BadFile: there are none.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """What was fitted."""
        ...


def step_of(quality: int) -> float:
    """How far one step moves a picture, the Euclidean length of its change: 2^(−1/12) a quality.

    Raises:
        ValueError: a quality that is none.
    """
    if quality not in QUALITIES:
        raise ValueError(f"a quality is a whole number from 1 to 100; we got {quality}")
    octaves, root = divmod(100 - quality, OCTAVE)
    return FINEST * (1 << octaves) * ROOTS[root] / ROOTS[0]


@dataclass
class _Scale:
    """A quantiser at one quality. A unit's numbers k are ``first`` … ``first + size − 1``.

    Flat arrays hold ``size`` values of the first unit, then of the second …, at ``start``.

    Attributes:
        half: (M,) Δ in the units of z: half a step of either quantiser of the trellis.
        first, size, start: (M,).
        spread: (M,) the row of each unit's warps.
        low, high: (2, A) the ranks between which a number lies, of either quantiser.
        magnitude: (2, A) of each number's rank, less the usual one.
        known: (M,) how much each unit tells of the scale.
        tables: the coder's, by unit and context.
        nats: (K, 2, A), once they were asked for; reading asks for none.
    """

    half: Floats
    first: Ints
    size: Ints
    start: Ints
    spread: Ints
    low: Ints
    high: Ints
    magnitude: Ints
    known: Ints
    tables: dict[tuple[int, int], Any] = field(default_factory=dict)
    nats: npt.NDArray[np.float32] | None = None


class Uniform:
    """Steps of one length for each unit, around its median, chosen by a trellis.

    A unit's step is that of the quality divided by the unit's gain, the length by which a picture
    changes per unit of it: all steps are then the same length in pictures, which is best for PCA
    and near it for others, and the quality means the same for every model. Numbers are those that
    make the least of the squared error in half steps plus half of their nats. Codes beyond the
    range end at its ends.

    Units are coded in the order of their spread, the widest first, each in the context of those before
    it (see ``contexts``).

    Attributes:
        origin: (M,) float32, a value that is hit exactly.
        cell: (M,) float32, the width of a table's cell.
        low: (M,) int64, where the table begins, in cells from the origin.
        gain: (M,) float32.
        cumulative: (M, K + 1) int64 from 0 to 2^24, the distribution at the cells' borders.
        spread: (M,) int64, the deviation in steps of quality 100, in 64ths of an octave.
        contexts: of all units.
        code_shape: of one code.
    """

    one_rate = False

    def __init__(self, state: Mapping[str, Tensor], code_shape: tuple[int, ...]) -> None:
        self.code_shape = tuple(code_shape)
        self.origin = state["origin"].double().numpy()
        self.cell = state["cell"].double().numpy()
        self.gain = state["gain"].double().numpy()
        self.low: Ints = state["low"].long().numpy()
        self.cumulative: Ints = state["cumulative"].long().numpy()
        self.spread: Ints = state["spread"].long().numpy()
        self._check(math.prod(code_shape))
        self.contexts = Contexts(state)
        self._scales: dict[int, _Scale] = {}

    def _check(self, units: int) -> None:
        cells = self.cumulative.shape[-1] - 1
        each = (self.origin, self.cell, self.gain, self.low, self.spread)
        sound = (
            all(x.shape == (units,) for x in each)
            and self.cumulative.shape == (units, cells + 1)
            and 1 <= cells <= CELLS
            and bool((np.diff(self.cumulative) >= 0).all())
            and bool((self.cumulative[:, 0] == 0).all() and (self.cumulative[:, -1] == MASS).all())
            and bool((self.low <= 0).all() and (self.low + cells >= 0).all())
            and bool(np.isfinite([self.origin, self.cell, self.gain]).all())
            and bool((self.cell > 0).all() and (self.gain >= 0).all())
            and bool((np.abs(self.spread) <= 1 << 14).all())
        )
        if not sound:
            raise BadFile("the tables of codes are damaged, or of another model; fit them again")

    @staticmethod
    def fit(codes: Tensor, gain: Tensor, seed: int = 0) -> Uniform:
        """Tables of codes (N, *code), whose units have ``gain`` (*code).

        Raises:
            ValueError: there are no codes, or some are not finite.
        """
        found = Uniform.independent(codes, gain)
        if len(codes) >= FEWEST:
            found.learn(codes, seed)
        return found

    @staticmethod
    def independent(codes: Tensor, gain: Tensor) -> Uniform:
        """Tables of codes whose units tell nothing of each other."""
        code_shape = tuple(codes.shape[1:])
        z = codes.flatten(1).double().numpy()
        if len(z) < 1 or not np.isfinite(z).all():
            raise ValueError(
                f"tables are fitted to finite codes of at least one picture; we got {len(z)}"
                f"{' with NaN or infinite values' if len(z) else ''}"
            )
        units = z.shape[1]
        cells = 1 << max(6, min(10, (ALL_CELLS // units).bit_length() - 1))
        origin = np.median(z, 0).astype(np.float32).astype(np.float64)
        least, most = z.min(0), z.max(0)
        margin = (most - least) / 4
        live = margin > 1e-9 * np.maximum(1, np.abs(origin))
        width = np.where(live, (most - least + 2 * margin) / (cells - 2), 1)
        width = width.astype(np.float32).astype(np.float64)
        low = np.where(live, np.floor((least - margin - origin) / width), -(cells // 2))
        low = low.astype(np.int64).clip(-cells, 0)
        places = ((z - origin) / width - low).clip(0, cells - 1e-6)
        gains = np.where(live, gain.flatten().double().numpy(), 0)
        length = np.sqrt(np.square(z - origin).mean(0)) * gains / FINEST
        state = {
            "origin": torch.from_numpy(origin).float(),
            "cell": torch.from_numpy(width).float(),
            "low": torch.from_numpy(low).int(),
            "gain": torch.from_numpy(gains).float(),
            "cumulative": torch.from_numpy(_distributions(places, cells)).int(),
            "spread": torch.from_numpy(np.rint(64 * np.log2(length + 2.0**-64))).int(),
        }
        return Uniform({**state, **Contexts.none().state()}, code_shape)

    def learn(self, codes: Tensor, seed: int = 0) -> None:
        """Fit the contexts to codes (N, *code), of which a few hundred are looked at."""
        chosen = permutation(seed, "contexts", len(codes))
        most = max(8, FITTED_TO * 1000 // max(1000, self.units))
        parts = [codes[chosen[place :: len(LEARNT_AT)][:most]] for place in range(len(LEARNT_AT))]
        used = [
            (part, quality) for part, quality in zip(parts, LEARNT_AT, strict=True) if len(part)
        ]
        for _ in range(PASSES):
            numbers = [self.symbols(part, quality) for part, quality in used]
            qualities = [quality for _, quality in used]
            self._take(**self._magnitudes(numbers, qualities))
            told = np.concatenate(
                [self._sure(own, quality) for own, quality in zip(numbers, qualities, strict=True)]
            )
            if len(told):
                shares = np.arange(1, CLASSES) / CLASSES
                self._take(borders=np.floor(np.quantile(told, shares)))
            counted = [
                self._counted(own, quality) for own, quality in zip(numbers, qualities, strict=True)
            ]
            self._take(warps=self.contexts.fitted(Counted.joined(counted)))

    def _take(self, **arrays: Ints | Floats) -> None:
        """Other numbers of the contexts."""
        self.contexts = Contexts({**self.contexts.state(), **tensors(**arrays)})
        self._scales.clear()

    def _magnitudes(self, numbers: list[Ints], qualities: list[int]) -> dict[str, Floats]:
        """The usual magnitude of a number by spread and quantiser, and by spread how much it varies."""
        total, squares, count = (np.zeros(SPREADS * 2) for _ in range(3))
        for own, quality in zip(numbers, qualities, strict=True):
            scale = self._scale(quality)
            quantiser, flat = self._places(own, scale)
            row = scale.spread[self.order] * 2 + quantiser
            found = magnitude(scale.low[quantiser, flat], scale.high[quantiser, flat])
            for into, what in ((total, found), (squares, found**2), (count, np.ones(found.shape))):
                into += np.bincount(row.ravel(), what.ravel().astype(float), SPREADS * 2)
        total, squares, count = (
            beside(x.reshape(SPREADS, 2)).ravel() for x in (total, squares, count)
        )
        usual = np.where(count > 0, total / np.maximum(count, 1), 1 << FRACTION_OF_RANK - 1)
        varied = (squares - count * usual**2).reshape(-1, 2).sum(1)
        known = varied / np.maximum(count.reshape(-1, 2).sum(1), 1) / (1 << FRACTION_OF_RANK)
        return {"usual": np.rint(usual), "known": np.rint(known)}

    def _counted(self, symbols: Ints, quality: int) -> Counted:
        """How often each number came in each context."""
        scale = self._scale(quality)
        quantiser, flat = self._places(symbols, scale)
        key = scale.spread[self.order] * CLASSES + self._classes(symbols, quality)
        values = scale.low.shape[1]
        both = ((key - (scale.spread * CLASSES)[self.order]) * 2 + quantiser) * values + flat
        count = np.bincount(both.ravel(), minlength=CLASSES * 2 * values)
        there = np.flatnonzero(count)
        context, flat = np.divmod(there, values)
        unit = np.repeat(np.arange(self.units), scale.size)[flat]
        quantiser = context & 1
        low, high = scale.low[quantiser, flat], scale.high[quantiser, flat]
        key = scale.spread[unit] * CLASSES * 2 + context
        kept = high > low
        return Counted(low[kept], high[kept], key[kept], count[there][kept])

    def state(self) -> dict[str, Tensor]:
        """The tensors that it is made of."""
        return {
            "origin": torch.from_numpy(self.origin).float(),
            "cell": torch.from_numpy(self.cell).float(),
            "low": torch.from_numpy(self.low).int(),
            "gain": torch.from_numpy(self.gain).float(),
            "cumulative": torch.from_numpy(self.cumulative).int(),
            "spread": torch.from_numpy(self.spread).int(),
            **self.contexts.state(),
        }

    @property
    def units(self) -> int:
        """M."""
        return len(self.origin)

    @cached_property
    def order(self) -> Ints:
        """The units as they are coded, (M,)."""
        return np.argsort(-self.spread, kind="stable")

    @cached_property
    def groups(self) -> Ints:
        """Where groups of one class begin in the order, (G + 1,)."""
        return groups_of(self.units)

    def symbols(self, z: Tensor, quality: int) -> Ints:
        """z (B, *code) → the numbers of the units in their order, from each one's first, (B, M).

        They are chosen twice: for the usual context, and for those that the first choice makes.
        """
        scale, order = self._scale(quality), self.order
        first, size, start = (x[order] for x in (scale.first, scale.size, scale.start))
        exact = ((z.flatten(1).double().numpy() - self.origin) / scale.half)[:, order]
        exact = np.nan_to_num(exact, nan=0.0).clip(2 * first, 2 * (first + size - 1))
        classes = np.full(exact.shape, self.contexts.classes(0))
        nats = self._nats(scale)
        for _ in range(2):

            def price(k: Ints, mine: Ints, quantiser: int, classes: Ints = classes) -> Floats:
                flat = start[mine] + k - first[mine]
                found: Floats = NAT * nats[classes[:, mine], quantiser, flat]
                return found

            symbols = cheapest(exact, first, first + size - 1, price) - first
            classes = self._classes(symbols, quality)
        return symbols

    def values(self, symbols: Ints, quality: int) -> Tensor:
        """The value of each number, z (B, *code) float32."""
        scale = self._scale(quality)
        numbers = symbols + scale.first[self.order]
        steps = np.empty(numbers.shape)
        steps[:, self.order] = multiples(numbers, quantiser_of(numbers))
        z = self.origin + steps * scale.half
        return torch.from_numpy(z.astype(np.float32)).reshape(-1, *self.code_shape)

    def nats(self, symbols: Ints, quality: int) -> Floats:
        """What the symbols (B, M) of each code cost, (B,)."""
        scale = self._scale(quality)
        quantiser, flat = self._places(symbols, scale)
        nats = self._nats(scale)
        return np.asarray(nats[self._classes(symbols, quality), quantiser, flat].sum(1, float))

    def write(self, writer: Writer, symbols: Ints, quality: int) -> None:
        """Symbols (B, M) of one file: unit by unit, and of each first those of the lowest context."""
        scale = self._scale(quality)
        quantiser, _ = self._places(symbols, scale)
        contexts = 2 * self._classes(symbols, quality) + quantiser
        coded = np.flatnonzero(scale.size[self.order] > 1)
        if len(symbols) == 1:
            rows = (x[coded].tolist() for x in (self.order, symbols[0], contexts[0]))
            for unit, symbol, context in zip(*rows, strict=True):
                writer.one(symbol, self._table(scale, unit, context))
            return
        for place in coded.tolist():
            unit = int(self.order[place])
            for context in np.unique(contexts[:, place]).tolist():
                own = symbols[contexts[:, place] == context, place]
                writer.many(own, self._table(scale, unit, context))

    def read(self, reader: Reader, count: int, quality: int) -> Ints:
        """The symbols (B, M) of ``count`` codes.

        Raises:
            BadFile: there are none.
        """
        scale, alone = self._scale(quality), count == 1
        found, taken = (np.zeros((count, self.units), np.int64) for _ in range(2))
        sums = np.zeros((count, len(self.groups) - 1), np.int64)
        known, starts = self._known(scale), self.groups.tolist()
        order, size, first = (x.tolist() for x in (self.order, scale.size, scale.first))
        now: Any = 0
        after: Any = 0
        for group, (begin, end) in enumerate(zip(starts, starts[1:], strict=False)):
            told = self.contexts.told(sums[:, :group], known[:group], group, self.groups)
            classes = self.contexts.classes(told)
            only = 2 * int(classes[0])
            for place in range(begin, end):
                unit = order[place]
                symbol: Any = 0
                if place % CHAIN == 0:
                    now = after = 0 if alone else np.zeros(count, np.int64)
                if size[unit] > 1 and alone:
                    symbol = reader.one(self._table(scale, unit, only + now))
                    found[0, place] = symbol
                elif size[unit] > 1:
                    contexts = 2 * classes + now
                    for context in np.unique(contexts).tolist():
                        rows = np.flatnonzero(contexts == context)
                        model = self._table(scale, unit, context)
                        found[rows, place] = reader.many(model, len(rows))
                    symbol = found[:, place]
                taken[:, place] = now
                # with b₁ the quantiser: b₁' = p ⊕ b₀, b₀' = b₁
                now, after = (symbol + first[unit] & 1) ^ after, now
            flat = scale.start[self.order[begin:end]] + found[:, begin:end]
            sums[:, group] = scale.magnitude[taken[:, begin:end], flat].sum(1)
        return found

    def _places(self, symbols: Ints, scale: _Scale) -> tuple[Ints, Ints]:
        """The quantisers of symbols (B, M), and where they are in flat arrays."""
        quantiser = quantiser_of(symbols + scale.first[self.order])
        return quantiser, symbols + scale.start[self.order]

    def _known(self, scale: _Scale) -> Ints:
        """How much the units of each group tell, (G,)."""
        found: Ints = np.add.reduceat(scale.known[self.order], self.groups[:-1])
        return found

    def _told(self, symbols: Ints, quality: int) -> Ints:
        """What is told of each group's scale by those before, (B, G)."""
        scale = self._scale(quality)
        quantiser, flat = self._places(symbols, scale)
        sums = np.add.reduceat(scale.magnitude[quantiser, flat], self.groups[:-1], axis=1)
        known, groups = self._known(scale), self.groups
        each = [
            self.contexts.told(sums[:, :group], known[:group], group, groups)
            for group in range(len(groups) - 1)
        ]
        return np.stack(each, 1)

    def _sure(self, symbols: Ints, quality: int) -> Ints:
        """What is told of the groups of which much is known, one number of each unit."""
        known = known_of(self._known(self._scale(quality)), self.groups) >= DOUBT
        told = self._told(symbols, quality)[:, known]
        return np.repeat(told, np.diff(self.groups)[known], 1).ravel()

    def _classes(self, symbols: Ints, quality: int) -> Ints:
        """The class of each symbol (B, M)."""
        found = self.contexts.classes(self._told(symbols, quality))
        return np.asarray(np.repeat(found, np.diff(self.groups), 1))

    def _table(self, scale: _Scale, unit: int, context: int) -> Any:
        """The coder's table of a unit in a context: twice the class, and the quantiser."""
        key = (unit, context)
        if key not in scale.tables:
            scale.tables[key] = table(self._masses(scale, unit, context))
        return scale.tables[key]

    def _masses(self, scale: _Scale, unit: int, context: int) -> Ints:
        """How often each of a unit's numbers comes, of 2^24."""
        own = slice(scale.start[unit], scale.start[unit] + scale.size[unit])
        row = scale.spread[unit] * CLASSES * 2 + context
        low, high = scale.low[context & 1, own], scale.high[context & 1, own]
        return self.contexts.warped(high, row) - self.contexts.warped(low, row)

    def _nats(self, scale: _Scale) -> npt.NDArray[np.float32]:
        """What each number costs in each class and of either quantiser, (K, 2, A)."""
        if scale.nats is None:
            spread = np.repeat(scale.spread, scale.size)
            scale.nats = np.empty((CLASSES, *scale.low.shape), np.float32)
            for own, quantiser in np.ndindex(CLASSES, 2):
                row = self.contexts.key(spread, own, quantiser)
                high, low = (x[quantiser] for x in (scale.high, scale.low))
                mass = self.contexts.warped(high, row) - self.contexts.warped(low, row)
                scale.nats[own, quantiser] = np.log(MASS) - np.log(np.maximum(mass, 1))
        return scale.nats

    def _scale(self, quality: int) -> _Scale:
        if quality not in self._scales:
            self._scales[quality] = self._at(quality)
        return self._scales[quality]

    def _at(self, quality: int) -> _Scale:
        one, cells = 1 << FRACTION, self.cumulative.shape[1] - 1
        begin, end = self.low * one, (self.low + cells) * one
        # a step of either quantiser, from so many over the range to all of it in one
        shortest, longest = cells * one // LONGEST + 1, 4 * cells * one
        with np.errstate(divide="ignore"):
            wanted = one * COARSE * step_of(quality) / (self.gain * self.cell)
        step: Ints = 4 * (np.rint(np.clip(wanted, shortest, longest)).astype(np.int64) // 4 + 1)
        half = step // 2
        first, last = -((half - begin) // step), (end + half) // step
        size = last - first + 1
        start = np.cumsum(size) - size
        unit = np.repeat(np.arange(len(size)), size)
        k = np.arange(len(unit)) - start[unit] + first[unit]

        def rank(border: Ints, at: int) -> Ints:
            """F at a border, in parts of a cell from the origin; the outermost have all that is left."""
            cell, rest = np.divmod((border - begin[unit]).clip(0, cells * one - 1), one)
            known, above = self.cumulative[unit, cell], self.cumulative[unit, cell + 1]
            there = known + ((above - known) * rest >> FRACTION)
            there = np.where(k == first[unit], 0, there) if at < 0 else there
            return np.where(k == last[unit], MASS, there) if at > 0 else there

        step_, half_ = step[unit], half[unit]
        # of the first quantiser in the middle between its values, of the second too, but for k = ±1
        middles = [
            [k * step_ - half_, k * step_ + half_],
            [(k - (k > 0)) * step_, (k + (k < 0)) * step_],
        ]
        middles[1][0] = np.where(k == 1, half_ // 2, middles[1][0])
        middles[1][1] = np.where(k == -1, -(half_ // 2), middles[1][1])
        middles[1] = [
            np.where(k == 0, at * (half_ // 2), m)
            for at, m in zip((-1, 1), middles[1], strict=True)
        ]
        low, high = (
            np.stack([rank(edges[side], at) for edges in middles])
            for side, at in enumerate((-1, 1))
        )
        fine = (100 - quality) * 64 // OCTAVE
        spread = ((self.spread - fine - LEAST_SPREAD) // ROUGH).clip(0, SPREADS - 1)
        usual = self.contexts.usual.reshape(-1, 2)[spread[unit]].T
        told = magnitude(low, high) - usual
        told[:, (size == 1)[unit]] = 0
        return _Scale(
            half / one * self.cell, first, size, start, spread, low, high, told,
            np.where(size > 1, self.contexts.known[spread], 0),
        )  # fmt: skip


def _distributions(places: Floats, cells: int) -> Ints:
    """Cumulative tables (M, K + 1) of N values (N, M) in [0, K): a kernel's width wider than they.

    The kernel is Gaussian with the width of Silverman's rule, in cells; a small part of the mass is
    spread over all cells.
    """
    count, units = places.shape
    found = np.empty((units, cells + 1), np.int64)
    quarters = np.quantile(places, (0.25, 0.75), 0)
    spread = np.minimum(places.std(0), (quarters[1] - quarters[0]) / 1.34)
    widths = 0.9 * spread * count**-0.2
    for unit in range(units):
        density = np.bincount(places[:, unit].astype(np.int64), minlength=cells) / count
        reach = min(int(np.ceil(4 * widths[unit])), cells - 1)
        if reach:
            taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / widths[unit]) ** 2)
            smooth = np.convolve(density, taps / taps.sum())[reach : reach + cells]
            density = smooth / smooth.sum()
        density = (1 - WIDE) * density + WIDE / cells
        found[unit] = np.rint(MASS * np.concatenate([[0], density.cumsum()]))
        found[unit, -1] = MASS
    return np.minimum(found, MASS)


@dataclass(frozen=True)
class Codebook:
    """What a code book offers.

    Attributes:
        nearest: z (B, *code) → indices (B, …).
        lookup: indices (B, …) → z (B, *code).
        radices: numbers whose product is the number of entries; an index is coded as its digits.
    """

    nearest: Callable[[Tensor], Tensor]
    lookup: Callable[[Tensor], Tensor]
    radices: tuple[int, ...]


class Indices:
    """The entries of a code book, each with a table for its place.

    Attributes:
        table: (M, A) int64, how often each digit came, plus a little.
        layout: of one code's indices.
    """

    one_rate = True

    def __init__(
        self, state: Mapping[str, Tensor], book: Codebook, code_shape: tuple[int, ...]
    ) -> None:
        self.book = book
        self.layout = tuple(book.nearest(torch.zeros(1, *code_shape)).shape[1:])
        self.table: Ints = state["table"].long().numpy()
        digits = math.prod(self.layout) * len(book.radices)
        if self.table.shape != (digits, max(book.radices)) or not (self.table >= 0).all():
            raise BadFile("the tables of codes are damaged, or of another model; fit them again")

    @staticmethod
    def fit(codes: Tensor, book: Codebook) -> Indices:
        """Tables of codes (N, *code)."""
        widest = max(book.radices)
        each = np.stack([np.bincount(one, minlength=widest) for one in _digits(book, codes).T])
        # what came nowhere here counts as half a picture that has it as often as all places do
        smooth = each + 0.5 * (each.sum(0) + 1) / (each.sum() + widest)
        table = np.rint(smooth * (1 << 20) / len(codes)) + 1
        return Indices({"table": torch.from_numpy(table).int()}, book, tuple(codes.shape[1:]))

    def state(self) -> dict[str, Tensor]:
        """The tables."""
        return {"table": torch.from_numpy(self.table).int()}

    def counts(self, quality: int) -> list[Ints]:
        """M tables, one for each digit of each place."""
        sizes = self.book.radices * math.prod(self.layout)
        return [row[:size] for row, size in zip(self.table, sizes, strict=True)]

    @property
    def units(self) -> int:
        """M, the digits of all places."""
        return len(self.table)

    def nats(self, symbols: Ints, quality: int) -> Floats:
        """What the symbols (B, M) of each code cost, (B,)."""
        columns = zip(symbols.T, self.counts(quality), strict=True)
        return np.asarray(sum(nats_of(counts)[column] for column, counts in columns))

    def write(self, writer: Writer, symbols: Ints, quality: int) -> None:
        """Symbols (B, M) of one file, digit by digit."""
        for column, model in zip(symbols.T, self._tables, strict=True):
            if model is not None:
                writer.many(column, model)

    def read(self, reader: Reader, count: int, quality: int) -> Ints:
        """The symbols (B, M) of ``count`` codes.

        Raises:
            BadFile: there are none.
        """
        found = np.zeros((count, self.units), np.int64)
        for unit, model in enumerate(self._tables):
            if model is not None:
                found[:, unit] = reader.many(model, count)
        return found

    @cached_property
    def _tables(self) -> list[Any]:
        """The coder's table of each digit, None where there is one."""
        return [table(c) if len(c) > 1 else None for c in self.counts(0)]

    def symbols(self, z: Tensor, quality: int) -> Ints:
        """z (B, *code) → the digits of its indices, (B, M)."""
        return _digits(self.book, z)

    def values(self, symbols: Ints, quality: int) -> Tensor:
        """(B, M) → the entries, z (B, *code) float32."""
        digits = symbols.reshape(len(symbols), -1, len(self.book.radices))
        places = np.cumprod([1, *self.book.radices[:-1]])
        indices = torch.from_numpy((digits * places).sum(-1)).reshape(-1, *self.layout)
        return self.book.lookup(indices).float()


def _digits(book: Codebook, z: Tensor) -> Ints:
    """The digits of the indices of z (B, *code), (B, M)."""
    rest = book.nearest(z).flatten(1).numpy()
    digits = []
    for radix in book.radices:
        rest, digit = np.divmod(rest, radix)
        digits.append(digit)
    found: Ints = np.stack(digits, -1).reshape(len(z), -1)
    return found
