"""Writes the man page from what the commands say of themselves.

python docs/man.py        docs/narrows.1; the wheel brings it to share/man/man1
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
PAGE = ROOT / "narrows.1"
ENDS = (
    ("0", "It is done."),
    ("1", "It failed; one sentence on standard error says why."),
    ("2", "It was called in a wrong way."),
    ("130, 143, 129", "It was stopped by Ctrl-C, SIGTERM or SIGHUP; what was finished is kept."),
)
SPEAKS = (
    ("NARROWS_DATA", "The folder with one subfolder for each named set."),
    ("NARROWS_CACHE", "Where decoded pictures and downloaded sets are kept."),
    ("NARROWS_CACHE_LIMIT", "How much of it, such as 800M. Default: 5G."),
    ("NARROWS_PIXEL_LIMIT", "The largest picture that is read, in pixels."),
)


def plain(text: str | None) -> str:
    """Text without the marks of help pages, as roff shows it as it is."""
    text = re.sub(r"\[/?(?:bold|dim|italic)?\]", "", " ".join((text or "").split()))
    text = text.replace("\\[", "[").replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"[^ -~]", lambda found: rf"\[u{ord(found[0]):04X}]", text)
    return re.sub(r"^([.'])", r"\\&\1", text)


def options(command: Any) -> Iterator[str]:
    """An entry for each argument and option of a command."""
    for each in command.params:
        if getattr(each, "hidden", False) or "--help" in each.opts:
            continue
        if each.param_type_name == "argument":
            head = rf"\fI{plain(each.metavar or each.name.upper())}\fR"
        else:
            head = rf"\fB{plain(', '.join([*each.opts, *each.secondary_opts]))}\fR"
            head += rf" \fI{plain(each.metavar)}\fR" if each.metavar else ""
        yield f".TP\n{head}\n{plain(each.help)}"


def commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group under the words that call it."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name}{word} ")
        else:
            yield f"{name}{word}", command


def page() -> str:
    """The whole page."""
    import typer

    from narrows import __version__
    from narrows.cli import main
    from narrows.cli.app import GROUPS, app

    if not app.registered_commands:  # they are imported when the command line is first used
        _imported(main)
    group: Any = typer.main.get_command(app)
    all_of_them = dict(commands(group, ""))
    lines = [
        f'.TH NARROWS 1 "" "narrows {__version__}" "User Commands"',
        ".SH NAME\nnarrows \\- image autoencoders and everything they are good for",
        ".SH SYNOPSIS\n.B narrows\n.I VERB\n.RI [ OPTIONS ]\n.RI [ ARGUMENTS ]",
        f".SH DESCRIPTION\n{plain(group.help)}",
    ]
    for title, verbs in GROUPS.items():
        lines.append(f".SH {plain(title.upper())}")
        theirs = [(name, each) for name, each in all_of_them.items() if name.split()[0] in verbs]
        for name, command in sorted(theirs, key=lambda one: verbs.index(one[0].split()[0])):
            lines += [f".SS narrows {plain(name)}\n{plain(command.help)}", *options(command)]
    lines.append(".SH EXIT STATUS")
    lines += [f".TP\n.B {plain(code)}\n{plain(text)}" for code, text in ENDS]
    lines.append(".SH ENVIRONMENT")
    lines += [f".TP\n.B {name}\n{plain(text)}" for name, text in SPEAKS]
    return "\n".join(lines) + "\n"


def _imported(main: Any) -> None:
    before, sys.argv = sys.argv, ["narrows", "--version"]
    try:
        main()
    except SystemExit:
        pass
    finally:
        sys.argv = before


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
