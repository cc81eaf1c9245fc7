"""Sentences of the library on a page that has no options to type."""

from __future__ import annotations

import pytest

from narrows.studio.words import for_a_page


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("the priors a, b: choose one with --prior", "the priors a, b"),
        (
            "PCA alone finds them better (AUROC 0.9, knn has 0.8): --score pca",
            "PCA alone finds them better (AUROC 0.9, knn has 0.8)",
        ),
        ("PCA is better: train longer (--minutes), or on more pictures",
         "PCA is better: train longer, or on more pictures"),
        ("of pictures by codes need a model: --model (model=)", "of pictures by codes need a model"),
        ("run `narrows prior M P --kind flow` first", "run `narrows prior M P --kind flow` first"),
        ("index some (narrows index M P --to N)", "index some (narrows index M P --to N)"),
        ("Lanczos is better (31 dB); --by lanczos takes that",
         "Lanczos is better (31 dB); “By: Lanczos” takes that"),
        ("--for is denoise", "--for is denoise"),
        ("a well-known state--of--art", "a well-known state--of--art"),
        ("", ""),
    ],
)  # fmt: skip
def test_options_are_left_out_and_commands_stay(said: str, shown: str) -> None:
    assert for_a_page(said) == shown
