"""Penalties with an opponent: a discriminator, trained on the same forward pass as the model.

the model minimises          bound + weight · penalty(step)
the discriminator minimises  own_loss(step), over its own weights only
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...parts import Part, named, part
from ...processes import gathered, own
from ..discriminators import (
    CodeDiscriminator,
    PictureDiscriminator,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from ..feature_wise import decoded
from ..step import Step
from ..terms import Loss, Penalty

if TYPE_CHECKING:
    from ...autoencoder import Autoencoder

__all__ = [
    "AdversarialDomains",
    "AdversarialDraws",
    "AdversarialPictures",
    "AdversarialPrior",
    "Factor",
    "permuted",
]


@part("penalty", "adversarial-prior")
class AdversarialPrior(Penalty, nn.Module):
    """Codes that a discriminator takes for draws of N(0, I): the adversarial autoencoder.

    Makhzani et al. 2016, §2. With a point code and the bound ``elbo`` it is their autoencoder with a
    deterministic encoder. A Gaussian code keeps its KL as well; theirs has the game alone. Other
    deviations: discriminator and model move in one step, not in a reconstruction and a regularisation
    phase; the model's loss is the non-saturating one, and its ``weight`` against nats per picture is
    ours.

    Args:
        code_shape: of the model's codes.
        widths: units of the discriminator's layers; theirs are two of 1000.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        code_shape: Sequence[int] = (32,),
        weight: float = 1.0,
        widths: Sequence[int] = (256, 256),
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.lr_scale = weight, lr_scale
        self.discriminator = CodeDiscriminator(code_shape, widths)

    def penalty(self, step: Step) -> Tensor:
        """−log of the discriminator's belief that the codes are draws of the prior, a scalar."""
        return generator_loss(self.discriminator(_codes(step, "adversarial-prior").flatten(0, 1)))

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy: draws of the prior against the codes."""
        z = _codes(step, "adversarial-prior").detach()
        prior = step.draws.normal("adversarial-prior", z.shape, z.device, axis=1)
        logits = (self.discriminator(rows.flatten(0, 1)) for rows in (prior, z))
        return Loss(discriminator_loss(*logits), {})


@part("penalty", "adversarial-domains")
class AdversarialDomains(Penalty, nn.Module):
    """Codes of two kinds of pictures that a discriminator cannot tell apart (Wan et al. 2020, eq. 3).

    The kinds are the step's labels, 1 of real old pictures and 0 of made-old ones. Both are moved
    towards each other; a batch of one kind leaves the codes as they are. Deviations: the
    non-saturating loss in place of least squares, a logit for every part of a code, and both players
    move in one step.

    Args:
        code_shape: of the model's codes.
        width: channels of the discriminator's first map, where codes are maps.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        code_shape: Sequence[int] = (48, 16, 16),
        weight: float = 1.0,
        width: int = 32,
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.lr_scale = weight, lr_scale
        self.discriminator: nn.Module = (
            PictureDiscriminator(code_shape, width, patches=True)
            if len(code_shape) == 3
            else CodeDiscriminator(code_shape)
        )

    def penalty(self, step: Step) -> Tensor:
        """−log of the discriminator's belief that either kind is the other, a scalar."""
        logits = self._logits(step, _codes(step, "adversarial-domains"))
        if logits is None:
            return step.code.z.sum() * 0
        made, real = logits
        return generator_loss(real) + generator_loss(-made)

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy: made-old pictures against real ones."""
        logits = self._logits(step, _codes(step, "adversarial-domains").detach())
        if logits is None:
            return Loss(torch.stack([(0 * p).sum() for p in self.parameters()]).sum(), {})
        return Loss(discriminator_loss(*logits), {})

    def _logits(self, step: Step, z: Tensor) -> tuple[Tensor, Tensor] | None:
        """Of the codes of made-old pictures and of real ones; None where either is missing."""
        if step.labels is None:
            return None
        real = step.labels == 1
        if not bool(real.any()) or bool(real.all()):
            return None
        made = self.discriminator(z[:, ~real].flatten(0, 1))
        return made, self.discriminator(z[:, real].flatten(0, 1))


@part("penalty", "adversarial-pictures")
class AdversarialPictures(Penalty, nn.Module):
    """Reconstructions that a discriminator takes for pictures (Goodfellow et al. 2014).

    The discriminator is convolutional and has no penalty of its own, the players move in one step, and
    the model's loss is the non-saturating one. Where draws are to look like pictures, and where the
    game is long, ``adversarial-draws`` holds better.

    Args:
        shape: (C, H, W) of the pictures.
        width: channels of the discriminator's first map.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        weight: float = 1.0,
        width: int = 32,
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.lr_scale = weight, lr_scale
        self.discriminator = PictureDiscriminator(shape, width)

    def penalty(self, step: Step) -> Tensor:
        """−log of the discriminator's belief that the reconstructions are pictures, a scalar.

        Raises:
            ValueError: the scheme reconstructs nothing.
        """
        again = _reconstructions(step, "adversarial-pictures")
        return generator_loss(self.discriminator(again.flatten(0, 1)))

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy: pictures against reconstructions."""
        again = _reconstructions(step, "adversarial-pictures").detach().flatten(0, 1)
        return Loss(
            discriminator_loss(self.discriminator(step.target), self.discriminator(again)), {}
        )


class _Seen(NamedTuple):
    """What a discriminator makes of a step: of B pictures, S·B reconstructions and B draws."""

    features: Tensor  # mean squared difference of x and x̂, a scalar
    real: Tensor
    again: Tensor
    drawn: Tensor


@part("penalty", "adversarial-draws")
class AdversarialDraws(Penalty, nn.Module):
    """Edges for a decoder that is fitted already: a game over reconstructions and draws, and features.

    model          −log D(x̂) − log D(x') + γ E (D_l(x) − D_l(x̂))²
    discriminator  −log D(x) − ½ log(1 − D(x̂)) − ½ log(1 − D(x')) + γ_R/2 E ‖∇D(x)‖²

    A penalty for a phase whose encoder is frozen: the decoder's loss of a VAE-GAN (Larsen et al. 2016,
    eqs. 7 and 8, algorithm 1), beside a bound that keeps the meaning of the codes. Together with
    ``adversarial-prior``, and nothing frozen, it is the dual matching of DR-A, a discriminator for each
    end of the autoencoder (Lin et al. 2020; theirs is of reconstructions only). Deviations: log D
    is a mean over patches, the squares one over features; the non-saturating loss; and x' is decoded
    from √(1 − u²) z + u ε, u uniform, on the way from a code of the batch to a draw of the prior, so
    that draws of whatever is fitted to the codes later have been met. The last term is R₁ (Mescheder
    et al. 2018, eq. 9), taken at every ``every``-th step with ``every`` times its weight (Karras et
    al. 2020, appendix B).

    Args:
        shape: (C, H, W) of the pictures.
        weight: of all this, against nats per picture.
        features: γ.
        r1: γ_R.
        every: steps from one gradient penalty to the next.
        rise: steps in which the weight grows from 0, as a new discriminator knows nothing to follow.
        width: channels of the discriminator's first map.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.

    Raises:
        ValueError: a weight below 0, or fewer than one step.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        shape: Sequence[int] = (3, 64, 64),
        weight: float = 1.0,
        features: float = 1.0,
        r1: float = 0.05,
        every: int = 8,
        rise: int = 50,
        width: int = 24,
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if min(weight, features, r1) < 0 or min(every, rise) < 1:
            raise ValueError(
                "weight, features and r1 are at least 0, every and rise at least 1; we got "
                f"{weight}, {features}, {r1}, {every} and {rise}"
            )
        self.weight, self.features, self.r1 = weight, features, r1
        self.every, self.rise, self.lr_scale = every, rise, lr_scale
        self.discriminator = PictureDiscriminator(shape, width, patches=True)

    def check(self, model: Autoencoder) -> None:
        """It needs a prior to draw from.

        Raises:
            ValueError: the code has none.
        """
        if not model.bottleneck.generative:
            raise ValueError(
                "the penalty 'adversarial-draws' needs a code with a prior to draw from; the "
                f"bottleneck {named(model.bottleneck)!r} has none: use 'gaussian', or the penalty "
                "'adversarial-pictures'"
            )

    def penalty(self, step: Step) -> Tensor:
        """A scalar: the game, and what the discriminator sees of the difference.

        Raises:
            ValueError: the scheme reconstructs nothing.
        """
        seen = self._seen(step)
        game = generator_loss(seen.again) + generator_loss(seen.drawn)
        validated = step.epoch == math.inf
        risen = 1.0 if validated else min(1.0, step.number / self.rise)
        return risen * (game + self.features * seen.features)

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy, and at some steps its gradient penalty."""
        seen = self._seen(step)
        false = F.softplus(seen.again).mean() + F.softplus(seen.drawn).mean()
        total = generator_loss(seen.real) + 0.5 * false
        if step.number % self.every == 0:
            steep = gradient_penalty(self.discriminator, step.target)
            total = total + self.every * self.r1 * steep
        return Loss(total, {"real": seen.real.mean(), "drawn": seen.drawn.mean()})

    def _seen(self, step: Step) -> _Seen:
        """Made once for both players."""

        def see() -> _Seen:
            x, again = step.target, _reconstructions(step, "adversarial-draws").flatten(0, 1)
            drawn = decoded(step.model, self._codes(step))
            features = self.discriminator.features(torch.cat([x, again, drawn]))
            real, fake = features[: len(x)], features[len(x) : len(x) + len(again)]
            apart = (fake.reshape(-1, *real.shape) - real).float().square().mean()
            logits = self.discriminator.logits(features).float()
            sizes = [len(x), len(again), len(drawn)]
            return _Seen(apart, *torch.split(logits, sizes))

        return step.once(self, see)

    def _codes(self, step: Step) -> Tensor:
        """Codes of the batch, each somewhere on its way to a draw of the prior, (B, *code)."""
        z = _codes(step, "adversarial-draws")[0].detach()
        u = step.draws.uniform("way to the prior", (len(z), *[1] * (z.ndim - 1)), z.device)
        noise = step.draws.normal("adversarial-draws", z.shape, z.device)
        return (1 - u.square()).sqrt() * z + u * noise


@part("penalty", "factor")
class Factor(Penalty, nn.Module):
    """The total correlation KL(q(z) ‖ Π_d q(z_d)) by a discriminator's density ratio: FactorVAE.

    Kim & Mnih 2018, eq. 2. Deviations: the permuted codes are of the same batch, where the paper takes a second one
    (alg. 2); one logit stands for the difference of their two, which is the same model; the players
    move in one step, the discriminator with the phase's optimiser.

    Args:
        code_shape: of the model's codes.
        weight: γ.
        widths: units of the discriminator's layers; theirs are six of 1000.
        lr_scale: the discriminator's learning rate as a multiple of the phase's.
    """

    part: Part
    opponent = True

    def __init__(
        self,
        code_shape: Sequence[int] = (32,),
        weight: float = 10.0,
        widths: Sequence[int] = (256, 256),
        lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.lr_scale = weight, lr_scale
        self.discriminator = CodeDiscriminator(code_shape, widths)

    def penalty(self, step: Step) -> Tensor:
        """E log D(z) / (1 − D(z)) in nats, a scalar: below 0 where the discriminator errs."""
        return self.discriminator(_codes(step, "factor").flatten(0, 1)).mean()  # type: ignore[no-any-return]

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy: codes against codes whose units were permuted."""
        z = _codes(step, "factor").detach().flatten(2)
        whole = gathered(z, 1)
        order = step.draws.uniform("factor", whole.shape, z.device, axis=None)
        apart = own(permuted(whole, order), 1)
        return Loss(
            discriminator_loss(
                self.discriminator(z.flatten(0, 1)), self.discriminator(apart.flatten(0, 1))
            ),
            {},
        )


def permuted(z: Tensor, order: Tensor) -> Tensor:
    """z (S, B, D) with each unit in an order of its own along the batch, that of ``order`` (S, B, D)."""
    return torch.gather(z, 1, order.argsort(1))


def _codes(step: Step, name: str) -> Tensor:
    """(S, B, *code)."""
    if not step.narrowed:
        raise ValueError(
            f"the penalty {name!r} is of the code, but this scheme ends above the bottleneck: use "
            "it with 'end-to-end', or with the last rung"
        )
    return step.code.z


def _reconstructions(step: Step, name: str) -> Tensor:
    """(S, B, C, H, W)."""
    if step.output is None:
        raise ValueError(
            f"the penalty {name!r} is of reconstructions, but this scheme makes none: "
            "use it with 'end-to-end'"
        )
    out: Tensor = step.model.likelihood.mean(step.output)
    return out
