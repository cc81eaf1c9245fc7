"""The tree of errors is what the docstring of ``errors`` draws."""

from __future__ import annotations

import re

import pytest

from narrows import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_the_root_catches_every_error(name: str) -> None:
    with pytest.raises(errors.NarrowsError, match="^what happened$"):
        raise getattr(errors, name)("what happened")


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    assert sorted(["NarrowsError", *drawn]) == sorted(errors.__all__)


def test_none_of_them_is_a_value_error() -> None:
    """A wrong argument is a ``ValueError``; ours are what a caller would act on differently."""
    assert not any(issubclass(getattr(errors, name), ValueError) for name in errors.__all__)


def test_as_text_an_error_is_one_line_that_steers_no_terminal() -> None:
    error = errors.BadFile("a\x1b[2J\nb\u202e.png\udce9  is: größer × 2")
    assert str(error) == r"a\x1b[2J b\u202e.png\udce9 is: größer × 2"
    assert str(errors.BadFile("as  it  is")) == "as  it  is"
