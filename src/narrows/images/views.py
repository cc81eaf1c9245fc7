"""Sources made of other sources and tensors: some of the items, other labels, other pictures, views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..randomness import Draws, permutation
from .source import Array, Source, _positions

__all__ = ["Items", "Labelled", "Mapped", "Mirrored", "Subset", "Viewed"]

KNOWN = ("ids", "label", "labels", "metadata", "groups", "split", "targets")


class Items:
    """Items that are numbers already, and stay as they are: no steps of 1/255.

    Args:
        x: float32 (N, *shape).
        label: (N,), or None.
    """

    def __init__(self, x: Tensor, label: Array | None = None) -> None:
        self.x, self.label = x, label

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return tuple(self.x.shape[1:])

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, *shape)."""
        return self.x[indices.to(self.x.device)]


class Subset:
    """Some items of any source, in a stated order, with what the source knows of them.

    Attributes:
        source: what they are of; never a subset itself.
        indices: their positions there, (N,) int64.
    """

    def __init__(self, source: Source, indices: Any) -> None:
        rows = torch.from_numpy(_positions(indices, len(source)))
        nested = isinstance(source, Subset)
        self.source: Source = source.source if nested else source  # type: ignore[attr-defined]
        self.indices: Tensor = source.indices[rows] if nested else rows  # type: ignore[attr-defined]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return self.source.shape

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, *shape)."""
        return self.source.batch(self.indices[indices.cpu()])

    def __getattr__(self, name: str) -> Any:
        if name == "preprocessing":
            return getattr(self.source, name, None)
        return _taken(_known(self, name), self.indices.numpy())


class Labelled:
    """A source with labels (N,) of its own, ``label``; of all else it knows what the source does."""

    def __init__(self, source: Source, label: Any) -> None:
        self.source, self.label = source, np.asarray(label)
        if self.label.shape != (len(source),):
            raise ValueError(
                f"a label for each of the {len(source)} items was wanted; we got {self.label.shape}"
            )

    @property
    def labels(self) -> dict[str, Array]:
        """The one column, ``label``."""
        return {"label": self.label}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, *shape)."""
        return self.source.batch(indices)

    def __getattr__(self, name: str) -> Any:
        if name == "preprocessing":
            return getattr(self.source, name, None)
        return _known(self, name)


class Mapped:
    """A source seen through ``change(x (B, *shape), positions (B,))``, which keeps the shape."""

    def __init__(self, source: Source, change: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.source, self.change = source, change

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, *shape)."""
        return self.change(self.source.batch(indices), indices)

    def __getattr__(self, name: str) -> Any:
        return _known(self, name)


@dataclass(frozen=True)
class Mirrored:
    """N pictures and, after them, their N mirror images, left for right."""

    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return tuple(self.source.shape)

    def __len__(self) -> int:
        return 2 * len(self.source)

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, C, H, W)."""
        n = len(self.source)
        x = self.source.batch(indices % n)
        mirrored = (indices >= n).to(x.device)[:, None, None, None]
        return torch.where(mirrored, x.flip(3), x)


@dataclass(frozen=True)
class Viewed:
    """``count`` views of N pictures, in an order drawn by the seed: all of them, and again, or some.

    A view is a function of the seed and its place: asked for alone or among others it is the same.

    Args:
        change: makes a view of each of some pictures, such as a corruption.
        block: views that are made at once, whichever of them are asked for.
    """

    source: Source
    change: Callable[[Tensor, Draws], Tensor]
    count: int
    seed: int = 0
    block: int = 64

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return tuple(self.source.shape)

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: Tensor) -> Tensor:
        """float32 (B, C, H, W)."""
        n = len(self.source)
        order = permutation(self.seed, "viewed", n)
        wanted, place = torch.unique(indices // self.block, return_inverse=True)
        made = []
        for block in wanted.tolist():
            positions = torch.arange(block * self.block, min((block + 1) * self.block, self.count))
            made.append(
                self.change(self.source.batch(order[positions % n]), Draws(self.seed, block))
            )
        if not made:
            return self.source.batch(indices)
        # all blocks but the last of the source are as long, and that one stands last
        return torch.cat(made)[place * self.block + indices % self.block]


def _known(view: Any, name: str) -> Any:
    """What the source of a view knows of all its items."""
    if name not in KNOWN or "source" not in vars(view):
        raise AttributeError(f"{type(view).__name__!r} object has no attribute {name!r}")
    return getattr(view.source, name)


def _taken(values: Any, rows: Array) -> Any:
    """The rows of a column, of a table of columns, or of a source."""
    if values is None:
        return None
    if isinstance(values, Mapping):
        return {key: _taken(column, rows) for key, column in values.items()}
    if isinstance(values, Source):
        return Subset(values, rows)
    if isinstance(values, (np.ndarray, Tensor)):
        return values[rows]
    return [values[row] for row in rows.tolist()]
