"""Upscale: small pictures made larger, by a model that was trained to undo being made small.

small ──bicubic──► large, blurred ──(tiles)──► model ──► x̂ ──back-projection──► reduced, x̂ is small

Upscaling is denoising where the corruption is "down by k and back".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..images.inputs import Pictures
from ..images.resizing import back_projected, enlarged, lanczos, reduced
from ..images.sizes import sized
from ..images.tiles import in_tiles
from ..progress import Progress, stage
from ..tables import counted
from .opening import opened_model
from .restored import Change, Restoration, Restored, corruption_of, seen_note, through

__all__ = ["Upscaled", "upscale", "upscale_batch"]


def upscale(
    model: Any,
    pictures: Pictures,
    *,
    factor: int = 4,
    back_projection: int = 0,
    score: bool = False,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Restoration:
    """Enlarge pictures by a model that was trained to undo being made small; Lanczos beside.

    Args:
        model: an ``Autoencoder`` trained with the corruption ``downscale``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads, of any sizes.
        factor: how many times larger.
        back_projection: at most so many iterations until the reduced output agrees with the input to
            half a gray level.
        score: the pictures are the large ones: reduce them first, compare.
        limit: at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a factor below 2, or fewer than 0 iterations.
        NoImages: nothing can be read.
        NarrowsError: every picture is too small to be reduced.
    """
    _check(factor, back_projection)
    loaded = opened_model(model, device)
    found = sized(pictures, loaded.preprocessing, limit=limit)
    corruption = corruption_of(loaded)
    if corruption is None or corruption.name != "downscale":
        found.notes.append(
            "this model was not trained to undo being made small, only to reconstruct"
        )
    elif (trained := corruption.arguments.get("factor")) != factor:
        found.notes.append(f"this model was trained with a factor of {trained:g}, not {factor}")
    height, width = loaded.shape[1:]
    groups, places, outputs, rows = [], [], {}, {}
    for group in found.groups():
        x, clean = group.floats, None
        if score:
            high, wide = (side // factor * factor for side in group.size)
            if not high or not wide:
                size = "×".join(map(str, group.size))
                reason = f"{size} is too small to be reduced {factor} times"
                found.skipped += [(found.ids[place], reason) for place in group.places]
                continue
            found.notes += seen_note(loaded, group.pixels)
            clean = x[:, :, :high, :wide]
            x = reduced(clean, (high // factor, wide // factor)).clamp(0, 1)
        large = (x.shape[2] * factor, x.shape[3] * factor)
        if large != (height, width):
            found.notes.append(
                f"{len(x)} of {large[0]}×{large[1]} when enlarged: in tiles of {height}×{width}"
            )
        with stage(progress, "upscaling") as step:
            result = upscale_batch(
                through(loaded), x, factor, (height, width),
                clean=clean, back_projection=back_projection, progress=step,
            )  # fmt: skip
        groups.append(result.restored)
        places.append(group.places)
        written = (result.restored.output.cpu() * 255).round().to(torch.uint8)
        for at, place in enumerate(group.places):
            outputs[place] = written[at]
            rows[place] = {"disagreement": float(result.disagreement[at])}
    worst = max((row["disagreement"] for row in rows.values()), default=0.0)
    count = counted(len(rows))
    return Restoration.of(
        groups,
        places,
        outputs,
        found,
        rows,
        facts={"factor": factor, "disagreement": worst},
        titles={"as given": "bicubic"},
        said=f"{count} upscaled, {factor} times larger; reduced again, they are at most "
        f"{255 * worst:.1f} gray levels from the input",
    )


def _check(factor: int, back_projection: int) -> None:
    if factor < 2 or back_projection < 0:
        raise ValueError(
            "the factor is at least 2 and back-projection takes 0 or more iterations; "
            f"we got {factor} and {back_projection}"
        )


@dataclass(frozen=True)
class Upscaled:
    """N pictures of one size, enlarged.

    Attributes:
        restored: what was given is the bicubic enlargement; Lanczos stands beside.
        disagreement: how far the reduced output is from the small picture, per picture (N,), the
            largest difference of a value in [0, 1].
    """

    restored: Restored
    disagreement: Tensor


@torch.no_grad()
def upscale_batch(
    through: Change,
    small: Tensor,
    factor: int,
    size: tuple[int, int],
    *,
    clean: Tensor | None = None,
    back_projection: int = 0,
    overlap: float = 0.25,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Upscaled:
    """Enlarge pictures of one size ``factor`` times.

    Args:
        through: (B, C, h, w) → (B, C, h, w), such as a model trained with ``downscale``.
        small: (N, C, H, W) in [0, 1].
        factor: k.
        size: (h, w), the only size that ``through`` takes.
        clean: (N, C, k·H, k·W), where it is known.
        back_projection: iterations that make the reduced output agree with ``small``; see
            ``back_projected`` for the tolerance.
        overlap, batch_size, progress: see ``in_tiles``.

    Raises:
        ValueError: a factor below 2, or fewer than 0 iterations.
    """
    _check(factor, back_projection)
    height, width = small.shape[2:]
    large = (factor * height, factor * width)
    blurred = enlarged(small, large).clamp(0, 1)
    output = in_tiles(
        through, blurred, size, overlap=overlap, batch_size=batch_size, progress=progress
    ).clamp(0, 1)
    output = back_projected(output, small, back_projection)
    written = (output * 255).round() / 255  # what a file of it shows
    off = (reduced(written, (height, width)) - small).abs().flatten(1).amax(1)
    others = {"Lanczos": lanczos(small, large).clamp(0, 1)}
    return Upscaled(Restored(blurred, output, others, clean), off)
