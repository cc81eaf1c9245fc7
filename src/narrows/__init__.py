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

# what most people need; `map` is not here, so that a star import leaves Python's own alone
__all__ = [
    "Autoencoder",
    "Code",
    "Encoder",
    "NarrowsError",
    "Phase",
    "Recipe",
    "check",
    "classify",
    "compress",
    "decompress",
    "denoise",
    "duplicates",
    "edit",
    "evaluate",
    "export",
    "fit",
    "flaws",
    "generate",
    "index",
    "inpaint",
    "kernels",
    "load",
    "morph",
    "outliers",
    "prior",
    "pull",
    "push",
    "reconstruct",
    "restore",
    "save",
    "search",
    "segment",
    "size",
    "steer",
    "train",
    "tune",
    "upscale",
]

_HOMES = {
    "Autoencoder": ".autoencoder",
    "Code": ".bottlenecks",
    "Encoder": ".encoders",
    "NarrowsError": ".errors",
    "Phase": ".training",
    "Recipe": ".training",
    "fit": ".training",
    "load": ".training",
    "save": ".training",
    # the verbs
    "check": ".applications.check",
    "classify": ".applications.classify",
    "compress": ".applications.compress",
    "decompress": ".applications.compress",
    "denoise": ".applications.denoise",
    "duplicates": ".applications.duplicates",
    "edit": ".applications.edit",
    "evaluate": ".applications.evaluate",
    "export": ".applications.export",
    "flaws": ".applications.flaws",
    "generate": ".applications.generate",
    "index": ".applications.index",
    "inpaint": ".applications.inpaint",
    "kernels": ".applications.kernels",
    "map": ".applications.map",
    "morph": ".applications.morph",
    "outliers": ".applications.outliers",
    "prior": ".applications.prior",
    "pull": ".applications.hub",
    "push": ".applications.hub",
    "reconstruct": ".applications.reconstruct",
    "restore": ".applications.restore",
    "search": ".applications.search",
    "segment": ".applications.segment",
    "size": ".applications.size",
    "steer": ".applications.steer",
    "train": ".applications.train",
    "tune": ".applications.tune",
    "upscale": ".applications.upscale",
}
_PACKAGES = (
    "applications", "bottlenecks", "collection", "encoders", "errors", "figures", "images",
    "measures", "networks", "objectives", "parts", "priors", "progress", "randomness",
    "recipes", "results", "sklearn", "tables", "training",
)  # fmt: skip

if TYPE_CHECKING:
    from . import (
        applications,
        bottlenecks,
        collection,
        encoders,
        errors,
        figures,
        images,
        measures,
        networks,
        objectives,
        parts,
        priors,
        progress,
        randomness,
        recipes,
        results,
        sklearn,
        tables,
        training,
    )
    from .applications.check import check
    from .applications.classify import classify
    from .applications.compress import compress, decompress
    from .applications.denoise import denoise
    from .applications.duplicates import duplicates
    from .applications.edit import edit
    from .applications.evaluate import evaluate
    from .applications.export import export
    from .applications.flaws import flaws
    from .applications.generate import generate
    from .applications.hub import pull, push
    from .applications.index import index
    from .applications.inpaint import inpaint
    from .applications.kernels import kernels
    from .applications.map import map
    from .applications.morph import morph
    from .applications.outliers import outliers
    from .applications.prior import prior
    from .applications.reconstruct import reconstruct
    from .applications.restore import restore
    from .applications.search import search
    from .applications.segment import segment
    from .applications.size import size
    from .applications.steer import steer
    from .applications.train import train
    from .applications.tune import tune
    from .applications.upscale import upscale
    from .autoencoder import Autoencoder
    from .bottlenecks import Code
    from .encoders import Encoder
    from .errors import NarrowsError
    from .training import Phase, Recipe, fit, load, save


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        if name == "fit":  # it takes recipes by name
            importlib.import_module(".recipes", __name__)
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'narrows' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_HOMES, *_PACKAGES, "__version__"])
