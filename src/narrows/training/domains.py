"""Old pictures made new by way of two code spaces: three phases, their schemes and their beginnings.

    domain: clean   y ──clean.down──► z ──clean.up──► ŷ                     a variational autoencoder
    domain: old     x and r ──old.down──► z ──old.up──► x̂, r̂                another, r of real old pictures;
                                                                            an adversary matches the codes
    translation     x ──old.down──► z ──map──► z' ──clean.up──► ŷ           pairs (x, y), both spaces as
                                                                            they are

They train a ``translation`` ladder (Wan et al. 2020, §3.1-3.3). x is y with the phase's corruption. Which
pictures are real old ones is told by their label, ``old`` or ``clean``; without labels there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..bottlenecks import Code, Gaussian
from ..images import Source
from ..images.ageing import Damaging
from ..images.views import Subset
from ..networks import Descent, TranslationRung
from ..networks.blocks import in_pieces
from ..networks.tones import Tones
from ..networks.translation import AROUND
from ..objectives import Step
from ..objectives.likelihoods import log_gaussian
from ..parts import Part, build, named, part
from ..randomness import Draws, permutation
from .schemes import Batch

if TYPE_CHECKING:
    from .phases import Phase

__all__ = ["ComponentsBeginning", "CopiedBeginning", "Domain", "RidgeCodesBeginning", "Translated"]

KINDS = ("clean", "old")
MOST = 1024  # pictures of 64×64, or as many pixels, that a linear map is fitted to
AT_ONCE = 32
SMALL = 16  # pixels on a side of what a picture shows in a patchwork of itself
ACROSS = 4  # of them on a side of the patchwork
PATCHWORKS, EACH = 3200, 6  # that the tones are fitted to at most, and for each picture
PASSES, TAKEN, FASTEST = 15, 64, 3e-3
DROPPED = 0.2  # of the statistics
VARIED = (
    0.25  # deviation of the logarithms of contrast and colourfulness; a quarter for the balance
)
FLOOR = 1e-3  # squared error below which one is as good as another
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # of a ridge, in shares of the codes' mean variance
PENCIL = Draws(0, 0, stream=-3)  # what pictures are spoiled by for it


def _rung(model: Autoencoder, name: str) -> TranslationRung:
    """The rung of a translation ladder.

    Raises:
        ValueError: it is another ladder, or another bottleneck than a Gaussian map of as many numbers.
    """
    rung = model.ladder.rung(0)
    if len(model.ladder) != 1 or not isinstance(rung, TranslationRung):
        raise ValueError(f"{name} needs the ladder 'translation'; we got {named(model.ladder)!r}")
    if not isinstance(model.bottleneck, Gaussian) or model.bottleneck.code_shape != rung.below:
        raise ValueError(
            f"{name} needs the bottleneck 'gaussian' with layout='map' and size={rung.pieces}; we got "
            f"{named(model.bottleneck)!r} with codes of shape {model.bottleneck.code_shape}"
        )
    return rung


def _real(batch: Batch) -> Tensor:
    """Which pictures of a batch are real old ones, (B,) booleans."""
    if batch.labels is None:
        return torch.zeros(len(batch.target), dtype=torch.bool, device=batch.target.device)
    return batch.labels == KINDS.index("old")


def _rows_of_clean(batch: Batch) -> Tensor:
    """Rows of clean pictures, (B,): in the place of a real old one another clean one, if there is any."""
    rows = (~_real(batch)).nonzero()[:, 0]
    places = torch.arange(len(batch.target), device=rows.device)
    return rows[places % len(rows)] if len(rows) else places


def _step(model: Autoencoder, batch: Batch, **fields: Any) -> Step:
    return Step(model=model, epoch=batch.epoch, number=batch.number, draws=batch.draws, **fields)


@part("scheme", "domain")
@dataclass(frozen=True)
class Domain:
    """One of two code spaces, as an autoencoder of its own kind of pictures.

    Args:
        which: ``clean``, of the pictures without their corruption; or ``old``, of corrupted ones and of
            real old ones, which are taken as they are.
    """

    which: str = "clean"
    kinds = KINDS

    def __post_init__(self) -> None:
        if self.which not in KINDS:
            raise ValueError(f"which is {' or '.join(KINDS)}; we got {self.which!r}")

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """Target and input are one; labels are 1 for real old pictures."""
        rung, real = _rung(model, "the scheme 'domain'"), _real(batch)
        if self.which == "old":
            x, space = torch.where(real[:, None, None, None], batch.target, batch.input), rung.old
        else:
            rows = _rows_of_clean(batch)
            x, real, space = batch.target[rows], real[rows], rung.clean
        h = rung.encoded(x, space)
        descent = Descent([x, h], [None])
        code = model.bottleneck.encode(descent, model.ladder, batch.samples, batch.draws)
        g, _ = model.bottleneck.expand(code, model.ladder)
        output = rung.decoded(g, space).reshape(batch.samples, *x.shape)
        return _step(
            model, batch, target=x, input=x, levels=[x, h], code=code, output=output,
            labels=real.long(),
        )  # fmt: skip

    def trained(self, model: Autoencoder) -> list[nn.Module]:
        """The space, and with the clean one the posterior that both share."""
        rung = _rung(model, "the scheme 'domain'")
        return [rung.old] if self.which == "old" else [rung.clean, model.bottleneck]

    def check(self, model: Autoencoder) -> None:
        """It needs two spaces."""
        _rung(model, "the scheme 'domain'")


@part("scheme", "translation")
@dataclass(frozen=True)
class Translated:
    """From the codes of old pictures to those of clean ones, between two spaces that stay as they are.

    The loss is that of the pictures, of the codes (Wan et al. 2020, eq. 5, there an absolute error) and
    of the mask, by cross-entropy; the network that finds the mask follows the mask alone. Codes are the
    posterior's mean. Deviations: no adversary judges the pictures, as what is measured is their error;
    and the mask's network learns with the map and not before it.

    Args:
        damage: the phase's corruption, which tells where it hid something; None: nothing is hidden.
        code, mask: weights of either loss beside the pictures'.
    """

    damage: Part | None = None
    code: float = 1.0
    mask: float = 1.0
    kinds = KINDS

    def __post_init__(self) -> None:
        build("corruption", self.damage)
        if min(self.code, self.mask) < 0:
            raise ValueError(f"weights are at least 0; we got {self.code} and {self.mask}")

    def __call__(self, model: Autoencoder, batch: Batch) -> Step:
        """The output is the restored picture; ``inner`` holds the codes' and the mask's likelihood."""
        rung, rows = _rung(model, "the scheme 'translation'"), _rows_of_clean(batch)
        x, y = batch.input[rows], batch.target[rows]
        hidden = self._hidden(batch)[rows]
        with torch.no_grad():
            h = rung.encoded(x, rung.old)
            (g, code), (wanted, _) = (
                self._expanded(model, each, batch) for each in (h, rung.encoded(y, rung.clean))
            )
        logits = rung.translation.mask(g)
        found = rung.translation(g, logits)
        output = rung.decoded(found, rung.clean)[None]
        apart = (found.float() - wanted).square().flatten(1).sum(1)[None]
        told = F.binary_cross_entropy_with_logits(
            logits.float(), in_pieces(hidden.float(), rung.patch), reduction="none"
        )
        inner = {
            "code": self.code * log_gaussian(apart, 1.0, 0.0, 0),
            "mask": -self.mask * told.flatten(1).sum(1)[None],
        }
        return _step(
            model, batch, target=y, input=x, levels=[x, h], code=code, output=output, inner=inner,
        )  # fmt: skip

    def _hidden(self, batch: Batch) -> Tensor:
        """What the corruption hid of a batch, (B, 1, H, W) booleans."""
        corruption = build("corruption", self.damage)
        if isinstance(corruption, Damaging):
            return corruption.hidden(batch.target, batch.draws)
        return torch.zeros_like(batch.target[:, :1], dtype=torch.bool)

    def _expanded(self, model: Autoencoder, h: Tensor, batch: Batch) -> tuple[Tensor, Code]:
        """What the map reads of (B, pieces, h, w), and the code, drawn as often as is asked for."""
        code = model.bottleneck.encode(
            Descent([h], [None]), model.ladder, batch.samples, batch.draws
        )
        assert code.mean is not None
        return model.bottleneck.expand(Code(code.mean), model.ladder)[0], code

    def trained(self, model: Autoencoder) -> list[nn.Module]:
        """The map."""
        return [_rung(model, "the scheme 'translation'").translation]

    def check(self, model: Autoencoder) -> None:
        """It needs two spaces."""
        _rung(model, "the scheme 'translation'")


def _clean(source: Source, seed: int, few: bool = True) -> Source:
    """A source's pictures, none of them a real old one, all or a few of them."""
    labels = getattr(source, "label", None)
    rows = torch.arange(len(source))
    if labels is not None:
        rows = torch.tensor([n for n, one in enumerate(labels) if str(one) != "old"]).long()
    most = max(64, MOST * 64**2 // max(64**2, source.shape[-1] * source.shape[-2]))
    chosen = rows[permutation(seed, "beginning", len(rows))[: most if few else None]]
    return Subset(source, chosen.numpy())


class _OfTranslation:
    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It needs two spaces."""
        _rung(model, f"the beginning {named(self)!r}")


@part("begin", "piece-components")
@dataclass(frozen=True)
class ComponentsBeginning(_OfTranslation):
    """Both code spaces begin as principal components of pieces of the clean pictures, none left out.

    Codes have about unit variance, and a posterior of as much noise as the likelihood allows
    (probabilistic PCA, Tipping & Bishop 1999).
    """

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the linear maps and the posterior."""
        rung = _rung(model, "the beginning 'piece-components'")
        noise = float(getattr(model.likelihood, "variance", 1e-3))
        few = _clean(source, seed)
        total, square = torch.zeros(rung.pieces).double(), torch.zeros(()).double()
        count = 0
        for rows in torch.split(torch.arange(len(few)), AT_ONCE):
            pieces = in_pieces(few.batch(rows).float().cpu(), rung.patch)
            flat = pieces.movedim(1, -1).flatten(0, -2).double()
            total, square = total + flat.sum(0), square + flat.t() @ flat
            count += len(flat)
        mean = total / count
        values, vectors = torch.linalg.eigh(square / count - torch.outer(mean, mean))
        spread = values.flip(0).clamp_min(0) + noise
        rung.begin(mean.float(), vectors.flip(1).t().float(), spread.sqrt().float())
        head, tail, size = model.bottleneck.head, model.bottleneck.tail, rung.pieces
        assert isinstance(head, nn.Conv2d) and isinstance(tail, nn.Conv2d)
        with torch.no_grad():
            for layer in (head, tail):
                nn.init.zeros_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
                layer.weight[:size, :, 0, 0] = torch.eye(size)
            assert head.bias is not None
            head.bias[size:] = (noise / spread).log().float()
        for layer in (rung.inwards, rung.outwards):
            layer.requires_grad_(False)
        return (
            f"begins as the components of {rung.patch}×{rung.patch} pixels of {len(few):,} pictures"
        )


@part("begin", "copied-space")
@dataclass(frozen=True)
class CopiedBeginning(_OfTranslation):
    """The space of old pictures begins as that of clean ones."""

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Copy the weights."""
        rung = _rung(model, "the beginning 'copied-space'")
        rung.old.load_state_dict(rung.clean.state_dict())
        return "begins as the space of clean pictures"


@part("begin", "ridge-codes")
@dataclass(frozen=True)
class RidgeCodesBeginning(_OfTranslation):
    """The map begins as one of all colours alike, and the linear one of least error from there.

    First come the tones (``networks/tones.py``). A picture's statistics need the whole of it, and pieces
    are what is trained on: pieces of one group are of one picture, and a patchwork of small squares out
    of some stands for it, or for a part of it where they are of one. The clean ones are varied in contrast, colourfulness and balance, as there are
    few pictures to learn from. Then comes what has to be added to the codes so evened, on these and
    their neighbours, by ridge regression; its strength is chosen on a fifth of the pictures. Where
    nothing is spoiled nothing is added.

    Args:
        tones: whether there is the first of these; without it, it is the best linear restorer that
            reads so many pixels.
        patchworks: that the tones are fitted to.
    """

    tones: bool = True
    patchworks: int = PATCHWORKS

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set what the map begins as."""
        rung = _rung(model, "the beginning 'ridge-codes'")
        few, change = _clean(source, seed), rung.translation
        lacking = [0.0, 0.0]  # squared error of codes, before and after
        if self.tones and phase.corruption is not None:
            with model.evaluating():
                seen, wanted = self._patchworks(model, _clean(source, seed, few=False), phase)
            _fit_tones(change.tones, seen.to(model.device), wanted.to(model.device))
        with model.evaluating():
            sums = _Sums(len(few))
            for first, found, wanted in self._pairs(model, few, phase):
                lacking[0] += float((wanted - found).square().sum())
                if self.tones:
                    known = torch.full_like(found[:, : rung.patch**2], -9.0)
                    found = change.even(found, change.tones.statistics(change.seen(found, known)))
                edge = AROUND // 2
                around = F.unfold(F.pad(found, (edge,) * 4, mode="replicate"), AROUND)
                rows = around.movedim(1, -1).flatten(0, -2)
                sums.add(first, rows, (wanted - found).movedim(1, -1).flatten(0, -2))
            change.linear.set(*sums.best())
            lacking[1] = sums.whole.error(*sums.best()) * sums.whole.count
        share = lacking[1] / lacking[0] if lacking[0] else 1.0
        return (
            f"begins as a linear map of {AROUND}×{AROUND} codes of {len(few):,} pictures"
            f"{' after one of their colours' if self.tones else ''}, which leaves {share:.0%} of the "
            "squared error of codes"
        )

    def _patchworks(self, model: Autoencoder, every: Source, phase: Phase) -> tuple[Tensor, Tensor]:
        """What is seen of aged patchworks (N, C + 1, places), and their clean colours (N, C, places)."""
        rung = _rung(model, "the beginning 'ridge-codes'")
        corruption = build("corruption", phase.corruption)
        groups = getattr(every, "groups", None)
        names = np.arange(len(every)) if groups is None else np.asarray(groups).astype(str)
        of = [np.flatnonzero(names == name) for name in np.unique(names)]
        chance = np.random.default_rng(PENCIL.seed)
        seen, wanted = [], []
        count = min(self.patchworks, EACH * len(every))
        for number in range(-(-count // AT_ONCE)):
            chosen = [
                chance.choice(chance.choice(of[one], chance.choice((1, ACROSS))), ACROSS)
                for one in chance.integers(len(of), size=AT_ONCE)
            ]
            y = every.batch(torch.from_numpy(np.concatenate(chosen))).float()
            y = _varied(_patchwork(y, rung.patch, chance), chance).to(model.device)
            draws = Draws(PENCIL.seed, number, PENCIL.stream - 1)
            if isinstance(corruption, Damaging):
                x, hidden = corruption.damage(y, draws)
            else:
                assert corruption is not None
                x, hidden = corruption(y, draws), torch.zeros_like(y[:, :1], dtype=torch.bool)
            known = in_pieces(18 * hidden.float() - 9, rung.patch)
            g, clean = (
                self._codes(model, rung.encoded(one, space))
                for one, space in ((x, rung.old), (y, rung.clean))
            )
            seen.append(rung.translation.seen(g, known).cpu())
            wanted.append(rung.translation.seen(clean, known)[:, :-1].cpu())
        return torch.cat(seen), torch.cat(wanted)

    def _pairs(
        self, model: Autoencoder, few: Source, phase: Phase
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The number of the first picture, codes of spoiled pictures, and those of the same ones clean."""
        rung = _rung(model, "the beginning 'ridge-codes'")
        corruption = None if phase.corruption is None else build("corruption", phase.corruption)
        for number, rows in enumerate(torch.split(torch.arange(len(few)), AT_ONCE)):
            y = few.batch(rows).float().to(model.device)
            draws = Draws(PENCIL.seed, number, PENCIL.stream)
            x = y if corruption is None else corruption(y, draws)
            pair = (rung.encoded(x, rung.old), rung.encoded(y, rung.clean))
            found, wanted = (self._codes(model, h) for h in pair)
            yield int(rows[0]), found, wanted

    @staticmethod
    def _codes(model: Autoencoder, h: Tensor) -> Tensor:
        bottleneck = model.bottleneck  # of any size, not the model's own alone
        assert isinstance(bottleneck, Gaussian)
        mean = bottleneck.encode(Descent([h], [None]), model.ladder, None, Draws()).z
        out: Tensor = bottleneck.tail(mean)
        return out.float()


def _patchwork(x: Tensor, patch: int, chance: np.random.Generator) -> Tensor:
    """Pictures (ACROSS · B, C, H, W), so many of each → their squares side by side, (B, C, h, w)."""
    side = max(patch, min(SMALL, *x.shape[2:]) // patch * patch)
    rows = []
    for one in x:
        tops, lefts = (
            chance.integers((n - side) // patch + 1, size=ACROSS) * patch for n in x.shape[2:]
        )
        rows.append(
            torch.cat(
                [
                    one[:, a : a + side, b : b + side]
                    for a, b in zip(tops.tolist(), lefts.tolist(), strict=True)
                ],
                2,
            )
        )
    made = torch.stack(rows).reshape(-1, ACROSS, x.shape[1], side, ACROSS * side)
    return made.movedim(1, 2).flatten(2, 3)


def _varied(y: Tensor, chance: np.random.Generator) -> Tensor:
    """Pictures (B, C, H, W), each of another contrast, colourfulness and balance."""
    b, c = y.shape[:2]

    def drawn(deviation: float, channels: int) -> Tensor:
        logarithm = chance.normal(0, deviation, (b, channels, 1, 1))
        return torch.from_numpy(np.exp(logarithm)).to(y.dtype)

    mean = y.mean(1, keepdim=True)
    y = (mean + drawn(VARIED, 1) * (y - mean)) * drawn(VARIED / 4, c)
    return (y.clamp(1e-4, 1) ** drawn(VARIED, 1)).clamp(0, 1)


def _fit_tones(tones: Tones, seen: Tensor, wanted: Tensor) -> None:
    """The layers by Adam, on the logarithm of each picture's squared error, as decibels are counted.

    Args:
        seen: of aged pictures, (N, C + 1, places).
        wanted: their clean colours, (N, C, places).
    """
    told = torch.cat([tones.statistics(some) for some in torch.split(seen, 256)])
    tones.mean.copy_(told.mean(0))
    tones.scale.copy_(told.std(0, correction=0) + 1e-3)
    source = torch.Generator().manual_seed(PENCIL.seed)
    steps = PASSES * -(-len(seen) // TAKEN)
    with torch.enable_grad(), torch.random.fork_rng():
        torch.manual_seed(PENCIL.seed)
        optimizer = torch.optim.AdamW(tones.layers.parameters(), lr=FASTEST)
        along = torch.optim.lr_scheduler.OneCycleLR(optimizer, FASTEST, steps, pct_start=0.05)
        for _ in range(PASSES):
            for rows in torch.split(torch.randperm(len(seen), generator=source), TAKEN):
                rows = rows.to(seen.device)
                x, known = seen[rows, :-1], seen[rows, -1:]
                error = (tones(x, told[rows], DROPPED) - wanted[rows]).square() * known
                loss = (error.sum((1, 2)) / known.sum((1, 2)) + FLOOR).log().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                along.step()
    for p in tones.parameters():
        p.grad = None


class _Sums:
    """A ridge regression whose strength is chosen on the first fifth of so many pictures."""

    def __init__(self, pictures: int) -> None:
        self.held, self.parts = pictures // 5, (_Normal(), _Normal())

    def add(self, first: int, x: Tensor, y: Tensor) -> None:
        """Rows of the pictures from number ``first`` on."""
        self.parts[int(first < self.held)].add(x, y)

    @property
    def whole(self) -> _Normal:
        """Of all."""
        return self.parts[0].plus(self.parts[1])

    def best(self) -> tuple[Tensor, Tensor]:
        """Weights and intercepts of the strength of least error."""
        fitted, judged = self.parts
        if not fitted.count or not judged.count:
            return self.whole.ridge(STRENGTHS[-1])
        chosen = min(STRENGTHS, key=lambda s: judged.error(*fitted.ridge(s)))
        return self.whole.ridge(chosen)


class _Normal:
    """Sums that a ridge regression with an intercept needs."""

    def __init__(self) -> None:
        self.count, self.parts = 0, [torch.zeros(()) for _ in range(5)]

    def add(self, x: Tensor, y: Tensor) -> None:
        """Rows x (N, P) and y (N, Q)."""
        new = [x.t() @ x, x.t() @ y, x.sum(0), y.sum(0), y.square().sum()]
        self.parts = [a + b.double().cpu() for a, b in zip(self.parts, new, strict=True)]
        self.count += len(x)

    def plus(self, other: _Normal) -> _Normal:
        """Both."""
        if not self.count or not other.count:
            return self if self.count else other
        both = _Normal()
        both.parts = [a + b for a, b in zip(self.parts, other.parts, strict=True)]
        both.count = self.count + other.count
        return both

    def ridge(self, strength: float) -> tuple[Tensor, Tensor]:
        """Weights (P, Q) and intercepts (Q,)."""
        xx, xy, x, y, _ = (p / self.count for p in self.parts)
        within, across = xx - torch.outer(x, x), xy - torch.outer(x, y)
        added = strength * float(within.diagonal().mean()) + 1e-9
        weight = torch.linalg.solve(within + added * torch.eye(len(within)).double(), across)
        return weight.float(), (y - x @ weight).float()

    def error(self, weight: Tensor, bias: Tensor) -> float:
        """The mean squared error of such a map on these rows, summed over Q."""
        xx, xy, x, y, yy = (p / self.count for p in self.parts)
        w, b = weight.double(), bias.double()
        found = yy - 2 * (w * xy).sum() - 2 * b @ y + ((xx @ w) * w).sum() + 2 * b @ (x @ w) + b @ b
        return float(found)
