"""Penalties that make a code insensitive to its picture: ‖∂h/∂x‖² of the encoder, exact or estimated.

    x (B, C, H, W) ──encode──► h (B, D)     J_b = ∂h_b/∂x_b (D, C·H·W), one per picture

Batch normalisation makes a picture's code depend on its whole batch. Here its statistics are held:
they are those of the batch, they do not move with x, and they still follow the weights.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...bottlenecks import Point
from ...networks import DenseRung, Ladder
from ...parts import part
from ...processes import moments
from ..step import Step
from ..terms import Penalty

__all__ = ["Contractive", "Hutchinson"]

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@part("penalty", "contractive")
@dataclass(frozen=True)
class Contractive(Penalty):
    """‖∂h/∂x‖²_F, averaged over the batch (Rifai et al. 2011; Canziani 2020, fig. 18).

    h is the code, a Gaussian's mean, and x the encoder's input, corrupted where the phase corrupts.
    One dense rung without normalisation whose activation is the code takes the closed form
    Σ_j f'(a_j)² ‖W_j‖² (eq. 6, for any f). Any other encoder takes as many backward passes as the
    code has units, or as a picture has numbers if those are fewer, and keeps them all to train:
    ``Hutchinson`` is the cheap one.
    """

    weight: float = 0.1

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the scheme ends above the bottleneck.
        """
        _check_whole(step, "contractive")
        trains = torch.is_grad_enabled()
        with torch.enable_grad():
            if _is_one_dense_rung(step.model):
                value = _closed_form(step.model.ladder, step.input, trains)
            else:
                x = step.input.detach().requires_grad_()
                value = _squared_norm(x, _code(step, x), trains) / len(x)
        return value if trains else value.detach()


@part("penalty", "contractive-hutchinson")
@dataclass(frozen=True)
class Hutchinson(Penalty):
    """An unbiased estimate of ``Contractive``: mean of ‖vᵀ∂h/∂x‖², v of random signs (Hutchinson 1989).

    One backward pass per probe, whatever the sizes. Signs (E vvᵀ = I) vary less than normal
    numbers, and a code of one unit gets its exact value.

    Args:
        probes: v drawn per picture.
    """

    weight: float = 0.1
    probes: int = 1

    def __post_init__(self) -> None:
        if self.probes < 1:
            raise ValueError(f"an estimate needs at least 1 probe; we got {self.probes}")

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the scheme ends above the bottleneck.
        """
        _check_whole(step, "contractive-hutchinson")
        trains = torch.is_grad_enabled()
        with torch.enable_grad():
            x = step.input.detach().requires_grad_()
            h = _code(step, x)
            shape = (self.probes, *h.shape)
            signs = step.draws.integers("hutchinson", 2, shape, h.device, axis=1)
            total = x.new_zeros(())
            for v in (2 * signs - 1).to(h.dtype):
                total = total + _pulled(h, x, v, trains).square().sum()
            value = total / (self.probes * len(x))
        return value if trains else value.detach()


def _check_whole(step: Step, name: str) -> None:
    if not step.narrowed:
        raise ValueError(
            f"the penalty {name!r} is of the whole encoder, but this scheme ends above the "
            "bottleneck: use it with 'end-to-end', or with the last rung"
        )


def _pulled(h: Tensor, x: Tensor, v: Tensor, trains: bool) -> Tensor:
    """vᵀ∂h/∂x: h and v (B, D), x (B, …) → (B, …), picture by picture."""
    (out,) = torch.autograd.grad(h, x, v, create_graph=trains, retain_graph=True)
    return out


def _squared_norm(x: Tensor, h: Tensor, trains: bool) -> Tensor:
    """‖∂h/∂x‖²_F of x (B, …) and h (B, D), summed over the batch: by rows or by columns of J."""
    size, total = x[0].numel(), x.new_zeros(())
    if h.shape[1] <= size:
        for unit in torch.eye(h.shape[1], dtype=h.dtype, device=h.device):
            total = total + _pulled(h, x, unit.expand_as(h), trains).square().sum()
        return total
    # uᵀJ is linear in u, so its derivative along e_i is a column of J
    u = torch.zeros_like(h, requires_grad=True)
    rows = _pulled(h, x, u, True).flatten(1)
    for pixel in torch.eye(size, dtype=x.dtype, device=x.device):
        total = total + _pulled(rows, u, pixel.expand_as(rows), trains).square().sum()
    return total


def _is_one_dense_rung(model: Any) -> bool:
    """Whether the code is f(Wx + b), with f an activation."""
    ladder, bottleneck = model.ladder, model.bottleneck
    single = len(ladder) == 1 and isinstance(ladder.rung(0), DenseRung)
    return (
        single
        and ladder.boundary(0).plain
        and isinstance(bottleneck, Point)
        and bottleneck.head is None
    )


def _closed_form(ladder: Ladder, x: Tensor, trains: bool) -> Tensor:
    """Σ_j f'(a_j)² ‖W_j‖², averaged over the batch."""
    rung = ladder.rung(0)
    assert isinstance(rung, DenseRung)
    a, _ = rung.down(x)
    shift = torch.zeros_like(a, requires_grad=True)
    h = ladder.boundary(0).down(a + shift)
    slopes = _pulled(h, shift, torch.ones_like(h), trains)
    return (slopes.square() @ rung.linear_down.weight.square().sum(1)).mean()


def _code(step: Step, x: Tensor) -> Tensor:
    """x (B, C, H, W) → h (B, D), each picture's from that picture alone."""
    kept: deque[tuple[Tensor, Tensor]] = deque()

    def keep(norm: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
        if norm.training:
            (h,) = inputs
            kept.append(moments(h, [0, *range(2, h.ndim)]))

    def use(norm: Any, inputs: tuple[Tensor], out: Tensor) -> Tensor | None:
        if not norm.training:
            return None
        (h,), (variance, mean) = inputs, kept.popleft()
        weight, bias = (p.view(-1, *[1] * (h.ndim - 2)) for p in (norm.weight, norm.bias))
        held: Tensor = (h - mean) * (variance + norm.eps).rsqrt() * weight + bias
        return held

    norms = [m for m in step.model.modules() if isinstance(m, BATCH_NORMS) and m.training]
    if norms:
        with _watched(norms, keep):
            step.encode(step.input)  # its x is no variable, so these statistics have only weights
    with _watched(norms, use):
        code = step.encode(x)
    return (code.z[0] if code.mean is None else code.mean).flatten(1)


@contextlib.contextmanager
def _watched(modules: Sequence[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Call ``hook`` after each of the modules for as long as it is open."""
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
