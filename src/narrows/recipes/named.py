"""A recipe by name, with some of its numbers changed."""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe
from ..training.listing import recipe

__all__ = ["adjusted"]

PARTS = ("ladder", "bottleneck", "likelihood")
PHASE_PARTS = ("begin", "bound", "scheme", "augmentation", "views", "corruption")


def adjusted(
    name: str | Recipe,
    shape: Sequence[int],
    changes: Mapping[str, str | int | float] | None = None,
) -> Recipe:
    """The recipe ``name`` (or the file of that name, or a recipe) for pictures of ``shape``.

    Args:
        changes: of an argument of the recipe's function (``code_size``), of a number of its phases
            (``batch_size``), of a part (``likelihood.variance``, ``bound.weight``), or a whole part
            by its name (``bottleneck=top-k``, ``scheme=recursive``). Text is read as TOML.

    Raises:
        ValueError: there is no such recipe or number, or a file's pictures have another shape.
    """
    values = {key.replace("-", "_"): _value(value) for key, value in (changes or {}).items()}
    if isinstance(name, Recipe) or name.endswith(".toml"):
        result = name if isinstance(name, Recipe) else Recipe.load(Path(name))
        if result.shape != tuple(shape):
            raise ValueError(
                f"{getattr(name, 'name', name)} is for pictures of {result.shape}; these are {tuple(shape)}: open them with "
                f"--size {result.shape[1]}x{result.shape[2]}"
            )
    else:
        make = recipe(name)
        accepted = inspect.signature(make).parameters
        own = {key: values.pop(key) for key in list(values) if key in accepted and key != "shape"}
        for key, value in own.items():
            _check_kind(key, value, str(accepted[key].annotation))
        result = make(tuple(shape), **own)
    phase_names = {f.name for f in dataclasses.fields(Phase)}
    for key, value in values.items():
        part, dot, argument = key.partition(".")
        if dot and part in PARTS:
            result = result.with_(**{part: getattr(result, part).with_(**{argument: value})})
        elif dot and part in PHASE_PARTS:
            result = result.with_(
                phases=tuple(_changed(p, part, argument, value) for p in result.phases)
            )
        elif key in PARTS:
            result = result.with_(**{key: _other(key, getattr(result, key), str(value))})
        elif key in phase_names:
            result = result.with_(**{key: value})
        else:
            names = sorted(phase_names | {f"{p}.…" for p in (*PARTS, *PHASE_PARTS)})
            raise ValueError(f"this recipe has no number {key!r}; it has {', '.join(names)}")
    return result


def _other(kind: str, written: Part, name: str) -> Part:
    """Another part of that kind; a ladder is for pictures of the same shape."""
    return Part(name, {"shape": written.arguments["shape"]} if kind == "ladder" else {})


def _changed(phase: Phase, part: str, argument: str, value: Any) -> Phase:
    """The phase with another number of one of its parts; as it is if it has no such part."""
    written = getattr(phase, part)
    if written is None:
        return phase
    return dataclasses.replace(phase, **{part: written.with_(**{argument: value})})


def _check_kind(name: str, value: Any, annotation: str) -> None:
    """One sentence where a list or a number was wanted and something else was given."""
    if annotation == "bool" and not isinstance(value, bool):
        raise ValueError(f"{name} is true or false; we got {value}")
    kinds: dict[str, Any] = {"Sequence": tuple, "float": (int, float), "int": int}
    wanted = [kind for key, kind in kinds.items() if key in annotation.replace("[int]", "")]
    if wanted and not any(isinstance(value, kind) for kind in wanted):
        what = "a number" if tuple not in wanted else f"a list, such as {name}=[16, 32]"
        raise ValueError(f"{name} is {what}; we got {value}")


def _value(value: str | int | float) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return tuple(read) if isinstance(read, list) else read
