"""A part builds an object, and the object knows its part."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from torch import nn

import narrows as nw
from narrows import parts
from narrows.objectives import Elbo, WarmUp
from narrows.parts import Part, build, part_of


def test_build_and_part_of_are_inverse() -> None:
    written = Part("warm-up", {"epochs": 3.0, "value": 2.0})
    assert build("schedule", written) == WarmUp(3.0, 2.0)
    assert part_of(WarmUp(3.0, 2.0)) == written
    assert part_of(written) is written


def test_an_object_is_built_already() -> None:
    schedule = WarmUp()
    assert build("schedule", schedule) is schedule


def test_defaults_are_filled_in() -> None:
    assert part_of(build("schedule", Part("warm-up"))) == Part(
        "warm-up", {"epochs": 40.0, "value": 1.0}
    )


def test_parts_hold_parts() -> None:
    written = Part("elbo", {"weight": Part("warm-up", {"epochs": 3.0, "value": 1.0})})
    assert part_of(build("bound", written)) == written
    assert part_of(Elbo(WarmUp(3.0))) == written


def test_a_part_is_plain_data_however_it_is_written() -> None:
    """Objects become their parts and lists tuples, so that what is read back is equal."""
    assert Part("elbo", {"weight": WarmUp(3.0)}) == part_of(Elbo(WarmUp(3.0)))
    assert Part("conv", {"widths": [1, [2]]}) == Part("conv", {"widths": (1, (2,))})


def test_document_and_read_are_inverse() -> None:
    written = Part(
        "elbo", {"weight": Part("cyclic", {"period": 2.5}), "sizes": [1, 2], "on": True, "s": "x"}
    )
    assert written.document() == {
        "part": "elbo",
        "weight": {"part": "cyclic", "period": 2.5},
        "sizes": [1, 2],
        "on": True,
        "s": "x",
    }
    assert Part.read(written.document()) == written


def test_none_is_left_out_of_a_document() -> None:
    assert Part("point", {"size": None}).document() == {"part": "point"}


@pytest.mark.parametrize(
    "document", [3, "conv", {"name": "conv"}, {"part": 3}, {"part": "a", "b": {}}]
)
def test_what_is_no_part_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="a part is a table with a key 'part' that names it; we"):
        Part.read(document)


def test_with_changes_a_copy() -> None:
    one = Part("l1", {"weight": 1.0})
    assert one.with_(weight=2.0, size=3) == Part("l1", {"weight": 2.0, "size": 3})
    assert one == Part("l1", {"weight": 1.0})


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(
        ValueError, match="no schedule named 'warmup', only constant, .*; did you mean 'warm-up'?"
    ):
        build("schedule", Part("warmup"))


def test_an_unknown_argument_names_those_there_are() -> None:
    with pytest.raises(
        ValueError, match="the schedule 'warm-up' takes epochs, value; we instead got length"
    ):
        build("schedule", Part("warm-up", {"length": 3}))


def test_the_surroundings_fill_in_what_the_part_leaves_open() -> None:
    point = Part("point", {"size": 2})
    assert build("bottleneck", point, shape=(7,), other=1).part.arguments["shape"] == (7,)
    given = point.with_(shape=(5,))
    assert build("bottleneck", given, shape=(7,)).part.arguments["shape"] == (5,)


def test_what_is_not_listed_cannot_be_written_down() -> None:
    with pytest.raises(ValueError, match="object is no listed part, so a recipe cannot write it"):
        part_of(object())


def test_classes_functions_and_dataclasses_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_KINDS", {})

    @parts.part("toy", "class")
    class Plain:
        def __init__(self, a: int, *, b: str = "b") -> None:
            self.a = a

    @parts.part("toy", "function")
    def make(a: int = 1) -> Plain:
        return Plain(a)

    @parts.part("toy", "data")
    @dataclass(frozen=True)
    class Data:
        a: tuple[int, ...] = (1, 2)

    @parts.part("toy", "bare")
    class Bare(nn.Module):
        """Without a constructor of its own."""

    assert list(parts.listed("toy")) == ["bare", "class", "data", "function"]
    assert part_of(Bare()) == Part("bare")
    with pytest.raises(ValueError, match="the toy 'bare' takes no arguments; we instead got a"):
        build("toy", Part("bare", {"a": 1}))
    assert parts.kinds() == ["toy"]
    assert part_of(Plain(3)) == Part("class", {"a": 3, "b": "b"})
    assert part_of(make()) == Part("function", {"a": 1})
    assert part_of(Data((3,))) == Part("data", {"a": (3,)})


def test_the_kinds_are_those_that_a_recipe_needs() -> None:
    assert nw.Recipe  # loads every module that lists parts
    wanted = {"ladder", "bottleneck", "likelihood", "bound", "penalty", "schedule", "corruption"}
    assert wanted <= set(parts.kinds())
    assert parts.listed("no such kind") == {}
