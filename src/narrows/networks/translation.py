"""Two code spaces and a map between them: old pictures in, clean ones out (Wan et al. 2020).

    old    x ──inwards, old.down──► h ─┐                      ┌─ old.up ────► x̂   an old one again
                                       ├─(a code)─► g ────────┤
    clean  y ──inwards, clean.down─► h ┘                      └─ clean.up ──► ŷ   a clean one again

    restored    x ──old.down──► h ─(code)─► g ──translation──► g ──clean.up──► ŷ

                      ┌─ mask ─────────────────────┐ known places only
    translation   g ──┼─ tones ─► even ─┬──────────┼── local linear map ──► + ─► g
                      └─────────────────┴─ convolutions ─ non-local ─ … ────┘

A code has the numbers of pieces of ``patch`` × ``patch`` pixels in place of them: their principal
components, which both spaces begin at, and what convolutions add. What happened to all colours of a
picture alike is told from how the known ones are spread, and undone by one affine map (``tones.py``); what is
local begins as a linear map of neighbouring codes, to which convolutions add. Nothing knows a place: any
size passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .blocks import ResidualBlock, from_pieces, in_pieces
from .ladder import Ladder, Shape
from .tones import Tones

__all__ = ["Translation", "TranslationRung", "translation_ladder"]

STEP = 0.1  # of what convolutions give: a change is small beside a code
AROUND = 3  # places on a side that the linear map reads
WINDOW = 16  # places on a side within which what is hidden is looked for elsewhere


class _Space(nn.Module):
    """Convolutions that change the codes of one kind of pictures, on either way; at first by nothing."""

    def __init__(self, pieces: int, channels: int) -> None:
        super().__init__()
        self.down, self.up = (
            nn.Sequential(
                nn.Conv2d(pieces, channels, 3, padding=1),
                ResidualBlock(channels, 3, "silu", "none"),
                _nothing(nn.Conv2d(channels, pieces, 3, padding=1)),
            )
            for _ in range(2)
        )


class Solved(nn.Module):
    """A linear map of places and those around them that is solved for, not trained; at first nothing."""

    weight: Tensor
    bias: Tensor

    def __init__(self, above: int, below: int, around: int) -> None:
        super().__init__()
        self.edge = around // 2
        self.register_buffer("weight", torch.zeros(below, above, around, around))
        self.register_buffer("bias", torch.zeros(below))

    def set(self, weight: Tensor, bias: Tensor) -> None:
        """Take weights (above · around², below), as ``unfold`` orders them, and intercepts (below,)."""
        self.weight.copy_(weight.t().reshape(self.weight.shape))
        self.bias.copy_(bias)

    def forward(self, h: Tensor) -> Tensor:
        """(B, above, H, W) → (B, below, H, W); the last place is repeated beyond the border."""
        if self.edge:
            h = F.pad(h, (self.edge,) * 4, mode="replicate")
        return F.conv2d(h, self.weight, self.bias)


class PartialNonlocal(nn.Module):
    """What is hidden, told by the known places that are like what is left of it (Wan et al. 2020, eqs. 8-10).

    f_ij = exp(θ(h_i)ᵀ φ(h_j)) (1 − m_j), normalised over j; h + m · W Σ_j f_ij g(h_j). Deviations: their
    masks are of whole places, here m is the share of a place that is hidden; j is from the same square
    of ``WINDOW`` places, so that the cost grows with the picture and not with its square.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = max(1, channels // 2)
        self.asked, self.value = (nn.Conv2d(channels, self.inner, 1) for _ in range(2))
        self.told = nn.Conv2d(channels, self.inner, 1, bias=False)  # the softmax takes one away
        self.back = nn.Conv2d(self.inner, channels, 1)

    def forward(self, h: Tensor, hidden: Tensor) -> Tensor:
        """h (B, C, H, W), hidden (B, 1, H, W) in [0, 1] → the same, changed where something is hidden."""
        down, across = -h.shape[2] % WINDOW, -h.shape[3] % WINDOW
        whole = h.shape[2] <= WINDOW and h.shape[3] <= WINDOW
        fields = torch.cat([self.asked(h), self.told(h), self.value(h), hidden], 1)
        if not whole:  # what is added is hidden and tells nothing
            fields = F.pad(fields, (0, across, 0, down))
            edge = F.pad(torch.zeros_like(hidden), (0, across, 0, down), value=1.0)
            fields = torch.cat([fields[:, :-1], torch.maximum(fields[:, -1:], edge)], 1)
        high, wide = fields.shape[2:]
        side = (high, wide) if whole else (WINDOW, WINDOW)
        squares = fields.unfold(2, side[0], side[0]).unfold(3, side[1], side[1])
        b, c, n, m = squares.shape[:4]
        rows = squares.permute(0, 2, 3, 4, 5, 1).reshape(b * n * m, side[0] * side[1], c)
        asked, told, value, covered = torch.split(rows, [self.inner] * 3 + [1], 2)
        like = asked @ told.transpose(1, 2) * self.inner**-0.5
        like = like + (1 - covered).clamp_min(1e-4).log().transpose(1, 2)
        found = like.softmax(2) @ value
        found = found.reshape(b, n, m, *side, self.inner).permute(0, 5, 1, 3, 2, 4)
        found = found.reshape(b, self.inner, high, wide)[..., : h.shape[2], : h.shape[3]]
        added: Tensor = self.back(found)
        return h + hidden * added


class Translation(nn.Module):
    """From codes of old pictures to codes of clean ones, with the mask of what is hidden.

    Args:
        deep: channels of the pictures.
        patch: pixels on a side that a place stands for; a code has ``deep`` · ``patch``² numbers there.
        channels, blocks: of the convolutions that mend; half of either find the mask.
    """

    inwards: Tensor
    outwards: Tensor
    mean: Tensor

    def __init__(self, deep: int, patch: int, channels: int, blocks: int) -> None:
        super().__init__()
        few, self.patch, pieces = max(1, channels // 2), patch, deep * patch**2
        for name, value in (
            ("inwards", torch.eye(pieces)),
            ("outwards", torch.eye(pieces)),
            ("mean", torch.zeros(pieces)),
        ):
            self.register_buffer(name, value)  # the rung's, set with them
        self.tones = Tones(deep)
        self.linear = Solved(pieces, pieces, AROUND)  # what it adds to a code
        self.found = nn.Sequential(
            nn.Conv2d(pieces, few, 3, padding=1),
            *(ResidualBlock(few, 3, "silu", "none") for _ in range((blocks + 1) // 2)),
            nn.Conv2d(few, patch**2, 3, padding=1),
        )
        nn.init.constant_(self.found[-1].bias, -3.0)  # type: ignore[arg-type]  # little is hidden
        self.first = nn.Conv2d(3 * pieces + patch**2, channels, 3, padding=1)
        self.before, self.after = (
            nn.Sequential(*(ResidualBlock(channels, 3, "silu", "none") for _ in range(count)))
            for count in (blocks // 2, blocks - blocks // 2)
        )
        self.nonlocal_ = PartialNonlocal(channels)
        self.last = _nothing(nn.Conv2d(channels, pieces, 3, padding=1))

    def mask(self, g: Tensor) -> Tensor:
        """Codes (B, pieces, h, w) → logits that pixels are hidden, as pieces (B, patch², h, w)."""
        out: Tensor = self.found(g)
        return out

    def forward(
        self, g: Tensor, logits: Tensor | None = None, statistics: Tensor | None = None
    ) -> Tensor:
        """Codes of old pictures (B, pieces, h, w) → codes of clean ones, the same shape.

        Args:
            logits: of the mask, where they are known already; the codes do not move them.
            statistics: of the whole picture where these are codes of a part; see ``Tones``.
        """
        logits = self.mask(g) if logits is None else logits
        if statistics is None:
            statistics = self.tones.statistics(self.seen(g, logits))
        hidden = logits.detach().sigmoid()
        even = self.even(g, statistics)
        rough: Tensor = even + self.linear(even)
        h = self.first(torch.cat([g, even, rough, 2 * hidden], 1))
        h = self.after(self.nonlocal_(self.before(h), hidden.mean(1, keepdim=True)))
        added: Tensor = self.last(h)
        return rough + STEP * added

    def even(self, g: Tensor, statistics: Tensor) -> Tensor:
        """Codes (B, pieces, h, w) with the colours that their picture's statistics ask for."""
        x = self._pixels(g)
        moved = (self.tones(x, statistics) - x).reshape(g.shape)
        out: Tensor = g + F.conv2d(moved, self.inwards[..., None, None])
        return out

    def seen(self, g: Tensor, logits: Tensor) -> Tensor:
        """The colour of each place that is told by its known pixels, and their share: (B, C + 1, h · w)."""
        known = 1 - logits.detach().sigmoid().flatten(2)[:, None]  # (B, 1, patch², h · w)
        x = self._pixels(g).flatten(3)
        colour = (x * known).sum(2) / known.sum(2).clamp_min(1e-3)
        return torch.cat([colour, known.mean(2)], 1)

    def _pixels(self, g: Tensor) -> Tensor:
        """(B, pieces, h, w) → (B, C, patch², h, w), what the codes' components say."""
        x = F.conv2d(g, self.outwards[..., None, None], self.mean)
        return x.reshape(g.shape[0], -1, self.patch**2, *g.shape[2:])


class TranslationRung(nn.Module):
    """The two spaces and the map: down as an old picture, up as a clean one.

    Args:
        above: (C, H, W) of the pictures.
        patch: side of the pieces that become one place of the code; sides that it does not divide are
            continued by their last pixel.
        channels, blocks: of the translation.
        space: channels of the convolutions of either space.

    Raises:
        ValueError: pictures that are no (C, H, W), or a number below 1.
    """

    def __init__(
        self,
        above: Shape,
        *,
        patch: int = 4,
        channels: int = 48,
        blocks: int = 4,
        space: int = 32,
    ) -> None:
        super().__init__()
        if len(above) != 3:
            raise ValueError(f"a translation takes pictures (C, H, W); we got shape {tuple(above)}")
        if min(patch, channels, blocks, space) < 1:
            raise ValueError(
                "patch, channels, blocks and space are at least 1; "
                f"we got {patch}, {channels}, {blocks} and {space}"
            )
        deep, height, width = above
        self.above: Shape = tuple(above)
        self.patch, self.pieces = patch, deep * patch**2
        self.below: Shape = (self.pieces, -(-height // patch), -(-width // patch))
        self.inwards = nn.Conv2d(self.pieces, self.pieces, 1)
        self.outwards = nn.Conv2d(self.pieces, self.pieces, 1)
        self.old, self.clean = _Space(self.pieces, space), _Space(self.pieces, space)
        self.translation = Translation(deep, patch, channels, blocks)
        self.begin(torch.full((self.pieces,), 0.5), torch.eye(self.pieces), torch.ones(self.pieces))

    def begin(self, mean: Tensor, components: Tensor, deviations: Tensor) -> None:
        """Codes as components of pieces of pixels, each divided by a deviation; and back.

        Args:
            mean: (P,) of the pieces.
            components: (P, P), orthonormal rows.
            deviations: (P,).
        """
        inwards, outwards = components / deviations[:, None], components.t() * deviations
        with torch.no_grad():
            self.inwards.weight.copy_(inwards[..., None, None])
            self.inwards.bias.copy_(-(inwards @ mean))  # type: ignore[union-attr]  # it has one
            self.outwards.weight.copy_(outwards[..., None, None])
            self.outwards.bias.copy_(mean)  # type: ignore[union-attr]
            self.translation.inwards.copy_(inwards)
            self.translation.outwards.copy_(outwards)
            self.translation.mean.copy_(mean)

    def linear_code(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) → their components, (B, pieces, h, w)."""
        out: Tensor = self.inwards(in_pieces(x, self.patch))
        return out

    def encoded(self, x: Tensor, space: _Space) -> Tensor:
        """Pictures of one kind (B, C, H, W) → (B, pieces, h, w)."""
        code = self.linear_code(x)
        added: Tensor = space.down(code)
        return code + STEP * added

    def decoded(self, g: Tensor, space: _Space) -> Tensor:
        """(B, pieces, h, w) → pictures of one kind, (B, C, H, W)."""
        pieces = self.outwards(g + STEP * space.up(g))
        return from_pieces(pieces, self.patch, (self.above[0], *self._sides(g)))

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """Old pictures (B, C, H, W) → (B, pieces, ⌈H / patch⌉, ⌈W / patch⌉)."""
        return self.encoded(h, self.old), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, pieces, ⌈H / patch⌉, ⌈W / patch⌉) of old pictures → clean ones, (B, C, H, W)."""
        return self.decoded(self.translation(h), self.clean)

    def as_pixels(self, logits: Tensor) -> Tensor:
        """Logits as pieces (B, patch², h, w) → of each pixel, (B, 1, H, W)."""
        return from_pieces(logits, self.patch, (1, *self._sides(logits)))

    def _sides(self, g: Tensor) -> Sequence[int]:
        """Of the pictures that a map (B, …, h, w) stands for: its own, or what the places cover."""
        same = tuple(g.shape[2:]) == self.below[1:]
        return self.above[1:] if same else [n * self.patch for n in g.shape[2:]]


def _nothing(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """A layer that gives nothing at first."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


@part("ladder", "translation")
def translation_ladder(
    shape: Sequence[int], *, patch: int = 4, channels: int = 48, blocks: int = 4, space: int = 32
) -> Ladder:
    """A ladder of one ``TranslationRung`` on pictures of ``shape`` (C, H, W)."""
    rung = TranslationRung(tuple(shape), patch=patch, channels=channels, blocks=blocks, space=space)
    return Ladder([rung], "identity")
