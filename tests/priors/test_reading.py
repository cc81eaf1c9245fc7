"""The vocabulary of captions and the network that reads them."""

from __future__ import annotations

import pytest
import torch

from narrows.priors.reading import Reader, checked_words, tokens, vocabulary

WORDS = ("a", "heart", "left", "small", "square")


def test_a_vocabulary_has_each_word_once() -> None:
    assert vocabulary(["A small heart", "a square, left", ""]) == WORDS


def test_tokens_end_with_zeros() -> None:
    found = tokens(["a small heart", "", "left"], WORDS)
    assert found.tolist() == [[1, 2, 5, 3], [1, 0, 0, 0], [1, 4, 0, 0]]
    assert tokens(["Small, LEFT!"], WORDS).tolist() == [[1, 5, 4]]
    assert tokens(["a " * 500], WORDS).shape == (1, 65)


def test_what_stands_beside_a_caption_does_not_change_how_it_is_read() -> None:
    torch.manual_seed(0)
    reader = Reader(len(WORDS), 6)
    together = reader(tokens(["left", "a small heart left", ""], WORDS))
    assert together.shape == (3, 6)
    for row, text in zip(together, ["left", "a small heart left", ""], strict=True):
        assert torch.allclose(row, reader(tokens([text], WORDS))[0], atol=1e-6)
    swapped = reader(tokens(["small a", "a small"], WORDS))
    assert not torch.allclose(swapped[0], swapped[1])


def test_a_reader_is_small() -> None:
    assert sum(p.numel() for p in Reader(30, 32).parameters()) < 10_000


@pytest.mark.parametrize(
    "text, words, said",
    [
        ("a smal hart", WORDS, "says 'smal', 'hart'; did you mean 'small' or 'heart'?"),
        ("zebra", WORDS, "says 'zebra'; the words are a, heart, left, small, square"),
        ("zebra", tuple(f"q{i:02d}" for i in range(40)), "q29, …"),
        ("heart", (), "says 'heart'; it was fitted without captions"),
    ],
)
def test_an_unknown_word_is_a_sentence(text: str, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        tokens([text], words)
    assert said in str(refused.value) and "no caption of the pictures" in str(refused.value)


@pytest.mark.parametrize(
    "words, said",
    [
        ("abc", "a list of at most 4,096 words; we got str"),
        ([str(i) for i in range(5000)], "we got 5,000"),
        (["a", 3], "we got '3'"),
        (["two words"], "we got 'two words'"),
        (["\x1b[31m"], "small letters and numbers"),
        (["a" * 65], "at most 64"),
        (["a", "a"], "each word once"),
    ],
)
def test_vocabularies_that_cannot_be(words: object, said: str) -> None:
    with pytest.raises(ValueError, match="word") as refused:
        checked_words(words)  # type: ignore[arg-type]
    assert said in str(refused.value)
