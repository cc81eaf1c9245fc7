"""Recipes by name: the list of them, and one with some of its numbers changed."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..training import Phase, Recipe
from .burda import burda_2016_iwae, burda_2016_vae
from .plain import conv_autoencoder, conv_vae, linear_autoencoder, mlp_autoencoder, mlp_vae

__all__ = ["adjusted", "listed", "recipe"]

_MAKERS: tuple[Callable[..., Recipe], ...] = (
    conv_vae,
    conv_autoencoder,
    mlp_vae,
    mlp_autoencoder,
    linear_autoencoder,
    burda_2016_vae,
    burda_2016_iwae,
)

PARTS = ("ladder", "bottleneck", "likelihood")


def listed() -> dict[str, Callable[..., Recipe]]:
    """Every recipe by the name it has on the command line (``conv-vae`` for ``conv_vae``)."""
    return {make.__name__.replace("_", "-"): make for make in _MAKERS}


def recipe(name: str) -> Callable[..., Recipe]:
    """The function that makes the recipe of that name.

    Raises:
        ValueError: there is none.
    """
    found = listed()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no recipe {name!r}, only {', '.join(found)}{hint}")
    return found[name]


def adjusted(
    name: str, shape: Sequence[int], changes: Mapping[str, str | int | float] | None = None
) -> Recipe:
    """The recipe ``name`` (or the file of that name) for pictures of ``shape``.

    Args:
        changes: of an argument of the recipe's function (``code_size``), of a number of its phases
            (``batch_size``), or of a part (``likelihood.variance``). Text is read as TOML.

    Raises:
        ValueError: there is no such recipe or number, or a file's pictures have another shape.
    """
    values = {key.replace("-", "_"): _value(value) for key, value in (changes or {}).items()}
    if name.endswith(".toml"):
        made = Recipe.load(Path(name))
        if made.shape != tuple(shape):
            raise ValueError(
                f"{name} is for pictures of {made.shape}; these are {tuple(shape)}: open them with "
                f"--size {made.shape[1]}x{made.shape[2]}"
            )
    else:
        make = recipe(name)
        accepted = inspect.signature(make).parameters
        own = {key: values.pop(key) for key in list(values) if key in accepted and key != "shape"}
        made = make(tuple(shape), **own)
    phase_names = {f.name for f in dataclasses.fields(Phase)}
    for key, value in values.items():
        part, dot, argument = key.partition(".")
        if dot and part in PARTS:
            made = made.with_(**{part: getattr(made, part).with_(**{argument: value})})
        elif key in phase_names:
            made = made.with_(**{key: value})
        else:
            known = sorted(phase_names | {f"{p}.…" for p in PARTS})
            raise ValueError(f"this recipe has no number {key!r}; it has {', '.join(known)}")
    return made


def _value(value: str | int | float) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return tuple(read) if isinstance(read, list) else read
