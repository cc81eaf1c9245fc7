"""Quantised bottlenecks: a code is a sequence of entries out of a finite book.

h_L ──head──► z_e (B, *code) ──cut──► vectors (B, …, d) ──nearest──► indices (B, …)
                   └──────── straight through ────────► z (B, *code) ◄──lookup──┘

A flat code is cut into groups of d units; in a map every position is one vector of its channels.
The gradient passes the rounding as if it were not there. Neither has a prior: one can be fitted to
the indices.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..processes import gathered
from ..randomness import Draws
from .code import Bottleneck, Code
from .heads import code_shape, head, tail

if TYPE_CHECKING:
    from ..objectives import Step

__all__ = [
    "FiniteScalar",
    "Quantised",
    "VectorQuantised",
    "nearest",
    "perplexity",
    "straight_through",
]

# steps after which an entry that no vector was nearest to is put elsewhere
IDLE = 100


def nearest(vectors: Tensor, book: Tensor) -> Tensor:
    """The entry of ``book`` (K, d) nearest to each of ``vectors`` (…, d), (…) int64."""
    with torch.no_grad(), torch.autocast(vectors.device.type, enabled=False):
        rows = vectors.reshape(-1, book.shape[1]).float()
        # ‖z − e‖² = ‖z‖² − 2 z·e + ‖e‖², of which the first is the same for every entry
        distances = torch.addmm(book.square().sum(1), rows, book.t(), alpha=-2)
        return distances.argmin(1).reshape(vectors.shape[:-1])


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """``hard``, to the last bit, with the gradient of ``soft`` (Bengio et al. 2013)."""
    return hard.detach() + (soft - soft.detach())


def perplexity(indices: Tensor) -> Tensor:
    """exp of the entropy of how often each entry is used, a scalar: 1 is one entry only.

    At most the number of entries, and of ``indices`` (M) themselves.
    """
    flat = indices.flatten()
    ordered = flat.sort().values
    used = torch.searchsorted(ordered, flat, right=True) - torch.searchsorted(ordered, flat)
    return (-(used / flat.numel()).log().mean()).exp()


def _cut(z: Tensor, axes: int, width: int) -> Tensor:
    """z (…, D) → (…, D / width, width), or z (…, D, H, W) → (…, H, W, D)."""
    return z.reshape(*z.shape[:-1], -1, width) if axes == 1 else z.movedim(-3, -1)


def _joined(vectors: Tensor, axes: int) -> Tensor:
    """The inverse of ``_cut``."""
    return vectors.flatten(-2) if axes == 1 else vectors.movedim(-1, -3)


class Quantised(Bottleneck):
    """A bottleneck whose codes are entries of a finite book.

    Attributes:
        digits: how many values each digit of an entry's number takes, in mixed radix.
    """

    digits: tuple[int, ...]

    @property
    def entries(self) -> int:
        """K, how many entries the book has."""
        return math.prod(self.digits)

    @abstractmethod
    def nearest(self, z: Tensor) -> Tensor:
        """The entry nearest to each vector of z (…, *code): (…, groups) or (…, H, W) int64."""

    @abstractmethod
    def lookup(self, indices: Tensor) -> Tensor:
        """Indices (…, groups) or (…, H, W) → the code that they stand for, (…, *code)."""


@part("bottleneck", "vector-quantised")
class VectorQuantised(Quantised):
    """A code of entries of a learnt book (van den Oord et al. 2017, VQ-VAE).

    The loss asks for ``commitment`` · ‖z_e − sg(e)‖² beside the likelihood, summed over a picture's
    vectors (eq. 3, its third term). It is counted in nats: beside a Gaussian likelihood of variance
    σ² it is β = 2 σ² · ``commitment`` times as dear as a pixel's squared error.

    The book is no weight: it follows running means of the vectors that chose each entry (appendix
    A.1), after every training step. An entry that none chose for 100 steps is put onto a vector of
    the batch, drawn at random; that is also how the book begins (the authors do neither). Encoding
    changes nothing.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the code.
        layout: ``flat`` or ``map``.
        entries: K, of the one book that all vectors share.
        groups: vectors of a flat code; None makes them of 4 units each, or of as many as divide 4
            and ``size``.
        decay: γ of the running means.
        commitment: β, see above.

    Attributes:
        book: (K, d).
        counts: (K,), running means of how many vectors of a batch chose each entry.
        idle: (K,) int64, the steps since one did.

    Raises:
        ValueError: numbers that cannot work, such as groups that do not divide ``size``.
    """

    part: Part
    book: Tensor
    counts: Tensor
    idle: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        size: int = 64,
        layout: str = "flat",
        *,
        entries: int = 512,
        groups: int | None = None,
        decay: float = 0.99,
        commitment: float = 0.25,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.code_shape = code_shape(shape, size, layout)
        if layout == "map" and groups is not None:
            raise ValueError(
                "groups cut a flat code; in a map every position is one vector: leave groups out; "
                f"we got {groups}"
            )
        if groups is not None and (groups < 1 or size % groups):
            raise ValueError(f"groups must divide the size of the code, {size}; we got {groups}")
        if entries < 2:
            raise ValueError(f"a code book needs at least 2 entries; we got {entries}")
        if not 0 <= decay < 1:
            raise ValueError(f"a decay is at least 0 and below 1; we got {decay}")
        if not 0 <= commitment < math.inf:
            raise ValueError(f"a commitment is at least 0; we got {commitment}")
        self.digits = (entries,)
        self.decay, self.commitment = decay, commitment
        own = math.gcd(size, 4) if groups is None else size // groups
        self.width = size if layout == "map" else own
        self.head = head(shape, size, layout)
        self.tail = tail(shape, size, layout)
        self.register_buffer("book", torch.randn(entries, self.width))
        self.register_buffer("counts", torch.zeros(entries))
        self.register_buffer("idle", torch.full((entries,), IDLE))

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The nearest entries (B, *code), repeated if ``samples`` are asked for: (S, B, *code).

        ``indices`` are (B, groups) or (B, H, W).
        """
        exact = self.head(descent.levels[-1]).float()
        indices = self.nearest(exact)
        entry = self.lookup(indices)
        z = straight_through(entry, exact)
        if samples is not None:
            z = z.expand(samples, *z.shape)
        return Code(
            z,
            pooling_indices=tuple(descent.pooling_indices),
            sampled=samples is not None,
            indices=indices,
            unquantised=exact,
            aux_loss=self.commitment * (exact - entry).square().flatten(1).sum(1),
            metrics={"perplexity": perplexity(gathered(indices))},
        )

    def nearest(self, z: Tensor) -> Tensor:
        """The entry nearest to each vector of z (…, *code): (…, groups) or (…, H, W) int64."""
        return nearest(_cut(z, len(self.code_shape), self.width), self.book)

    def lookup(self, indices: Tensor) -> Tensor:
        """Indices (…, groups) or (…, H, W) → the code that they stand for, (…, *code)."""
        return _joined(F.embedding(indices, self.book), len(self.code_shape))

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Let the book follow a training step that came past it.

        N ← γ N + (1 − γ) n, m ← γ m + (1 − γ) Σ z_e, e = m / N (appendix A.1).
        """
        code = step.code
        if not self.training or code.indices is None or code.unquantised is None:
            return
        exact, indices = gathered(code.unquantised), gathered(code.indices)
        vectors = _cut(exact, len(self.code_shape), self.width).flatten(0, -2)
        chose = F.one_hot(indices.flatten(), len(self.book)).to(vectors.dtype)
        chosen = chose.sum(0)
        kept, new = self.decay * self.counts, (1 - self.decay) * chosen
        sums = kept[:, None] * self.book + (1 - self.decay) * (chose.t() @ vectors)
        counts = kept + new
        used = chosen > 0
        book = torch.where(used[:, None], sums / counts.where(used, 1.0)[:, None], self.book)
        idle = (self.idle + 1).where(~used, 0)

        # the idle go to vectors in a random order, as many of them as there are vectors
        order = step.draws.uniform("revival", (len(vectors),), vectors.device, axis=None).argsort()
        waiting = idle > IDLE
        turn = waiting.cumsum(0) - 1
        revived = waiting & (turn < len(vectors))
        onto = vectors[order[turn.clamp(0, len(vectors) - 1)]]
        self.book.copy_(torch.where(revived[:, None], onto, book))
        self.counts.copy_(counts.where(~revived, 1 - self.decay))  # as if one had chosen it
        self.idle.copy_(idle.where(~revived, 0))

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        return ladder.boundary(len(ladder) - 1).up(self.tail(rows)), len(ladder)


@part("bottleneck", "finite-scalar")
class FiniteScalar(Quantised):
    """A code whose units take a few values each: a book without parameters (Mentzer et al. 2024, FSQ).

    tanh bounds a unit, which is then rounded to one of n levels at equal distances from −1 to 1. With
    an even n the authors shift tanh so that 0 is a level, and theirs go from −1 to 1 − 2 / n; here
    both signs are alike, and the middle of an even n lies between two levels.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the code.
        layout: ``flat`` or ``map``.
        levels: n of each unit of a vector. In a map a vector has ``size`` units, and one number
            stands for all of them; a flat code is cut into vectors of as many units as there are
            numbers.

    Raises:
        ValueError: levels below 2, or as many as do not fit the code.
    """

    part: Part
    steps: Tensor
    places: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        size: int = 16,
        layout: str = "flat",
        *,
        levels: int | Sequence[int] = 8,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.code_shape = code_shape(shape, size, layout)
        if isinstance(levels, int):
            each = (levels,) * (size if layout == "map" else 1)
        else:
            each = tuple(levels)
        if not each or min(each) < 2:
            raise ValueError(f"each unit needs at least 2 levels; we got {levels}")
        if size % len(each) or (layout == "map" and size != len(each)):
            wanted = "be as many as" if layout == "map" else "divide"
            raise ValueError(
                f"the numbers of levels must {wanted} the {size} units of the code; we got {levels}"
            )
        self.digits = each
        if self.entries >= 2**62:
            raise ValueError(
                f"a vector of {len(each)} units has {self.entries:.2g} entries, too many to be "
                "counted: lower size or levels"
            )
        self.head = head(shape, size, layout)
        self.tail = tail(shape, size, layout)
        # a number in mixed radix names an entry, as in the authors' appendix A.1
        places = [math.prod(each[:i]) for i in range(len(each))]
        self.register_buffer("steps", torch.tensor(each) - 1)
        self.register_buffer("places", torch.tensor(places))

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The rounded units (B, *code), repeated if ``samples`` are asked for: (S, B, *code).

        ``indices`` are (B, groups) or (B, H, W), below ``entries``.
        """
        bounded = self.head(descent.levels[-1]).float().tanh()
        indices = self.nearest(bounded)
        z = straight_through(self.lookup(indices), bounded)
        if samples is not None:
            z = z.expand(samples, *z.shape)
        return Code(
            z,
            pooling_indices=tuple(descent.pooling_indices),
            sampled=samples is not None,
            indices=indices,
            metrics={"perplexity": perplexity(gathered(indices))},
        )

    def nearest(self, z: Tensor) -> Tensor:
        """The entry nearest to each vector of z (…, *code) in [−1, 1]: (…, groups) or (…, H, W)."""
        vectors = _cut(z.detach(), len(self.code_shape), len(self.steps))
        digits = ((vectors + 1) / 2 * self.steps).round().long()
        return (digits * self.places).sum(-1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Indices (…, groups) or (…, H, W) → the code that they stand for, (…, *code)."""
        digits = indices[..., None] // self.places % (self.steps + 1)
        return _joined(2 * digits / self.steps - 1, len(self.code_shape))

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        return ladder.boundary(len(ladder) - 1).up(self.tail(rows)), len(ladder)
