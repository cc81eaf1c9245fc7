"""How a forward pass goes. A scheme is a function (model, batch) → Step, not a trainer.

end-to-end         h_0 ─► h_1 ─► h_2 ─► z ─► g_2 ─► g_1 ─► x̂         one loss, at x̂
rung i             h_0 ┄► h_i ─► h_i+1 ─► ĥ_i                        the way to h_i is frozen
recursive          h_0 ─► h_1 ─► ĥ_0 │ h_1 ─► h_2 ─► ĥ_1 │ …         every rung at once, on its own
deeply supervised  as end-to-end, and a loss between every g_i and h_i
boltzmann i        h_0 ┄► h_i ─► h_i+1 ─► h_i′                       in boltzmann.py

A dotted way and a bar stop the gradient. A rung's input is its target too, and inside the ladder
its likelihood is Gaussian, whatever that of the pixels is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..bottlenecks import Code
from ..networks import Descent
from ..objectives import Step
from ..objectives.likelihoods import log_gaussian
from ..parts import Part, build, part
from ..randomness import Draws

__all__ = [
    "Batch",
    "DeeplySupervised",
    "EncoderOnly",
    "EndToEnd",
    "OneRung",
    "Recursive",
    "Scheme",
    "step_of",
]


class Batch(NamedTuple):
    """What a scheme is given.

    Attributes:
        target, input: (B, C, H, W), what is to come out and what goes in.
        samples: S, codes per picture.
        epoch, number: of the step in its phase.
        draws: its randomness.
        labels: (B,) int64, where the pictures have labels.
    """

    target: Tensor
    input: Tensor
    samples: int
    epoch: float
    number: int
    draws: Draws
    labels: Tensor | None = None


@runtime_checkable
class Scheme(Protocol):
    """A way to go forward."""

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """One pass."""
        ...

    def trained(self, model: Autoencoder) -> Sequence[nn.Module] | None:
        """The modules that move; the others keep their weights and statistics. None: all."""
        ...

    def check(self, model: Autoencoder) -> None:
        """Refuse a model that it cannot train.

        Raises:
            ValueError: with what would fit.
        """
        ...


def step_of(model: Autoencoder, batch: Batch, **fields: Any) -> Step:
    """A step of a batch, with what the scheme found."""
    return Step(
        target=batch.target,
        input=batch.input,
        model=model,
        epoch=batch.epoch,
        number=batch.number,
        draws=batch.draws,
        labels=batch.labels,
        **fields,
    )


@part("scheme", "end-to-end")
@dataclass(frozen=True)
class EndToEnd:
    """All rungs in one pass, one loss at the pictures."""

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """output (S, B, C, H, W)."""
        descent = model.ladder.descend(batch.input)
        code = model.bottleneck.encode(descent, model.ladder, batch.samples, batch.draws)
        return step_of(model, batch, levels=descent.levels, code=code, output=model.raw(code))

    def trained(self, model: Autoencoder) -> None:
        """All."""

    def check(self, model: Autoencoder) -> None:
        """Fits every model."""


@part("scheme", "encoder")
@dataclass(frozen=True)
class EncoderOnly:
    """The way down alone, for losses on the code: a classifier (Lingrand, fine-tuning)."""

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """Without an output."""
        descent = model.ladder.descend(batch.input)
        code = model.bottleneck.encode(descent, model.ladder, batch.samples, batch.draws)
        return step_of(model, batch, levels=descent.levels, code=code, output=None)

    def trained(self, model: Autoencoder) -> None:
        """All that the loss reaches."""

    def check(self, model: Autoencoder) -> None:
        """Fits every model."""


@part("scheme", "rung")
@dataclass(frozen=True)
class OneRung:
    """One rung learns to recreate its own input, with everything above it frozen.

    Rung after rung it is layer-wise training (Lingrand's multilayer autoencoder) and the one model
    at a time of Ray & Hannon 2022 (§3); with a corruption of its own, stacked denoising (Vincent et
    al. 2010). The last rung goes through the bottleneck.

    Args:
        rung: its number, from 0 at the pictures.
        variance: σ² of the Gaussian inside the ladder; ½ is the summed squared error.
        corruption: of the rung's input, not of its target.
    """

    rung: int = 0
    variance: float = 0.5
    corruption: Part | None = None

    def __post_init__(self) -> None:
        _check_variance(self.variance)
        build("corruption", self.corruption)

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """An output (S, B, C, H, W) from rung 0; ``inner`` has the likelihood of another."""
        levels, ladder = [batch.input], model.ladder
        with torch.no_grad():
            for i in range(self.rung):
                levels.append(ladder.step_down(i, levels[-1])[0])
        h = levels[-1].detach()
        target = batch.target if self.rung == 0 else h
        if self.corruption is not None:
            h = build("corruption", self.corruption)(h, batch.draws)
        below, code, g = _there_and_back(model, batch, self.rung, h)
        last = self.rung + 1 == len(ladder)
        fields = {"levels": [*levels, below], "code": code, "narrowed": last}
        if self.rung == 0:
            return step_of(model, batch, output=g, **fields)
        inner = {f"level_{self.rung}": _log_normal(target, g, self.variance)}
        return step_of(model, batch, output=None, inner=inner, **fields)

    def trained(self, model: Autoencoder) -> list[nn.Module]:
        """The rung, the normalisations that only it meets, and the bottleneck of the last."""
        ladder, i = model.ladder, self.rung
        modules: list[nn.Module] = [ladder.rungs[i], ladder.boundary(i).norm_down]
        if i > 0 and (norm_up := ladder.boundary(i - 1).norm_up) is not None:
            modules.append(norm_up)
        if i == 0:
            modules.append(model.likelihood)
        if i + 1 == len(ladder):
            modules.append(model.bottleneck)
            if (norm_up := ladder.boundary(i).norm_up) is not None:
                modules.append(norm_up)
        return modules

    def check(self, model: Autoencoder) -> None:
        """It needs that rung, and a bottleneck that reads the last level only."""
        if not 0 <= self.rung < len(model.ladder):
            raise ValueError(
                f"the scheme 'rung' trains rung {self.rung}, but this ladder has rungs 0 to "
                f"{len(model.ladder) - 1}"
            )
        _check_flat(model, "rung")


@part("scheme", "recursive")
@dataclass(frozen=True)
class Recursive:
    """Every rung learns to recreate its own input, all of them in one pass (Ray & Hannon 2022, §3).

    The gradient stops between rungs, so that each rung's loss reaches its own weights only; a
    normalisation that a way down and a way up share is moved by both. The authors train one model
    per rung, which is ``rung`` in one phase after the other.

    Args:
        variance: σ² of the Gaussian inside the ladder; ½ is the summed squared error.
    """

    variance: float = 0.5

    def __post_init__(self) -> None:
        _check_variance(self.variance)

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """The output is rung 0's own reconstruction; ``inner`` holds those of the others."""
        levels = [batch.input]
        inner: dict[str, Tensor] = {}
        output: Tensor | None = None
        code: Code | None = None
        for i in range(len(model.ladder)):
            h = levels[-1].detach()
            below, code, g = _there_and_back(model, batch, i, h)
            levels.append(below)
            if i == 0:
                output = g
            else:
                inner[f"level_{i}"] = _log_normal(h, g, self.variance)
        return step_of(model, batch, levels=levels, code=code, output=output, inner=inner)

    def trained(self, model: Autoencoder) -> None:
        """All."""

    def check(self, model: Autoencoder) -> None:
        """It needs a bottleneck that reads the last level only."""
        _check_flat(model, "recursive")


@part("scheme", "deeply-supervised")
@dataclass(frozen=True)
class DeeplySupervised:
    """End to end, with a loss at every level of the way up too (Ray & Hannon 2022, §5).

    Each g_i, 0 < i < L, is to be the h_i of the way down, whose gradient is stopped there.

    Args:
        weights: one for all levels inside, or one for each from the pictures inwards; that of the
            pictures is 1.
        variance: σ² of the Gaussian inside the ladder; ½ is the summed squared error.
    """

    weights: float | tuple[float, ...] = 1.0
    variance: float = 0.5

    def __post_init__(self) -> None:
        _check_variance(self.variance)
        if not isinstance(self.weights, (int, float)):
            object.__setattr__(self, "weights", tuple(self.weights))
        if any(w < 0 for w in self._each(1)):
            raise ValueError(f"a level's weight is at least 0; we got {self.weights}")

    def _each(self, count: int) -> Sequence[float]:
        one = isinstance(self.weights, (int, float))
        return [self.weights] * count if one else self.weights  # type: ignore[list-item,return-value]

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """``inner`` holds the weighted likelihoods of g_1 … g_(L−1)."""
        ladder = model.ladder
        descent = ladder.descend(batch.input)
        code = model.bottleneck.encode(descent, ladder, batch.samples, batch.draws)
        g, level = model.bottleneck.expand(code, ladder)
        pooling_indices = model.pooling_indices(code, len(g))
        weights = [1.0, *self._each(len(ladder) - 1)]
        ahead = code.z.shape[:2]
        inner: dict[str, Tensor] = {}
        for i in reversed(range(level)):
            g = ladder.ascend(g, pooling_indices, i + 1, to=i)
            if i > 0 and weights[i]:
                log_p = _log_normal(descent.levels[i].detach(), _apart(g, ahead), self.variance)
                inner[f"level_{i}"] = weights[i] * log_p
        output = _apart(g, ahead)
        return step_of(model, batch, levels=descent.levels, code=code, output=output, inner=inner)

    def trained(self, model: Autoencoder) -> None:
        """All."""

    def check(self, model: Autoencoder) -> None:
        """It needs a weight for each level inside."""
        wanted = len(model.ladder) - 1
        if len(self._each(wanted)) != wanted:
            raise ValueError(
                f"the scheme 'deeply-supervised' has {len(self._each(wanted))} weights, but this "
                f"ladder has {wanted} levels inside: give one weight, or {wanted}"
            )


def _there_and_back(
    model: Autoencoder, batch: Batch, i: int, h: Tensor
) -> tuple[Tensor, Code, Tensor]:
    """Rung i as an autoencoder of h (B, *shapes[i]): h_(i+1), its code, and ĥ_i (S, B, *shapes[i])."""
    ladder = model.ladder
    below, pooling_indices = ladder.step_down(i, h)
    if i + 1 < len(ladder):
        return (
            below,
            Code(below[None], sampled=True),
            ladder.step_up(i, below, pooling_indices)[None],
        )
    code = model.bottleneck.encode(
        _descent_of(model, below, pooling_indices), ladder, batch.samples, batch.draws
    )
    g, level = model.bottleneck.expand(code, ladder)
    indices = model.pooling_indices(code, len(g))
    back = ladder.ascend(g, indices, level, to=i)
    return below, code, _apart(back, code.z.shape[:2])


def _descent_of(model: Autoencoder, h: Tensor, pooling_indices: Tensor | None) -> Any:
    """A way down of which only the last level is known: all that a flat bottleneck reads."""
    above = len(model.ladder) - 1
    return Descent([h], [*[None] * above, pooling_indices])


def _apart(rows: Tensor, ahead: torch.Size) -> Tensor:
    """(S·B, …) → (S, B, …)."""
    return rows.reshape(*ahead, *rows.shape[1:])


def _log_normal(target: Tensor, mean: Tensor, variance: float) -> Tensor:
    """log N(target; mean, σ²) in nats, summed: target (B, …), mean (S, B, …) → (S, B)."""
    squares = (target - mean.float()).square().flatten(2).sum(-1)
    return log_gaussian(squares, variance, math.log(variance), math.prod(target.shape[1:]))


def _check_variance(variance: float) -> None:
    if not (variance > 0 and math.isfinite(variance)):
        raise ValueError(f"a variance must be a positive number; we got {variance}")


def _check_flat(model: Autoencoder, name: str) -> None:
    if len(getattr(model.bottleneck, "levels", ())) > 0:
        raise ValueError(
            f"the scheme {name!r} trains one rung at a time, but the bottleneck 'hierarchical' ties "
            "several levels together: use 'end-to-end', or the bottleneck 'gaussian'"
        )
