"""A model as a function of bytes: what an exported file computes, pre- and post-processing inside.

pixels uint8 (B, h, w, C) ──resampled──► x (B, C, H, W) ──encode──► code (B, *code) ──decode──► x̂
                            any h, w                       │                          │
                                        encode, score ◄────┘    picture uint8 (B, H, W, C), error (B,)

Nothing here asks a tensor for its value: sizes are tensors, so that one graph takes any of them. The
resize is the reader's, torch's antialiased bilinear one, as a product with a matrix from either side;
crop and padding are rows of these matrices.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..images import Preprocessing

__all__ = [
    "PARTS", "ByError", "ByNeighbours", "Decoding", "Encoding", "Graph", "Resampled", "Scoring", "Whole",
    "bytes_of",
]  # fmt: skip


class Resampled(nn.Module):
    """Pixels of any size as a model takes them: :func:`narrows.images.read.fit_pixels`, unrounded.

    Args:
        how: the preprocessing of the model.
    """

    def __init__(self, how: Preprocessing) -> None:
        super().__init__()
        self.how = how

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels uint8 (B, h, w, C) → x (B, C, H, W) in [0, 1]."""
        x = pixels.permute(0, 3, 1, 2).float() / 255
        down, across = self._matrices(*(_places(pixels.shape[axis], pixels) for axis in (1, 2)))
        return down @ x @ across.t()

    def _matrices(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """(H, h) and (W, w): what each pixel of a picture gives to those of the input."""
        size, how = self.how.size, self.how
        lengths = [rows[-1:] + 1, columns[-1:] + 1]
        starts = [torch.zeros_like(length) for length in lengths]
        if how.center_crop is not None:
            kept = [length.clamp_max(how.center_crop) for length in lengths]
            starts, lengths = [_middle(*pair) for pair in zip(lengths, kept, strict=True)], kept
        if how.fit == "crop":
            (tall, wide), (height, width) = lengths, size
            kept = [
                tall.where(tall * width <= wide * height, _whole(wide * height / width)),
                wide.where(tall * width >= wide * height, _whole(tall * width / height)),
            ]
            starts = [
                start + _middle(*pair)
                for start, pair in zip(starts, zip(lengths, kept, strict=True), strict=True)
            ]
            lengths = kept
        inner = [
            torch.full_like(length, float(side)) for length, side in zip(lengths, size, strict=True)
        ]
        if how.fit == "pad":
            ratio = torch.minimum(inner[0] / lengths[0], inner[1] / lengths[1])
            inner = [
                torch.minimum(side, _whole(length * ratio))
                for side, length in zip(inner, lengths, strict=True)
            ]
        found = [
            _matrix(places, side, *which)
            for places, side, *which in zip(
                (rows, columns), size, starts, lengths, inner, strict=True
            )
        ]
        return found[0], found[1]


def _places(length: int, like: Tensor) -> Tensor:
    """0 … length − 1, in float64, in which sizes are whole numbers."""
    return torch.arange(length, device=like.device).double()


def _whole(length: Tensor) -> Tensor:
    return length.round().clamp_min(1)


def _middle(length: Tensor, kept: Tensor) -> Tensor:
    """Where the central ``kept`` of a length begin."""
    return ((length - kept) / 2).floor().clamp_min(0)


def _matrix(places: Tensor, side: int, start: Tensor, length: Tensor, inner: Tensor) -> Tensor:
    """(side, h): ``length`` pixels from ``start`` on become ``inner`` of the ``side`` in the middle.

    A triangle around each new pixel's centre, as wide as a new pixel where that is more than an old one.
    """
    new = torch.arange(side, device=places.device).double() - ((side - inner) / 2).floor()
    scale = length / inner
    centre = start + (new + 0.5) * scale
    weights = (1 - (places + 0.5 - centre[:, None]).abs() / scale.clamp_min(1)).relu()
    there = (places >= start) & (places < start + length)
    weights = weights * there * ((new >= 0) & (new < inner))[:, None]
    return (weights / weights.sum(1, keepdim=True).clamp_min(1e-12)).float()


def bytes_of(x_hat: Tensor) -> Tensor:
    """Pictures (B, C, H, W) in [0, 1] → uint8 (B, H, W, C)."""
    return (x_hat * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


class Graph(nn.Module):
    """What every exported part says of itself.

    Attributes:
        takes, gives: the names of what goes in and comes out.
    """

    takes: str = "pixels"
    gives: tuple[str, ...]

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model
        self.read = Resampled(model.preprocessing)

    def example(self, batch: int = 2) -> Tensor:
        """An input, to trace with."""
        channels, height, width = self.model.shape
        source = torch.Generator().manual_seed(0)
        size = (batch, height + 3, width + 5, channels)
        return torch.randint(256, size, generator=source, dtype=torch.uint8)

    def axes(self) -> dict[int, Any]:
        """Which axes of the input are free."""
        return {axis: torch.export.Dim.DYNAMIC for axis in range(3)}


class Encoding(Graph):
    """pixels → code."""

    gives = ("code",)

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 (B, h, w, C) → (B, *code) float32."""
        return self.model.posterior(self.read(pixels)).z


class Decoding(Graph):
    """code → picture; of a hierarchy's code the rest is the mean of its priors."""

    takes, gives = "code", ("picture",)

    def forward(self, code: Tensor) -> Tensor:
        """(B, *code) float32 → uint8 (B, H, W, C)."""
        return bytes_of(self.model.decode(code).clamp(0, 1))

    def example(self, batch: int = 2) -> Tensor:
        """An input, to trace with."""
        source = torch.Generator().manual_seed(0)
        return torch.randn(batch, *self.model.code_shape, generator=source)

    def axes(self) -> dict[int, Any]:
        """Which axes of the input are free."""
        return {0: torch.export.Dim.DYNAMIC}


class Whole(Graph):
    """pixels → picture, code and error."""

    gives = ("picture", "code", "error")

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 (B, h, w, C) → uint8 (B, H, W, C), (B, *code), and the mean squared error (B,)."""
        x = self.read(pixels)
        code = self.model.posterior(x)
        x_hat = self.model.likelihood.mean(self.model.raw(code)).clamp(0, 1)
        return bytes_of(x_hat), code.z, (x - x_hat).square().flatten(1).mean(1)


class Scoring(Graph):
    """pixels → score and p-value, with what normal pictures told inside.

    Args:
        model: the autoencoder.
        score: a module of (x, model) → (B,), higher for more anomalous pictures.
        normal: (M,) scores of normal pictures that the score was not fitted to.
    """

    gives = ("score", "p_value")
    normal: Tensor

    def __init__(self, model: Autoencoder, score: nn.Module, normal: Tensor) -> None:
        super().__init__(model)
        self.score = score
        self.register_buffer("normal", normal.float().sort().values)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, h, w, C) → (B,) float32 each; p = (1 + normals as anomalous) / (1 + M)."""
        score = self.score(self.read(pixels), self.model)
        above = (self.normal >= score[:, None]).float().sum(1)
        return score, (1 + above) / (1 + self.normal.shape[0])


class ByError(nn.Module):
    """The mean squared error of a value, as the score ``reconstruction``."""

    def forward(self, x: Tensor, model: Autoencoder) -> Tensor:
        """x (B, C, H, W) → (B,)."""
        x_hat = model.likelihood.mean(model.raw(model.posterior(x)))
        out: Tensor = (x - x_hat).square().flatten(1).mean(1)
        return out


class ByNeighbours(nn.Module):
    """The mean distance to the k nearest normal codes: ``knn``, or of directions ``cosine-knn``.

    Args:
        codes: (N, D) normal codes.
        k: how many of them.
        origin: (D,), from which directions are seen; None: the codes themselves.
    """

    codes: Tensor
    origin: Tensor | None

    def __init__(self, codes: Tensor, k: int, origin: Tensor | None = None) -> None:
        super().__init__()
        self.k = k
        self.register_buffer("origin", origin)
        self.register_buffer("codes", self._seen(codes))

    def forward(self, x: Tensor, model: Autoencoder) -> Tensor:
        """x (B, C, H, W) → (B,)."""
        z = self._seen(model.posterior(x).z.flatten(1))
        # ‖z − c‖² = ‖z‖² − 2 z·c + ‖c‖², in float64, as near neighbours differ in few digits
        squares = z.square().sum(1, keepdim=True) - 2 * z @ self.codes.t()
        distances = (squares + self.codes.square().sum(1)).clamp_min(0).sqrt()
        out: Tensor = distances.topk(self.k, 1, largest=False).values.mean(1).float()
        return out

    def _seen(self, rows: Tensor) -> Tensor:
        if self.origin is None:
            return rows.double()
        rows = rows - self.origin
        turned: Tensor = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return turned.double()


PARTS: dict[str, type[Graph]] = {
    "encode": Encoding,
    "decode": Decoding,
    "whole": Whole,
    "score": Scoring,
}
