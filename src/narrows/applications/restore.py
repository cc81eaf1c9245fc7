"""Restore: an album of old photographs through two code spaces and a map between them.

clean pictures, the album ──train──► a model                     (or one that is there already)
old photograph ──(whole, or in tiles)──► model ──► restored, and the mask of what was hidden

Large pictures go through in tiles, whose tones are those of the whole picture, so that a sky has one
colour. Beside it stands what needs no model: noise out by cosines, then a membrane over what was found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import NoImages
from ..figures import picture_rows
from ..images import Images, split
from ..images.ageing import OldPhoto
from ..images.blending import membrane
from ..images.cosine import cosine_threshold
from ..images.inputs import Pictures
from ..images.patches import patches as cut_patches
from ..images.sizes import sized
from ..images.tiles import in_tiles, places, reflected
from ..measures.filters import estimated_sigma
from ..networks import TranslationRung
from ..progress import Progress, stage
from ..randomness import Draws
from ..recipes import old_photos
from ..tables import counted
from ..training import fit
from ..training.length import lasting
from .opening import opened_model
from .restored import (
    LARGE,
    SHOWN,
    WIDEST,
    Change,
    Restoration,
    Restored,
    compared,
    middle,
    seen_note,
    standing_notes,
)

__all__ = ["OldPhotos", "old_photo_baselines", "restore", "train_restorer"]

SIDES = (128, 64)  # of the pieces that are learnt from: the second where no picture is as large
PIECES = 2048  # of clean pictures, at most
TILE = 512  # of a large picture
FOUND = 0.5  # of a pixel's chance to be hidden, from which a mask shows it
REAL = 3  # clean pieces to a real old one
MINUTES = 10.0
OWN = (
    "no clean pictures were given, so that the album's own stood for them: scratches, dust, grain and blur "
    "that are put on top of them are taken out, and fading only as far as the pictures differ in it; "
    "give a folder of clean ones with --clean"
)


class OldPhotos:
    """A model of old photographs as a function of pictures of any size.

    Args:
        model: an ``Autoencoder`` on a ``translation`` ladder.

    Raises:
        ValueError: it is on another ladder.
    """

    def __init__(self, model: Any) -> None:
        ladder = getattr(model, "ladder", None)
        rung = ladder.rung(0) if ladder is not None and len(ladder) == 1 else None
        if not isinstance(rung, TranslationRung):
            raise ValueError(
                "restoring old photographs needs a model trained for it: train one with `narrows train "
                "PICTURES --for restore --patches`, or give clean pictures with --clean"
            )
        self.model, self.rung = model, rung

    @torch.no_grad()
    def __call__(self, x: Tensor, progress: Callable[[int, int], None] | None = None) -> Tensor:
        """Pictures (N, C, H, W) → restored, and the chance that a pixel is hidden: (N, C + 1, H, W)."""
        if x.shape[2] * x.shape[3] <= LARGE:
            return self._whole(x, None)
        size = (min(TILE, x.shape[2]), min(TILE, x.shape[3]))
        statistics = torch.cat([self._statistics(one[None], size) for one in x])
        found = [
            in_tiles(
                partial(self._whole, statistics=statistics[n : n + 1]), one[None], size, batch_size=1,
                progress=progress,
            )
            for n, one in enumerate(x)
        ]  # fmt: skip
        return torch.cat(found)

    def codes(self, x: Tensor) -> Tensor:
        """What the map reads of pictures (N, C, H, W): (N, pieces, h, w)."""
        bottleneck = self.model.bottleneck
        h = self.rung.encoded(x.to(self.model.device), self.rung.old)
        mean: Tensor = bottleneck.head(h).float()[:, : self.rung.pieces]
        out: Tensor = bottleneck.tail(mean)
        return out

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Continued to what pieces divide."""
        high, wide = (-(-n // self.rung.patch) * self.rung.patch for n in x.shape[2:])
        return reflected(x, high, wide)

    def _whole(self, x: Tensor, statistics: Tensor | None) -> Tensor:
        whole, (top, left) = self._padded(x)
        g, rung = self.codes(whole), self.rung
        logits = rung.translation.mask(g)
        clean = rung.decoded(rung.translation(g, logits, statistics), rung.clean)
        both = torch.cat([clean.clamp(0, 1), rung.as_pixels(logits).sigmoid()], 1).to(x.device)
        return both[..., top : top + x.shape[2], left : left + x.shape[3]]

    def _statistics(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Of the colours of one picture, which are looked at tile by tile."""
        down, across = (places(n, t) for n, t in zip(x.shape[2:], size, strict=True))
        change, parts = self.rung.translation, []
        for top in down:
            for left in across:
                tile = x[..., top : top + size[0], left : left + size[1]]
                g = self.codes(self._padded(tile)[0])
                parts.append(change.seen(g, change.mask(g)))
        return change.tones.statistics(torch.cat(parts, 2))


def restore(
    pictures: Pictures,
    model: Any = None,
    *,
    clean: Pictures | None = None,
    made_old: bool = False,
    minutes: float = MINUTES,
    gray: bool = False,
    to: Path | str | None = None,
    baselines: bool = True,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    report: Any = "auto",
    progress: Progress = None,
) -> Restoration:
    """Restore old photographs of any sizes: scratches, dust, folds, fading, sepia, grain, blur and JPEG.

    Without a model one is trained first, on clean pictures and on the album itself, whose codes are
    matched with those of made-old pictures (Wan et al. 2020).

    Args:
        pictures: the album, anything that :func:`narrows.images.inputs.pictures` reads; they keep their
            size. What cannot be read is named and skipped.
        model: an ``Autoencoder`` trained for it (``narrows train --for restore``), or the folder of one.
        clean: files or folders of clean pictures to train on, where there is no model. None: the album's
            own pictures stand for them, which teaches less.
        made_old: the pictures are clean: age them first and score what comes back.
        minutes: of training.
        gray: train on gray pictures.
        to: a folder for the trained model; None keeps it in memory.
        baselines: whether filters are run as well.
        limit: at most so many pictures, evenly spread.
        seed: of the training and of the ageing.
        device, report, progress: see :func:`opened_model`, :func:`narrows.fit`,
            :mod:`narrows.progress`.

    Raises:
        ValueError: a model for something else, or both a model and clean pictures.
        NoImages: nothing can be read.

    Examples:
        A model of 8 channels that has not learnt anything yet, on a picture with a scratch made on it.

        >>> import numpy as np
        >>> from PIL import Image
        >>> import narrows as nw
        >>> Image.fromarray(np.linspace(0, 255, 24 * 32 * 3).reshape(24, 32, 3).astype("uint8")).save("old.png")
        >>> recipe = nw.recipes.old_photos((3, 16, 16), channels=8, blocks=1, patches=True)
        >>> found = nw.restore("old.png", recipe.build().eval(), made_old=True)
        >>> found.outputs[0].shape
        torch.Size([3, 24, 32])
    """
    if model is not None and clean is not None:
        raise ValueError(
            "clean pictures are to train on, and a model was given: leave one of them out"
        )
    notes: list[str] = []
    if model is None:
        notes += [] if clean is not None else [OWN]
        model = train_restorer(
            pictures if clean is None else clean, pictures, minutes=minutes, gray=gray, to=to,
            seed=seed, device=device, report=report, progress=progress, notes=notes,
        )  # fmt: skip
    loaded = opened_model(model, device)
    change = OldPhotos(loaded)
    found = sized(pictures, loaded.preprocessing, limit=limit)
    found.notes += notes + standing_notes(loaded, "restore")
    groups: list[Restored] = []
    places_of: list[list[int]] = []
    outputs: dict[int, Tensor] = {}
    masks: dict[int, Tensor] = {}
    rows: dict[int, dict[str, float]] = {}
    shown: list[tuple[Tensor, Tensor, Tensor]] = []
    for some in found.of_one_size():
        for group in found.portions(some, LARGE):
            x = group.floats
            old, hidden = x, None
            if made_old:
                found.notes += seen_note(loaded, group.pixels)
                old, hidden = OldPhoto().damage(x, Draws(seed, len(groups)))
            with stage(progress, "restoring") as step:
                both = change(old, step)
            made, chance = both[:, :-1], both[:, -1:]
            restored = Restored(old, made, clean=x if made_old else None)
            needed = baselines and (made_old or len(outputs) < SHOWN)
            beside = old_photo_baselines(chance > FOUND) if needed else {}
            with stage(progress, "filters") as step:
                restored, more = compared(restored, beside, progress=step)
            found.notes += more
            moved = (made - old).square().flatten(1).mean(1).sqrt()
            for at, place in enumerate(group.places):
                outputs[place] = (made[at].cpu() * 255).round().to(torch.uint8)
                masks[place] = (chance[at].cpu() > FOUND).to(torch.uint8) * 255
                rows[place] = {
                    "moved": float(moved[at]),
                    "hidden": float(masks[place].float().mean() / 255),
                }
                if hidden is not None:
                    rows[place]["really_hidden"] = float(hidden[at].float().mean())
            left = SHOWN - sum(len(one[0]) for one in shown)
            if left > 0:
                a, b, c = (middle(one, WIDEST)[:left].cpu() for one in (old, chance, made))
                shown.append((a, b, c))
            groups.append(restored)
            places_of.append(group.places)
    count = counted(len(rows))
    share = sum(row["hidden"] for row in rows.values()) / max(1, len(rows))
    return Restoration.of(
        groups,
        places_of,
        outputs,
        found,
        rows,
        facts={"made_old": made_old},
        titles={"as given": "old"},
        said=f"{count} restored; of {share:.1%} of the pixels what they showed was hidden",
        drawn={"scratches": _scratches(shown)},
        masks=masks,
    )


def _scratches(shown: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Any:
    """What was given, what was found to be hidden, and the restored picture, of the middle of some."""
    high = min(one[0].shape[2] for one in shown)
    wide = min(one[0].shape[3] for one in shown)
    rows = []
    for number, name in enumerate(("old", "hidden", "restored")):
        each = [one[number][:, :, :high, :wide] for one in shown]
        x = torch.cat(each)
        rows.append((name, x.expand(-1, shown[0][0].shape[1], -1, -1).clamp(0, 1).numpy()))
    return picture_rows(rows)


def old_photo_baselines(hidden: Tensor) -> dict[str, Change]:
    """Noise out by cosines, then a membrane over what is hidden, booleans (N, 1, H, W)."""

    def both(x: Tensor) -> Tensor:
        here = middle(hidden, max(x.shape[2:])) if hidden.shape[2:] != x.shape[2:] else hidden
        filled = membrane(x, here)
        return cosine_threshold(filled, max(estimated_sigma(middle(filled)), 1e-3), step=2)

    return {"membrane, cosine threshold": both}


def train_restorer(
    clean: Pictures,
    album: Pictures | None = None,
    *,
    minutes: float = MINUTES,
    gray: bool = False,
    to: Path | str | None = None,
    seed: int = 0,
    device: str = "auto",
    report: Any = "auto",
    progress: Progress = None,
    notes: list[str] | None = None,
    **numbers: Any,
) -> Any:
    """A model of old photographs, from pieces of clean pictures and of real old ones.

    Args:
        clean, album: files, folders, archives or named sets; without an album nothing is matched.
        notes: gets what has to be said of the pictures.
        numbers: of the recipe ``old-photos``.
        minutes, gray, to, seed, device, report, progress: as of ``restore``.

    Returns:
        An ``Autoencoder``.

    Raises:
        NoImages: no clean picture is as large as a piece.
    """
    mode = "gray" if gray else "rgb"
    with stage(progress, "reading pictures") as step:
        try:
            pieces = cut_patches(clean, SIDES[0], mode, most=PIECES, seed=seed, progress=step)
        except NoImages:
            pieces = cut_patches(clean, SIDES[1], mode, most=PIECES, seed=seed, progress=step)
        real = None
        if album is not None:
            with contextlib.suppress(NoImages, ValueError):
                most = max(1, len(pieces) // REAL)
                real = cut_patches(album, pieces.shape[-1], mode, most=most, seed=seed)
    parts = split(pieces, validation=0.1, seed=seed)
    source = parts.train
    if real is not None:
        source = with_real(source, real)
    elif album is not None and notes is not None:
        notes.append(
            "no picture of the album is as large as a piece, so that only made-old ones were learnt from"
        )
    recipe = lasting(old_photos(pieces.shape, patches=True, **numbers), None, minutes)
    return fit(
        recipe, source, validation=parts.validation, to=to, seed=seed, device=device, report=report
    )


def with_real(clean: Any, real: Images) -> Images:
    """Clean pieces and those of real old pictures as one source, labelled."""
    rows = torch.arange(len(clean))
    pixels = torch.cat([clean.take(rows), real.take(torch.arange(len(real)))])
    kinds = np.array(["clean"] * len(clean) + ["old"] * len(real))
    groups = [
        f"{kind}/{name}"
        for kind, one in (("clean", clean), ("old", real))
        for name in (one.ids if one.groups is None else one.groups)
    ]
    return Images(
        pixels, labels={"kind": kinds}, groups=groups, preprocessing=real.preprocessing,
        name=f"{len(clean):,} clean pieces and {len(real):,} old ones",
    )  # fmt: skip
