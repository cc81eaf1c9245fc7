"""A hierarchy of Gaussians: one latent at the base, others at boundaries on the way up.

h_L ─► q(z_L|x) ─► z_L ──up──► g_i ─► p(z_i|z below) ─┐
h_i ──────────────────► q̂(z_i|x) ──────────────────merge─► q ─► z_i ──up──► … ─► raw

All that goes on upwards from level i is z_i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..randomness import Draws
from .code import Bottleneck, Code, Latent
from .gaussian import LOG_VARIANCES, Gaussian, kl_to_standard_normal, log_normal
from .heads import head, tail

__all__ = ["Hierarchical", "merged"]

Shape = tuple[int, ...]
Choice = Callable[["_Stage", Tensor, Tensor], Tensor]


def merged(
    mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the normalised product of two Gaussians, of one shape.

    The precisions add up and weigh the means (Sønderby et al. 2016, eq. 17 and 18). An infinite
    variance leaves the other one as it is.
    """
    weight = torch.sigmoid(other_log_variance - log_variance)  # the first one's share of precision
    together = -torch.logaddexp(-log_variance, -other_log_variance)
    return torch.lerp(other_mean, mean, weight), together


class _Stage(nn.Module):
    """The latent at one boundary inside: heads for h_i and g_i, and the way on from z_i."""

    def __init__(self, level: int, shape: Shape, size: int) -> None:
        super().__init__()
        self.level = level
        layout = "map" if len(shape) == 3 else "flat"
        self.evidence = head(shape, 2 * size, layout)
        self.prior = head(shape, 2 * size, layout)
        self.tail = tail(shape, size, layout)


def _mean_and_log_variance(raw: Tensor) -> tuple[Tensor, Tensor]:
    """A head's output (B, 2 D, …) → two of (B, D, …)."""
    mean, log_variance = raw.float().chunk(2, 1)
    return mean, F.hardtanh(log_variance, *LOG_VARIANCES)


