"""Bounds that compare a picture with its reconstruction in the features of a discriminator.

                  ┌─ x ──────────────────────────┐
    x ──► z ──► x̂ ├─ x̂ ─────────────────────────►├─ discriminator ─► features, logits
    z' ~ N(0, I) ─┴─► x' ────────────────────────┘

They divide the model between players: the way down, the heads of the bottleneck, the way up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..bottlenecks import Code
from ..parts import Part, named, part
from ..randomness import Draws
from .bounds import Elbo
from .discriminators import PictureDiscriminator, generator_loss, gradient_penalty
from .likelihoods import log_gaussian
from .step import Step
from .terms import Bound, Loss, Share

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["FeatureWise", "Introspective", "Ways", "decoded", "ways"]


class Ways(NamedTuple):
    """The weights of a model by what they make: h_L, the code of h_L, the picture of a code."""

    down: list[nn.Parameter]
    heads: list[nn.Parameter]
    up: list[nn.Parameter]


def ways(model: Autoencoder, name: str) -> Ways:
    """Which weights of a model are on which way: found by one pass of two black pictures.

    Weights that neither the code nor the raw output follows (a likelihood's) count as the way up's.

    Args:
        name: of the bound that asks, for the error.

    Raises:
        ValueError: both ways use a weight, so no two players can own them.
    """
    own = {n: p for n, p in model.named_parameters() if p.requires_grad}

    def reached(*values: Tensor) -> set[str]:
        total = torch.stack([value.float().sum() for value in values]).sum()
        gradients = torch.autograd.grad(
            total, list(own.values()), allow_unused=True, retain_graph=True
        )
        return {n for n, gradient in zip(own, gradients, strict=True) if gradient is not None}

    with torch.enable_grad(), _evaluating(model):
        x = torch.zeros(2, *model.shape, device=model.device)
        descent = model.ladder.descend(x)
        code = model.bottleneck.encode(descent, model.ladder, None, Draws())
        raw = model.raw(Code(code.z.detach(), pooling_indices=code.pooling_indices))
        tensors = [code.mean, code.log_variance]
        encoded = reached(code.z, *[one for one in tensors if one is not None])
        trunk, up = reached(descent.levels[-1]), reached(raw)
    if both := encoded & up:
        raise ValueError(
            f"the bound {name!r} moves the way down and the way up by losses of their own, but both "
            f"use {', '.join(sorted(both)[:3])}: build the ladder without tied weights and without "
            "the norm 'shared-batch', with the bottleneck 'gaussian'"
        )
    heads = encoded - trunk
    return Ways(
        [p for n, p in own.items() if n in trunk],
        [p for n, p in own.items() if n in heads],
        [p for n, p in own.items() if n not in encoded],
    )


class _Seen(NamedTuple):
    """What the discriminator makes of a step: S samples of B pictures, flat but for the features."""

    features: Tensor  # log N(features of x; those of x̂, I), (S, B)
    real: Tensor
    again: Tensor
    drawn: Tensor


@part("bound", "feature-wise")
class FeatureWise(Bound, nn.Module):
    """VAE-GAN: three players, and a likelihood of features instead of pixels (Larsen et al. 2016, alg. 1).

    encoder        KL(q(z|x) ‖ p(z)) − E log N(D_l(x); D_l(x̂), I)
    decoder        −γ E log N(D_l(x); D_l(x̂), I) − log D(x̂) − log D(x')
    discriminator  −log D(x) − ½ log(1 − D(x̂)) − ½ log(1 − D(x'))

    x' is decoded from a draw of the prior. Its player is ``feature_wise``; the phase's penalties are
    added to the encoder's loss. Deviations: the decoder's loss is the non-saturating one, as is
    usual; the halves keep the discriminator's two classes of one size, as in the authors' code;
    its networks have no batch norm; no player ever waits for another.

    What validation chooses the best weights by is ``loss``, the ELBO of the model's own likelihood:
    the features of a discriminator change while it trains, so they are no yardstick.

    A pass of x' through a model with batch norm uses the statistics of x' and leaves the running
    ones alone, so these are of pictures only.

    Args:
        shape: (C, H, W) of the pictures.
        gamma: γ, features against the game, for the decoder. It depends on how many features there
            are: the default is ours, and 0.01, that of the authors' code, blurs digits of 8×8.
        width: channels of the discriminator's first map.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        gamma: float = 0.1,
        width: int = 32,
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not (gamma > 0 and math.isfinite(gamma)):
            raise ValueError(f"gamma must be a positive number; we got {gamma}")
        self.gamma, self.lr_scale = gamma, lr_scale
        self.discriminator = PictureDiscriminator(shape, width)

    def check(self, model: Autoencoder) -> None:
        """It needs a prior, two ways without a common weight, and a likelihood without weights.

        Raises:
            ValueError: one of them is missing.
        """
        _check_generative(model, "feature-wise")
        if any(True for _ in model.likelihood.parameters()):
            raise ValueError(
                "the bound 'feature-wise' reads no likelihood of pixels, so nothing would move the "
                f"weights of {named(model.likelihood)!r}: use 'gaussian', or the bound "
                "'introspective'"
            )
        ways(model, "feature-wise")

    def shares(self, model: Autoencoder) -> list[Share]:
        """The encoder and the decoder; the discriminator is ``own_loss``."""
        down, heads, up = ways(model, "feature-wise")
        return [
            ("encoder", [*down, *heads], self._encoder_loss),
            ("decoder", up, self._decoder_loss),
        ]

    def loss(self, step: Step) -> Loss:
        """The negative ELBO of the model's likelihood, and the likelihood of features as a term."""
        total, terms = Elbo().loss(step)
        x, again = step.target, _reconstructions(step, "feature-wise")
        features = self.discriminator.features
        terms["features"] = -_alike(features(x), features(again.flatten(0, 1))).mean()
        return Loss(total, terms)

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy."""
        seen = self._seen(step)
        false = F.softplus(seen.again).mean() + F.softplus(seen.drawn).mean()
        return Loss(generator_loss(seen.real) + 0.5 * false, {})

    def _encoder_loss(self, step: Step) -> Loss:
        assert step.kl is not None  # checked when built
        features, kl = -self._seen(step).features.mean(), step.kl.mean()
        return Loss(features + kl, {"features": features, "kl": kl})

    def _decoder_loss(self, step: Step) -> Loss:
        seen = self._seen(step)
        adversarial = generator_loss(seen.again) + generator_loss(seen.drawn)
        return Loss(adversarial - self.gamma * seen.features.mean(), {"adversarial": adversarial})

    def _seen(self, step: Step) -> _Seen:
        """Made once for the three players."""

        def see() -> _Seen:
            x, again = step.target, _reconstructions(step, "feature-wise").flatten(0, 1)
            real, fake = self.discriminator.features(x), self.discriminator.features(again)
            logits = self.discriminator.logits
            drawn = self.discriminator(_drawn(step))
            return _Seen(_alike(real, fake), logits(real), logits(fake), drawn)

        return step.once(self, see)


@part("bound", "introspective")
class Introspective(Bound, nn.Module):
    """A VAE whose way down is the discriminator too (introspective adversarial networks, Brock et al. 2017).

    model          −log p(x|z) + KL − λ_f Σ_i E log N(h_i(x); h_i(x̂), I) − λ_a log p(real|x̂) p(real|x')
    discriminator  −λ_a log p(real|x) p(reconstructed|x̂) p(generated|x') + γ_R/2 E ‖∇ log p(real|x)‖²
                   + λ_k (−log p(x|z) + KL)

    The discriminator owns the way down and a softmax of three classes on h_L; the model owns the
    heads of the bottleneck, which read h_L as it is, and the way up. x' is decoded from a draw of the
    prior. Kept of the paper: this division, the three classes, features of every level, and one loss
    for encoder and generator; its blocks and its regularisation are ``dilations`` of the ladder ``conv``
    and the penalty ``orthogonal``. Deviations: pixels have the model's own likelihood in nats
    (theirs is a mean absolute error of weight 3); log N for their mean squared error; and the two terms of
    the discriminator in the middle and last place. Without λ_k nothing asks the way down to keep what a
    code needs, and pictures come back the worse the faster it learns; without γ_R, R₁ (Mescheder et
    al. 2018, eq. 9, taken at every ``every``-th step), it tells the three apart at once, and there is no
    slope for the model to follow. Its player is ``introspective``.

    What validation chooses the best weights by is ``loss``, the ELBO; a phase that is for the draws keeps
    its last weights.

    Passes of x̂ and x' through a model with batch norm use their own statistics each and leave the
    running ones alone, so these are of pictures only.

    Args:
        narrowest: the shape of h_L.
        features: λ_f.
        adversarial: λ_a.
        kept: λ_k.
        r1: γ_R.
        every: steps from one gradient penalty to the next.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part

    def __init__(
        self,
        narrowest: Sequence[int] = (32,),
        features: float = 1.0,
        adversarial: float = 1.0,
        kept: float = 1.0,
        r1: float = 1.0,
        every: int = 8,
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if min(features, adversarial, kept, r1) < 0 or every < 1:
            raise ValueError(
                "a weight is at least 0 and every at least 1; we got "
                f"{features}, {adversarial}, {kept}, {r1} and {every}"
            )
        self.features, self.adversarial, self.kept = features, adversarial, kept
        self.r1, self.every, self.lr_scale = r1, every, lr_scale
        self.narrowest = tuple(narrowest)
        self.head = nn.Linear(math.prod(narrowest), 3)

    def check(self, model: Autoencoder) -> None:
        """It needs a prior, and two ways without a common weight.

        Raises:
            ValueError: one of them is missing.
        """
        _check_generative(model, "introspective")
        if tuple(model.ladder.narrowest) != self.narrowest:
            raise ValueError(
                f"the bound 'introspective' was built for a ladder that ends in {self.narrowest}, "
                f"but this one ends in {tuple(model.ladder.narrowest)}"
            )
        ways(model, "introspective")

    def shares(self, model: Autoencoder) -> list[Share]:
        """The heads and the way up, then the way down and the softmax on it."""
        down, heads, up = ways(model, "introspective")
        return [
            ("model", [*heads, *up], self._model_loss),
            ("introspective", [*down, *self.head.parameters()], self._discriminator_loss),
        ]

    def loss(self, step: Step) -> Loss:
        """The negative ELBO."""
        return Elbo().loss(step)

    def _model_loss(self, step: Step) -> Loss:
        total, terms = self.loss(step)
        seen = self._seen(step)
        terms["features"] = features = -seen.features.mean()
        terms["adversarial"] = adversarial = _called(seen.again, 0) + _called(seen.drawn, 0)
        return Loss(total + self.features * features + self.adversarial * adversarial, terms)

    def _discriminator_loss(self, step: Step) -> Loss:
        seen = self._seen(step)
        kinds = (seen.real, seen.again, seen.drawn)
        total = torch.stack([_called(logits, kind) for kind, logits in enumerate(kinds)]).sum()
        total = self.adversarial * total
        if self.kept:
            total = total + self.kept * self.loss(step).total
        if self.r1 and step.number % self.every == 0:
            steep = gradient_penalty(lambda x: self._real(step.model, x), step.target)
            total = total + self.every * self.r1 * steep
        return Loss(total, {})

    def _real(self, model: Autoencoder, x: Tensor) -> Tensor:
        """log p(real|x), (B,), by running statistics, so that it is of each picture alone."""
        with _evaluating(model):
            return self._logits(model.ladder.descend(x).levels).log_softmax(1)[:, 0]

    def _logits(self, levels: list[Tensor]) -> Tensor:
        out: Tensor = self.head(levels[-1].float().flatten(1))
        return out

    def _seen(self, step: Step) -> _Seen:
        """Made once for both players."""

        def see() -> _Seen:
            plain = step.input is step.target
            real = step.levels if plain else _levels(step.model, step.target)
            again = _levels(step.model, _reconstructions(step, "introspective").flatten(0, 1))
            drawn = _levels(step.model, _drawn(step))
            alike = [_alike(h.detach(), g) for h, g in zip(real[1:], again[1:], strict=True)]
            logits = map(self._logits, (real, again, drawn))
            return _Seen(torch.stack(alike).sum(0), *logits)

        return step.once(self, see)


def _called(logits: Tensor, kind: int) -> Tensor:
    """−log softmax(logits)_kind of logits (N, 3), averaged."""
    return -logits.log_softmax(1)[:, kind].mean()


def _alike(real: Tensor, fake: Tensor) -> Tensor:
    """log N(real; fake, I) in nats: features (B, …) and (S·B, …) → (S, B)."""
    squares = (fake.reshape(-1, *real.shape) - real).float().square().flatten(2).sum(-1)
    return log_gaussian(squares, 1.0, 0.0, math.prod(real.shape[1:]))


def _reconstructions(step: Step, name: str) -> Tensor:
    """(S, B, C, H, W)."""
    if step.output is None:
        raise ValueError(
            f"the bound {name!r} compares reconstructions, but this scheme makes none: use it with "
            "'end-to-end'"
        )
    out: Tensor = step.model.likelihood.mean(step.output)
    return out


def _drawn(step: Step) -> Tensor:
    """x' (B, C, H, W), decoded from as many draws of the prior as there are pictures."""
    model = step.model
    z = step.draws.normal("prior", (len(step.target), *model.code_shape), step.target.device)
    return decoded(model, z)


def decoded(model: Autoencoder, z: Tensor) -> Tensor:
    """Pictures of codes z (B, *code) that are none of the step's: no running statistic is touched."""
    return _lent(model, _decoded, z)  # type: ignore[no-any-return]


def _levels(model: Autoencoder, x: Tensor) -> list[Tensor]:
    """h_0 … h_L of pictures that are none of the step's."""
    return _lent(model, _descended, x)  # type: ignore[no-any-return]


def _decoded(model: Autoencoder, z: Tensor) -> Any:
    return model.decode(z)


def _descended(model: Autoencoder, x: Tensor) -> Any:
    return model.ladder.descend(x).levels


def _lent(model: nn.Module, way: Callable[[Any, Tensor], Any], argument: Tensor) -> Any:
    """A way of the model with copies of its buffers, so that no running statistic is touched."""
    module = _Way(model, way)
    held = {name: buffer.clone() for name, buffer in module.named_buffers()}
    return functional_call(module, held, (argument,)) if held else module(argument)


class _Way(nn.Module):
    """One way of a model as a module of its own, so that its buffers can be lent."""

    def __init__(self, model: nn.Module, way: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.model, self.way = model, way

    def forward(self, argument: Tensor) -> Any:
        """What the way makes of it."""
        return self.way(self.model, argument)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each module's own mode again afterwards."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _check_generative(model: Autoencoder, name: str) -> None:
    if not model.bottleneck.generative:
        raise ValueError(
            f"the bound {name!r} needs a code with a prior to draw from; the bottleneck "
            f"{named(model.bottleneck)!r} has none: use 'gaussian', or the penalty "
            "'adversarial-pictures'"
        )
