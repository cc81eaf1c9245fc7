"""Upscale: small pictures made larger, by a model that was trained to undo being made small.

small ──bicubic──► large, blurred ──(tiles)──► model ──► x̂ ──back-projection──► reduced, x̂ is small

Upscaling is denoising where the corruption is "down by k and back". Whether the model helps is tried on
the given pictures themselves, one scale down, where the answer is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..images.inputs import Pictures
from ..images.resizing import back_projected, enlarged, lanczos, reduced
from ..images.sizes import sized
from ..images.tiles import in_bands, in_tiles
from ..progress import Progress, stage
from ..tables import counted
from .opening import opened_model
from .restored import (
    LARGE,
    MIDDLE,
    MODEL,
    WIDEST,
    Change,
    Restoration,
    Restored,
    corruption_of,
    seen_note,
    standing_notes,
    takes_any_size,
    through,
    whole_only,
)

__all__ = ["Upscaled", "upscale", "upscale_batch"]


def upscale(
    model: Any,
    pictures: Pictures,
    *,
    factor: int = 4,
    by: str = "model",
    back_projection: int = 20,
    score: bool = False,
    limit: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Restoration:
    """Enlarge pictures by a model that was trained to undo being made small; Lanczos beside.

    Args:
        model: an ``Autoencoder`` trained with the corruption ``downscale`` (``narrows train --for
            upscale``), or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads, of any sizes.
        factor: how many times larger.
        by: ``model``, or ``lanczos`` where that does better.
        back_projection: at most so many iterations until the reduced output agrees with the input to
            half a gray level; 0 leaves it as it is.
        score: the pictures are the large ones: reduce them first, compare.
        limit: at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a factor below 2, fewer than 0 iterations, or another way.
        NoImages: nothing can be read.
        NarrowsError: every picture is too small to be reduced, or of another size than a model of
            whole pictures takes.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.upscale(model, images[:1], factor=2, by="lanczos").outputs[0].shape
        torch.Size([1, 16, 16])
    """
    _check(factor, back_projection)
    if by not in WAYS:
        raise ValueError(f"by is model or lanczos; we got {by!r}")
    loaded = opened_model(model, device)
    found = sized(pictures, loaded.preprocessing, limit=limit)
    found.notes += _fitness(loaded, factor) + standing_notes(
        loaded, "upscale", f"{factor} times larger"
    )
    size = (loaded.shape[1], loaded.shape[2])
    groups, places, outputs, rows = [], [], {}, {}
    trials: list[dict[str, Tensor]] = []
    for some in found.of_one_size():
        own = found.size_of(some[0])
        if score:
            high, wide = (side // factor * factor for side in own)
            if not high or not wide:
                reason = f"{own[1]}×{own[0]} is too small to be reduced {factor} times"
                found.skipped += [(found.ids[place], reason) for place in some]
                continue
            own = (high // factor, wide // factor)
        large = (own[0] * factor, own[1] * factor)
        if by == "model":
            if whole_only(loaded, found, some, large, _remedy(size, factor), IT):
                continue
            if large != size:
                found.notes.append(
                    f"{len(some)} of {large[1]}×{large[0]} when enlarged: in tiles of "
                    f"{size[1]}×{size[0]}"
                )
        for group in found.portions(some, LARGE // factor**2 if not score else LARGE):
            x, clean = group.floats, None
            if score:
                found.notes += seen_note(loaded, group.pixels)
                clean = x[:, :, : large[0], : large[1]]
                x = reduced(clean, own).clamp(0, 1)
            elif by == "model" and takes_any_size(loaded) and len(trials) < TRIALS:
                trials += _trial(through(loaded), x, factor, size, back_projection)
            with stage(progress, "upscaling") as step:
                result = upscale_batch(
                    through(loaded) if by == "model" else None, x, factor, size,
                    clean=clean, back_projection=back_projection, progress=step,
                )  # fmt: skip
            written, restored = result.written, result.restored
            groups.append(restored)
            places.append(group.places)
            for at, place in enumerate(group.places):
                outputs[place] = written[at]
                rows[place] = {"disagreement": float(result.disagreement[at])}
    found.notes += _lost(trials, factor)
    worst = max((row["disagreement"] for row in rows.values()), default=0.0)
    count = counted(len(rows))
    return Restoration.of(
        groups,
        places,
        outputs,
        found,
        rows,
        facts={"factor": factor, "by": by, "disagreement": worst},
        titles={"as given": "bicubic"} | ({MODEL: "output, by Lanczos"} if by != "model" else {}),
        said=f"{count} upscaled, {factor} times larger; reduced again, they are at most "
        f"{255 * worst:.1f} gray levels from the input",
    )


WAYS = ("model", "lanczos")
IT = "enlarged it"
TRIALS, TRIED = 4, 512  # pictures, and pixels on a side of each, that tell whether the model helps


def _fitness(model: Any, factor: int) -> list[str]:
    """That a model is none for upscaling, or not by this factor, and what to train."""
    corruption = corruption_of(model)
    if corruption is None or corruption.name != "downscale":
        return [
            "this model is none for upscaling: it was not trained to undo being made small, only to "
            "reconstruct; train one with `narrows train PICTURES --for upscale` (and --patches for "
            "pictures of any size), or take --by lanczos"
        ]
    trained = corruption.arguments.get("factor")
    if trained != factor:
        return [f"this model was trained with a factor of {trained:g}, not {factor}"]
    return []


def _remedy(size: tuple[int, int], factor: int) -> str:
    return (
        f"give it {size[1] // factor}×{size[0] // factor} to be enlarged {factor} times, train a model "
        "for pictures of any size with `narrows train PICTURES --for upscale --patches`, or take "
        "--by lanczos"
    )


def _trial(
    through: Change, x: Tensor, factor: int, size: tuple[int, int], iterations: int
) -> list[dict[str, Tensor]]:
    """PSNR of each method where given pictures are made smaller and enlarged again; none of tiny ones.

    What is asked of the model is the same at another scale, with an answer that is known.
    """
    x = Restored(x, x).of_middle(TRIED).given
    small = (x.shape[2] // factor, x.shape[3] // factor)
    if min(small) < LEAST:
        return []
    clean = x[:, :, : small[0] * factor, : small[1] * factor]
    done = upscale_batch(
        through, reduced(clean, small).clamp(0, 1), factor, size, clean=clean,
        back_projection=iterations,
    )  # fmt: skip
    scores = done.restored.scores()
    return [{name: each["psnr"][at] for name, each in scores.items()} for at in range(len(x))]


LEAST = 12  # pixels on a side of a picture that is tried


def _lost(trials: Sequence[dict[str, Tensor]], factor: int) -> list[str]:
    """What to say where the model did worse than filters in the trials."""
    if not trials:
        return []
    means = {name: sum(float(each[name]) for each in trials) / len(trials) for name in trials[0]}
    best = max(("as given", "Lanczos"), key=lambda name: means[name])
    if means[MODEL] >= means[best]:
        return []
    called = {"as given": "bicubic"}.get(best, best)
    return [
        f"this model may be none for these pictures: made {factor} times smaller and enlarged again, "
        f"they come back better by {called} ({means[best]:.2f} dB) than by it "
        f"({means[MODEL]:.2f} dB); --by lanczos takes that"
    ]


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
        restored: what was given is the bicubic enlargement; Lanczos stands beside. Of large pictures
            only what a sheet shows, with the scores of the middle.
        disagreement: how far the reduced output is from the small picture, per picture (N,), the
            largest difference of a value in [0, 1].
        written: the output as a file has it, uint8 (N, C, k·H, k·W).
    """

    restored: Restored
    disagreement: Tensor
    written: Tensor


