"""Narrows: image autoencoders and everything they are good for.

    files · arrays · named sets
            │  images        decode safely, one shape, uint8 at rest, float in [0, 1] at work
            ▼
    x  (B,C,H,W) ──corruption──► x̃
            │  networks      a Ladder of rungs: down_1 … down_L
            ▼
    h  (B,…)
            │  bottlenecks   point · top-k · gaussian · vector-quantised · finite-scalar · hierarchical
            ▼
    Code
            │  networks      up_L … up_1
            ▼
    x̂  (B,C,H,W)

    >>> import narrows as nw
    >>> images = nw.images.named("digits")
    >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
    >>> model = nw.fit(recipe, images, epochs=2, report="quiet")
    >>> model.encode(images).z.shape
    torch.Size([1797, 8])

Importing the package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Autoencoder",
    "Code",
    "NarrowsError",
    "Phase",
    "Recipe",
    "applications",
    "bottlenecks",
    "collection",
    "errors",
    "evaluate",
    "figures",
    "fit",
    "images",
    "load",
    "measures",
    "networks",
    "objectives",
    "papers",
    "parts",
    "priors",
    "randomness",
    "recipes",
    "save",
    "sklearn",
    "training",
]

_HOMES = {
    "Autoencoder": ".autoencoder",
    "Code": ".bottlenecks",
    "NarrowsError": ".errors",
    "Phase": ".training",
    "Recipe": ".training",
    "evaluate": ".measures",
    "fit": ".training",
    "load": ".training",
    "save": ".training",
}

if TYPE_CHECKING:
    from . import (
        applications,
        bottlenecks,
        collection,
        errors,
        figures,
        images,
        measures,
        networks,
        objectives,
        papers,
        parts,
        priors,
        randomness,
        recipes,
        sklearn,
        training,
    )
    from .autoencoder import Autoencoder
    from .bottlenecks import Code
    from .errors import NarrowsError
    from .measures import evaluate
    from .training import Phase, Recipe, fit, load, save


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'narrows' has no attribute {name!r}")
    if name == "fit":  # it takes recipes by name
        importlib.import_module(".recipes", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
