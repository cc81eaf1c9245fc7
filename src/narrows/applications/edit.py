"""Edit: paint on a picture, and its code follows the stroke (the Neural Photo Editor, Brock et al. 2017).

x ──encode──► z₀ ──decode──► x̂₀
z* = argmin ‖stroke · (decode(z) − painted)‖² / 2σ² + ½ ‖u − u₀‖²      u: z where codes are normal
x + (x̂* − x̂₀) − M (x − x̂₀),  M from 0 to 1 where x̂ changed ──► edited

What the model loses of a picture, x − x̂₀, stays where nothing changed and goes where something did. A
stroke moves the whole code, so the picture outside it moves too: by how much is in the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import NarrowsError
from ..figures import picture_rows
from ..images import named_outputs, write_pictures
from ..images.inputs import Pictures
from ..images.resizing import reduced
from ..images.sizes import Sized, sized
from ..progress import Progress, Step, stage, within
from ..results import Result
from ..tables import Table, counted
from .inpaint import CodeGaussian, where_codes_lie
from .minimise import minimise
from .opening import opened_autoencoder
from .restored import Change, takes_any_size, tile_note

__all__ = ["Edited", "Followed", "blended", "edit", "follow", "stroke_of"]

PAINTED = 24  # of 255: a pixel is painted where a channel differs by more; what a JPEG adds is less
REPLACED = 0.25  # change of a reconstruction at which nothing is left of the picture's own detail
SOFT = 1 / 64  # of the shorter side: deviation of the Gaussian that softens that mask
LITTLE = 0.25  # share of a stroke's way below which it counts as not followed
SHOWN = 8
BATCH = 32


@dataclass(frozen=True)
class Followed:
    """Codes that follow strokes.

    Attributes:
        before: x̂₀ = decode(z₀), (N, C, H, W).
        after: x̂* = decode(z*), (N, C, H, W).
        codes: z*, (N, *code).
        own: z₀, (N, *code).
        distance: ‖u* − u₀‖ of each, in standard deviations of the codes, (N,).
    """

    before: Tensor
    after: Tensor
    codes: Tensor
    own: Tensor
    distance: Tensor


def follow(
    encode: Change,
    decode: Change,
    x: Tensor,
    painted: Tensor,
    stroke: Tensor,
    codes: CodeGaussian,
    *,
    variance: float = 0.01,
    evaluations: int = 60,
    progress: Step | None = None,
) -> Followed:
    """The codes nearest to those of pictures whose decoded pictures have what was painted.

    Args:
        encode: (B, C, H, W) → z (B, *code).
        decode: z (B, *code) → (B, C, H, W), differentiable.
        x: (N, C, H, W) in [0, 1].
        painted: (N, C, H, W); what lies outside the stroke has no influence.
        stroke: (N, 1, H, W), the share of each pixel that is painted, from 0 to 1.
        codes: the prior of z, which says how far a code is.
        variance: σ² of a pixel value around what was painted.
        evaluations: of the energy and its gradient.
        progress: called with (done, total) evaluations.

    Raises:
        ValueError: fewer than two evaluations, or a variance that is not positive.
    """
    if evaluations < 2 or not (variance > 0 and math.isfinite(variance)):
        raise ValueError(
            "an edit takes at least two evaluations and a variance above 0; "
            f"we got {evaluations} and {variance}"
        )
    with torch.no_grad():
        own = encode(x).float()
        start = codes.coordinates(own)

    def energy(u: Tensor) -> Tensor:
        wrong = stroke * (decode(codes.codes(u)) - painted).square()
        return wrong.flatten(1).sum(1) / (2 * variance) + 0.5 * (u - start).square().sum(1)

    u, _ = minimise(energy, start, evaluations, progress=progress)
    with torch.no_grad():
        z = codes.codes(u)
        before, after = decode(own).clamp(0, 1), decode(z).clamp(0, 1)
    return Followed(before, after, z, own, (u - start).norm(dim=1))


def blended(x: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """The change of a reconstruction on the picture itself (Brock et al. 2017), (N, C, H, W).

    x + (after − before) − M (x − before): where nothing changed the picture stays as it is, and where much
    did it is the reconstruction's. M is the mean change over channels, over 0.25 and at most 1, softened
    by a Gaussian of a 64th of the shorter side; both numbers are ours.

    Args:
        x: the picture, (N, C, H, W) in [0, 1].
        before, after: its reconstructions from both codes, of any size.
    """
    own = (x.shape[2], x.shape[3])
    shares = (after - before).abs().mean(1, keepdim=True)
    mask = _softened((shares / REPLACED).clamp(max=1), SOFT * min(shares.shape[2:]))
    if tuple(before.shape[2:]) != own:
        before, after, mask = (reduced(each, own) for each in (before, after, mask))
    return (x + (after - before) - mask.clamp(0, 1) * (x - before)).clamp(0, 1)


def _softened(mask: Tensor, deviation: float) -> Tensor:
    """A mask (N, 1, H, W) through a Gaussian; below a quarter of a pixel it changes nothing."""
    if deviation < 0.25:
        return mask
    reach = math.ceil(3 * deviation)
    at = torch.arange(-reach, reach + 1, device=mask.device, dtype=mask.dtype)
    kernel = (-at.square() / (2 * deviation**2)).exp()
    kernel = kernel / kernel.sum()
    padded = F.pad(mask, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def stroke_of(picture: Tensor, painted: Tensor) -> Tensor:
    """Where uint8 (C, H, W) was painted over, booleans (1, H, W): a channel differs by more than 24."""
    return ((painted.int() - picture.int()).abs() > PAINTED).any(0, keepdim=True)


@dataclass(frozen=True, repr=False)
class Edited(Result):
    """Pictures whose codes followed what was painted on them.

    Attributes:
        ids: N names.
        pictures, painted, edited: each uint8 (C, H, W), at the picture's own size.
        strokes: where each was painted, booleans (1, H, W).
        own, codes: before and after, (N, *code).
        gap: mean absolute difference from what was painted inside the stroke, of the picture, (N,).
        left: the same of the edited picture, (N,).
        moved: mean absolute change outside the stroke, what else moved, (N,), in [0, 1].
        distance: how far each code went, in standard deviations of the codes, (N,).
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "edited"
    ids: Sequence[str]
    pictures: Sequence[Tensor]
    painted: Sequence[Tensor]
    edited: Sequence[Tensor]
    strokes: Sequence[Tensor]
    own: Tensor
    codes: Tensor
    gap: Tensor
    left: Tensor
    moved: Tensor
    distance: Tensor
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def followed(self) -> Tensor:
        """The share of the way to what was painted that each went, (N,): 1 is all of it."""
        return 1 - self.left / self.gap

    def document(self) -> dict[str, Any]:
        """Of each picture: how far the stroke was followed, and what else moved."""
        return {
            "pictures": [
                {
                    "id": id_,
                    "stroke": int(stroke.sum()),
                    "followed": float(followed),
                    "moved_outside": float(moved),
                    "distance": float(distance),
                }
                for id_, stroke, followed, moved, distance in zip(
                    self.ids, self.strokes, self.followed, self.moved, self.distance, strict=True
                )
            ],
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """A row per picture."""
        return Table(
            {
                "picture": list(self.ids),
                "painted (pixels)": [int(stroke.sum()) for stroke in self.strokes],
                "stroke followed (%)": (100 * self.followed).tolist(),
                "moved outside (of 255)": (255 * self.moved).tolist(),
            },
            digits={"stroke followed (%)": 0, "moved outside (of 255)": 1},
        )

    def figures(self) -> dict[str, Any]:
        """Before, painted, after, and what moved, of pictures of the first one's size."""
        size = self.pictures[0].shape
        some = [i for i, picture in enumerate(self.pictures) if picture.shape == size][:SHOWN]
        shown: dict[str, list[Tensor]] = {
            "before": [self.pictures[i] for i in some],
            "painted": [self.painted[i] for i in some],
            "after": [self.edited[i] for i in some],
        }
        changes = [_apart(self.edited[i], self.pictures[i]).expand(size[0], -1, -1) for i in some]
        most = max(float(torch.stack(changes).max()), 1 / 255)
        shown["what moved"] = [255 - (255 * each / most).round().byte() for each in changes]
        rows = [(name, torch.stack(each).numpy()) for name, each in shown.items()]
        return {"edited": picture_rows(rows)}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and a PNG of each edited picture."""
        folder = Path(folder)
        names = named_outputs(self.ids, ("edited.png",))
        paths = write_pictures(self.edited, names, folder)
        return self._written(folder, {"pictures": paths})

    def __str__(self) -> str:
        far = f"the code went {self.distance.mean():.1f} standard deviations"
        return f"{self.table()}\n{counted(len(self.ids))} edited; {far}"


def edit(
    model: Any,
    picture: Pictures,
    painted: Pictures,
    *,
    variance: float | None = None,
    evaluations: int = 60,
    fit_on: Pictures | None = None,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Edited:
    """Change a picture by painting on it: its code follows the stroke, and the picture its code.

    The stroke is where the two differ (by more than 24 of 255 in a channel). What the model makes of the
    stroke is put on the picture at its own size; what else moved is in the result.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        picture: a picture, or several: anything that :func:`narrows.images.inputs.pictures` reads.
        painted: the same, painted on: as many, in the same order, each of its picture's size.
        variance: squared error that what was painted may be followed with, per value; less follows it
            closer and moves more. None: that of reconstructions of ``fit_on``, else 0.01.
        evaluations: of the energy that goes down.
        fit_on: pictures to learn from where codes lie; a variational model knows.
        limit: at most so many, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: not as many painted as pictures, or a model without a prior and no ``fit_on``.
        NoImages: nothing can be read.
        NarrowsError: none of the pictures could be edited: another size, or nothing painted.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> painted = images[:1].pixels.clone()
        >>> painted[:, :, 0, :4] = 255
        >>> found = nw.edit(model, images[:1], nw.images.Images(painted), evaluations=5)
        >>> found.edited[0].shape
        torch.Size([1, 8, 8])
    """
    loaded = opened_autoencoder(model, device)
    found = sized(picture, loaded.preprocessing, limit=limit)
    over = sized(painted, loaded.preprocessing, limit=limit)
    if len(found) != len(over):
        raise ValueError(
            f"as many painted pictures as pictures were wanted, in the same order; we got {len(over)} "
            f"and {len(found)}"
        )
    codes, measured = where_codes_lie(loaded, fit_on, progress)
    codes = CodeGaussian(codes.mean.to(loaded.device), codes.factor.to(loaded.device), codes.shape)
    strokes = _strokes(found, over, loaded)
    notes = list(dict.fromkeys([*found.notes, *over.notes]))
    if not strokes:
        name, reason = found.skipped[-1]
        raise NarrowsError(f"none of the pictures could be edited: {name}: {reason}")
    places, parts, edited = list(strokes), [], {}
    total = math.ceil(len(places) / BATCH) * evaluations
    with loaded.evaluating(), stage(progress, "following") as step:
        for first in range(0, len(places), BATCH):
            some = places[first : first + BATCH]
            targets = [_at_model(found, over, strokes[at], at, loaded) for at in some]
            x, colours, share = (
                torch.cat(each).to(loaded.device) for each in zip(*targets, strict=True)
            )
            parts.append(
                follow(
                    lambda x: loaded.posterior(x).z, loaded.decode, x, colours, share, codes,
                    variance=measured if variance is None else variance, evaluations=evaluations,
                    progress=within(step, first // BATCH * evaluations, total),
                )
            )  # fmt: skip
            for row, at in enumerate(some):
                edited[at] = _on_picture(found.pixels[at], parts[-1], row)
    for group in found.of_one_size():
        how = "its code and the change are of the model's"
        notes += filter(None, [tile_note(found, group, found.size_of(group[0]), loaded, how)])
    return _told(found, over, strokes, edited, parts, notes)


def _strokes(found: Sized, over: Sized, model: Any) -> dict[int, Tensor]:
    """Where each picture was painted; what cannot be edited is skipped with its reason."""
    strokes: dict[int, Tensor] = {}
    size = (model.shape[1], model.shape[2])
    for at, (picture, painted) in enumerate(zip(found.pixels, over.pixels, strict=True)):
        name, (height, width) = found.ids[at], found.size_of(at)
        reason = ""
        if painted.shape != picture.shape:
            reason = (
                f"it is {width}×{height}, and what is painted {painted.shape[2]}×{painted.shape[1]}: "
                "paint on the picture as it is"
            )
        elif (height, width) != size and takes_any_size(model):
            reason = (
                f"it is {width}×{height}, and this model is of pieces of {size[1]}×{size[0]}: an edit "
                "takes a model of whole pictures"
            )
        elif not bool((stroke := stroke_of(picture, painted)).any()):
            reason = "nothing is painted on it"
        elif bool(stroke.all()):
            reason = "all of it is painted over, so that nothing of it is left to follow"
        if reason:
            found.skipped.append((name, reason))
        else:
            strokes[at] = stroke
    return strokes


def _at_model(
    found: Sized, over: Sized, stroke: Tensor, at: int, model: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, the mean colour painted on each pixel, and its share that is painted, at the model's
    size: (1, C, h, w), (1, C, h, w), (1, 1, h, w)."""
    size = (model.shape[1], model.shape[2])
    x, y = (one.pixels[at][None].float() / 255 for one in (found, over))
    share = stroke[None].float()
    if found.size_of(at) == size:
        return x, y, share
    covered = F.interpolate(share, size, mode="area")
    colour = F.interpolate(y * share, size, mode="area") / covered.clamp_min(1e-6)
    return reduced(x, size).clamp(0, 1), colour, covered


def _on_picture(picture: Tensor, followed: Followed, row: int) -> Tensor:
    """What was decoded, on the picture uint8 (C, H, W)."""
    x = picture[None].float() / 255
    before, after = (each[row : row + 1].cpu() for each in (followed.before, followed.after))
    return (blended(x, before, after)[0] * 255).round().byte()


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """How far two pictures uint8 (C, H, W) are apart at each pixel, (1, H, W) in [0, 1]."""
    return (one.float() - other.float()).abs().mean(0, keepdim=True) / 255


def _told(
    found: Sized,
    over: Sized,
    strokes: dict[int, Tensor],
    edited: dict[int, Tensor],
    parts: Sequence[Followed],
    notes: list[str],
) -> Edited:
    gap, left, moved = [], [], []
    for at, stroke in strokes.items():
        picture, painted, made = found.pixels[at], over.pixels[at], edited[at]
        gap.append(_apart(picture, painted)[stroke].mean())
        left.append(_apart(made, painted)[stroke].mean())
        moved.append(_apart(made, picture)[~stroke].mean())
    places = list(strokes)
    result = Edited(
        [found.ids[at] for at in places],
        [found.pixels[at] for at in places],
        [over.pixels[at] for at in places],
        [edited[at] for at in places],
        [strokes[at] for at in places],
        torch.cat([one.own for one in parts]).cpu(),
        torch.cat([one.codes for one in parts]).cpu(),
        torch.stack(gap),
        torch.stack(left),
        torch.stack(moved),
        torch.cat([one.distance for one in parts]).cpu(),
        notes,
        tuple([*found.skipped, *over.skipped]),
    )
    if few := int((result.followed < LITTLE).sum()):
        of = f"of {few} of the {len(places)} strokes" if len(places) > 1 else "of the stroke"
        notes.append(
            f"the code followed less than a quarter {of}: the model knows no picture like that; a "
            "smaller variance (--variance) follows it closer"
        )
    return result
