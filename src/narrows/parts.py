"""A part is a name and its arguments: data from which an object is built, and which a built object keeps.

    Part("conv", {"shape": (3, 64, 64), "widths": (32, 64)})  ──build("ladder", part)──►  a Ladder
    a Ladder built by hand                                    ──part_of(ladder)──►        the same Part

That is all the configuration there is: a recipe file holds parts, and a constructor's signature
is the list of what may stand in one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .near import meant

__all__ = ["Part", "as_part", "build", "in_words", "kinds", "listed", "named", "part", "part_of"]

T = TypeVar("T")
_KINDS: dict[str, dict[str, Callable[..., Any]]] = {}


@dataclass(frozen=True)
class Part:
    """One part of a recipe: its listed name and the arguments of its constructor."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # a part is data: built objects become their parts, lists tuples, as they are read back
        plain = {key: _as_argument(value) for key, value in self.arguments.items()}
        object.__setattr__(self, "arguments", plain)

    def with_(self, **arguments: Any) -> Part:
        """The same part with other numbers."""
        return Part(self.name, {**self.arguments, **arguments})

    def document(self) -> dict[str, Any]:
        """The part as TOML values: ``part`` is its name; ``None`` is left out."""
        plain = {key: _plain(value) for key, value in self.arguments.items() if value is not None}
        return {"part": self.name, **plain}

    @staticmethod
    def read(document: Any) -> Part:
        """The inverse of ``document``."""
        if not isinstance(document, Mapping) or not isinstance(document.get("part"), str):
            raise ValueError(
                f"a part is a table with a key 'part' that names it; we instead got {document!r}"
            )
        arguments = {key: _read(value) for key, value in document.items() if key != "part"}
        return Part(document["part"], arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.document()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Part.read(value)
    if isinstance(value, list):
        return tuple(_read(item) for item in value)
    return value


def part(kind: str, name: str) -> Callable[[T], T]:
    """List a class or a function that makes an object of ``kind`` under ``name``.

    What it makes remembers its arguments, so that ``part_of`` can write it down again.
    """

    def register(make: T) -> T:
        _KINDS.setdefault(kind, {})[name] = make  # type: ignore[assignment]
        if dataclasses.is_dataclass(make):  # its fields are its arguments
            make.part_name = name  # type: ignore[union-attr]
            return make
        if isinstance(make, type):
            _remember(make, name)
            return make
        signature = inspect.signature(make)  # type: ignore[arg-type]

        @functools.wraps(make)  # type: ignore[arg-type]
        def making(*args: Any, **kwargs: Any) -> Any:
            instance = make(*args, **kwargs)  # type: ignore[operator]
            instance.part = _bound(name, signature, args, kwargs)
            return instance

        _KINDS[kind][name] = making
        return making  # type: ignore[return-value]

    return register


def _remember(cls: type, name: str) -> None:
    plain_init: Callable[..., None] = cls.__init__  # type: ignore[misc]
    # nn.Module's own constructor takes anything, a class without one of its own takes nothing
    signature = inspect.signature(plain_init if "__init__" in vars(cls) else _takes_nothing)

    @functools.wraps(plain_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        plain_init(self, *args, **kwargs)
        bound = _bound(name, signature, (self, *args), kwargs)
        self.part = Part(name, {k: v for k, v in bound.arguments.items() if k != "self"})

    init.__signature__ = signature  # type: ignore[attr-defined]
    cls.__init__ = init  # type: ignore[misc]


def _takes_nothing(self: Any) -> None: ...


def _bound(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Part:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return Part(name, {key: _as_argument(value) for key, value in bound.arguments.items()})


def _as_argument(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_as_argument(item) for item in value)
    written = _written(value)
    return written if written is not None else value


def _written(thing: Any) -> Part | None:
    if isinstance(getattr(thing, "part", None), Part):
        return thing.part  # type: ignore[no-any-return]
    name = getattr(type(thing), "part_name", None)
    if name is not None and dataclasses.is_dataclass(thing):
        fields = dataclasses.fields(thing)
        return Part(name, {f.name: _as_argument(getattr(thing, f.name)) for f in fields if f.init})
    return None


def part_of(thing: Any) -> Part:
    """The part that a built object is; a ``Part`` is itself.

    Raises:
        ValueError: the object is none of a listed kind, so no recipe can name it.
    """
    if isinstance(thing, Part):
        return thing
    written = _written(thing)
    if written is None:
        raise ValueError(
            f"{named(thing)} is no listed part, so a recipe cannot write it down; list its class "
            "with @narrows.parts.part(kind, name), or train without a folder and do not save"
        )
    return written


def as_part(thing: Any) -> Any:
    """The part that a built object is, or the object itself where its class is not listed.

    Such an object can be trained, but not be saved: ``part_of`` refuses to write it down.
    """
    written = _written(thing)
    return thing if written is None else written


def named(thing: Any) -> str:
    """The name that a part or a built object is listed under, else that of its class or function."""
    written = thing if isinstance(thing, Part) else _written(thing)
    if written is not None:
        return written.name
    return str(getattr(thing, "__name__", type(thing).__name__))


def in_words(part: Any) -> str:
    """Its name, how wide it is, and its other numbers in brackets; of an object the name alone."""
    if not isinstance(part, Part):
        return named(part)
    widths = part.arguments.get("widths", part.arguments.get("size"))
    others = [
        _argument(key, value)
        for key, value in part.arguments.items()
        if key not in ("shape", "widths", "size") and value is not None and value is not False
    ]
    text = part.name if widths is None else f"{part.name} {_number(widths)}"
    return f"{text} ({', '.join(others)})" if others else text


def _argument(key: str, value: object) -> str:
    return key if value is True else f"{key} {_number(value)}"


def _number(value: object) -> str:
    if isinstance(value, Part):
        return in_words(value)
    if isinstance(value, tuple):
        return "-".join(map(_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def build(kind: str, written: Any, **shapes: Any) -> Any:
    """Make the object that ``written`` (a Part, or an object already built) describes.

    ``shapes`` are arguments that the surroundings know (a shape), used where the part has none.

    Raises:
        ValueError: no such name in this kind, or an argument that it does not take.
    """
    if not isinstance(written, Part):
        return written
    makers = _KINDS.get(kind, {})
    make = makers.get(written.name)
    if make is None:
        raise ValueError(
            f"there is no {kind} named {written.name!r}, only {', '.join(sorted(makers))}"
            f"{meant(written.name, makers)}"
        )
    accepted = inspect.signature(make).parameters
    unknown = [key for key in written.arguments if key not in accepted]
    if unknown:
        raise ValueError(
            f"the {kind} {written.name!r} takes {', '.join(accepted) or 'no arguments'}; "
            f"we instead got {', '.join(unknown)}"
        )
    fitting = {k: v for k, v in shapes.items() if k in accepted and k not in written.arguments}
    arguments = {**fitting, **written.arguments}
    missing = [
        name
        for name, p in accepted.items()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD and name not in arguments
    ]
    if missing:
        raise ValueError(f"the {kind} {written.name!r} needs {', '.join(missing)}; we got none")
    return make(**arguments)


def kinds() -> list[str]:
    """The kinds of parts there are."""
    return sorted(_KINDS)


def listed(kind: str) -> dict[str, Callable[..., Any]]:
    """The parts of one kind by name, for contract tests and help texts."""
    return dict(sorted(_KINDS.get(kind, {}).items()))
