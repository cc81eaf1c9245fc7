"""A recipe by name, with some of its numbers changed."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..parts import Part, as_part, in_words, listed
from ..training import Phase, Recipe
from ..training.listing import recipe

__all__ = ["adjusted", "settings", "value_of"]

PARTS = ("ladder", "bottleneck", "likelihood")
PHASE_PARTS = ("begin", "bound", "scheme", "augmentation", "views", "corruption")
KINDS = (*PARTS, "begin", "bound", "scheme", "corruption", "penalty", "schedule")


def adjusted(
    name: str | Recipe,
    shape: Sequence[int],
    changes: Mapping[str, str | int | float] | None = None,
) -> Recipe:
    """The recipe ``name`` (or the file of that name, or a recipe) for pictures of ``shape``.

    Args:
        changes: of an argument of the recipe's function (``code_size``), of a number of its phases
            (``batch_size``), of a part (``likelihood.variance``, ``bound.weight``), or a whole part
            by its name (``bottleneck=top-k``, ``penalties=contractive``) or with its numbers
            (``corruption={part="gaussian-noise", deviation=0.1}``). Text is read as TOML.

    Raises:
        ValueError: there is no such recipe or number, or a file's pictures have another shape.
    """
    values = {key.replace("-", "_"): value_of(value) for key, value in (changes or {}).items()}
    if isinstance(name, Recipe) or name.endswith(".toml"):
        result = name if isinstance(name, Recipe) else Recipe.load(Path(name))
        if result.shape != tuple(shape):
            raise ValueError(
                f"{getattr(name, 'name', name)} is for pictures of {result.shape}; these are {tuple(shape)}: open them with "
                f"--size {result.shape[1]}x{result.shape[2]}"
            )
        known = []
    else:
        make = recipe(name)
        accepted = inspect.signature(make).parameters
        own = {key: values.pop(key) for key in list(values) if key in accepted and key != "shape"}
        for key, value in own.items():
            _check_kind(key, value, str(accepted[key].annotation))
        result = make(tuple(shape), **own)
        known = [key for key in accepted if key != "shape"]
    phase_numbers = {f.name: str(f.type) for f in dataclasses.fields(Phase)}
    for key, value in values.items():
        part, dot, argument = key.partition(".")
        if dot and part in PARTS:
            result = result.with_(**{part: getattr(result, part).with_(**{argument: value})})
        elif dot and part in PHASE_PARTS:
            result = result.with_(
                phases=tuple(_changed(p, part, argument, value) for p in result.phases)
            )
        elif key in PARTS:
            result = result.with_(**{key: _other(key, getattr(result, key), value)})
        elif key == "penalties":
            several = value if isinstance(value, tuple) else (value,)
            result = result.with_(penalties=tuple(map(_part, several)))
        elif key in PHASE_PARTS:
            result = result.with_(**{key: _part(value)})
        elif key in phase_numbers:
            _check_kind(key, value, phase_numbers[key])
            result = result.with_(**{key: value})
        else:
            raise ValueError(_unknown(key, [*known, *phase_numbers, *PARTS]))
    return result


def _unknown(key: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    parts = ", ".join(f"{part}.…" for part in (*PARTS, *PHASE_PARTS))
    return (
        f"this recipe has no number {key!r}{hint}; it has {', '.join(dict.fromkeys(names))}, and "
        f"numbers of its parts ({parts}): narrows recipes --parts lists them"
    )


def _part(value: Any) -> Part:
    """A part by its name, or written with its numbers."""
    return Part(value) if isinstance(value, str) else Part.read(value)


def _other(kind: str, written: Part, value: Any) -> Part:
    """Another part of that kind; a ladder is for pictures of the same shape."""
    other = _part(value)
    return other.with_(shape=written.arguments["shape"]) if kind == "ladder" else other


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
    if "str" in annotation:
        return  # names, which are checked where they are looked up
    kinds: dict[str, Any] = {"Sequence": tuple, "float": (int, float), "int": int}
    wanted = [kind for key, kind in kinds.items() if key in annotation.replace("[int]", "")]
    if wanted and not any(isinstance(value, kind) for kind in wanted):
        what = "a number" if tuple not in wanted else f"a list, such as {name}=[16, 32]"
        raise ValueError(f"{name} is {what}; we got {value}")


def value_of(value: Any) -> Any:
    """A value as it is, and one that is text as TOML reads it."""
    if not isinstance(value, str):
        return value
    try:
        read = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return tuple(read) if isinstance(read, list) else read


def settings() -> dict[str, dict[str, dict[str, Any]]]:
    """What ``changes`` may name: kind → part → argument → default, or ``needed`` where it has none.

    The first kind is the numbers of every phase, by their name alone; augmentation, views and
    corruption are parts of the kind corruption.
    """
    numbers = {
        f.name: {"": f.default}
        for f in dataclasses.fields(Phase)
        if f.name not in (*PHASE_PARTS, "penalties", "frozen")
    }
    kinds = {"numbers of a phase": numbers}
    for kind in KINDS:
        kinds[kind] = {name: _arguments(make) for name, make in listed(kind).items()}
    return kinds


def _arguments(make: Any) -> dict[str, Any]:
    made = {
        f.name: in_words(as_part(f.default_factory()))
        for f in (dataclasses.fields(make) if dataclasses.is_dataclass(make) else ())
        if f.default_factory is not dataclasses.MISSING
    }
    return {
        name: "needed" if p.default is p.empty else made.get(name, p.default)
        for name, p in inspect.signature(make).parameters.items()
        if name not in _GIVEN and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }


_GIVEN = ("shape", "code_shape", "narrowest", "model")  # which the surroundings know
