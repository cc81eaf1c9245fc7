"""Captions to numbers: a closed vocabulary, and a small network that reads a sentence.

"a small heart" ──tokens──► 1 5 40 22 0 … ──Reader──► condition (E,), what a prior is told
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..images import caption_words

__all__ = ["Reader", "checked_words", "tokens", "vocabulary"]

MOST_WORDS, LONGEST_WORD = 4096, 64
LONGEST = 64  # words of a caption that are read
SHOWN = 30
NOTHING, BEGIN = 0, 1  # tokens that are no words: after the end, and before the first word


class Reader(nn.Module):
    """A caption's words one after the other through a GRU; what it holds after the last is told.

    Args:
        words: W, of the vocabulary.
        width: E, numbers that a caption becomes.
    """

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words + 2, width)
        self.memory = nn.GRU(width, width, batch_first=True)

    def forward(self, read: Tensor) -> Tensor:
        """Tokens (B, T) int64 → (B, E)."""
        held, _ = self.memory(self.embedding(read))
        last = (read != NOTHING).sum(1) - 1
        out: Tensor = held[torch.arange(len(read), device=read.device), last]
        return out


def vocabulary(captions: Iterable[str]) -> tuple[str, ...]:
    """Every word of captions, once, in the order of the alphabet.

    Raises:
        ValueError: they are too many, or one is too long.
    """
    return checked_words(
        tuple(sorted({word for text in captions for word in caption_words(text)[:LONGEST]}))
    )


def checked_words(words: Sequence[str]) -> tuple[str, ...]:
    """A vocabulary as it may stand in a file.

    Raises:
        ValueError: it is none: something that is no word, one twice, too many, one too long.
    """
    if not isinstance(words, (list, tuple)) or len(words) > MOST_WORDS:
        raise ValueError(
            f"a vocabulary is a list of at most {MOST_WORDS:,} words; we got "
            f"{f'{len(words):,}' if isinstance(words, (list, tuple)) else type(words).__name__}"
        )
    for word in words:
        if not isinstance(word, str) or len(word) > LONGEST_WORD or caption_words(word) != [word]:
            raise ValueError(
                f"a word has small letters and numbers, at most {LONGEST_WORD}; we got "
                f"{str(word)[:LONGEST_WORD]!r}"
            )
    if len(set(words)) < len(words):
        raise ValueError("a vocabulary has each word once")
    return tuple(words)


def tokens(captions: Sequence[str], words: Sequence[str]) -> Tensor:
    """The place of each word of N captions in a vocabulary: (N, T) int64, ended with zeros.

    Of longer captions the first 64 words are read.

    Raises:
        ValueError: a word that is not in it; the sentence names the nearest ones.
    """
    places = {word: place for place, word in enumerate(words, BEGIN + 1)}
    read = [caption_words(text)[:LONGEST] for text in captions]
    unknown_words = dict.fromkeys(word for line in read for word in line if word not in places)
    if unknown_words:
        raise ValueError(_unknown(list(unknown_words), words))
    out = torch.full((len(read), 1 + max(map(len, read), default=0)), NOTHING)
    out[:, 0] = BEGIN
    for row, line in zip(out, read, strict=True):
        row[1 : 1 + len(line)] = torch.tensor([places[word] for word in line], dtype=torch.int64)
    return out


def _unknown(unknown_words: list[str], words: Sequence[str]) -> str:
    near = [
        match
        for word in unknown_words
        for match in difflib.get_close_matches(word[:LONGEST_WORD], words, n=2)
    ]
    quoted = ", ".join(repr(word[:LONGEST_WORD]) for word in unknown_words[:5])
    if near:
        hint = f"did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?"
    elif words:
        shown = [*words[:SHOWN], *(["…"] if len(words) > SHOWN else [])]
        hint = f"the words are {', '.join(shown)}"
    else:
        hint = "it was fitted without captions"
    return f"no caption of the pictures that this prior was fitted to says {quoted}; {hint}"
