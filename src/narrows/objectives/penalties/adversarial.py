"""Penalties with an opponent: a discriminator, trained on the same forward pass as the model.

the model minimises          bound + weight · penalty(step)
the discriminator minimises  own_loss(step), over its own weights only
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...parts import Part, part
from ..discriminators import (
    CodeDiscriminator,
    PictureDiscriminator,
    discriminator_loss,
    generator_loss,
)
from ..step import Step
from ..terms import Loss, Penalty

__all__ = ["AdversarialPictures", "AdversarialPrior", "Factor", "permuted"]


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
        z = _codes(step, "adversarial-prior").detach().flatten(0, 1)
        prior = step.draws.normal("adversarial-prior", z.shape, z.device)
        return Loss(discriminator_loss(self.discriminator(prior), self.discriminator(z)), {})


@part("penalty", "adversarial-pictures")
class AdversarialPictures(Penalty, nn.Module):
    """Reconstructions that a discriminator takes for pictures (Goodfellow et al. 2014).

    Together with ``adversarial-prior`` on a Gaussian code it is the dual matching of DR-A, one
    discriminator for each end of the autoencoder (Lin et al. 2020). Deviations from that paper:
    theirs are dense networks for gene counts; here the discriminator is convolutional, the players
    move in one step, and the model's loss is the non-saturating one.

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
        return generator_loss(self.discriminator(_reconstructions(step).flatten(0, 1)))

    def own_loss(self, step: Step) -> Loss:
        """The discriminator's cross-entropy: pictures against reconstructions."""
        again = _reconstructions(step).detach().flatten(0, 1)
        return Loss(
            discriminator_loss(self.discriminator(step.target), self.discriminator(again)), {}
        )


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
        order = step.draws.uniform("factor", z.shape, z.device)
        apart = permuted(z, order)
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


def _reconstructions(step: Step) -> Tensor:
    """(S, B, C, H, W)."""
    if step.output is None:
        raise ValueError(
            "the penalty 'adversarial-pictures' is of reconstructions, but this scheme makes none: "
            "use it with 'end-to-end'"
        )
    out: Tensor = step.model.likelihood.mean(step.output)
    return out
