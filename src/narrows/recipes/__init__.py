"""Recipes: a model and its training as data. One function each; ``listed()`` finds them all."""

# ruff: noqa: F403  # for type checkers alone; who lists a recipe has listed it

import typing as _typing
from importlib import import_module as _import

from ..training.listing import grouped, listed, recipe
from ..training.words import model_in_words, training_in_words
from .named import adjusted
from .references import REFERENCES, bibtex, cited

if _typing.TYPE_CHECKING:  # what a type checker and an editor see
    from .agreeing import *
    from .burda import *
    from .canziani import *
    from .discrete import *
    from .disentangling import *
    from .hinton import *
    from .kovenko import *
    from .lingrand import *
    from .matching import *
    from .pca import *
    from .plain import *
    from .ray import *
    from .restoring import *
    from .sonderby import *
    from .sparse import *
    from .theivaprakasham import *
    from .vincent import *

# the order of the list: generic, the five papers, and what they name by what it is for
for _module in (
    *(
        "pca",
        "plain",
        "agreeing",
        "restoring",
        "lingrand",
        "canziani",
        "kovenko",
        "theivaprakasham",
        "ray",
    ),
    *("hinton", "vincent", "sparse", "burda", "sonderby", "disentangling", "matching", "discrete"),
):
    _import(f"{__name__}.{_module}")

_FUNCTIONS = {make.__name__: make for make in listed().values()}
globals().update(_FUNCTIONS)

__all__ = [
    "REFERENCES",
    "adjusted",
    "bibtex",
    "cited",
    "grouped",
    "listed",
    "model_in_words",
    "recipe",
    "training_in_words",
]
__all__ += _FUNCTIONS


def __getattr__(name: str) -> object:
    """What is no recipe: an error that names the nearest."""
    try:
        return recipe(name.replace("_", "-"))
    except ValueError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {error}") from None
