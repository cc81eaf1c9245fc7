"""How a number is distributed, given those before it: its own table, warped by what they tell of its scale.

    ranks of the units before ──► how much larger than usual they are ──► one of 12 classes
    own distribution F ──► G(F), G of the class, the unit's spread in steps, and the quantiser

Pictures with much contrast have large numbers in many units at once (a Gaussian scale mixture, as in
Ballé et al. 2018, whose scales are sent; here they are told by what was sent). A unit's own
distribution is kept: only its rank u = F(z) in [0, 1] is warped, by a piecewise linear G that is
shared by all units, so that it takes few pictures to learn. It also learns what the choice of the
cheapest numbers does to how often they come. All is computed in whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadFile

__all__ = ["MASS", "Contexts", "Counted", "groups_of", "magnitude"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MASS = 1 << 24  # of a whole distribution
CLASSES = 12  # of scale
SPREADS = 14  # of a unit in steps, half an octave each
FRACTION = 12  # bits of a rank's magnitude
WEIGHT = 256  # of the nearest units
DOUBT = 8 * WEIGHT * (1 << FRACTION) // 12  # eight units' worth of a usual scale
OWN = 50.0  # numbers' worth of the unit's own table in each warp
NEIGHBOUR = 0.1  # what a number counts for half an octave more or less
ROUNDS = 6  # of expectation–maximisation
# Φ(x) for x = −3.6, −3.5, … 3.6 in the middle, the cells of a warp: ends are finer than the middle
EDGES = 73


@dataclass(frozen=True)
class Counted:
    """Ranks between which numbers lie, and how many: of the fit.

    Attributes:
        low, high: (n,) in 0 … 2^24.
        key: (n,) spread, class and quantiser together, as ``Contexts.key`` makes it.
        count: (n,).
    """

    low: Ints
    high: Ints
    key: Ints
    count: Ints

    @staticmethod
    def joined(parts: Sequence[Counted]) -> Counted:
        """All of them."""
        fields = ("low", "high", "key", "count")
        return Counted(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))


class Contexts:
    """Warps of ranks by context, and what makes a context.

    Attributes:
        places: (L + 1,) ranks from 0 to 2^24, the borders of a warp's cells.
        warps: (S · K · 2, L + 1) from 0 to 2^24, of S spreads, K classes and 2 quantisers.
        usual: (S · 2,) the usual magnitude of a number.
        known: (S,) its variance: how much a number tells.
        borders: (K − 1,) between the classes.
    """

    NAMES = ("places", "warps", "usual", "known", "borders")

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        found = {name: state[f"context.{name}"].long().numpy() for name in self.NAMES}
        self.places: Ints = found["places"]
        self.warps: Ints = found["warps"]
        self.usual: Ints = found["usual"]
        self.known: Ints = found["known"]
        self.borders: Ints = found["borders"]
        cells = len(self.places) - 1 if self.places.ndim == 1 else 0
        sound = (
            1 <= cells <= 1024
            and bool((np.diff(self.places) > 0).all())
            and self.warps.shape == (SPREADS * CLASSES * 2, cells + 1)
            and bool((np.diff(self.warps) >= 0).all())
            and all(bool((t[..., 0] == 0).all()) for t in (self.places, self.warps))
            and all(bool((t[..., -1] == MASS).all()) for t in (self.places, self.warps))
            and self.usual.shape == (SPREADS * 2,)
            and self.known.shape == (SPREADS,)
            and all(bool(((t >= 0) & (t <= 1 << FRACTION)).all()) for t in (self.usual, self.known))
            and self.borders.shape == (CLASSES - 1,)
            and bool((np.diff(self.borders) >= 0).all())
        )
        if not sound:
            raise BadFile("the tables of codes are damaged, or of another model; fit them again")

    def state(self) -> dict[str, Tensor]:
        """The tensors that it is made of."""
        return {
            f"context.{name}": torch.from_numpy(getattr(self, name)).int() for name in self.NAMES
        }

    @staticmethod
    def none() -> Contexts:
        """All classes alike, and every unit as its own table says."""
        middle = [NormalDist().cdf(x / 10) for x in range(-(EDGES // 2), EDGES // 2 + 1)]
        places = np.array([0, *(round(MASS * u) for u in middle), MASS])
        return Contexts(
            tensors(
                places=places,
                warps=np.broadcast_to(places, (SPREADS * CLASSES * 2, len(places))),
                usual=np.full(SPREADS * 2, 1 << FRACTION - 1),
                known=np.zeros(SPREADS),
                borders=np.zeros(CLASSES - 1),
            )
        )

    @staticmethod
    def key(spread: Ints, scale: Ints | int, quantiser: Ints | int) -> Ints:
        """The row of ``warps`` of spreads, classes and quantisers."""
        return np.asarray((spread * CLASSES + scale) * 2 + quantiser)

    def warped(self, ranks: Ints, key: Ints) -> Ints:
        """G(u) of ranks u (…) in 0 … 2^24 by the rows ``key`` (…)."""
        cell = np.searchsorted(self.places, ranks, side="right") - 1
        cell = cell.clip(0, len(self.places) - 2)
        low, width = self.places[cell], np.diff(self.places)[cell]
        start = self.warps[key, cell]
        rise = self.warps[key, cell + 1] - start
        return np.asarray(start + rise * (ranks - low) // width)

    def told(self, sums: Ints, known: Ints, group: int, groups: Ints) -> Ints:
        """How much larger than usual a group's numbers are to be, (B,).

        The best linear guess from the magnitudes before, of which each counts by what it tells, and
        as much less as it comes earlier; against the doubt of a few units that tell all.

        Args:
            sums: (B, group) of the magnitudes in each group before, less the usual ones.
            known: (group,) how much those groups' units tell.
            group: which.
            groups: (G + 1,) where they begin.
        """
        weights = _weights(groups, group)
        found: Ints = (sums @ weights << FRACTION) // (DOUBT + int(known @ weights))
        return found

    def classes(self, told: Ints | int) -> Ints:
        """The classes of what was told (…)."""
        return np.asarray(np.searchsorted(self.borders, told, side="right"))

    def fitted(self, counted: Counted) -> Ints:
        """Warps that make the numbers counted likely, by expectation–maximisation from these.

        What is known of a number is between which ranks it lies. Warps are symmetric; each counts as
        if it had seen a few numbers of the unit's own table.
        """
        own = np.diff(self.places) / MASS
        rows, cells = len(self.warps), len(own)
        density = np.broadcast_to(own, (rows, cells)).copy()
        width = np.diff(self.places)
        first = (np.searchsorted(self.places, counted.low, side="right") - 1).clip(0, cells - 1)
        last = (np.searchsorted(self.places, counted.high, side="left") - 1).clip(0, cells - 1)
        before = (counted.low - self.places[first]) / width[first]
        beyond = (self.places[last + 1] - counted.high) / width[last]
        key = counted.key
        for _ in range(ROUNDS):
            edges = np.zeros((rows, cells + 1))
            np.cumsum(density, 1, out=edges[:, 1:])
            mass = (
                edges[key, last + 1]
                - edges[key, first]
                - before * density[key, first]
                - beyond * density[key, last]
            )
            each = counted.count / np.maximum(mass, 1e-9)

            def put(at: Ints, what: Floats) -> Floats:
                found = np.bincount(key * (cells + 1) + at, what, rows * (cells + 1))
                return np.asarray(found.reshape(rows, cells + 1))

            whole = np.cumsum(put(first, each) - put(last + 1, each), 1)[:, :-1]
            parts = (put(first, each * before) + put(last, each * beyond))[:, :-1]
            found = density * np.maximum(whole - parts, 0)
            found = beside(found.reshape(SPREADS, -1)).reshape(found.shape)
            found = (found + found[:, ::-1]) / 2 + OWN * own
            density = found / found.sum(1, keepdims=True)
        warps = np.zeros((rows, cells + 1), np.int64)
        warps[:, 1:] = np.rint(MASS * density.cumsum(1))
        warps[:, -1] = MASS
        return np.minimum(warps, MASS)


def tensors(**arrays: Ints | Floats) -> dict[str, Tensor]:
    return {
        f"context.{name}": torch.from_numpy(np.ascontiguousarray(array)).int()
        for name, array in arrays.items()
    }


def _weights(groups: Ints, group: int) -> Ints:
    """What each group before one counts: as much less as its units come earlier."""
    middle = groups[:-1] + groups[1:]
    found: Ints = WEIGHT * middle[:group] // middle[group]
    return found


def known_of(known: Ints, groups: Ints) -> Ints:
    """How much is known of each group's scale by those before (G,), where they tell ``known`` (G,)."""
    each = [int(known[:g] @ _weights(groups, g)) for g in range(len(known))]
    return np.array(each)


def beside(counts: Floats) -> Floats:
    """Counts (SPREADS, …), each with a little of the neighbouring spreads': some may have none."""
    found = counts.copy()
    found[1:] += NEIGHBOUR * counts[:-1]
    found[:-1] += NEIGHBOUR * counts[1:]
    return found


def groups_of(units: int) -> Ints:
    """Where groups of units begin whose class is one: small at first, then a sixth of what is before."""
    starts = [0]
    while starts[-1] < units:
        starts.append(min(units, starts[-1] + min(32, max(4, starts[-1] // 6))))
    return np.array(starts)


def magnitude(low: Ints, high: Ints) -> Ints:
    """The mean of |2 u − 1| for u between two ranks (…), in 2^12."""
    half = MASS >> 1
    below, above = np.minimum(low, half), np.minimum(high, half)
    left = (half - below) ** 2 - (half - above) ** 2
    below, above = np.maximum(low, half), np.maximum(high, half)
    right = (above - half) ** 2 - (below - half) ** 2
    span = np.maximum(high - low, 1)
    found: Ints = (left + right) // span >> (24 - FRACTION)
    return np.where(high > low, found, np.abs(2 * low - MASS) >> (24 - FRACTION))
