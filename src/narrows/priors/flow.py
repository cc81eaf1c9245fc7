"""A flow over codes, trained by conditional flow matching (Lipman et al. 2023).

x_0 ~ N(0, I) ──── dx/dt = v(x, t), t from 0 to 1 ────► x_1, a standardised code

What it trains and how it draws are functions, which the flow with captions shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from ..parts import Part, part
from ..randomness import Draws, generator
from ..training.phases import MOST_PIECES, at_most
from .descent import checked_rate, descend
from .gaussian import Scale, blank, restored
from .prior import Prior, Progress, checked_counts, checked_rows

__all__ = ["Flow", "Velocity", "carried", "drawn", "from_state", "matched", "stated"]

N = TypeVar("N", bound=nn.Module)

FREQUENCIES = 16
HEUN_STEPS = 32
DEEPEST, WIDEST = 64, 8192  # a file that asks for more is refused before anything is built


class Velocity(nn.Module):
    """v(x, t), or v(x, t, c): a residual perceptron that is told the time in each of its blocks.

    Args:
        size: D.
        width, depth: units of a block, and blocks.
        condition: E, numbers of a condition c that every block is given with the time.

    Raises:
        ValueError: more blocks, or wider ones, than any code needs.
    """

    frequencies: Tensor

    def __init__(self, size: int, width: int, depth: int, condition: int = 0) -> None:
        super().__init__()
        if depth > DEEPEST or width > WIDEST:
            raise ValueError(
                f"a flow has at most {DEEPEST} blocks of {WIDEST:,} units; we got {depth:,} of {width:,}"
            )
        turns = torch.logspace(0, 2, FREQUENCIES) * math.pi
        self.register_buffer("frequencies", turns, persistent=False)
        self.inward = nn.Linear(size, width)
        facts = 2 * FREQUENCIES + 1 + condition
        self.times = nn.ModuleList(nn.Linear(facts, 2 * width) for _ in range(depth))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(
            nn.LayerNorm(width, elementwise_affine=False) for _ in range(depth)
        )
        self.outward = nn.Linear(width, size)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        """x (B, D), t (B, 1) in [0, 1], condition (B, E) → (B, D)."""
        angle = t * self.frequencies
        context = torch.cat([t, angle.sin(), angle.cos()], 1)
        if condition is not None:
            context = torch.cat([context, condition], 1)
        h = self.inward(x)
        for time, norm, block in zip(self.times, self.norms, self.blocks, strict=True):
            scale, shift = time(context).chunk(2, 1)
            h = h + block(norm(h) * (1 + scale) + shift)
        out: Tensor = self.outward(nn.functional.silu(h))
        return out


def matched(
    velocity: Velocity, ends: Tensor, draws: Draws, condition: Tensor | None = None
) -> Tensor:
    """Mean squared miss of the straight paths to codes ``ends`` (B, D) (Lipman et al. 2023, eq. 23).

    x_t = (1 − t) x_0 + t x_1, and v is to be x_1 − x_0: σ_min = 0.
    """
    starts = draws.normal("prior/start", ends.shape).to(ends.device)
    # one time out of each of B equal stretches: the same mean with less noise
    at = draws.uniform("prior/time", (len(ends), 1)).to(ends.device)
    t = (torch.arange(len(ends), device=ends.device)[:, None] + at) / len(ends)
    missed: Tensor = velocity(torch.lerp(starts, ends, t), t, condition) - (ends - starts)
    return missed.square().mean()


def carried(field: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """x (B, D) from t = 0 to 1 along v = field(x, t), by 32 steps of Heun's method: (B, D)."""
    h = 1 / HEUN_STEPS
    for i in range(HEUN_STEPS):
        t = torch.full((len(x), 1), i * h)
        first = field(x, t)
        x = x + 0.5 * h * (first + field(x + h * first, t + h))
    return x


def drawn(
    field: Callable[[Tensor, Tensor], Tensor], scale: Scale, shape: tuple[int, int], seed: int
) -> Tensor:
    """Codes (n, D) that the field carries a standard normal to, on their own scale."""
    x = Draws(seed).normal("prior", shape)
    return scale.back(torch.cat([carried(field, rows) for rows in torch.split(x, 4096)])).float()


def stated(scale: Scale, network: nn.Module) -> dict[str, Tensor]:
    """What a flow is in a file: the codes' scale and the network's weights."""
    return {"mean": scale.mean, "deviation": scale.deviation, **network.state_dict()}


def from_state(state: dict[str, Tensor], size: int, make: Callable[[], N]) -> tuple[Scale, N]:
    """From those, checked against a network that ``make`` makes."""
    with torch.device("meta"), at_most(MOST_PIECES):
        weights = make().state_dict()
    wanted = {"mean": blank(size), "deviation": blank(size), **weights}
    mean, deviation, *_ = restored(state, wanted)
    with torch.random.fork_rng():
        network = make()
    network.load_state_dict({name: state[name] for name in weights})
    return Scale(mean, deviation), network.eval().requires_grad_(False)


@part("prior", "flow")
class Flow(Prior):
    """A velocity field that carries a standard normal to the codes (Lipman et al. 2023, eq. 23).

    Codes are standardised unit by unit; see ``matched`` and ``carried``. It trains where the codes are
    and is then kept on the processor.

    Args:
        size: D, numbers of a code.
        width, depth: of the network.
        steps, batch_size, learning_rate: of its training.
    """

    part: Part
    takes = "codes"
    scale: Scale
    velocity: Velocity

    def __init__(
        self,
        size: int,
        width: int = 256,
        depth: int = 3,
        steps: int = 5000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
    ) -> None:
        checked_counts("a flow", width=width, depth=depth, steps=steps, batch_size=batch_size)
        checked_rate(learning_rate)
        self.size, self.width, self.depth = size, width, depth
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate

    def fit(self, codes: Tensor, seed: int = 0, progress: Progress | None = None) -> Self:
        """Train on (N, D), N at least 2."""
        rows = checked_rows(codes, 2, self.size)
        self.scale = Scale.of(rows)
        even = self.scale(rows).float().to(codes.device)
        with torch.random.fork_rng():
            torch.manual_seed(generator(seed, "prior/weights").initial_seed())
            velocity = Velocity(self.size, self.width, self.depth).to(codes.device)

        def loss(ends: Tensor, draws: Draws) -> Tensor:
            return matched(velocity, ends, draws)

        descend(
            velocity,
            loss,
            even,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
            progress=progress,
        )
        self.velocity = velocity.cpu().requires_grad_(False)
        return self

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """(n, D)."""
        return drawn(self.velocity, self.scale, (n, self.size), seed)

    def log_prob(self, codes: Tensor) -> None:
        """None: it would take the divergence of the field along every path."""

    @property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Those of the codes that it was fitted to."""
        return self.scale.mean.float(), self.scale.deviation.float()

    def state(self) -> dict[str, Tensor]:
        """The codes' scale and the network's weights."""
        return stated(self.scale, self.velocity)

    def restore(self, state: dict[str, Tensor]) -> Self:
        """From those."""
        self.scale, self.velocity = from_state(
            state, self.size, lambda: Velocity(self.size, self.width, self.depth)
        )
        return self
