"""Bounds make a loss of a step's terms; an objective adds weighted penalties to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..bottlenecks import Gaussian
from ..parts import Part, build, named, part
from ..processes import averaged
from .schedules import Constant, Controller, Schedule, WarmUp
from .step import Step
from .terms import Bound, FunctionPenalty, Loss, Penalty, Term, name_of

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["Agreement", "Capacity", "Elbo", "Iwae", "Objective"]


@part("bound", "elbo")
@dataclass(frozen=True)
class Elbo(Bound):
    """−E log p(x|z) + β KL(q(z|x) ‖ p(z)), averaged over the batch (Kovenko & Bogach 2020, eq. 8).

    The KL is the closed form. A code without a prior leaves the plain reconstruction loss.

    Args:
        weight: β, a schedule.
    """

    weight: Schedule | Part = field(default_factory=Constant)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", build("schedule", self.weight))
        if not isinstance(self.weight, Schedule):
            raise ValueError(
                "the weight of a KL is a schedule, such as Constant(4.0); "
                f"we instead got {self.weight!r}"
            )

    def loss(self, step: Step) -> Loss:
        """The negative ELBO, with its two terms."""
        total, terms = _reconstruction(step)
        if step.kl is None:
            return Loss(total, terms)
        terms["kl"] = kl = step.kl.mean()
        weight = self.weight.weight(step.epoch)  # type: ignore[union-attr]  # built when made
        return Loss(total.add(kl, alpha=weight), terms)

    def after_step(self, step: Step) -> None:
        """Show a controller the KL of the step that was taken."""
        if isinstance(self.weight, Controller) and step.kl is not None:
            self.weight.observe(float(averaged(step.kl.mean())))

    def state(self) -> dict[str, float]:
        """That of its controller, if it has one."""
        return self.weight.state() if isinstance(self.weight, Controller) else {}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from such a state."""
        if isinstance(self.weight, Controller):
            self.weight.restore(state)


@part("bound", "capacity")
@dataclass(frozen=True)
class Capacity(Bound):
    """−E log p(x|z) + γ |KL − C|, averaged over the batch (Burgess et al. 2018, eq. 8).

    C grows, so that the code takes up one factor after the other. The absolute value is of the
    batch's mean KL.

    Args:
        capacity: C in nats, a schedule; by default 25 nats after 20 epochs.
        strength: γ.
    """

    capacity: Schedule | Part = field(default_factory=lambda: WarmUp(20.0, 25.0))
    strength: float = 100.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "capacity", build("schedule", self.capacity))
        if not isinstance(self.capacity, Schedule) or not self.strength > 0:
            raise ValueError(
                "a capacity is a schedule with a positive strength, such as WarmUp(20.0, 25.0) "
                f"and 100; we instead got {self.capacity!r} and {self.strength}"
            )

    def loss(self, step: Step) -> Loss:
        """The loss, with its two terms."""
        total, terms = _reconstruction(step)
        if step.kl is None:
            return Loss(total, terms)
        terms["kl"] = kl = step.kl.mean()
        capacity = self.capacity.weight(step.epoch)  # type: ignore[union-attr]  # built when made
        return Loss(total.add((averaged(kl) - capacity).abs(), alpha=self.strength), terms)


def _reconstruction(step: Step) -> tuple[Tensor, dict[str, Tensor]]:
    """−log p of all that is reconstructed and the bottleneck's auxiliary loss; and each of them by name."""
    total = -step.log_likelihood.mean()
    terms: dict[str, Tensor] = {}
    if step.log_px is not None:
        terms["reconstruction"] = -step.log_px.mean() if step.inner else total
    terms.update({name: -inner.mean() for name, inner in step.inner.items()})
    if step.code.aux_loss is not None:
        terms["aux_loss"] = cost = step.code.aux_loss.mean()
        total = total + cost
    terms.update(step.code.metrics)
    return total, terms


@part("bound", "iwae")
@dataclass(frozen=True)
class Iwae(Bound):
    """−log 1/S Σ_s w_s, w = p(x|z) p(z) / q(z|x), averaged over the batch (Burda et al. 2016, eq. 8).

    S is the phase's ``samples``; all of them pass through the decoder at once. With S = 1 it is the
    ELBO with its KL sampled instead of in closed form, and it grows tighter with S.

    Args:
        doubly_reparameterised: the encoder's gradient is that of Tucker et al. 2019 (eq. 8), the same on
            average and with less noise: Σ_s w̃_s² ∂log w_s/∂z_s · ∂z_s/∂φ, w̃ the weights that sum to 1.
            It costs one more pass back through the decoder.
    """

    doubly_reparameterised: bool = False

    def check(self, model: Autoencoder) -> None:
        """It needs a code with a density and a prior, and for the other gradient one latent.

        Raises:
            ValueError: it has none.
        """
        if self.doubly_reparameterised and not isinstance(model.bottleneck, Gaussian):
            raise ValueError(
                "the doubly reparameterised gradient of the bound 'iwae' is of the bottleneck "
                f"'gaussian'; this one is {named(model.bottleneck)!r}: leave the option out"
            )
        if not model.bottleneck.generative:
            raise ValueError(
                "the bound 'iwae' needs a code with a density and a prior; the bottleneck "
                f"{named(model.bottleneck)!r} has none: use 'gaussian', or the bound 'elbo'"
            )

    def loss(self, step: Step) -> Loss:
        """The negative bound, with the mean reconstruction and the sampled KL as terms.

        Raises:
            ValueError: the code has no density or no prior.
        """
        log_qz, log_pz = step.log_qz, step.log_pz
        if log_qz is None or log_pz is None:
            raise ValueError("the bound 'iwae' needs a step with the densities of its code")
        log_w = step.log_likelihood + log_pz - log_qz
        total = -(log_w.logsumexp(0) - math.log(len(log_w))).mean()
        _, terms = _reconstruction(step)
        if self.doubly_reparameterised and step.code.z.requires_grad:
            slope = _doubly_reparameterised(step, log_w.detach().softmax(0))
            total = total.detach() + (slope - slope.detach())
        return Loss(total, {**terms, "kl": (log_qz - log_pz).mean()})


