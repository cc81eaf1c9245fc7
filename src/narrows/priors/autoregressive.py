"""A prior over the entries of a code book, one after the other."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, part
from ..randomness import Draws, generator
from .descent import checked_rate, descend
from .gaussian import restored
from .prior import Prior, Progress, checked_counts

__all__ = ["Autoregressive", "Next"]

ALL_ENTRIES = 4096  # of a larger book only those in use are distinguished
MOST_ENTRIES = 65_536


class Next(nn.Module):
    """What the next entry will be, given those before: a recurrent network that knows its place.

    Args:
        length: M, entries of a code.
        entries: K.
        width: units.
    """

    def __init__(self, length: int, entries: int, width: int) -> None:
        super().__init__()
        self.begin = nn.Parameter(torch.zeros(width))
        self.places = nn.Parameter(0.1 * torch.randn(length, width))
        self.embedding = nn.Embedding(entries, width)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.logits = nn.Linear(width, entries)

    def forward(self, entries: Tensor) -> Tensor:
        """(B, M) int64 → the logits of each given those before it, (B, M, K)."""
        before = self.embedding(entries[:, :-1])
        first = self.begin.expand(len(entries), 1, -1)
        out, _ = self.memory(torch.cat([first, before], 1) + self.places)
        logits: Tensor = self.logits(out)
        return logits

    def drawn(self, uniform: Tensor) -> Tensor:
        """Uniform numbers (B, M) → a draw of all entries, (B, M) int64."""
        x, memory, entries = self.begin.expand(len(uniform), -1), None, []
        for m in range(uniform.shape[1]):
            out, memory = self.memory((x + self.places[m])[:, None], memory)
            shares = self.logits(out[:, 0]).double().softmax(1).cumsum(1)
            entry = torch.searchsorted(shares, uniform[:, m, None].double())[:, 0]
            entries.append(entry.clamp_max(shares.shape[1] - 1))
            x = self.embedding(entries[-1])
        return torch.stack(entries, 1)


@part("prior", "autoregressive")
class Autoregressive(Prior):
    """p(k_1) p(k_2|k_1) … of the entries of a quantised code, row by row in a map.

    Van den Oord et al. 2017 (§3.3) train a PixelCNN over theirs; this is a recurrent network, which
    reads the entries in the same order.

    Args:
        size: unused; a code has as many entries as those that it is fitted to.
        entries: K of the book; None, or a book of more than 4,096, leaves out those not in use.
        width: units of the network.
        steps, batch_size, learning_rate: of its training.
    """

    part: Part
    takes = "indices"
    used: Tensor
    next: Next

    def __init__(
        self,
        size: int,
        entries: int | None = None,
        width: int = 256,
        steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
    ) -> None:
        counts = {"width": width, "steps": steps, "batch_size": batch_size}
        checked_counts("an autoregressive prior", **counts)
        checked_rate(learning_rate)
        self.entries, self.width, self.steps = entries, width, steps
        self.batch_size, self.learning_rate = batch_size, learning_rate

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Train on indices (N, M) int64.

        Raises:
            ValueError: fewer than 2 codes, or more different entries than can be distinguished.
        """
        if codes.ndim != 2 or codes.is_floating_point() or len(codes) < 2:
            raise ValueError(
                f"at least 2 rows of indices (N, M) were wanted; we got {tuple(codes.shape)} of "
                f"{str(codes.dtype).removeprefix('torch.')}"
            )
        self.used, ranks = torch.unique(codes.cpu(), return_inverse=True)
        if self.entries is not None and self.entries <= ALL_ENTRIES:
            self.used, ranks = torch.arange(self.entries), codes.cpu()
        if len(self.used) > MOST_ENTRIES:
            raise ValueError(
                f"an autoregressive prior tells up to {MOST_ENTRIES:,} entries apart; these codes "
                f"use {len(self.used):,}: fit 'flow' or 'mixture'"
            )
        with torch.random.fork_rng():
            torch.manual_seed(generator(seed, "prior/weights").initial_seed())
            network = Next(codes.shape[1], len(self.used), self.width).to(codes.device)

        def loss(entries: Tensor, draws: Draws) -> Tensor:
            return F.cross_entropy(network(entries).flatten(0, 1), entries.flatten())

        descend(
            network,
            loss,
            ranks.to(codes.device),
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
            progress=progress,
        )
        self.next = network.cpu().requires_grad_(False)
        return self

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """(n, M) int64."""
        uniform = Draws(seed).uniform("prior", (n, len(self.next.places)))
        return self.used[torch.cat([self.next.drawn(rows) for rows in torch.split(uniform, 1024)])]

    @torch.no_grad()
    def log_prob(self, codes: Tensor) -> Tensor:
        """log p of indices (N, M), (N,); −∞ with an entry that is left out."""
        ranks = torch.searchsorted(self.used, codes.contiguous()).clamp_max(len(self.used) - 1)
        each = []
        for rows in torch.split(ranks, 1024):
            logits = self.next(rows).double().log_softmax(2)
            each.append(logits.gather(2, rows[:, :, None])[:, :, 0].sum(1))
        in_use = (self.used[ranks] == codes).all(1)
        return torch.cat(each).masked_fill(~in_use, -torch.inf)

    @property
    def spread(self) -> None:
        """None: entries have no mean."""
        return None

    def state(self) -> dict[str, Tensor]:
        """The entries in use and the network's weights."""
        return {"used": self.used, **self.next.state_dict()}

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        length, entries = len(state.get("places", ())), len(state.get("used", ()))
        if not length or not entries:
            raise ValueError("it holds no entry")
        with torch.device("meta"):
            weights = Next(length, entries, self.width).state_dict()
        used = torch.empty(entries, dtype=torch.int64, device="meta")
        restored(state, {"used": used, **weights})
        most = 1 << 62 if self.entries is None else self.entries
        if not bool(((state["used"] >= 0) & (state["used"] < most)).all()):
            raise ValueError("it knows entries that the code book has not")
        with torch.random.fork_rng():
            network = Next(length, entries, self.width)
        network.load_state_dict({name: state[name] for name in weights})
        self.used, self.next = state["used"], network.eval().requires_grad_(False)
        return self
