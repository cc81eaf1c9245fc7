"""What a model is for, and how it does there beside what is free: measured when a training ends.

--for denoise ──► the recipe denoiser
a trained model ──► validation pictures, corrupted as its verbs find them ──► a Standing for each verb
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..defaults import RECIPE
from ..errors import NarrowsError
from ..images.corruptions import GaussianNoise
from ..images.inputs import evenly
from ..images.resizing import reduced
from ..measures import Pca, filters
from ..measures.generation import covered
from ..parts import build
from ..priors import load_prior, sample_codes, stored_priors
from ..randomness import Draws
from ..training.standing import MODEL, Standing, difference_error
from .decoding import decoder
from .denoise import denoise_batch, denoising_baselines
from .inpaint import (
    HIDING,
    by_model,
    by_projection,
    inpaint_batch,
    inpainting_baselines,
    where_codes_lie,
)
from .morph import half_way
from .restore import FOUND, OldPhotos, old_photo_baselines
from .restored import Restored, compared, corruption_of, takes_any_size, through
from .upscale import upscale_batch

__all__ = ["PURPOSES", "recipe_of_purpose", "standing", "standings"]

PURPOSES = {
    "denoise": "denoiser",
    "upscale": "upscaler",
    "inpaint": "inpainter",
    "restore": "old-photos",
}
JUDGED = 64  # pictures
VALUES = 64 * 3 * 64 * 64  # of those pictures, so that large ones are fewer
FEWEST = 5  # pictures that tell anything
COMPONENTS = 512  # of the linear methods
SIGMA = 0.1  # of noise, for a model that was trained for none
FACTORS = (2, 4)  # of enlarging, likewise
HOLE = 0.4  # of a side
DRAWN = 256  # pictures from a prior
COVERED = 500  # pictures that they shall cover
SMALL = 16  # a side of what is compared of both
NEAR = 32  # times VALUES, of training pictures among which the nearest is looked for
ENOUGH = 100  # of validation, else training pictures are to be covered
MIXTURE, GAUSSIAN = "mixture", "a Gaussian of PCA"
# filling a hole by projection is slow: at most so many, and seconds, and of the training's seconds
HOLES, LONGEST, SHARE = 12, 2.0, 0.1
PASSES = 160  # through a model, that projecting one picture takes the time of


def recipe_of_purpose(for_: str, recipe: Any) -> str:
    """The recipe of a verb.

    Raises:
        ValueError: no such verb, or a recipe of another name beside it.
    """
    if for_ not in PURPOSES:
        raise ValueError(f"--for is {', '.join(PURPOSES)}; we got {for_!r}")
    if recipe not in (None, RECIPE, PURPOSES[for_]):
        raise ValueError(f"--for {for_} takes the recipe {PURPOSES[for_]!r}: leave --recipe out")
    return PURPOSES[for_]


def purpose_of(model: Any) -> str | None:
    """The verb that undoes what a model was trained to undo; None of one that was trained for none."""
    corruption = corruption_of(model)
    if corruption is None:
        return None
    named = {"downscale": "upscale", "gaussian-noise": "denoise", "old-photo": "restore"}
    named |= dict.fromkeys(HIDING, "inpaint")
    return named.get(corruption.name)


def standings(
    model: Any, images: Any, train: Any, name: str, seed: int = 0, seconds: float = math.inf
) -> tuple[Standing, ...]:
    """How a model does what verbs may ask of it, each beside what needs no model.

    One that was trained to undo something is asked for that, with all the methods that its verb knows.
    Any other is asked for all: noise of 0.1 beside a median filter and a cosine threshold, enlarging
    beside bicubic and Lanczos, a hole beside OpenCV, and, where a prior was fitted, draws beside a
    Gaussian of principal components.

    Args:
        images: what is judged, a Source; at most 64 of it, evenly spread.
        train: what the linear methods are fitted to.
        name: what the judged pictures are: ``validation`` or ``training``.
        seconds: that the training took. Filling a hole by projection is left out where it would take
            more than a tenth of them, and of a model that was trained for something else.
    """
    if len(images) < FEWEST or model.shape[0] not in (1, 3) or min(model.shape[1:]) < 8:
        return ()
    for_ = purpose_of(model)
    if corruption_of(model) is not None:
        found = [] if for_ is None else [standing(model, for_, images, train, name, seed)]
        return tuple(one for one in found if _finite(one))
    x = _some(images).to(model.device)
    began = time.process_time()
    with torch.no_grad():
        model(x)
    each = (time.process_time() - began) / len(x)
    measures = [
        lambda: _noise(model, x, name, seed),
        lambda: _draws(model, images, train, name, seed),
        lambda: _between(model, x, train, name),
    ]
    measures += [functools.partial(_enlarging, model, x, factor, name) for factor in FACTORS]
    few = min(HOLES, int(min(SHARE * seconds, LONGEST) / (PASSES * each + 1e-9)))
    if min(few, len(x)) >= FEWEST:
        measures.append(lambda: _hole(model, x[:few], name, seed))
    tried = [_tried(measure) for measure in measures]
    return tuple(one for one in tried if one is not None and _finite(one))


def standing(model: Any, for_: str, images: Any, train: Any, name: str, seed: int = 0) -> Standing:
    """Spoil pictures as in training, and let the model and all others mend them.

    Args:
        images: what is judged, a Source; at most 64 of it, evenly spread.
        train: what the linear methods are fitted to, where pictures are whole.
        name: what the judged pictures are: ``validation`` or ``training``.
    """
    x = _some(images).to(model.device)
    pca = None
    if for_ not in ("upscale", "restore") and not takes_any_size(model):
        pca = Pca.fit(train, max(1, min(Pca.most(train), COMPONENTS)), seed=seed)
    with torch.no_grad():
        found = _JUDGES[for_](model, x, pca, seed)
    corruption = corruption_of(model)
    said = [f"{k} {v:g}" for k, v in corruption.arguments.items() if isinstance(v, int | float)]
    task = f"{corruption.name} undone" + (f" ({', '.join(said)})" if said else "")
    return _of_pictures(for_, found, name, task)


def _some(images: Any) -> Tensor:
    """At most 64 pictures, evenly spread, fewer of large ones."""
    most = max(FEWEST, min(JUDGED, VALUES // math.prod(images.shape)))
    rows = torch.linspace(0, len(images) - 1, min(most, len(images))).round().long()
    found: Tensor = images.batch(rows).float().cpu()
    return found


def _of_pictures(for_: str, found: Restored, name: str, task: str) -> Standing:
    titles = {
        "as given": {"denoise": "noisy", "upscale": "bicubic", "restore": "old"}.get(for_, "")
    }
    scores = {
        titles.get(method, method): each["psnr"].double().tolist()
        for method, each in found.scores().items()
    }
    judged = f"{len(scores[MODEL])} {name} pictures"
    return Standing(for_, _rows(scores, "psnr"), judged, task)


def _rows(scores: Mapping[str, list[float]], measure: str) -> list[dict[str, Any]]:
    """Of each method, by its scores of the same pictures."""
    return [
        {
            "name": method,
            measure: statistics.fmean(each),
            f"{measure}_deviation": statistics.pstdev(each),
            "error": difference_error(scores[MODEL], each),
        }
        for method, each in scores.items()
    ]


def _tried(measure: Callable[[], Standing | None]) -> Standing | None:
    """None where the model, or this machine, cannot be asked for it."""
    try:
        return measure()
    except (NarrowsError, ValueError):
        return None


def _finite(one: Standing) -> bool:
    numbers = [value for row in one.rows for key, value in row.items() if key != "name"]
    return all(map(math.isfinite, numbers))


# ---- of a model that was trained for something ---------------------------------------------------


def _denoised(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    corruption = corruption_of(model)
    sigma = float(corruption.arguments.get("sigma", 0))
    noisy = build("corruption", corruption)(x, Draws(seed))
    size = (model.shape[1], model.shape[2])
    baselines = denoising_baselines(sigma, pca)
    return denoise_batch(through(model), noisy, size, clean=x, baselines=baselines)[0]


def _upscaled(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    return _enlarged(model, x, int(corruption_of(model).arguments["factor"]))


def _inpainted(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    corrupt = build("corruption", corruption_of(model))
    hole = (corrupt(torch.ones_like(x), Draws(seed)) != 1).any(1, keepdim=True)
    value = corruption_of(model).arguments.get("value", 0.5)
    baselines = inpainting_baselines(pca)
    size = (model.shape[1], model.shape[2])
    return inpaint_batch(
        by_model(through(model), value), x, hole, size, clean=x, baselines=baselines
    )[0]


def _restored(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    old = build("corruption", corruption_of(model))(x, Draws(seed))
    both = OldPhotos(model)(old)
    beside = old_photo_baselines(both[:, -1:] > FOUND)
    return compared(Restored(old, both[:, :-1], clean=x), beside)[0]


_JUDGES: dict[str, Callable[[Any, Tensor, Pca | None, int], Restored]] = {
    "denoise": _denoised,
    "upscale": _upscaled,
    "inpaint": _inpainted,
    "restore": _restored,
}


# ---- of one that was trained for none ------------------------------------------------------------


def _noise(model: Any, x: Tensor, name: str, seed: int) -> Standing:
    noisy = GaussianNoise(SIGMA)(x, Draws(seed)).clamp(0, 1)
    size = (model.shape[1], model.shape[2])
    baselines = {
        "median 3×3": lambda some: filters.median(some, 3),
        "cosine threshold": lambda some: filters.cosine_threshold(some, SIGMA),
    }
    found = denoise_batch(through(model), noisy, size, clean=x, baselines=baselines)[0]
    return _of_pictures("denoise", found, name, f"noise of σ = {SIGMA:g} taken out")


def _enlarging(model: Any, x: Tensor, factor: int, name: str) -> Standing:
    return _of_pictures("upscale", _enlarged(model, x, factor), name, f"{factor} times larger")


def _enlarged(model: Any, x: Tensor, factor: int) -> Restored:
    small = (x.shape[2] // factor, x.shape[3] // factor)
    clean = x[:, :, : small[0] * factor, : small[1] * factor]
    size = (model.shape[1], model.shape[2])
    given = reduced(clean, small).clamp(0, 1)
    return upscale_batch(
        through(model), given, factor, size, clean=clean, back_projection=20
    ).restored


def _hole(model: Any, x: Tensor, name: str, seed: int) -> Standing:
    """A hole in the middle, filled by projection as the verb does it."""
    height, width = x.shape[2:]
    high, wide = max(2, round(HOLE * height)), max(2, round(HOLE * width))
    top, left = (height - high) // 2, (width - wide) // 2
    hole = torch.zeros(len(x), 1, height, width, dtype=torch.bool, device=x.device)
    hole[:, :, top : top + high, left : left + wide] = True
    codes, variance = where_codes_lie(model, None)
    fill = by_projection(
        lambda some: model.posterior(some).z, model.decode, codes, variance=variance, seed=seed
    )
    found, _ = inpaint_batch(
        fill, x, hole, (height, width), clean=x, baselines=inpainting_baselines()
    )
    return _of_pictures("inpaint", found, name, f"a hole of {wide}×{high} filled")


def _draws(model: Any, images: Any, train: Any, name: str, seed: int) -> Standing | None:
    """Draws of the fitted mixture, and of a Gaussian of as many principal components."""
    folder = getattr(model.run, "folder", None)
    if folder is None or MIXTURE not in stored_priors(folder):
        return None
    if len(images) < ENOUGH:
        images, name = train, "training"
    real = _reduced(evenly(images, COVERED))
    codes = sample_codes(model, load_prior(model, folder, MIXTURE), DRAWN, seed)
    pca = Pca.fit(train, min(math.prod(model.code_shape), Pca.most(train)), seed=seed)
    inside = {
        MODEL: covered(real, _tiny(decoder(model, seed)(codes))),
        GAUSSIAN: covered(real, _tiny(pca.sample(DRAWN, seed))),
    }
    rows = _rows({each: one.double().tolist() for each, one in inside.items()}, "coverage")
    task = f"the share of real pictures that one of {DRAWN} draws is near to"
    return Standing("generate", rows, f"{len(real)} {name} pictures", task, "coverage")


def _between(model: Any, x: Tensor, train: Any, name: str) -> Standing:
    """What is half-way between two pictures, and fades of the two: how near is a training picture?"""
    most = max(ENOUGH, NEAR * VALUES // math.prod(train.shape))
    known = evenly(train, min(most, len(train)))
    away = half_way(model, x, known.batch(torch.arange(len(known))).float())
    scores = {
        way: (-20 * one.double().clamp_min(1e-6).log10()).tolist() for way, one in away.items()
    }
    task = "the training picture nearest to what is half-way between two"
    return Standing("morph", _rows(scores, "psnr"), f"{len(x)} pairs of {name} pictures", task)


def _reduced(images: Any) -> Tensor:
    rows = torch.split(torch.arange(len(images)), 256)
    return torch.cat([_tiny(images.batch(some)) for some in rows])


def _tiny(x: Tensor) -> Tensor:
    """Pictures (N, C, H, W) as at most 16×16 pixels each, (N, F)."""
    size = (min(SMALL, x.shape[2]), min(SMALL, x.shape[3]))
    return reduced(x.float().cpu().clamp(0, 1), size).flatten(1)
