"""Codes to whole numbers and back, and how often each number comes.

z (B, *code) ──symbols──► (B, M) whole numbers ──values──► ẑ (B, *code)

``Uniform`` cuts the units of a point or Gaussian code afterwards, in steps that the quality sets;
``Indices`` takes the entries of a code book as they are, at its one rate. Counts are computed by
whole numbers from tables fitted to the codes of pictures, so every machine has the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadFile
from .entropy import nats_of

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
MASS = 1 << 24  # of a whole distribution
CELLS = 1024  # of a unit's table at most
ALL_CELLS = 1 << 20  # of all units' tables together, as far as 64 for each allow
LONGEST = 1022  # steps over a unit's range
WIDE = 1 / 512  # share of a distribution that is spread over the whole range
# d(rate)/d(distortion) of a fine uniform quantiser: D = step² 2^(−2R)/12, in nats and steps
SLOPE = 2 / 12


class Quantiser(Protocol):
    """Codes to symbols; ``one_rate`` says that the quality changes nothing."""

    one_rate: bool

    def symbols(self, z: Tensor, quality: int) -> Ints:
        """z (B, *code) → (B, M), each from 0."""
        ...

    def values(self, symbols: Ints, quality: int) -> Tensor:
        """(B, M) → z (B, *code) float32."""
        ...

    def counts(self, quality: int) -> list[Ints]:
        """M tables (A,): how often each symbol comes, in any unit."""
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


@dataclass(frozen=True)
class _Scale:
    """A quantiser at one quality: per unit the step, the first number, and counts."""

    step: Floats
    first: Ints
    counts: list[Ints]
    nats: npt.NDArray[np.float32]  # (M, A), infinite where a unit has fewer


class Uniform:
    """Steps of one length for each unit, around its median.

    A unit's step is that of the quality divided by the unit's gain, the length by which a picture
    changes per unit of it: all steps are then the same length in pictures, which is best for PCA
    and near it for others, and the quality means the same for every model. Between the two nearest
    values the one is taken whose squared error in steps, plus ⅙ of its cost in nats, is less: what
    a nat buys a fine quantiser. Codes beyond the range end at its ends.

    Attributes:
        origin: (M,) float32, a value that is hit exactly.
        cell: (M,) float32, the width of a table's cell.
        low: (M,) int64, where the table begins, in cells from the origin.
        gain: (M,) float32.
        cumulative: (M, K + 1) int64 from 0 to 2^24, the distribution at the cells' borders.
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
        self._scales: dict[int, _Scale] = {}
        self._check(math.prod(code_shape))

    def _check(self, units: int) -> None:
        cells = self.cumulative.shape[-1] - 1
        sound = (
            all(len(x) == units for x in (self.origin, self.cell, self.gain, self.low))
            and self.cumulative.shape == (units, cells + 1)
            and 1 <= cells <= CELLS
            and bool((np.diff(self.cumulative) >= 0).all())
            and bool((self.cumulative[:, 0] == 0).all() and (self.cumulative[:, -1] == MASS).all())
            and bool((self.low <= 0).all() and (self.low + cells >= 0).all())
            and bool(np.isfinite([self.origin, self.cell, self.gain]).all())
            and bool((self.cell > 0).all() and (self.gain >= 0).all())
        )
        if not sound:
            raise BadFile("the tables of codes are damaged, or of another model; fit them again")

    @staticmethod
    def fit(codes: Tensor, gain: Tensor) -> Uniform:
        """Tables of codes (N, *code), whose units have ``gain`` (*code).

        Raises:
            ValueError: there are no codes, or some are not finite.
        """
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
        return Uniform(
            {
                "origin": torch.from_numpy(origin).float(),
                "cell": torch.from_numpy(width).float(),
                "low": torch.from_numpy(low).int(),
                "gain": torch.where(torch.from_numpy(live), gain.flatten().float(), 0),
                "cumulative": torch.from_numpy(_distributions(places, cells)).int(),
            },
            code_shape,
        )

    def state(self) -> dict[str, Tensor]:
        """The tensors that it is made of."""
        return {
            "origin": torch.from_numpy(self.origin).float(),
            "cell": torch.from_numpy(self.cell).float(),
            "low": torch.from_numpy(self.low).int(),
            "gain": torch.from_numpy(self.gain).float(),
            "cumulative": torch.from_numpy(self.cumulative).int(),
        }

    def counts(self, quality: int) -> list[Ints]:
        """M tables of the steps' masses, which sum to 2^24."""
        return self._scale(quality).counts

    def symbols(self, z: Tensor, quality: int) -> Ints:
        """z (B, *code) → the steps from each unit's first, (B, M)."""
        scale = self._scale(quality)
        sizes = np.array([len(c) for c in scale.counts])
        exact = (z.flatten(1).double().numpy() - self.origin) / scale.step - scale.first
        exact = np.nan_to_num(exact, nan=0.0).clip(0, sizes - 1)
        below: Ints = np.floor(exact).astype(np.int64)
        above = np.minimum(below + 1, sizes - 1)
        units = np.arange(len(sizes))

        def price(symbols: Ints) -> Floats:
            found: Floats = (exact - symbols) ** 2 + SLOPE * scale.nats[units, symbols]
            return found

        return np.asarray(np.where(price(above) < price(below), above, below))

    def values(self, symbols: Ints, quality: int) -> Tensor:
        """The middle of each step, z (B, *code) float32."""
        scale = self._scale(quality)
        z = self.origin + (symbols + scale.first) * scale.step
        return torch.from_numpy(z.astype(np.float32)).reshape(-1, *self.code_shape)

    def _scale(self, quality: int) -> _Scale:
        if quality not in self._scales:
            self._scales[quality] = self._at(step_of(quality))
        return self._scales[quality]

    def _at(self, length: float) -> _Scale:
        one = 1 << FRACTION
        cells = self.cumulative.shape[1] - 1
        start, end = self.low * one, (self.low + cells) * one
        shortest, longest = (
            cells * one // LONGEST + 1,
            4 * cells * one,
        )  # one step: all of the range
        with np.errstate(divide="ignore"):
            wanted = np.minimum(one * length / (self.gain * self.cell), longest)
        step: Ints = 2 * (np.maximum(np.rint(wanted), shortest).astype(np.int64) // 2 + 1)
        half = step // 2
        first, last = -((half - start) // step), (end + half) // step
        counts = [
            self._masses(unit, first[unit], last[unit], step[unit], start[unit], cells * one)
            for unit in range(len(step))
        ]
        nats = np.full((len(step), max(map(len, counts))), np.inf, np.float32)
        for row, own in zip(nats, counts, strict=True):
            row[: len(own)] = nats_of(own)
        return _Scale(step / one * self.cell, first, counts, nats)

    def _masses(self, unit: int, first: int, last: int, step: int, start: int, size: int) -> Ints:
        """The mass of the steps first … last of a unit, read off its table between the cells."""
        borders = np.arange(first, last, dtype=np.int64) * step + step // 2 - start
        cell, rest = np.divmod(borders.clip(0, size - 1), 1 << FRACTION)
        known = self.cumulative[unit]
        there = known[cell] + ((known[cell + 1] - known[cell]) * rest >> FRACTION)
        return np.asarray(np.diff(there, prepend=0, append=MASS))


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
