"""How likely pictures are under a model with a prior, in nats per picture.

z_1 … z_S ~ q(z|x)      log w_s = log p(x|z_s) + log p(z_s) − log q(z_s|x)

ELBO                    E log p(x|z) − KL(q(z|x) ‖ p(z))         ≤  log p(x)
importance sampling     log 1/S Σ_s w_s                          ≤  log p(x) on average, → with S
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images import as_source
from ..images.corruptions import Corruption
from ..randomness import Draws

__all__ = [
    "bits_per_dimension",
    "elbo",
    "elbo_terms",
    "importance_log_likelihood",
    "importance_of_batch",
]

# pictures × samples decoded at a time: as many as have this many values. On a processor the
# activations then stay in its cache; on an accelerator they are enough to keep it busy.
VALUES = {"cpu": 800_000, "cuda": 32_000_000}
BATCH = 256


def elbo(model: Autoencoder, x: Tensor, samples: int = 1, draws: Draws | None = None) -> Tensor:
    """The evidence lower bound of each picture, E log p(x|z) − KL(q(z|x) ‖ p(z)), (B,).

    The expectation is a mean over ``samples`` draws; the KL is the closed form.

    Args:
        model: in evaluation mode.
        x: (B, C, H, W), on the model's device.
        samples: S, drawn one after the other.
        draws: the randomness.

    Raises:
        ValueError: the model has no prior, or samples is below 1.
    """
    log_px, kl = elbo_terms(model, x, samples, draws or Draws())
    return log_px - kl


def elbo_terms(model: Autoencoder, x: Tensor, samples: int, draws: Draws) -> tuple[Tensor, Tensor]:
    """E log p(x|z) and the KL of each picture, both (B,)."""
    _check(model, samples, "the ELBO")
    descent = model.ladder.descend(x)
    log_px = kl = torch.zeros(len(x), device=x.device)
    for s in range(samples):
        own_draws = dataclasses.replace(draws, stream=draws.stream + s)
        code = model.bottleneck.encode(descent, model.ladder, 1, own_draws)
        log_px = log_px + model.likelihood.log_prob(model.raw(code), x)[0]
        closed_form = model.bottleneck.kl(code)
        assert closed_form is not None
        kl = kl + closed_form
    return log_px / samples, kl / samples


def bits_per_dimension(nats: Any, shape: tuple[int, ...], values: int = 256) -> Any:
    """Log-densities in nats per picture as bits per dimension, of pictures stored with so many values.

    A value is one of ``values`` steps of [0, 1]; its probability is the density times the width of a step,
    so that bits = log₂ values − nats / (C H W ln 2) (Theis et al. 2016, section 3.1). Of an ELBO they are an
    upper bound. A density that is narrower than a step would give fewer bits than any code can.

    Args:
        nats: a number, an array or a tensor.
        shape: (C, H, W).
    """
    return math.log2(values) - nats / (math.prod(shape) * math.log(2))


def importance_log_likelihood(
    model: Autoencoder,
    source: Any,
    samples: int = 5000,
    seed: int = 0,
    *,
    augmentation: Corruption | None = None,
    chunk: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """log p(x) of each picture by importance sampling, (N,) in nats (Burda et al. 2016, eq. 8).

    log 1/S Σ_s p(x|z_s) p(z_s) / q(z_s|x), z_s ~ q(z|x): a lower bound on average, which rises to
    log p(x) with S. The forward pass is float32, the sum float64. The same seed and chunk on the
    same device give the same numbers; another chunk draws other samples.

    Args:
        model: one with a prior.
        source: a source or an array of pictures of its shape.
        samples: S.
        seed: of the draws.
        augmentation: applied to each batch first, with fixed draws (Burda et al. binarise).
        chunk: how many codes are decoded at a time; memory grows with it, not with S or N.
        progress: called with (done, total) pictures.

    Raises:
        ValueError: the model has no prior, or samples is below 1.
    """
    _check(model, samples, "a log-likelihood")
    source = as_source(source)
    parts = []
    with model.evaluating():
        for number, start in enumerate(range(0, len(source), BATCH)):
            stop = min(start + BATCH, len(source))
            draws = Draws(seed, number)
            x = source.batch(torch.arange(start, stop)).to(model.device)
            if augmentation is not None:
                x = augmentation(x, draws)
            parts.append(importance_of_batch(model, x, samples, draws, chunk).cpu())
            if progress is not None:
                progress(stop, len(source))
    return torch.cat(parts)


def importance_of_batch(
    model: Autoencoder, x: Tensor, samples: int, draws: Draws, chunk: int | None = None
) -> Tensor:
    """The same for one batch x (B, C, H, W) on the model's device → (B,) float64.

    The encoder runs once; the sum over samples is a running log-sum-exp.
    """
    _check(model, samples, "a log-likelihood")
    rows = chunk or max(8, VALUES.get(x.device.type, VALUES["cpu"]) // math.prod(x.shape[1:]))
    # few pictures × many samples: the running sum costs next to nothing then
    width = min(rows, max(1, -(-rows // samples), 16))
    drawn = 0
    totals = []
    for part in torch.split(x, width):
        descent = model.ladder.descend(part)
        total = torch.full((len(part),), -math.inf, dtype=torch.float64, device=x.device)
        done = 0
        while done < samples:
            drawn += 1
            now = min(max(1, rows // len(part)), samples - done)
            own_draws = dataclasses.replace(draws, stream=draws.stream + drawn)
            code = model.bottleneck.encode(descent, model.ladder, now, own_draws)
            log_px = model.likelihood.log_prob(model.raw(code), part)
            log_pz, log_qz = model.bottleneck.log_prior(code), model.bottleneck.log_posterior(code)
            assert log_pz is not None and log_qz is not None
            log_w = log_px.double() + (log_pz.double() - log_qz)
            total = torch.logaddexp(total, log_w.logsumexp(0))
            done += now
        totals.append(total - math.log(samples))
    return torch.cat(totals)


def _check(model: Autoencoder, samples: int, what: str) -> None:
    if not model.bottleneck.generative:
        name = getattr(getattr(model.bottleneck, "part", None), "name", "this")
        raise ValueError(
            f"{what} needs a model with a prior; the bottleneck of this one is {name!r}, which has "
            "none: train a variational recipe, such as conv-vae"
        )
    if samples < 1:
        raise ValueError(f"samples must be at least 1; we got {samples}")
