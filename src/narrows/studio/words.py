"""The library's sentences in the words of a page, which has no options to type.

A clause that names an option of the command line is left out; a whole command, in `backticks` or (narrows …), stays.
"""

from __future__ import annotations

import re

__all__ = ["for_a_page"]

HERE = {
    "--by lanczos": "“By: Lanczos”",
    "with --resize": "with “Size”",
}  # what the page has of them
_COMMAND = re.compile(r"`[^`]*`|\(narrows [^()]*\)")
_OPTION = re.compile(r"(?<![\w-])--[a-z]")
_ASIDE = re.compile(r"\s*\((?:[^()]*(?<![\w-])--[a-z][^()]*|\w+=(?:, \w+=)*)\)")
_BETWEEN = re.compile(r"([:;,] )")


def for_a_page(text: str) -> str:
    """A sentence without what only the command line has; unchanged where nothing else would be left."""
    for option, own in HERE.items():
        text = text.replace(option, own)
    commands: list[str] = []

    def hidden(found: re.Match[str]) -> str:
        commands.append(found[0])
        return f"\0{len(commands) - 1}\0"

    plain = _ASIDE.sub("", _COMMAND.sub(hidden, text))
    pieces = ["", *_BETWEEN.split(plain)]  # what stands before each clause, and the clause
    kept = [
        (before, clause)
        for before, clause in zip(pieces[::2], pieces[1::2], strict=True)
        if not _OPTION.search(clause)
    ]
    if kept:
        plain = "".join(before + clause for before, clause in [("", kept[0][1]), *kept[1:]])
    return re.sub(r"\0(\d+)\0", lambda found: commands[int(found[1])], plain)
