"""A ladder of L rungs: the way down to the bottleneck and the way back up.

    x = h_0 ──down_1──► h_1 ──down_2──► h_2  …  h_L ──► bottleneck
                boundary 1      boundary 2   boundary L
    x̂ = g_0 ◄──up_1─── g_1 ◄──up_2─── g_2  …  g_L ◄── bottleneck

A rung is itself a small autoencoder of what the rung above gives it: up_i(down_i(h)) has the
shape of h. A boundary holds what stands between two rungs, normalisation and activation; down_i
and up_(i+1) meet there, so they can share one normalisation (Ray & Hannon 2022, §4.3). The
topmost output g_0 is raw: the likelihood makes pictures of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from ..parts import Part
from .blocks import activation, norm

__all__ = ["Boundary", "Descent", "Ladder", "Rung"]

Shape = tuple[int, ...]


@runtime_checkable
class Rung(Protocol):
    """One level of a ladder: a module with a way down, a way up, and the shapes of both ends.

    ``down`` also gives what its ``up`` may need of it (pooling indices), or None.
    """

    above: Shape
    below: Shape

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, *above) → (B, *below) and pooling indices."""
        ...

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, *below) → (B, *above)."""
        ...


@runtime_checkable
class Biased(Protocol):
    """A rung with biases that a batch normalisation behind them takes away again.

    No loss has a slope along them but for rounding, of which Adam makes full steps.
    """

    def drop_biases(self, up: bool) -> None:
        """Do without those at the end of the way down, and of the way ``up``."""
        ...


class Descent(NamedTuple):
    """What the way down leaves: ``levels`` h_0 … h_L (h_0 is the input), each rung's pooling indices."""

    levels: list[Tensor]
    pooling_indices: list[Tensor | None]


class Boundary(nn.Module):
    """Normalisation and activation between two rungs, for activations (B, *shape)."""

    def __init__(self, shape: Shape, norm_name: str, activation_name: str) -> None:
        super().__init__()
        self.norm_down = norm(norm_name, shape)
        self.norm_up = None if norm_name == "shared-batch" else norm(norm_name, shape)
        self.activation = activation(activation_name)
        self.plain = norm_name == "none"  # saves two calls of nothing in every step
        self.centred = norm_name in ("batch", "shared-batch")  # it takes away what a bias adds

    def down(self, h: Tensor) -> Tensor:
        """(B, *shape) on the way down."""
        out: Tensor = self.activation(h if self.plain else self.norm_down(h))
        return out

    def up(self, h: Tensor) -> Tensor:
        """(B, *shape) on the way up."""
        shared = self.norm_down if self.norm_up is None else self.norm_up
        out: Tensor = self.activation(h if self.plain else shared(h))
        return out


class Ladder(nn.Module):
    """Rungs and the boundaries between them.

    Args:
        rungs: from the pictures inwards; each takes the shape that the one before gives.
        activations: one name for every boundary, or one per boundary.
        norm: ``none``, ``batch``, ``shared-batch`` (one for down and up) or ``group``.

    Raises:
        ValueError: no rung, or two neighbours whose shapes do not meet.
    """

    part: Part

    def __init__(
        self,
        rungs: Sequence[nn.Module],
        activations: str | Sequence[str] = "relu",
        norm: str = "none",
    ) -> None:
        super().__init__()
        if not rungs:
            raise ValueError("a ladder needs at least one rung; we got none")
        names = [activations] * len(rungs) if isinstance(activations, str) else list(activations)
        if len(names) != len(rungs):
            raise ValueError(
                f"a ladder of {len(rungs)} rungs needs one activation or {len(rungs)}; "
                f"we got {len(names)}"
            )
        for rung in rungs:
            if not isinstance(rung, Rung):
                raise ValueError(
                    "a rung is a module with above, below, down and up; "
                    f"we got {type(rung).__name__}"
                )
        self.rungs = nn.ModuleList(rungs)
        self.shapes: list[Shape] = [self.rung(0).above]
        for i in range(len(rungs)):
            if self.rung(i).above != self.shapes[-1]:
                raise ValueError(
                    f"rung {i + 1} takes {self.rung(i).above} but the rung before it gives "
                    f"{self.shapes[-1]}"
                )
            self.shapes.append(self.rung(i).below)
        self.boundaries = nn.ModuleList(
            Boundary(shape, norm, name) for shape, name in zip(self.shapes[1:], names, strict=True)
        )
        for i, rung in enumerate(rungs if self.boundary(0).centred else ()):
            if isinstance(rung, Biased):
                rung.drop_biases(up=i > 0)

    def __len__(self) -> int:
        return len(self.rungs)

    def rung(self, i: int) -> Rung:
        """Rung i, counted from 0 at the pictures."""
        return self.rungs[i]  # type: ignore[return-value]

    def boundary(self, i: int) -> Boundary:
        """The boundary below rung i."""
        return self.boundaries[i]  # type: ignore[return-value]

    @property
    def outputs(self) -> int:
        """How many numbers the raw output has for each value of a picture: (B, outputs · C, H, W)."""
        return int(getattr(self.rungs[0], "outputs", 1))

    @property
    def shape(self) -> Shape:
        """The shape (C, H, W) of one picture."""
        return self.shapes[0]

    @property
    def narrowest(self) -> Shape:
        """The shape of h_L, what the bottleneck gets."""
        return self.shapes[-1]

    def step_down(self, i: int, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """h_i (B, *shapes[i]) → h_(i+1), past the boundary, and the rung's pooling indices."""
        h, pooling_indices = self.rung(i).down(h)
        return self.boundary(i).down(h), pooling_indices

    def step_up(self, i: int, g: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """g_(i+1) → g_i (B, *shapes[i]), past the boundary; g_0 has none and stays raw."""
        g = self.rung(i).up(g, pooling_indices)
        return g if i == 0 else self.boundary(i - 1).up(g)

    def descend(self, x: Tensor) -> Descent:
        """x (B, C, H, W) → every level's activation, h_0 = x first."""
        levels: list[Tensor] = [x]
        pooling_indices: list[Tensor | None] = []
        for i in range(len(self)):
            h, kept = self.step_down(i, levels[-1])
            levels.append(h)
            pooling_indices.append(kept)
        return Descent(levels, pooling_indices)

    def ascend(
        self,
        g: Tensor,
        pooling_indices: Sequence[Tensor | None] | None = None,
        level: int | None = None,
        to: int = 0,
    ) -> Tensor:
        """g at ``level`` (L by default), past its boundary already → g at ``to``: raw at 0."""
        for i in reversed(range(to, len(self) if level is None else level)):
            g = self.step_up(i, g, None if pooling_indices is None else pooling_indices[i])
        return g
