"""The first page of help: every verb in a group, what a newcomer needs first; near names."""

from __future__ import annotations

import pytest

from narrows.cli.app import GROUPS, app


def test_every_verb_stands_in_its_group(narrows) -> None:
    out = narrows("--help").out
    places = [out.index(f"─ {title} ") for title in GROUPS]
    assert places == sorted(places) and "─ Commands ─" not in out
    shown = [
        line[2:].split()[0] for line in out.splitlines() if line[:2] == "│ " and line[2:3].isalpha()
    ]
    wanted = [name for names in GROUPS.values() for name in names]
    assert [name for name in shown if name in wanted] == wanted
    named = {command.name or command.callback.__name__ for command in app.registered_commands}
    named |= {str(group.name) for group in app.registered_groups}
    assert {name for names in GROUPS.values() for name in names} <= named


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("tran",), "Did you mean 'train'?"),
        (("train", "digits", "--recipe", "beta-vae"), "higgins-2017-beta-vae"),
        (("train", "digits", "--set", "ladder=conf"), "did you mean 'conv'?"),
        (("train", "fashionmnist"), "did you mean 'fashion_mnist'?"),
    ],
)
def test_near_names_end_the_sentence(narrows, command: tuple[str, ...], told: str) -> None:
    result = narrows(*command)
    assert result.code == 2
    last = " ".join(result.err.split())
    assert told in last and len(last) < 400
