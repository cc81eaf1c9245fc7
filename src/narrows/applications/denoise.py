"""Denoise: noisy pictures of any size through a model, large ones in overlapping tiles.

x̃ ──(tiles)──► model ──(window)──► x̂          beside it: filters, and the best linear one (Wiener)

A model that was trained with the corruption takes the noise out; one that was not is none for it, and
the answer says so. Models of whole pictures take pictures of their own size only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..figures import distances
from ..images import corruptions
from ..images.inputs import Pictures
from ..images.sizes import sized
from ..images.tiles import in_tiles
from ..measures import Pca, filters, wiener
from ..measures.filters import estimated_sigma
from ..parts import Part, build
from ..progress import Progress, stage
from ..randomness import Draws
from ..tables import counted
from .opening import opened_model
from .restored import (
    LARGE,
    SHOWN,
    Change,
    Restoration,
    Restored,
    compared,
    corruption_of,
    fitted_pca,
    middle,
    run_baselines,
    seen_note,
    standing_notes,
    through,
    tile_note,
    whole_only,
)

__all__ = ["NOISES", "denoise", "denoise_batch", "denoising_baselines", "noise_of"]

NOISES = {
    "gaussian": ("gaussian-noise", "sigma"),
    "dropout": ("dropout-mask", "p"),
    "salt-and-pepper": ("salt-and-pepper", "p"),
    "blur": ("blur", "sigma"),
    "jpeg": ("jpeg", "quality"),
    "patch": ("patch", "size"),
    "downscale": ("downscale", "factor"),
}
TITLES = {"as given": "noisy"}
OFF = 1.5  # so many times more or less noise than trained is said
FAR = {"moved": "noisy to output", "before": "noisy to clean", "after": "output to clean"}

REMEDY = (
    "bring it to that size with --resize, or train a model for pictures of any size with "
    "`narrows train PICTURES --for denoise --patches`"
)

assert corruptions  # importing it lists them


def denoise(
    model: Any,
    pictures: Pictures,
    *,
    noise: Any = None,
    sigma: float | None = None,
    fit_on: Pictures | None = None,
    resize: str | None = None,
    baselines: bool = True,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Restoration:
    """Take the noise out of pictures, filters beside; with a model of patches of pictures of any size.

    Those go through in overlapping tiles. Of a large picture the middle is compared with filters.

    Args:
        model: an ``Autoencoder`` trained with the corruption (``narrows train --for denoise``), or the
            folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads; they keep their size.
        noise: the pictures are clean: corrupt them first and score what comes back. A name and a
            number (``gaussian 0.3``; see ``NOISES``), or a corruption.
        sigma: the noise's standard deviation in [0, 1], for the filters; None: that of ``noise``,
            else estimated.
        fit_on: pictures to fit the linear baseline (PCA-Wiener) to.
        resize: bring each picture to the model's size first: ``crop``, ``pad`` or ``stretch``.
        baselines: whether filters are run as well.
        limit: at most so many pictures, evenly spread.
        seed: of the noise.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a noise, a deviation or a resize that cannot be.
        NoImages: nothing can be read.
        NarrowsError: no picture is of the size of a model of whole pictures.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> found = nw.denoise(model, images[:2], noise="gaussian 0.3", baselines=False)
        >>> found.outputs[0].shape
        torch.Size([1, 8, 8])
    """
    corrupt = noise_of(noise) if isinstance(noise, str) else noise
    if sigma is not None and not 0 <= sigma < 10:
        raise ValueError(f"sigma is a deviation from 0, of pictures in [0, 1]; we got {sigma}")
    loaded = opened_model(model, device)
    size = (loaded.shape[1], loaded.shape[2])
    found = sized(pictures, loaded.preprocessing, resize=resize, limit=limit)
    pca = fitted_pca(loaded, fit_on, found.notes, progress) if baselines else None
    known = sigma
    if sigma is None and isinstance(corrupt, corruptions.GaussianNoise):
        known = corrupt.sigma
    found.notes += _fitness(loaded, noise if isinstance(noise, str) else None)
    found.notes += standing_notes(loaded, "denoise")
    groups: list[Restored] = []
    places: list[list[int]] = []
    outputs: dict[int, Tensor] = {}
    rows: dict[int, dict[str, float]] = {}
    levels: list[float] = []
    for some in found.of_one_size():
        own = found.size_of(some[0])
        if whole_only(loaded, found, some, own, REMEDY):
            continue
        found.notes += filter(None, [tile_note(found, some, own, loaded, "in tiles of")])
        for group in found.portions(some, LARGE):
            clean = group.floats
            noisy = clean if corrupt is None else corrupt(clean, Draws(seed, len(groups)))
            if corrupt is not None:
                found.notes += seen_note(loaded, group.pixels)
            level = estimated_sigma(middle(noisy)) if known is None else known
            levels.append(level)
            with stage(progress, "denoising") as step:
                restored, _ = denoise_batch(
                    through(loaded), noisy, size, clean=None if corrupt is None else clean,
                    progress=step,
                )  # fmt: skip
            far = {name: values.tolist() for name, values in restored.distances().items()}
            written = restored.output.cpu().mul(255).round_().to(torch.uint8)
            for at, place in enumerate(group.places):
                outputs[place] = written[at]
                rows[place] = {name: values[at] for name, values in far.items()}
            # without clean pictures filters are there for the sheet alone
            needed = baselines and (corrupt is not None or len(outputs) - len(written) < SHOWN)
            with stage(progress, "filters") as step:
                beside = denoising_baselines(level, pca) if needed else {}
                restored, notes = compared(restored, beside, progress=step)
            found.notes += notes
            groups.append(restored)
            places.append(group.places)
    found.notes += _too_noisy(loaded, levels)
    moved = sum(row["moved"] for row in rows.values()) / max(1, len(rows))
    count = counted(len(rows))
    mean = " on average" if len(rows) > 1 else ""
    known_of = next(iter(rows.values()), {})
    series = {FAR[name]: [row[name] for row in rows.values()] for name in FAR if name in known_of}
    return Restoration.of(
        groups,
        places,
        outputs,
        found,
        rows,
        facts={"noise": noise if noise is None or isinstance(noise, str) else repr(noise)},
        titles=TITLES,
        said=f"{count} denoised, moved by {moved:.3f} (root mean square){mean}",
        drawn={"distances": distances(series)} if series else {},
    )


def _fitness(model: Any, noise: str | None) -> list[str]:
    """That a model is none for noise, or for this one, and what to train."""
    trained, train = corruption_of(model), "train one with `narrows train PICTURES --for denoise`"
    also = " (and --patches for pictures of any size)"
    undone = {name for name, _ in NOISES.values()}
    if trained is None or trained.name not in undone:
        return [f"this model is none for noise: it was not trained to take any out; {train}{also}"]
    if (
        noise is not None
        and (wanted := NOISES[noise.replace("=", " ").split()[0]][0]) != trained.name
    ):
        return [f"this model was trained to undo {trained.name}, not {wanted}; {train}{also}"]
    return []


def _too_noisy(model: Any, levels: Sequence[float]) -> list[str]:
    """That the noise is much more or less than what a model was trained to take out."""
    trained = corruption_of(model)
    if trained is None or trained.name != "gaussian-noise" or not levels:
        return []
    sigma, level = float(trained.arguments["sigma"]), sum(levels) / len(levels)
    if sigma / OFF <= level <= sigma * OFF:
        return []
    return [
        f"this model was trained to take out noise of σ = {sigma:g}, and here it is about {level:.2g}: "
        f"train one with `narrows train PICTURES --for denoise --set sigma={max(level, 0.01):.2g}`"
    ]


def noise_of(text: str) -> Any:
    """``gaussian 0.3`` → the corruption.

    Raises:
        ValueError: it is no name and number.
    """
    words = text.replace("=", " ").split()
    example = "noise is a name and a number, such as 'gaussian 0.3'"
    if len(words) != 2 or words[0] not in NOISES:
        raise ValueError(f"{example}, of {', '.join(NOISES)}; we got {text!r}")
    name, argument = NOISES[words[0]]
    try:
        number = float(words[1])
    except ValueError:
        raise ValueError(f"{example}; we got {text!r}") from None
    return build("corruption", Part(name, {argument: number}))


@torch.no_grad()
def denoise_batch(
    through: Change,
    noisy: Tensor,
    size: tuple[int, int],
    *,
    clean: Tensor | None = None,
    baselines: Mapping[str, Change] | None = None,
    overlap: float = 0.25,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Restored, list[str]]:
    """Restore pictures of one size, and what baselines make of them.

    Args:
        through: (B, C, h, w) → (B, C, h, w), such as a model.
        noisy: (N, C, H, W).
        size: (h, w), the only size that ``through`` takes.
        clean: (N, C, H, W), where it is known.
        baselines: by name, such as ``denoising_baselines``.
        overlap, batch_size, progress: see ``in_tiles``.

    Returns:
        The pictures, and a note for each baseline that is not on this machine.
    """
    output = in_tiles(
        through, noisy, size, overlap=overlap, batch_size=batch_size, progress=progress
    )
    others, notes = run_baselines(noisy, baselines or {})
    return Restored(noisy, output.clamp_(0, 1), others, clean), notes


def denoising_baselines(
    sigma: float, pca: Pca | None = None, overlap: float = 0.25
) -> dict[str, Change]:
    """Filters for noise of that standard deviation, and the Wiener filter of fitted pictures.

    ``sigma`` 0 leaves the filters that need one out. A PCA of small pictures takes large ones in tiles.
    """
    found: dict[str, Change] = {
        "median 3×3": lambda x: filters.median(x, 3),
        "median 5×5": lambda x: filters.median(x, 5),
    }
    if sigma > 0:
        found["non-local means"] = lambda x: filters.non_local_means(x, sigma)
        found["total variation"] = lambda x: filters.total_variation(x, sigma)
        found["cosine threshold"] = lambda x: filters.cosine_threshold(x, sigma)
    if pca is not None:
        size = (pca.shape[1], pca.shape[2])
        found["PCA-Wiener"] = lambda x: in_tiles(
            lambda tiles: wiener(pca, tiles, sigma), x, size, overlap=overlap
        )
    return found
