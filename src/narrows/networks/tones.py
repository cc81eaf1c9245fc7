"""What time did to all colours of a picture alike, told by how they are spread: fading, sepia, a pale print.

    colours of places (B, C, N), known shares (B, 1, N) ──► statistics (B, S) ──two layers──► A, b

The map is affine, x + A (x − mean) + b, A by gains of luma and of two differences of colour: it undoes a picture's ageing as far as its own colours tell it,
and colours that are gone it leaves gray. It begins as no change.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Tones"]

# beside the channels: luma and two differences of colour; and back, from luma and half of these
LOOKS = ((0.299, 0.587, 0.114), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0))
BACK = ((1.0, 1.288, 0.228), (1.0, -0.712, 0.228), (1.0, 0.288, -1.772))
SHARES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.995)
STEP = 0.25  # of what the layers give to be added
MOST = 2.0  # of the logarithm of a gain


class Tones(nn.Module):
    """An affine map of colours for each picture, from the statistics of its places.

    Args:
        channels: of the pictures, 1 or 3.
        width: of the layers.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, width: int = 48) -> None:
        super().__init__()
        self.channels = channels
        looks = channels + len(LOOKS) * (channels == 3)
        count = looks * len(SHARES) + channels * (channels + 2)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        last = nn.Linear(width, channels * (channels + 1))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(
            nn.Linear(count, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
        )

    def statistics(self, seen: Tensor) -> Tensor:
        """Colours and known shares of places (B, C + 1, N) → (B, S); the first C are the means.

        Means, deviations, covariances, and quantiles of the channels, of luma and of two differences of
        colour, each place as heavy as it is known.
        """
        colours, known = seen[:, :-1].float(), seen[:, -1:].float().clamp_min(1e-4)
        weight = known / known.sum(2, keepdim=True)
        mean = (colours * weight).sum(2)
        apart = colours - mean[..., None]
        both = (apart * weight) @ apart.transpose(1, 2)
        deviation = (both.diagonal(dim1=1, dim2=2) + 1e-6).sqrt()
        looks = colours
        if self.channels == 3:
            looks = torch.cat([colours, colours.new_tensor(LOOKS) @ colours], 1)
        sorted_, order = looks.sort(2)
        reached = weight.expand_as(sorted_).gather(2, order).cumsum(2)
        asked = reached.new_tensor(SHARES).expand(*reached.shape[:2], -1).contiguous()
        at = torch.searchsorted(reached, asked).clamp_max(reached.shape[2] - 1)
        ends = sorted_.gather(2, at)
        return torch.cat([mean, deviation, 10 * both.flatten(1), ends.flatten(1)], 1)

    def forward(self, x: Tensor, statistics: Tensor, drop: float = 0.0) -> Tensor:
        """Colours (B, C, …) → those that the picture's statistics (B, S) ask for.

        Args:
            drop: share of the statistics that is left out, while it is fitted.
        """
        told = (statistics - self.mean) / self.scale
        if drop:
            told = nn.functional.dropout(told, drop)
        change = self.layers(told).unflatten(1, (self.channels, self.channels + 1))
        shift, mixed = change[..., :1], change[..., 1:]
        gains = mixed.diagonal(dim1=1, dim2=2).clamp(-MOST, MOST).exp()
        mixed = mixed * (1 - torch.eye(self.channels, device=x.device))
        into, back = self._basis(x)
        apart = x.flatten(2) - statistics[:, : self.channels, None]
        moved = back @ ((torch.diag_embed(gains) + STEP * mixed) @ (into @ apart) - into @ apart)
        out: Tensor = x + (moved + STEP * shift).reshape(x.shape)
        return out

    def _basis(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From colours to luma and two differences, and back; of gray ones nothing."""
        if self.channels != 3:
            one = torch.eye(self.channels, device=x.device)
            return one, one
        into = x.new_tensor(LOOKS) * x.new_tensor([1.0, 0.5, 0.5])[:, None]
        return into, x.new_tensor(BACK)
