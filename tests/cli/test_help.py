"""The first page of help: every verb in a group, what a newcomer needs first; near names."""

from __future__ import annotations

import sys

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


def test_the_first_page_is_that_of_the_verbs_with_their_options(
    narrows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made without them, which is faster, and leaves them as they are."""
    page = narrows("--help")
    assert page.code == 0 and narrows("-h").out == page.out
    with monkeypatch.context() as whole:
        whole.setattr(
            sys.modules["narrows.cli.main"], "only", lambda app, verb: app
        )  # the slow way
        assert narrows("--help").out == page.out
    assert "--code-size" in narrows("train", "--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(shell: str, narrows, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the script that `narrows --show-completion` prints asks."""
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, shell))
    assert f"_NARROWS_COMPLETE=complete_{shell}" in narrows("--show-completion").out
    monkeypatch.setenv("_NARROWS_COMPLETE", f"complete_{shell}")
    for typed, offered in (
        ("narrows dec", "decompress"),
        ("narrows train --code-s", "--code-size"),
    ):
        monkeypatch.setenv("COMP_WORDS", typed)  # bash
        monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", typed)  # the others
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", typed.split()[-1])
        assert offered in narrows().out
