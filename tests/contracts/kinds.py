"""Recipes for contracts that take long: of each kind one in `make test`, all of them in `make test-full`."""

from __future__ import annotations

from typing import Any

import pytest

import narrows as nw

__all__ = ["SOME", "of_each_kind", "short_of"]

# of each kind of ladder and bottleneck one
SOME = (
    "makhzani-2014-k-sparse",
    "sonderby-2016-ladder-vae",
    "oord-2017-vq-vae",
    "mentzer-2024-finite-scalar",
    "lingrand-2021-segnet",
    "ray-2022-recursive",
)


def of_each_kind(*more: str) -> list[Any]:
    """All names, as parameters; those that are neither of ``SOME`` nor of ``more`` are slow."""
    return short_of(*SOME, *more)


def short_of(*names: str) -> list[Any]:
    """All names of recipes, as parameters; those that are not of ``names`` are slow."""
    return [
        name if name in names else pytest.param(name, marks=pytest.mark.slow)
        for name in nw.recipes.listed()
    ]
