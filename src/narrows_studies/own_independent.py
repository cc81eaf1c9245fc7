"""The coder that ``compress`` had before its contexts: each unit cut by itself, with a table of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.applications import Codec
from narrows.applications.contexts import MASS
from narrows.applications.entropy import Reader, Writer, nats_of, table
from narrows.applications.quantisers import FRACTION, LONGEST, Uniform, step_of

__all__ = ["with_independent_units"]

SLOPE = 2 / 12  # d(rate)/d(distortion) of a fine uniform quantiser, in nats and squared steps


class Independent:
    """Steps of one length, the cheaper of the two nearest, and a unit's own table for every picture."""

    one_rate = False

    def __init__(self, fitted: Uniform) -> None:
        self.fitted, self.units = fitted, len(fitted.origin)
        self.scales: dict[int, tuple[Any, ...]] = {}

    def state(self) -> dict[str, Tensor]:
        return {k: v for k, v in self.fitted.state().items() if not k.startswith("context")}

    def scale(self, quality: int) -> tuple[Any, ...]:
        """Steps, first numbers, counts, nats, and the coder's tables."""
        if quality in self.scales:
            return self.scales[quality]
        own, one = self.fitted, 1 << FRACTION
        cells = own.cumulative.shape[1] - 1
        start, end = own.low * one, (own.low + cells) * one
        with np.errstate(divide="ignore"):
            wanted = np.minimum(one * step_of(quality) / (own.gain * own.cell), 4 * cells * one)
        whole = np.maximum(np.rint(wanted), cells * one // LONGEST + 1).astype(np.int64)
        step = 2 * (whole // 2 + 1)
        first, last = -((step // 2 - start) // step), (end + step // 2) // step
        counts = []
        for unit in range(self.units):
            borders = np.arange(first[unit], last[unit]) * step[unit] + step[unit] // 2
            cell, rest = np.divmod((borders - start[unit]).clip(0, cells * one - 1), one)
            known = own.cumulative[unit]
            there = known[cell] + ((known[cell + 1] - known[cell]) * rest >> FRACTION)
            counts.append(np.diff(there, prepend=0, append=MASS))
        nats = np.full((self.units, max(map(len, counts))), np.inf)
        for row, each in zip(nats, counts, strict=True):
            row[: len(each)] = nats_of(each)
        tables = [table(c) if len(c) > 1 else None for c in counts]
        self.scales[quality] = (step / one * own.cell, first, counts, nats, tables)
        return self.scales[quality]

    def symbols(self, z: Tensor, quality: int) -> Any:
        step, first, counts, nats, _ = self.scale(quality)
        sizes, units = np.array(list(map(len, counts))), np.arange(self.units)
        exact = (z.flatten(1).double().numpy() - self.fitted.origin) / step - first
        exact = exact.clip(0, sizes - 1)
        below = np.floor(exact).astype(np.int64)
        above = np.minimum(below + 1, sizes - 1)
        low, high = ((exact - k) ** 2 + SLOPE * nats[units, k] for k in (below, above))
        return np.where(high < low, above, below)

    def values(self, symbols: Any, quality: int) -> Tensor:
        step, first, *_ = self.scale(quality)
        z = self.fitted.origin + (symbols + first) * step
        return torch.from_numpy(z.astype(np.float32)).reshape(-1, *self.fitted.code_shape)

    def nats(self, symbols: Any, quality: int) -> Any:
        return self.scale(quality)[3][np.arange(self.units), symbols].sum(1)

    def write(self, writer: Writer, symbols: Any, quality: int) -> None:
        for column, model in zip(symbols.T, self.scale(quality)[4], strict=True):
            if model is not None:
                writer.many(column, model)

    def read(self, reader: Reader, count: int, quality: int) -> Any:
        found = np.zeros((count, self.units), np.int64)
        for unit, model in enumerate(self.scale(quality)[4]):
            if model is not None:
                found[:, unit] = reader.many(model, count)
        return found


def with_independent_units(codec: Codec) -> Codec:
    """The same codec with the same header, whose units tell nothing of each other."""
    assert isinstance(codec.quantiser, Uniform)
    return replace(codec, quantiser=Independent(codec.quantiser))
