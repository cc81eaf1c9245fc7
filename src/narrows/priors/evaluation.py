"""How well a prior fits codes that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..bottlenecks import Quantised
from ..images import as_source
from ..objectives import mmd2
from ..randomness import Draws, permutation
from .prior import Prior, prior_for, sample_codes, taken

__all__ = ["PriorEvaluation", "compare", "evaluate_prior"]

MOST = 2000


@dataclass(frozen=True)
class PriorEvaluation:
    """A prior against held-out codes.

    Attributes:
        name: of the prior.
        nats: mean log-density of a held-out code, or log-probability of its entries; None where
            there is neither.
        discrepancy: between its draws and held-out codes; 0 on average for the codes' own
            distribution.
    """

    name: str
    nats: float | None
    discrepancy: float


def evaluate_prior(
    name: str, drawn: Tensor, held: Tensor, log_prob: Tensor | None = None
) -> PriorEvaluation:
    """Compare draws z (n, …) with held-out codes z (N, …), both with a row per code.

    The discrepancy is ``mmd2`` with inverse multiquadratics, of codes standardised by the held-out
    ones' mean and deviation, on at most 2,000 of each.

    Args:
        log_prob: of the held-out codes, (N,).
    """
    rows, own = (z.flatten(1)[:MOST].double() for z in (held, drawn))
    mean, deviation = rows.mean(0), rows.std(0, correction=0).clamp_min(1e-6)
    discrepancy = mmd2((own - mean) / deviation, (rows - mean) / deviation)
    return PriorEvaluation(
        name, None if log_prob is None else float(log_prob.mean()), float(discrepancy)
    )


def compare(
    model: Any, prior: Prior, train: Any, held: Any, *, seed: int = 0
) -> list[PriorEvaluation]:
    """A fitted prior and simpler ones, on the codes of held-out pictures.

    A prior of numbers is compared with one Gaussian and the standard normal; one of entries with
    entries drawn each by itself. The last row are training codes themselves, as far as another
    sample of the same distribution gets.

    Args:
        train: the pictures that it was fitted to, for the rows beside.
        held: others.
    """
    name = prior.part.name  # type: ignore[attr-defined]
    few = [_few(images, seed) for images in (train, held)]
    train_code, held_code = (model.encode(images, 1, seed=seed + 1) for images in few)
    own, z = taken(prior, held_code), held_code.z[0]
    n = min(MOST, max(len(z), 500))
    rows = [evaluate_prior(name, sample_codes(model, prior, n, seed), z, prior.log_prob(own))]
    if prior.takes == "indices":
        nats, drawn = _alone(taken(prior, train_code), own, n, seed)
        at = drawn.reshape(n, *held_code.indices.shape[1:])
        each = model.bottleneck.lookup(at.to(model.device)).cpu()
        rows.append(evaluate_prior("entries by themselves", each, z, nats))
    else:
        beside = [other for other in ("gaussian", "normal") if other != name]
        if isinstance(model.bottleneck, Quantised):
            beside.remove("normal")
        for other in beside:
            simple = prior_for(model, other).fit(taken(prior, train_code))
            rows.append(
                evaluate_prior(other, sample_codes(model, simple, n, seed), z, simple.log_prob(own))
            )
    rows.append(evaluate_prior("training codes", train_code.z[0], z))
    return rows


def _few(images: Any, seed: int) -> Tensor:
    """Some drawn from all over: sets are often in an order, by writer or by class."""
    source = as_source(images)
    return source.batch(permutation(seed, "prior/judged", len(source))[:MOST])


def _alone(train: Tensor, held: Tensor, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Each place's entries as often as in training, each seen once more: nats (N,), draws (n, M)."""
    used, ranks = torch.unique(torch.cat([train, held]), return_inverse=True)
    seen = torch.nn.functional.one_hot(ranks[: len(train)], len(used)).sum(0).double() + 1
    log_shares = (seen / seen.sum(1, keepdim=True)).log()  # (M, K)
    places = torch.arange(train.shape[1])
    nats = log_shares[places, ranks[len(train) :]].sum(1)
    uniform = Draws(seed).uniform("prior/alone", (train.shape[1], n)).double()
    entries = torch.searchsorted(log_shares.exp().cumsum(1), uniform).clamp_max(len(used) - 1)
    return nats, used[entries.T]
