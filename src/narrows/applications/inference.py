"""The encoder's one pass against a code searched for each picture: what amortised inference loses.

x ──encoder──► code ──L-BFGS on it, the decoder fixed──► a better code of this picture
                │                                           │
                └── ELBO, or the squared error ──── gap ────┘
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..bottlenecks import Code, Hierarchical, Quantised, TopK
from ..measures import psnr
from ..parts import named
from ..progress import Step, within
from ..randomness import Draws
from .minimise import minimise

__all__ = ["Inference", "check_searchable", "inference"]

SEARCHED, JUDGED = 64, 64  # draws of the noise: those that a search sees (it fits few), and judges
DECODED = 512  # codes that are decoded at a time


@dataclass(frozen=True)
class Inference:
    """How good the codes of the encoder are beside those that were searched for each picture.

    Attributes:
        pictures, evaluations: how many, and how often each search asked for its energy.
        measure, unit: ``ELBO`` in nats where codes have a Gaussian posterior, else ``PSNR`` in dB.
        encoder, searched: the mean of it over the pictures, by one pass and by the search.
        gap: the mean of searched − encoder; of an ELBO the amortisation gap.
        deviation: its standard deviation over the pictures.
    """

    pictures: int
    evaluations: int
    measure: str
    unit: str
    encoder: float
    searched: float
    gap: float
    deviation: float

    def __str__(self) -> str:
        return (
            f"{self.measure} of {self.pictures:,} pictures: {self.encoder:.2f} {self.unit} by the encoder, "
            f"{self.searched:.2f} by searching each picture's code ({self.evaluations} evaluations): "
            f"the encoder loses {self.gap:.2f} ± {self.deviation:.2f} "
            f"{self.unit}"
        )


def inference(
    model: Autoencoder,
    x: Tensor,
    *,
    evaluations: int = 60,
    seed: int = 0,
    progress: Step | None = None,
) -> Inference:
    """Measure what amortised inference loses (Cremer et al. 2018, *Inference suboptimality*).

    The decoder stays as it is. Of a code with a Gaussian posterior its mean and variance are searched,
    for the largest ELBO under draws that stay the same; others judge it. Of another code its numbers
    are, for the least squared error. A search begins at the encoder's code.

    Args:
        model: one whose code is of numbers: neither quantised, sparse nor of several latents.
        x: (N, C, H, W) in [0, 1].
        evaluations: of a picture's energy and its gradient.
        seed: of the draws.
        progress: called with (done, total) evaluations of all batches.

    Raises:
        ValueError: another model, no picture, or fewer than two evaluations.
    """
    if evaluations < 2 or not len(x):
        raise ValueError(
            "a search for codes takes at least one picture and two evaluations; "
            f"we got {len(x)} and {evaluations}"
        )
    check_searchable(model)
    bound = model.bottleneck.generative
    batches = torch.split(x, DECODED // SEARCHED if bound else DECODED)
    values: list[tuple[Tensor, Tensor]] = []
    with model.evaluating():
        for number, some in enumerate(batches):
            pictures = some.to(model.device)
            code = model.posterior(pictures)
            told = progress and within(progress, number * evaluations, len(batches) * evaluations)
            better = _searched(model, pictures, code, evaluations, Draws(seed, number), told)
            fresh = Draws(seed, number, 1)
            values.append(
                (_value(model, pictures, code, fresh), _value(model, pictures, better, fresh))
            )
    ours, best = (torch.cat(each).double().cpu() for each in zip(*values, strict=True))
    return Inference(
        len(x), evaluations, *(("ELBO", "nats") if bound else ("PSNR", "dB")),
        float(ours.mean()), float(best.mean()), float((best - ours).mean()),
        float((best - ours).std(unbiased=False)),
    )  # fmt: skip


def check_searchable(model: Autoencoder) -> None:
    """Refuse codes that have no gradient, or whose numbers depend on each other, by a ValueError."""
    if isinstance(getattr(model, "bottleneck", None), Quantised | TopK | Hierarchical):
        raise ValueError(
            "a code is searched by gradients where its numbers are free; "
            f"the bottleneck of this model is {named(model.bottleneck)}"
        )


def _searched(
    model: Autoencoder, x: Tensor, code: Code, evaluations: int, draws: Draws, told: Step | None
) -> Code:
    shape = code.z.shape
    if code.log_variance is None:

        def energy(u: Tensor) -> Tensor:
            out = model.likelihood.mean(model.raw(dataclasses.replace(code, z=u.view(shape))))
            return (out - x).square().flatten(1).sum(1)

        u, _ = minimise(energy, code.z.flatten(1), evaluations, progress=told)
        return dataclasses.replace(code, z=u.view(shape))
    half = draws.normal("posterior", (SEARCHED // 2, *shape), x.device, axis=1)
    noise = torch.cat([half, -half])  # antithetic: their mean is that of the noise

    def loss(u: Tensor) -> Tensor:
        return -_elbo(model, x, _gaussian(code, u), noise)

    assert code.mean is not None
    start = torch.cat([code.mean.flatten(1), code.log_variance.flatten(1)], 1)
    u, _ = minimise(loss, start, evaluations, progress=told)
    return _gaussian(code, u)


def _gaussian(code: Code, u: Tensor) -> Code:
    """The code of means and logarithms of variances u (B, 2·D)."""
    mean, log_variance = (each.reshape(code.z.shape) for each in u.chunk(2, 1))
    return dataclasses.replace(code, z=mean, mean=mean, log_variance=log_variance)


def _value(model: Autoencoder, x: Tensor, code: Code, draws: Draws) -> Tensor:
    """The ELBO or the PSNR of each picture, (B,)."""
    if code.log_variance is None:
        return psnr(x, model.likelihood.mean(model.raw(code)).clamp(0, 1))
    noise = draws.normal("posterior", (JUDGED, *code.z.shape), x.device, axis=1)
    return torch.stack([_elbo(model, x, code, one[None]) for one in noise]).mean(0)


def _elbo(model: Autoencoder, x: Tensor, code: Code, noise: Tensor) -> Tensor:
    """E log p(x|z) − KL of each picture over draws noise (S, B, *code), (B,)."""
    assert code.mean is not None and code.log_variance is not None
    z = torch.addcmul(code.mean, noise, (0.5 * code.log_variance).exp())
    kl = model.bottleneck.kl(code)
    assert kl is not None
    drawn = dataclasses.replace(code, z=z, sampled=True)
    return model.likelihood.log_prob(model.raw(drawn), x).mean(0) - kl