@torch.no_grad()
def upscale_batch(
    through: Change | None,
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
    """Enlarge pictures of one size ``factor`` times, in bands: nothing large is whole but the output.

    Args:
        through: (B, C, h, w) → (B, C, h, w), such as a model trained with ``downscale``; None is
            Lanczos.
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
    whole = math.prod(large) <= LARGE or min(large[0] - size[0], large[1] - size[1]) < 0
    if whole:
        given = enlarged(small, large).clamp(0, 1)
        beside = lanczos(small, large).clamp(0, 1)
        output = beside if through is None else in_tiles(
            through, given, size, overlap=overlap, batch_size=batch_size, progress=progress
        ).clamp(0, 1)  # fmt: skip
        output = back_projected(output, small, back_projection)
        written = (output * 255).round()
        off = (reduced(written / 255, (height, width)) - small).abs().flatten(1).amax(1)
        restored = Restored(given, output, {"Lanczos": beside}, clean)
        return Upscaled(restored, off, written.cpu().to(torch.uint8))
    output = torch.empty(len(small), small.shape[1], *large, dtype=torch.uint8)
    for first, band in _bands(through, small, factor, size, overlap, batch_size, progress):
        output[:, :, first : first + band.shape[2]] = band.clamp(0, 1).mul(255).round().cpu()
    off = _agreed(output, small, factor, back_projection)
    return Upscaled(_middle(output, small, factor, clean), off, output)


def _bands(
    through: Change | None,
    small: Tensor,
    factor: int,
    size: tuple[int, int],
    overlap: float,
    batch_size: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[int, Tensor]]:
    """First row and rows of the output, before it is made to agree with the small picture."""
    shape = (len(small), small.shape[1], *(factor * side for side in small.shape[2:]))
    if through is not None:
        yield from in_bands(
            through, partial(_rows, enlarged, small, factor), shape, size, overlap=overlap,
            batch_size=batch_size, progress=progress,
        )  # fmt: skip
        return
    step = max(1, LARGE // shape[3])
    for first in range(0, shape[2], step):
        last = min(shape[2], first + step)
        yield first, _rows(lanczos, small, factor, first, last)
        if progress is not None:
            progress(last, shape[2])


def _rows(
    enlarge: Callable[[Tensor, tuple[int, int]], Tensor],
    small: Tensor,
    factor: int,
    first: int,
    last: int,
) -> Tensor:
    """Rows of the enlarged picture, from the rows of the small one that they are made of."""
    a = max(0, first // factor - NEAR)
    b = min(small.shape[2], -(-last // factor) + NEAR)
    large = enlarge(small[:, :, a:b], (factor * (b - a), factor * small.shape[3])).clamp(0, 1)
    return large[:, :, first - factor * a : last - factor * a]


NEAR = 4  # rows of the small picture that a row of the large one depends on, at most
AROUND = 12  # small rows around a band whose disagreement is spread into it


def _agreed(output: Tensor, small: Tensor, factor: int, iterations: int) -> Tensor:
    """Make an output uint8 agree with the small picture, band after band; gives what is left, (N,)."""
    height, width = small.shape[2:]
    step = max(1, LARGE // (factor**2 * width))
    off = torch.zeros(len(small))
    for first in range(0, height if iterations else 0, step):
        last = min(height, first + step)
        a, b = max(0, first - AROUND), min(height, last + AROUND)
        band = output[:, :, factor * a : factor * b].to(small.device).float() / 255
        done = back_projected(band, small[:, :, a:b], iterations).mul(255).round().cpu()
        own = slice(factor * (first - a), factor * (last - a))
        output[:, :, factor * first : factor * last] = done[:, :, own]
    for first in range(0, height, step):
        last = min(height, first + step)
        a, b = max(0, first - NEAR), min(height, last + NEAR)
        band = output[:, :, factor * a : factor * b].to(small.device).float() / 255
        again = reduced(band, (b - a, width))[:, :, first - a : last - a]
        worst = (again - small[:, :, first:last]).abs().flatten(1).amax(1)
        off = torch.maximum(off, worst.cpu())
    return off


def _middle(output: Tensor, small: Tensor, factor: int, clean: Tensor | None) -> Restored:
    """The middle of large pictures, scored where they are known."""
    high, wide = (min(side, MIDDLE // factor) for side in small.shape[2:])
    top, left = (small.shape[2] - high) // 2, (small.shape[3] - wide) // 2
    near = [max(0, at - NEAR) for at in (top, left)]
    piece = small[:, :, near[0] : top + high + NEAR, near[1] : left + wide + NEAR]
    sides = (factor * piece.shape[2], factor * piece.shape[3])

    def cut(x: Tensor, above: int, before: int) -> Tensor:
        rows = slice(factor * above, factor * (above + high))
        return x[:, :, rows, factor * before : factor * (before + wide)].clone()

    given, beside = (
        cut(change(piece, sides).clamp(0, 1), top - near[0], left - near[1])
        for change in (enlarged, lanczos)
    )
    shown = cut(output, top, left).to(small.device).float() / 255
    known = None if clean is None else cut(clean, top, left)
    found = Restored(given, shown, {"Lanczos": beside}, known)
    return replace(found.of_middle(WIDEST), measured=found.scores())
