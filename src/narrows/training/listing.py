"""Recipes by name: the functions that make them, each listed where it stands.

@listed_under("Literature: discrete codes")
def oord_2017_vq_vae(shape, …) -> Recipe          ──►   recipe("oord-2017-vq-vae")
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

from ..near import meant
from .phases import Recipe

__all__ = ["Maker", "grouped", "listed", "listed_under", "picture_shape", "recipe", "recipe_for"]

Maker = Callable[..., Recipe]
M = TypeVar("M", bound=Maker)
_GROUPS: dict[str, dict[str, Maker]] = {}


def listed_under(title: str) -> Callable[[M], M]:
    """List a function that makes a recipe for pictures of a shape, in a group of that title.

    Its name on the command line is that of the function with hyphens. It may be called with
    (H, W) for gray pictures.
    """

    def register(make: M) -> M:
        @functools.wraps(make)
        def making(*args: Any, **kwargs: Any) -> Recipe:
            if args:
                args = (picture_shape(args[0]), *args[1:])
            elif "shape" in kwargs:
                kwargs["shape"] = picture_shape(kwargs["shape"])
            return make(*args, **kwargs)

        _GROUPS.setdefault(title, {})[make.__name__.replace("_", "-")] = making
        return making  # type: ignore[return-value]

    return register


def picture_shape(shape: Any) -> tuple[int, int, int]:
    """(C, H, W) of what was given as the shape of one picture; of (H, W) one channel.

    Raises:
        ValueError: it is no such shape.
    """
    if hasattr(shape, "ndim") or hasattr(shape, "batch"):
        raise ValueError(
            "a recipe is made for the shape of one picture, (C, H, W); we got pictures: give "
            "images.shape, or let nw.fit('conv-vae', images) take it from them"
        )
    try:
        sizes = tuple(map(operator.index, shape))
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ValueError(f"the shape of one picture is (C, H, W) or (H, W); we got {shape!r}")
    c, h, w = sizes if len(sizes) == 3 else (1, *sizes)
    return c, h, w


def grouped() -> dict[str, dict[str, Maker]]:
    """The recipes by document, then by the name each has on the command line.

    ``conv-vae`` for ``conv_vae``.
    """
    return {title: dict(makers) for title, makers in _GROUPS.items()}


def listed() -> dict[str, Maker]:
    """Every recipe by name."""
    return {name: make for makers in _GROUPS.values() for name, make in makers.items()}


def recipe(name: str) -> Maker:
    """The function that makes the recipe of that name.

    Raises:
        ValueError: there is none.
    """
    makers = listed()
    if name not in makers:
        raise ValueError(
            f"there is no recipe {name!r}, see the {len(makers)} of `narrows recipes`"
            f"{meant(name, makers, quoted=False)}"
        )
    return makers[name]


def recipe_for(shape: tuple[int, ...], wanted: str | Maker) -> Recipe:
    """The recipe that a name or a function makes for pictures of ``shape``.

    Raises:
        ValueError: there is no such recipe, or the function makes none.
    """
    result = (recipe(wanted) if isinstance(wanted, str) else wanted)(shape)
    if not isinstance(result, Recipe):
        raise ValueError(
            "fit takes a recipe, its name, a function that makes one for a shape, or a model; "
            f"the function gave {type(result).__name__}"
        )
    return result