@part("bottleneck", "hierarchical")
class Hierarchical(Bottleneck):
    """A ladder variational autoencoder: Gaussian latents at several levels (Sønderby et al. 2016).

    The base z_L has a standard normal prior. Further up, p(z_i|z below) is read from g_i, and
    q(z_i|x, z below) is its product with what h_i says (eq. 16–18); g_i is then made of z_i alone.
    ``Code.z`` is the base: who decodes it alone gets the means of the other priors, or draws of them.

    The metrics ``kl_level_i`` say which levels are in use. Deviations: the way down is the ladder's,
    without a layer of its own at each latent; log variances from one affine map, held in
    [−30, 6], where the authors take a softplus; z_i passes the boundary's activation but not its
    normalisation, whose statistics are those of g_i. Their warm-up of the KL is the bound's.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the base.
        layout: ``flat`` or ``map``, of the base. A latent inside is a map where its level is one.
        levels: boundaries with a latent, between 1 and L − 1; None takes every second one from
            L − 1 up to the pictures.
        sizes: units or channels of those, in the order of ``levels``; None takes ``size``.
        shapes: of h_0 … h_L, which the model fills in; without them there is the base alone.

    Attributes:
        levels: those inside, from the base up.
        shapes: of the ladder that it fits; empty if any does whose h_L has ``shape``.

    Raises:
        ValueError: levels that the ladder has not, or sizes that are not one for each.
    """

    part: Part
    generative = True

    def __init__(
        self,
        shape: Sequence[int],
        size: int = 32,
        layout: str = "flat",
        *,
        levels: Sequence[int] | None = None,
        sizes: Sequence[int] | None = None,
        shapes: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.base = Gaussian(shape, size, layout)
        level_shapes = [tuple(one) for one in shapes] if shapes is not None else [tuple(shape)]
        if level_shapes[-1] != tuple(shape):
            raise ValueError(
                f"the last of the shapes is that of the base, {tuple(shape)}; we got {level_shapes[-1]}"
            )
        base = len(level_shapes) - 1
        if levels is None:
            levels = range(base - 1, 0, -2)
        if len(set(levels)) < len(levels) or not all(0 < i < base for i in levels):
            inside = f"levels 1 to {base - 1}" if base > 1 else "no level"
            raise ValueError(
                f"levels are boundaries inside the ladder, each once; this one has {inside} inside; "
                f"we got {tuple(levels)}"
            )
        sizes = [size] * len(levels) if sizes is None else sizes
        if len(sizes) != len(levels) or any(one < 1 for one in sizes):
            raise ValueError(
                f"sizes are one for each of the levels {tuple(levels)}, at least 1; "
                f"we got {tuple(sizes)}"
            )
        self.shape, self.code_shape = self.base.shape, self.base.code_shape
        self.shapes = tuple(level_shapes) if len(levels) else ()
        ordered = sorted(zip(levels, sizes, strict=True), reverse=True)
        self.levels = tuple(level for level, _ in ordered)
        self.stages = nn.ModuleList(_Stage(i, level_shapes[i], own) for i, own in ordered)

    def drop_biases(self) -> None:
        """Of the base; no latent inside passes the normalisation of its boundary."""
        self.base.drop_biases()

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """All latents: their means, or ``samples`` draws; the way up goes to the last of them."""
        code = self.base.encode(descent, ladder, samples, draws)
        assert code.mean is not None and code.log_variance is not None
        mean, log_variance = (t.expand_as(code.z) for t in (code.mean, code.log_variance))
        latents = [Latent(len(ladder), code.z, mean, log_variance)]
        ahead = code.z.shape[: code.z.ndim - len(self.code_shape)]

        def drawn(stage: _Stage, prior_mean: Tensor, prior_log_variance: Tensor) -> Tensor:
            evidence = _mean_and_log_variance(stage.evidence(descent.levels[stage.level]))
            prior = [t.reshape(*ahead, *t.shape[1:]) for t in (prior_mean, prior_log_variance)]
            mean, log_variance = merged(*(t.expand_as(prior[0]) for t in evidence), *prior)
            z = mean
            if samples is not None:
                noise = draws.normal(f"posterior/{stage.level}", mean.shape, mean.device, axis=1)
                z = torch.addcmul(mean, noise, (0.5 * log_variance).exp())
            latents.append(Latent(stage.level, z, mean, log_variance, *prior))
            return z.flatten(0, len(ahead) - 1)

        g, level = self._up(code, ladder, drawn)
        kls = {len(ladder): self.base.kl(code)}
        kls |= {one.level: _kl(one, code.sampled) for one in latents[1:]}
        return Code(
            code.z,
            code.mean,
            code.log_variance,
            code.pooling_indices,
            code.sampled,
            latents=tuple(latents),
            resumed_at=(level, g),
            metrics={
                f"kl_level_{i}": kl.detach().mean() for i, kl in kls.items() if kl is not None
            },
        )

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """Where encoding came to; of a bare z (…, *code) as far, by means or draws of the priors."""
        if code.resumed_at is not None:
            level, g = code.resumed_at
            return g, level

        def chosen(stage: _Stage, mean: Tensor, log_variance: Tensor) -> Tensor:
            if draws is None:
                return mean
            noise = draws.normal(f"prior/{stage.level}", mean.shape, mean.device)
            return torch.addcmul(mean, noise, (0.5 * log_variance).exp())

        return self._up(code, ladder, chosen)

    def _up(self, code: Code, ladder: Ladder, choose: Choice) -> tuple[Tensor, int]:
        """From the base past every latent, z_i = choose(stage, mean and log variance of its prior)."""
        g, level = self.base.expand(code, ladder)
        pooling_indices = code.repeat(g.shape[0])
        for stage in self.stages:
            assert isinstance(stage, _Stage)
            g = ladder.ascend(g, pooling_indices, level, to=stage.level)
            level = stage.level
            z = choose(stage, *_mean_and_log_variance(stage.prior(g)))
            g = ladder.boundary(level - 1).activation(stage.tail(z))
        return g, level

    def kl(self, code: Code) -> Tensor | None:
        """KL(q(z_i|x, z below) ‖ p(z_i|z below)), summed over levels, averaged over samples, (B,).

        Raises:
            ValueError: the code was stored, and has the base alone.
        """
        total = self.base.kl(code)
        assert total is not None
        for one in self._inner(code):
            total = total + _kl(one, code.sampled)
        return total

    def log_posterior(self, code: Code) -> Tensor | None:
        """log q(z_L … z_i|x), (S, B).

        Raises:
            ValueError: the code was stored, and has the base alone.
        """
        total = self.base.log_posterior(code)
        assert total is not None
        for one in self._inner(code):
            axes = one.z.ndim - total.ndim
            total = total + log_normal(one.z, one.mean, one.log_variance, axes=axes)
        return total

    def log_prior(self, code: Code) -> Tensor | None:
        """log p(z_L … z_i), (S, B); of a code without latents that of its base, log p(z_L)."""
        total = self.base.log_prior(code)
        assert total is not None
        for one in code.latents[1:]:
            axes = one.z.ndim - total.ndim
            total = total + log_normal(one.z, one.prior_mean, one.prior_log_variance, axes=axes)
        return total

    def _inner(self, code: Code) -> tuple[Latent, ...]:
        """The latents above the base."""
        if self.levels and not code.latents:
            raise ValueError(
                "the posterior of a hierarchy is that of all its latents, and this code has the base "
                "alone: take it from model.posterior(x), not from a stored code"
            )
        return code.latents[1:]


def _kl(latent: Latent, sampled: bool) -> Tensor:
    """KL(q ‖ p) of a latent with a prior of its own, averaged over its samples, (B,)."""
    assert latent.prior_mean is not None and latent.prior_log_variance is not None
    # seen from the prior, which is standard there
    mean = (latent.mean - latent.prior_mean) * (-0.5 * latent.prior_log_variance).exp()
    log_variance = latent.log_variance - latent.prior_log_variance
    if not sampled:
        return kl_to_standard_normal(mean, log_variance)
    kl = kl_to_standard_normal(mean.flatten(0, 1), log_variance.flatten(0, 1))
    return kl.reshape(mean.shape[:2]).mean(0)
