"""The loop that trains the priors that are networks.

It is not the loop of ``training``: what moves there is an autoencoder with a recipe, phases and a
run on disk, and what is trained here is a small network on codes in memory, whose only trace is the
prior's file.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import Diverged
from ..randomness import Draws, permutation
from ..training.rates import rate
from .prior import Progress

__all__ = ["checked_rate", "descend"]

LOOKS = 20  # times that the held-out codes are looked at
MOST_HELD_OUT = 2048


def checked_rate(learning_rate: float) -> None:
    """Refuse a learning rate that is none.

    Raises:
        ValueError: it is not above 0, or not finite.
    """
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"a learning rate is a finite number above 0; we got {learning_rate}")


def descend(
    network: nn.Module,
    loss: Callable[[Tensor, Draws], Tensor],
    rows: Tensor,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train ``network`` by ``loss(rows of a batch, draws)``, and leave its best weights in it.

    Adam with the rate ``one-cycle``; the weights are a running average, and of twenty such
    averages on the way the one is kept that is best on a tenth of the rows, held out. Fewer than
    twenty rows are judged by themselves.

    Raises:
        Diverged: the loss is no longer finite.
    """
    order = permutation(seed, "prior/held-out", len(rows)).to(rows.device)
    apart = min(MOST_HELD_OUT, len(rows) // 10) if len(rows) >= 20 else 0
    held, kept = (rows[order[:apart]], rows[order[apart:]]) if apart else (rows, rows)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    factor = rate("one-cycle")
    average = _copied(network)
    best, best_weights = math.inf, average
    look = max(1, steps // LOOKS)
    network.train()
    for number in range(steps):
        draws = Draws(seed, number)
        which = draws.integers("prior/batch", len(kept), (min(batch_size, len(kept)),))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * factor(number / steps)
        optimizer.zero_grad(set_to_none=True)
        value = loss(kept[which.to(rows.device)], draws)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        share = 1 - min(0.999, (1 + number) / (10 + number))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                average[name].lerp_(tensor, share)
        if (number + 1) % look == 0 or number + 1 == steps:
            validation = _judged(network, average, loss, held, seed)
            if validation < best:
                best, best_weights = validation, {n: t.clone() for n, t in average.items()}
            if progress is not None:
                progress(number + 1, steps)
    if not math.isfinite(best):
        raise Diverged(
            "the loss of the prior was never finite; the codes may lie too far apart: fit 'mixture'"
        )
    network.load_state_dict(best_weights)
    network.eval()


@torch.no_grad()
def _judged(
    network: nn.Module,
    average: dict[str, Tensor],
    loss: Callable[[Tensor, Draws], Tensor],
    held: Tensor,
    seed: int,
) -> float:
    """The loss of the averaged weights on held-out rows, with the same draws every time."""
    own = _copied(network)
    network.load_state_dict(average)
    network.eval()
    value = float(loss(held, Draws(seed, 0, stream=-1)))
    network.load_state_dict(own)
    network.train()
    return value


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
