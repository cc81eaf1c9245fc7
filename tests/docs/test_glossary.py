"""The glossary's retired words stay out of the code, the documentation and the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"

# where a retired word is another thing: path, word, why
EXCEPTIONS: list[tuple[str, str, str]] = []


def section(title: str) -> list[str]:
    """The rows of the table under a heading, without its head."""
    text = GLOSSARY.read_text(encoding="utf-8").split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


def retired() -> list[str]:
    return [
        word
        for row in section("Retired words")
        for word in re.findall("`(.+?)`", row.split("|")[1])
    ]


def pattern(word: str) -> re.Pattern[str]:
    """The word as a whole, in any case unless it has capitals; an underscore is a letter."""
    plain = re.escape(word).replace(r"\ ", r"\s+")
    return re.compile(rf"(?<![\w-]){plain}(?!\w)", 0 if word != word.lower() else re.IGNORECASE)


def pages() -> list[Path]:
    """What a reader meets; ``docs/papers`` quotes findings as they were written down."""
    found = [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/*.md")]
    return [
        *(path for path in found if path != GLOSSARY),
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
    ]


def test_there_is_something_to_look_at() -> None:
    assert len(retired()) > 30 and len(pages()) > 200
    assert all(len(row.split("|")) >= 4 for row in section("Terms"))


@pytest.mark.parametrize("word", retired())
def test_a_retired_word_is_found(word: str) -> None:
    assert pattern(word).search(f"such as {word}, or") and not pattern(word).search(f"x{word}")
    assert not pattern(word).search(f"{word}x")


def test_no_retired_word_is_left() -> None:
    allowed = {(path, word) for path, word, _ in EXCEPTIONS}
    left = []
    for path in pages():
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for word in retired():
            for match in pattern(word).finditer(text):
                if (name, word) not in allowed:
                    line = text.count("\n", 0, match.start()) + 1
                    left.append(f"{name}:{line} {match.group()!r}")
    assert not left, "retired words (docs/glossary.md says what to use):\n" + "\n".join(left)


def test_every_exception_is_still_needed() -> None:
    for name, word, why in EXCEPTIONS:
        assert why and pattern(word).search((ROOT / name).read_text(encoding="utf-8")), (name, word)


def test_terms_are_in_order_and_none_is_retired() -> None:
    terms = [row.split("|")[1].strip() for row in section("Terms")]
    assert terms == sorted(terms, key=str.lower)
    assert not [term for term in terms for word in retired() if pattern(word).search(term)]