def _doubly_reparameterised(step: Step, weights: Tensor) -> Tensor:
    """What has the gradients of the bound: the decoder's as they are, the encoder's through z alone.

    −Σ w̃ log w gives z the slope −g = −w̃ ∂log w/∂z, whose weight Σ (1 − w̃) g·z squares.
    """
    code = step.code
    assert code.mean is not None and code.log_variance is not None
    still = replace(code, mean=code.mean.detach(), log_variance=code.log_variance.detach())
    bottleneck = step.model.bottleneck
    log_q, log_p = bottleneck.log_posterior(still), bottleneck.log_prior(code)
    assert log_q is not None and log_p is not None
    weighed = weights * (step.log_likelihood + log_p - log_q)
    (g,) = torch.autograd.grad(weighed.sum(), code.z, retain_graph=True)
    once = (g.detach() * code.z).flatten(2).sum(2)
    return ((1 - weights) * once - weighed).sum(0).mean()


@part("bound", "agreement")
@dataclass(frozen=True)
class Agreement(Bound):
    """A penalty on the code as the whole loss: nothing is reconstructed. With the scheme ``encoder``.

    Args:
        penalty: ``nt-xent`` or ``vicreg``, or another that keeps codes of different pictures apart.
    """

    penalty: Part | Penalty = field(default_factory=lambda: Part("nt-xent"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", build("penalty", self.penalty))
        if not isinstance(self.penalty, Penalty):
            raise ValueError(
                f"the bound 'agreement' takes a penalty, such as nt-xent; we got {self.penalty!r}"
            )

    def check(self, model: Autoencoder) -> None:
        """As its penalty does."""
        assert isinstance(self.penalty, Penalty)
        self.penalty.check(model)

    def loss(self, step: Step) -> Loss:
        """The penalty, times its weight."""
        assert isinstance(self.penalty, Penalty)
        value = self.penalty.penalty(step)
        return Loss(self.penalty.weight * value, {name_of(self.penalty): value})


class Objective:
    """A bound and weighted penalties: the loss of one player.

    Args:
        bound: an ``Elbo`` or another bound, or the part that names it.
        penalties: each a ``Penalty``, the part that names it, or a function of a step that gives a
            scalar in nats per picture. A penalty whose weight is 0 is not evaluated.
        shapes: ``shape`` (C, H, W) and ``code_shape`` of the model, for those that are modules.
    """

    def __init__(
        self,
        bound: Bound | Part,
        penalties: Sequence[Penalty | Part | Callable[[Step], Tensor]] = (),
        **shapes: tuple[int, ...],
    ) -> None:
        self.bound: Bound = build("bound", bound, **shapes)
        if not isinstance(self.bound, Bound):
            raise ValueError(
                f"a bound was wanted, such as Elbo(); we instead got {type(self.bound).__name__}"
            )
        self.penalties = [_penalty(build("penalty", one, **shapes)) for one in penalties]

    @property
    def terms(self) -> list[Term]:
        """The bound and the penalties."""
        return [self.bound, *self.penalties]

    def __call__(self, step: Step) -> Loss:
        """The step's loss."""
        return self.penalised(self.bound.loss)(step)

    def penalised(self, loss: Callable[[Step], Loss]) -> Callable[[Step], Loss]:
        """Another loss with the same penalties."""
        return lambda step: self._with_penalties(step, loss(step))

    def _with_penalties(self, step: Step, loss: Loss) -> Loss:
        total, terms = loss
        for penalty in self.penalties:
            if penalty.weight:
                value = penalty.penalty(step)
                total = total + penalty.weight * value
                terms[name_of(penalty)] = value
        return Loss(total, terms)

    def modules(self) -> dict[str, nn.Module]:
        """The bound and penalties that have weights of their own, by name: no part of the model."""
        return {name_of(one): one for one in self.terms if isinstance(one, nn.Module)}

    def after_step(self, step: Step) -> None:
        """Tell the terms that a step was taken."""
        for one in self.terms:
            one.after_step(step)

    def state(self) -> dict[str, dict[str, float]]:
        """What the bound and penalties remember of earlier steps, apart from their weights."""
        return {name_of(one): state for one in self.terms if (state := one.state())}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Go on from such a state."""
        for one in self.terms:
            if name_of(one) in state:
                one.restore(state[name_of(one)])


def _penalty(one: Any) -> Penalty:
    if isinstance(one, Penalty):
        return one
    if callable(one) and not isinstance(one, (nn.Module, type)):
        return FunctionPenalty(one)
    raise ValueError(
        f"a penalty has a weight and penalty(step); we instead got {type(one).__name__}: give an "
        "object of a class under narrows.objectives.Penalty, or a function of a step"
    )
