"""A step: all that one forward pass leaves for the bound and the penalties to read.

input ──descend──► levels ──bottleneck──► code ──ascend──► output
                                    target, output ──likelihood──► log p(x|z)
                                    levels inside  ──────────────► log p(h_i|…), where a scheme asks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor, nn
from torch.func import functional_call

from ..bottlenecks import Code
from ..randomness import Draws

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["Step"]

T = TypeVar("T")


@dataclass
class Step:
    """One forward pass. Densities have shape (S, B) and are in nats per picture.

    Attributes:
        target: (B, C, H, W), what is to come out.
        input: (B, C, H, W), what went in; the target unless it was corrupted.
        levels: h_0 … h_L, each (B, …), as far down as the scheme went.
        code: the code, z (S, B, *code); the last level where the scheme ended above the bottleneck.
        output: the ladder's raw output (S, B, C, H, W); None where the scheme has none.
        model: the autoencoder.
        epoch: where in its phase the step is; 1.5 is the middle of the second epoch.
        number: the step's number in its phase.
        draws: the randomness of this step; the same purpose gives the same numbers again.
        inner: log-likelihoods (S, B) of levels inside, weighted, by name.
        labels: (B,) int64 classes, where the pictures have labels.
        narrowed: whether the pass went through the bottleneck.
    """

    target: Tensor
    input: Tensor
    levels: list[Tensor]
    code: Code
    output: Tensor | None
    model: Autoencoder
    epoch: float
    number: int
    draws: Draws
    inner: Mapping[str, Tensor] = field(default_factory=dict)
    labels: Tensor | None = None
    narrowed: bool = True
    _kept: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, owner: object, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once a step for each ``owner``, whoever asks how often."""
        if owner not in self._kept:
            self._kept[owner] = make()
        kept: T = self._kept[owner]
        return kept

    @cached_property
    def log_px(self) -> Tensor | None:
        """log p(x|z), (S, B); None without an output."""
        if self.output is None:
            return None
        out: Tensor = self.model.likelihood.log_prob(self.output, self.target)
        return out

    @cached_property
    def log_likelihood(self) -> Tensor:
        """log p(x|z) and that of the levels inside, summed, (S, B).

        Raises:
            ValueError: the scheme reconstructs nothing.
        """
        terms = [t for t in (self.log_px, *self.inner.values()) if t is not None]
        if not terms:
            raise ValueError(
                "this scheme reconstructs nothing, so a bound has no likelihood to read; "
                "use it with a bound on the code, such as 'softmax'"
            )
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    @cached_property
    def log_qz(self) -> Tensor | None:
        """log q(z|x), (S, B); None where the code has no density."""
        if not self.narrowed:
            return None
        out: Tensor | None = self.model.bottleneck.log_posterior(self.code)
        return out

    @cached_property
    def log_pz(self) -> Tensor | None:
        """log p(z), (S, B); None where the code has no prior."""
        if not self.narrowed:
            return None
        out: Tensor | None = self.model.bottleneck.log_prior(self.code)
        return out

    @cached_property
    def kl(self) -> Tensor | None:
        """KL(q(z|x) ‖ p(z)), (B,); None where the code has no prior."""
        if not self.narrowed:
            return None
        out: Tensor | None = self.model.bottleneck.kl(self.code)
        return out

    @property
    def encode(self) -> Callable[[Tensor], Code]:
        """A pure encoder: the same draws, S samples as here, and no statistic is touched."""
        samples, draws = self.code.z.shape[0], self.draws
        posterior = _Posterior(self.model)

        def again(x: Tensor) -> Code:
            held = {name: buffer.clone() for name, buffer in posterior.named_buffers()}
            code: Code = functional_call(posterior, held, (x, samples, draws))
            return code

        return again


class _Posterior(nn.Module):
    """A model's encoder as a module of its own, so that its buffers can be lent."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, samples: int, draws: Draws) -> Code:
        """x (B, C, H, W) → its code."""
        code: Code = self.model.posterior(x, samples, draws)  # type: ignore[operator]
        return code
